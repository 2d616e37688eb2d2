"""Faults of the sandbox: each does what it says, the same way for the same seed."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout, encode_basic_auth

from outreach.local.sandbox import read_log
from outreach.local.sandbox.__main__ import parse
from outreach.local.sandbox.config import ACCOUNT_SID, AUTH_TOKEN
from outreach.local.sandbox.faults import Fault, Faults, failing, latency, share
from outreach.local.sandbox.mischief import FAULTS
from tests.channels.adapter_harness import run
from tests.channels.sandbox_harness import sandbox

TWILIO = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json"
SAID = {"To": "+84912345678", "From": "+15005550006", "Body": "a"}
AUTH = {"Authorization": encode_basic_auth(ACCOUNT_SID, AUTH_TOKEN)}


def happened(folder: Path, faults: Faults, times: int = 1) -> list[int | str]:
    """What the sender sees of the same message posted several times."""

    async def story() -> list[int | str]:
        seen: list[int | str] = []
        async with (
            sandbox(folder, faults=faults) as ports,
            ClientSession(timeout=ClientTimeout(total=0.5), headers=AUTH) as session,
        ):
            for _ in range(times):
                try:
                    async with session.post(
                        f"http://127.0.0.1:{ports.http_port}{TWILIO}",
                        data={"To": "+84912345678", "From": "x", "Body": "a"},
                    ) as answer:
                        text = await answer.text()
                        seen.append("garbled" if text.startswith("<html>") else answer.status)
                except (ClientError, TimeoutError) as error:
                    seen.append("silent" if isinstance(error, TimeoutError) else "reset")
        return seen

    return run(story())


@pytest.mark.parametrize(
    ("faults", "seen", "taken"),
    [
        (Faults(statuses={429: 1.0}), 429, 0),
        (Faults(statuses={503: 1.0}), 503, 0),
        (Faults(reset_before_read=1.0), "reset", 0),
        (Faults(reset_after_write=1.0), "reset", 1),
        (Faults(silent=1.0), "silent", 1),
        (Faults(garbled=1.0), "garbled", 1),
    ],
)
def test_a_fault_does_what_it_says(tmp_path: Path, faults: Faults, seen: int | str, taken: int) -> None:
    assert happened(tmp_path, faults)[0] == seen
    assert sum(entry.provider_id != "" for entry in read_log(tmp_path)) == taken
    assert len((tmp_path / FAULTS).read_text().splitlines()) == 1


def test_each_try_of_a_message_draws_anew_and_the_same_seed_draws_the_same() -> None:
    faults = Faults(statuses={500: 0.3}, silent=0.2)
    drawn = [faults.drawn(f"message:{number}") for number in range(2000)]
    assert drawn == [faults.drawn(f"message:{number}") for number in range(2000)]
    kinds = Counter(one[0] if one else None for one in drawn)
    assert 500 < kinds[Fault.STATUS] < 700
    assert 300 < kinds[Fault.SILENT] < 500
    other = Faults(statuses={500: 0.3}, silent=0.2, seed=1)
    assert drawn != [other.drawn(f"message:{number}") for number in range(2000)]


def test_latency_lies_within_its_spread() -> None:
    waits = [Faults(latency_ms=80, spread_ms=20).waits(str(number)) for number in range(500)]
    assert 0.060 <= min(waits) < 0.07 < 0.09 < max(waits) <= 0.100


def test_shares_statuses_and_latencies_are_read() -> None:
    assert (share("5%"), share("0.05"), share("0")) == (0.05, 0.05, 0.0)
    assert failing(["429:5%", "500:0.02"]) == {429: 0.05, 500: 0.02}
    assert (latency("80ms"), latency("80ms±20ms"), latency("80")) == ((80, 0), (80, 20), (80, 0))
    config = parse(["--data", "x", "--fail", "429:5%", "--latency", "80ms", "--lost-receipts", "2%", "--silent", "1%"])
    assert config.faults == Faults(statuses={429: 0.05}, latency_ms=80, silent=0.01)
    assert config.lost_receipts == 0.02


@pytest.mark.parametrize(
    ("read", "text"),
    [(share, "five"), (share, "500%"), (share, "-1"), (latency, "soon")],
)
def test_what_cannot_be_read_is_told(read: object, text: str) -> None:
    assert callable(read)
    with pytest.raises(ValueError, match=text):
        read(text)


@pytest.mark.parametrize("text", ["429", "200:5%", "abc:5%", "429:"])
def test_a_status_without_a_share_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="as 429:5%"):
        failing([text])
