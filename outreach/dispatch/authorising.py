"""A person lets the app use a provider's account: asked with a challenge (PKCE, RFC 7636), answered with a code.

What is asked is kept in the database, so that any process may take the answer: the web, or a command. An answer must
bring the state it was asked with, which works once and for minutes; neither it nor a code is ever logged.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from channels.abilities import Authorised
from channels.contract import Adapter, SendError
from outreach.dispatch.loop import AdapterMaker
from outreach.dispatch.vault import NO_TOKEN, SEALED_TOKEN, Vaults
from outreach.domain.clock import Clock
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.store import account_tokens, accounts, authorisations, campaigns
from outreach.store.accounts import AccountState
from outreach.store.authorisations import Open

log = logging.getLogger(__name__)

LASTS: Final = timedelta(minutes=10)
"""How long a permission that was asked for may be given."""
DONE: Final = "done"
_LONGEST: Final = 2000
"""Characters of a state or a code; nobody's is nearly as long."""


class Why(StrEnum):
    """Why an answer brought no tokens."""

    NOT_ASKED = "not_asked"
    """Its state is none of an open request: foreign, used, or too late."""
    NO_CODE = "no_code"
    NOT_TAKEN = "not_taken"
    """The provider did not take the code, or another account gave it."""
    NOT_KEPT = "not_kept"
    """The tokens could not be stored."""


class NotAuthorised(OutreachError):
    """An answer that brought no tokens; `code` is the provider's, or ""."""

    def __init__(self, why: Why, what: str, code: str = "") -> None:
        super().__init__(what)
        self.why = why
        self.code = code


@dataclass(frozen=True, slots=True)
class Asked:
    """A permission asked for: the page at `address` may be answered until `expires_at`, once."""

    number: int
    account: str
    address: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Given:
    """What a permission came to. `resumed`: the account was out for its tokens and is back; `out`: why it still is."""

    account: str
    resumed: bool
    out: AccountState | None


