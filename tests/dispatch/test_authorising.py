"""The round of an authorisation, with the sandbox as Zalo: permission, code, tokens in the vault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine

from channels.abilities import Tokens
from channels.contract import ErrorKind, SendError
from channels.zalo import Zalo
from channels.zalo_api import ZaloConfig
from outreach.dispatch.authorising import ask_permission, complete
from outreach.dispatch.vault import Vaults
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.local.sandbox.credentials import ZaloApp
from tests.processes import sandbox

APP = ZaloApp()
BACK = "https://tinh.example/back"
Make = Callable[[], Zalo]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    with sandbox(tmp_path / "sandbox") as box:
        here = f"{box.http}/zalo"
        config = ZaloConfig.model_validate(
            {
                "app_id": APP.app_id, "app_secret": APP.app_secret, "oa_id": APP.oa_id, "oa_secret": APP.oa_secret,
                "base_url": here, "business_url": here, "oauth_url": here,
            }
        )  # fmt: skip
        yield lambda: Zalo(config, timeout=5)


def permitted(address: str) -> str:
    """Where Zalo sends the administrator who says yes."""
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("GET", f"{parts.path}?{parts.query}")
    location = connection.getresponse().headers["Location"]
    connection.close()
    return location


def test_an_account_without_a_token_says_what_to_do(engine: Engine, keys: KeyRing) -> None:
    with pytest.raises(SendError, match="outreach account authorise zalo") as caught:
        asyncio.run(Vaults(engine, keys).open("zalo", "").current())
    assert caught.value.kind is ErrorKind.MISCONFIGURED


def test_a_permission_fills_the_vault(make: Make, engine: Engine, keys: KeyRing) -> None:
    vaults = Vaults(engine, keys)
    asked = ask_permission(make, "zalo", BACK)
    answer = permitted(asked.address)
    assert answer.startswith(BACK)
    complete(asked, vaults, answer)
    assert asyncio.run(vaults.open("zalo", "").current()).access


def test_a_chain_goes_on_where_its_first_token_is_taken_out_of_the_accounts_file(engine: Engine, keys: KeyRing) -> None:
    vaults = Vaults(engine, keys)
    made = Tokens("access-1", "refresh-1", datetime.now(UTC) + timedelta(hours=25))

    async def exchange() -> Tokens:
        return made

    asyncio.run(vaults.open("zalo", "once configured").adopt(exchange))
    assert asyncio.run(vaults.open("zalo", "").current()) == made


def test_a_code_works_once(make: Make, engine: Engine, keys: KeyRing) -> None:
    asked = ask_permission(make, "zalo", BACK)
    answer = permitted(asked.address)
    complete(asked, Vaults(engine, keys), answer)
    with pytest.raises(OutreachError, match="the code was not taken"):
        complete(asked, Vaults(engine, keys), answer)


def test_the_answer_to_another_request_is_refused(make: Make, engine: Engine, keys: KeyRing) -> None:
    answer = permitted(ask_permission(make, "zalo", BACK).address)
    with pytest.raises(OutreachError, match="another request"):
        complete(ask_permission(make, "zalo", BACK), Vaults(engine, keys), answer)


def test_a_code_alone_needs_the_verifier_it_was_asked_with(make: Make, engine: Engine, keys: KeyRing) -> None:
    code = permitted(ask_permission(make, "zalo", BACK).address).split("code=")[1].split("&")[0]
    with pytest.raises(OutreachError, match="the code was not taken"):
        complete(ask_permission(make, "zalo", BACK), Vaults(engine, keys), code)


def test_the_permission_of_another_official_account_is_refused(make: Make, engine: Engine, keys: KeyRing) -> None:
    asked = ask_permission(make, "zalo", BACK)
    answer = permitted(asked.address).replace(APP.oa_id, "42")
    with pytest.raises(OutreachError, match="another OA"):
        complete(asked, Vaults(engine, keys), answer)


def test_an_account_is_authorised_anew_over_tokens_that_were_lost(make: Make, engine: Engine, keys: KeyRing) -> None:
    vaults = Vaults(engine, keys)
    asked = ask_permission(make, "zalo", BACK)
    complete(asked, vaults, permitted(asked.address))
    before = asyncio.run(vaults.open("zalo", "").current())
    again = ask_permission(make, "zalo", BACK)
    complete(again, vaults, permitted(again.address))
    assert asyncio.run(vaults.open("zalo", "").current()) != before
