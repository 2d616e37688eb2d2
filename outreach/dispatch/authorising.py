"""A person lets the app use a provider's account: asked with a challenge (PKCE), answered with a code."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

from sqlalchemy.exc import SQLAlchemyError

from channels.abilities import Authorised
from channels.contract import Adapter, SendError
from outreach.dispatch.vault import Vaults
from outreach.domain.errors import OutreachError


@dataclass(frozen=True, slots=True)
class Asked:
    """A permission asked for at `address`; good for one answer."""

    account: str
    address: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    make: Callable[[], Adapter]


def ask_permission(make: Callable[[], Adapter], account: str, redirect: str) -> Asked:
    """Ask for an account; raises OutreachError where its provider has no such page."""
    adapter = make()
    if not isinstance(adapter, Authorised):
        raise OutreachError(
            f"{account}: {adapter.provider} needs no authorisation; its secrets are in the accounts file"
        )
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    return Asked(account, adapter.permission_address(redirect, state, challenge), state, verifier, make)


def complete(asked: Asked, vaults: Vaults, answer: str) -> None:
    """Exchange what came back, the whole address or the code alone, and keep the pair; raises OutreachError."""
    code, owner = _read(asked, answer.strip())
    try:
        asyncio.run(_exchanged(asked, vaults, code, owner))
    except SendError as error:
        raise OutreachError(f"{asked.account}: the code was not taken: {error.reason} ({error.code or '-'})") from None
    except SQLAlchemyError as error:
        raise OutreachError(f"{asked.account}: the tokens cannot be stored now ({type(error).__name__})") from None


async def _exchanged(asked: Asked, vaults: Vaults, code: str, owner: str) -> None:
    made = asked.make()
    adapter: object = made
    assert isinstance(adapter, Authorised)
    vault = vaults.open(asked.account, adapter.first_refresh_token)
    try:
        await vault.adopt(lambda: adapter.exchange(code, asked.verifier, owner))
    finally:
        await made.aclose()


def _read(asked: Asked, answer: str) -> tuple[str, str]:
    """(code, who gave it); the state must be the one that was asked with."""
    if "?" not in answer:
        if not answer:
            raise OutreachError(f"{asked.account}: no address was given; nothing has changed")
        return answer, ""
    query = {name: values[0] for name, values in parse_qs(urlsplit(answer).query).items()}
    if not hmac.compare_digest(query.get("state", "").encode(), asked.state.encode()):
        raise OutreachError(f"{asked.account}: this address answers another request: start again with authorise")
    if not query.get("code"):
        raise OutreachError(f"{asked.account}: the address carries no code; was the permission given?")
    return query["code"], query.get("oa_id", "")