@dataclass(frozen=True, slots=True)
class Authorising:
    """Asks for permissions and takes their answers."""

    engine: Engine
    keys: KeyRing
    clock: Clock
    makers: Mapping[str, AdapterMaker]
    vaults: Vaults

    def ask(self, account: str, redirect: str, *, who: str) -> Asked:
        """Ask for an account; raises OutreachError where its provider has no such page."""
        adapter: Adapter = self.makers[account]()
        if not isinstance(adapter, Authorised):
            raise OutreachError(
                f"{account}: {adapter.provider} needs no authorisation; its secrets are in the accounts file"
            )
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        now = self.clock.now()
        with self.engine.begin() as connection:
            number = authorisations.add(
                connection, account, state=self.keys.fingerprint(_label(account, state)),
                verifier=self.keys.seal(verifier), key_version=self.keys.version, who=who, now=now,
                expires_at=now + LASTS,
            )  # fmt: skip
        return Asked(number, account, adapter.permission_address(redirect, state, challenge), now + LASTS)

    def answer(self, account: str, address: str) -> Given:
        """Take the address, or its query alone, that the provider sent the browser on to; raises NotAuthorised."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        state, code = query.get("state", ""), query.get("code", "")
        if not code or len(code) > _LONGEST:
            raise NotAuthorised(Why.NO_CODE, f"{account}: the address carries no code; was the permission given?")
        asked = self._asked_with(account, state)
        if asked is None:
            raise NotAuthorised(
                Why.NOT_ASKED, f"{account}: this address answers no open request (another one's, used already, or older"
                f" than {LASTS.seconds // 60} minutes): start again with outreach account authorise {account}",
            )  # fmt: skip
        return self._exchanged(account, asked, code, query.get("oa_id", ""))

    def answer_with_code(self, account: str, code: str) -> Given:
        """Take a code without its state, for the newest request that is open; raises NotAuthorised."""
        with self.engine.connect() as connection:
            found = authorisations.opened(connection, account, self.clock.now())
        if not found or len(code) > _LONGEST:
            raise NotAuthorised(
                Why.NOT_ASKED, f"{account}: no request is open: start with outreach account authorise {account}"
            )
        return self._exchanged(account, found[0], code, "")

    def missing(self) -> list[str]:
        """The accounts that nobody has authorised yet: they have no pair, and no token to begin with."""
        with self.engine.connect() as connection:
            return [
                name
                for name, make in self.makers.items()
                if isinstance(adapter := make(), Authorised)
                and not adapter.first_refresh_token
                and account_tokens.read(connection, name) is None
            ]

    def outcome(self, asked: Asked) -> str:
        """`DONE`, why it failed (`Why`), or "" while nobody has answered."""
        with self.engine.connect() as connection:
            return authorisations.outcomes(connection, [asked.number]).get(asked.number, "")

    def _asked_with(self, account: str, state: str) -> Open | None:
        """The open request of this very account with this state; each is compared, in constant time."""
        if not state or len(state) > _LONGEST:
            return None
        marks = [mark for _, mark in self.keys.fingerprints(_label(account, state))]
        with self.engine.connect() as connection:
            found = authorisations.opened(connection, account, self.clock.now())
        same = [one for one in found if any(hmac.compare_digest(one.state, mark) for mark in marks)]
        return same[0] if same else None

    def _exchanged(self, account: str, asked: Open, code: str, owner: str) -> Given:
        with self.engine.begin() as connection:
            mine = authorisations.take(connection, asked.id, self.clock.now())
        if not mine:
            raise NotAuthorised(Why.NOT_ASKED, f"{account}: this answer has been used already")
        adapter = self.makers[account]()
        assert isinstance(adapter, Authorised)
        try:
            verifier = self.keys.open(asked.verifier, asked.key_version)
            asyncio.run(_adopted(adapter, self.vaults, account, code, verifier, owner))
        except SendError as error:
            self._settle(asked, Why.NOT_TAKEN)
            what = f"{account}: the code was not taken: {error.reason} ({error.code or '-'})"
            raise NotAuthorised(Why.NOT_TAKEN, what, error.code) from None
        except SQLAlchemyError as error:
            self._settle(asked, Why.NOT_KEPT)
            what = f"{account}: the tokens cannot be stored now ({type(error).__name__})"
            raise NotAuthorised(Why.NOT_KEPT, what) from None
        return self._given(account, asked, adapter)

    def _given(self, account: str, asked: Open, adapter: Authorised) -> Given:
        """Resume an account that was out for its tokens, and no other; write down who authorised it."""
        with self.engine.begin() as connection:
            out = accounts.paused(connection).get(account)
            healed = out is not None and (out.code in (NO_TOKEN, SEALED_TOKEN) or adapter.heals(out.code))
            resumed = healed and out is not None and accounts.resume(connection, account, code=out.code)
            authorisations.settle(connection, asked.id, DONE)
            campaigns.note(connection, who=asked.who, action="authorise account", what=account)
        log.info("account authorised: account=%s resumed=%s", account, resumed)
        return Given(account, resumed, None if resumed else out)

    def _settle(self, asked: Open, why: Why) -> None:
        try:
            with self.engine.begin() as connection:
                authorisations.settle(connection, asked.id, str(why))
        except SQLAlchemyError:
            log.warning("the database is away: what came of an authorisation is not written down")


async def _adopted(adapter: Authorised, vaults: Vaults, account: str, code: str, verifier: str, owner: str) -> None:
    """Exchange the code and keep the pair."""
    vault = vaults.open(account, adapter.first_refresh_token)
    try:
        await vault.adopt(lambda: adapter.exchange(code, verifier, owner))
    finally:
        await adapter.aclose()


def _label(account: str, state: str) -> str:
    return f"authorisation of {account}: {state}"
