"""The round of an authorisation, with the sandbox as Zalo: permission, code, tokens in the vault, the account back."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine, text

from channels.abilities import Tokens
from channels.contract import ErrorKind, SendError
from channels.station import Station, StationConfig
from channels.zalo import Zalo
from channels.zalo_api import ZaloConfig
from outreach.dispatch.authorising import DONE, LASTS, Authorising, NotAuthorised, Why
from outreach.dispatch.freshness import Freshness
from outreach.dispatch.journal import Journal
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.vault import LONG_AGO, NO_TOKEN, SEALED_TOKEN, Vaults
from outreach.domain.clock import VirtualClock
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.local.sandbox.credentials import ZaloApp
from outreach.store import accounts as account_store
from tests.processes import sandbox
from tests.world import account

APP = ZaloApp()
BACK = "https://tinh.example/oauth/zalo"
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


@pytest.fixture
def authorising(make: Make, engine: Engine, keys: KeyRing, clock: VirtualClock) -> Authorising:
    makers = {"zalo": make, "other": make, "loa": lambda: Station(StationConfig(), timeout=1)}
    return Authorising(engine, keys, clock, makers, Vaults(engine, keys))


def permitted(address: str) -> str:
    """Where Zalo sends the administrator who presses the button."""
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("POST", f"{parts.path}?{parts.query}")
    location = connection.getresponse().headers["Location"]
    connection.close()
    return location


def ask(authorising: Authorising, name: str = "zalo") -> str:
    """The address of the permission page."""
    return authorising.ask(name, BACK, who="quantri@tinh.example").address


def refused(authorising: Authorising, answer: str, name: str = "zalo") -> Why:
    with pytest.raises(NotAuthorised) as caught:
        authorising.answer(name, answer)
    return caught.value.why


def paused(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return {name: one.code for name, one in account_store.paused(connection).items()}


def pause(engine: Engine, code: str) -> None:
    with engine.begin() as connection:
        account_store.pause(connection, "zalo", code=code, reason="for a test")


def current(engine: Engine, keys: KeyRing, journals: Path | None = None) -> Tokens:
    return asyncio.run(Vaults(engine, keys, journals=journals).open("zalo", "").current())


def test_an_account_without_a_token_says_what_to_do(engine: Engine, keys: KeyRing) -> None:
    with pytest.raises(SendError, match="outreach account authorise zalo") as caught:
        current(engine, keys)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.MISCONFIGURED, NO_TOKEN)


def test_a_permission_fills_the_vault_and_is_on_the_record(
    authorising: Authorising, engine: Engine, keys: KeyRing
) -> None:
    asked = authorising.ask("zalo", BACK, who="quantri@tinh.example")
    answer = permitted(asked.address)
    assert answer.startswith(BACK)
    assert authorising.outcome(asked) == ""
    given = authorising.answer("zalo", answer)
    assert (given.resumed, given.out) == (False, None)
    assert authorising.outcome(asked) == DONE
    assert current(engine, keys).access
    with engine.connect() as connection:
        row = connection.execute(text("SELECT who, action, object FROM audit")).one()
    assert tuple(row) == ("quantri@tinh.example", "authorise account", "zalo")


def test_an_account_whose_provider_hands_out_no_tokens_is_told_so(authorising: Authorising) -> None:
    with pytest.raises(OutreachError, match="needs no authorisation"):
        ask(authorising, "loa")


def test_a_replayed_answer_is_refused(authorising: Authorising, engine: Engine, keys: KeyRing) -> None:
    answer = permitted(ask(authorising))
    authorising.answer("zalo", answer)
    before = current(engine, keys)
    assert refused(authorising, answer) is Why.NOT_ASKED
    assert current(engine, keys) == before


def test_of_one_answer_brought_several_times_at_once_one_is_taken(authorising: Authorising) -> None:
    answer, outcomes = permitted(ask(authorising)), list[str]()

    def bring() -> None:
        try:
            authorising.answer("zalo", answer)
            outcomes.append(DONE)
        except NotAuthorised as error:
            outcomes.append(error.why)

    threads = [threading.Thread(target=bring) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == [DONE, *[Why.NOT_ASKED] * 3]


def test_a_foreign_state_is_refused_and_the_open_request_stays_good(authorising: Authorising) -> None:
    answer = permitted(ask(authorising))
    state = parse_qs(urlsplit(answer).query)["state"][0]
    for foreign in ("", "x", state[:-1], state + "x", "x" * 5000):
        assert refused(authorising, answer.replace(state, foreign)) is Why.NOT_ASKED
    assert authorising.answer("zalo", answer).account == "zalo"


def test_the_state_of_another_account_is_refused(authorising: Authorising) -> None:
    answer = permitted(ask(authorising, "other"))
    assert refused(authorising, answer, "zalo") is Why.NOT_ASKED
    assert authorising.answer("other", answer).account == "other"


def test_an_answer_that_comes_too_late_is_refused(authorising: Authorising, clock: VirtualClock) -> None:
    first, second = permitted(ask(authorising)), permitted(ask(authorising))
    clock.advance(LASTS - timedelta(seconds=1))
    authorising.answer("zalo", first)
    clock.advance(timedelta(seconds=1))
    assert refused(authorising, second) is Why.NOT_ASKED


def test_an_answer_without_a_code_uses_nothing_up(authorising: Authorising) -> None:
    answer = permitted(ask(authorising))
    code = parse_qs(urlsplit(answer).query)["code"][0]
    assert refused(authorising, answer.replace(code, "")) is Why.NO_CODE
    assert authorising.answer("zalo", answer).account == "zalo"


def test_a_code_of_another_request_needs_its_own_verifier(authorising: Authorising) -> None:
    first, second = permitted(ask(authorising)), permitted(ask(authorising))
    codes = [parse_qs(urlsplit(one).query)["code"][0] for one in (first, second)]
    assert refused(authorising, first.replace(*codes)) is Why.NOT_TAKEN


def test_a_bare_code_is_exchanged_with_the_newest_request(authorising: Authorising, engine: Engine) -> None:
    code = parse_qs(urlsplit(permitted(ask(authorising))).query)["code"][0]
    assert authorising.answer_with_code("zalo", code).account == "zalo"
    with pytest.raises(NotAuthorised, match="no request is open"):
        authorising.answer_with_code("zalo", code)


def test_the_permission_of_another_official_account_is_refused(authorising: Authorising) -> None:
    with pytest.raises(NotAuthorised, match="another OA") as caught:
        authorising.answer("zalo", permitted(ask(authorising)).replace(APP.oa_id, "42"))
    assert caught.value.why is Why.NOT_TAKEN


def test_neither_a_state_nor_a_code_nor_a_token_is_logged_or_kept_in_the_clear(
    authorising: Authorising, engine: Engine, keys: KeyRing, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = permitted(ask(authorising))
        authorising.answer("zalo", answer)
        refused(authorising, answer)
    query = parse_qs(urlsplit(answer).query)
    pair = current(engine, keys)
    with engine.connect() as connection:
        stored = str(connection.execute(text("SELECT a::text FROM authorisations a")).all())
    for secret in (query["state"][0], query["code"][0], pair.access, pair.refresh):
        assert secret not in caplog.text
        assert secret not in stored
        assert secret.encode().hex() not in stored


@pytest.mark.parametrize("code", [NO_TOKEN, SEALED_TOKEN, "-14014", "-14002", "-124", "-216", "-220"])
def test_an_account_paused_for_its_tokens_is_back_in_service(
    authorising: Authorising, engine: Engine, code: str
) -> None:
    pause(engine, code)
    given = authorising.answer("zalo", permitted(ask(authorising)))
    assert (given.resumed, given.out, paused(engine)) == (True, None, {})


@pytest.mark.parametrize("code", ["-115", "-135", "-140", "-1441", ""])
def test_an_account_paused_for_another_cause_stays_so(authorising: Authorising, engine: Engine, code: str) -> None:
    pause(engine, code)
    given = authorising.answer("zalo", permitted(ask(authorising)))
    assert given.resumed is False
    assert given.out is not None
    assert paused(engine) == {"zalo": code}


def test_an_account_is_authorised_anew_over_tokens_that_were_lost(
    authorising: Authorising, engine: Engine, keys: KeyRing
) -> None:
    authorising.answer("zalo", permitted(ask(authorising)))
    before = current(engine, keys)
    authorising.answer("zalo", permitted(ask(authorising)))
    assert current(engine, keys) != before


def test_a_chain_goes_on_where_its_first_token_is_taken_out_of_the_accounts_file(engine: Engine, keys: KeyRing) -> None:
    made = Tokens("access-1", "refresh-1", datetime.now(UTC) + timedelta(hours=25))

    async def exchange() -> Tokens:
        return made

    asyncio.run(Vaults(engine, keys).open("zalo", "once configured").adopt(exchange))
    assert current(engine, keys) == made


def test_a_first_pair_of_a_process_that_was_killed_before_it_was_stored_is_found(
    engine: Engine, keys: KeyRing, tmp_path: Path
) -> None:
    """All that is left of such a process is its journal: no pair was ever stored, none is configured."""
    made = Tokens("access-1", "refresh-1", datetime.now(UTC) + timedelta(hours=25))
    Journal(tmp_path, "zalo", keys).keep(Tokens("", "", LONG_AGO), made)
    assert current(engine, keys, tmp_path) == made
    assert current(engine, keys) == made  # stored by now, for every host
    assert list(tmp_path.iterdir()) == []


def test_a_new_account_that_a_worker_paused_a_moment_after_its_authorisation_comes_back_by_itself(
    authorising: Authorising, make: Make, engine: Engine, keys: KeyRing
) -> None:
    """The worker had looked for a token before there was one, and wrote that down after."""
    authorising.answer("zalo", permitted(ask(authorising)))
    pause(engine, NO_TOKEN)
    loop = SendingLoop({"zalo": make}, Vaults(engine, keys).open)
    try:
        Freshness(engine, loop, {"zalo": account("zalo")}).keep()
    finally:
        loop.close()
    assert paused(engine) == {}


def test_a_new_account_is_paused_until_it_is_authorised(
    authorising: Authorising, make: Make, engine: Engine, keys: KeyRing
) -> None:
    loop = SendingLoop({"zalo": make}, Vaults(engine, keys).open)
    freshness = Freshness(engine, loop, {"zalo": account("zalo")})
    try:
        assert freshness.keep() == 0
        assert paused(engine) == {"zalo": NO_TOKEN}
        assert authorising.missing() == ["zalo", "other"]
        assert authorising.answer("zalo", permitted(ask(authorising))).resumed
        freshness.keep()
    finally:
        loop.close()
    assert paused(engine) == {}
    assert authorising.missing() == ["other"]


def test_a_missing_token_does_not_hide_what_an_account_is_paused_for(make: Make, engine: Engine, keys: KeyRing) -> None:
    pause(engine, "-115")
    loop = SendingLoop({"zalo": make}, Vaults(engine, keys).open)
    try:
        Freshness(engine, loop, {"zalo": account("zalo")}).keep()
    finally:
        loop.close()
    assert paused(engine) == {"zalo": "-115"}


def test_requests_that_nobody_answers_do_not_pile_up(authorising: Authorising, engine: Engine) -> None:
    for _ in range(15):
        newest = ask(authorising)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM authorisations")).scalar_one() == 10
    assert authorising.answer("zalo", permitted(newest)).account == "zalo"


def test_a_database_that_cannot_be_written_is_told_and_nothing_is_claimed(
    authorising: Authorising, engine: Engine
) -> None:
    answer = permitted(ask(authorising))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE account_tokens RENAME TO gone"))
    assert refused(authorising, answer) is Why.NOT_KEPT
