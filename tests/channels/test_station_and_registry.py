"""Loudspeakers publish on this machine; the registry knows who serves which channel."""

from __future__ import annotations

import pytest
from adapter_harness import run, sms

from channels.abilities import Askable
from channels.contract import Accepted, Adapter, Content, ReceiptState
from channels.registry import ADAPTERS, UnknownProviderError, adapter_class
from channels.station import Station, StationConfig
from channels.twilio_sms import TwilioSms


def station(**settings: float) -> Station:
    return Station(StationConfig(**settings), timeout=1)


def test_a_script_is_published_under_its_key_however_often() -> None:
    async def story() -> list[Accepted]:
        adapter = station()
        return [await adapter.send(sms("3.9.1")) for _ in range(2)]

    assert run(story()) == [Accepted("3.9.1")] * 2


def test_an_officers_word_is_the_proof_of_a_broadcast() -> None:
    assert Station.proof is ReceiptState.DELIVERED
    assert Station.capabilities.deduplicates_for > 86_400


@pytest.mark.parametrize(
    ("syllables", "codes"), [(0, ["empty"]), (1, []), (15 * 140, []), (15 * 140 + 1, ["too_long"])]
)
def test_a_script_lasts_fifteen_minutes_at_most(syllables: int, codes: list[str]) -> None:
    assert [problem.code for problem in station().check(Content(body="loa " * syllables))] == codes


def test_the_longest_script_is_a_setting() -> None:
    (problem,) = station(max_minutes=2).check(Content(body="loa " * 700))
    assert problem.what == "the script takes about 5 minutes; at most 2 are read out"


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_adapter_is_registered_under_its_own_name_and_keeps_the_contract(name: str) -> None:
    adapter: type[Adapter] = ADAPTERS[name]
    assert adapter.provider == name
    assert adapter_class(adapter.kinds[0], name) is adapter
    assert issubclass(adapter, Askable) == adapter.capabilities.can_ask


@pytest.mark.parametrize(
    ("channel", "provider", "hint"),
    [
        ("sms", "twillio", "did you mean twilio?"),
        ("sms", "carrier-pigeon", "known: twilio, smtp, esms, telegram, station"),
        ("email", "twilio", "use smtp"),
        ("zalo_oa", "smtp", "use zalo"),
        ("fax", "smtp", "no provider here does"),
    ],
)
def test_a_wrong_provider_is_met_with_the_right_one(channel: str, provider: str, hint: str) -> None:
    with pytest.raises(UnknownProviderError, match=hint.replace("?", r"\?")):
        adapter_class(channel, provider)


def test_the_right_provider_is_found() -> None:
    assert adapter_class("sms", "twilio") is TwilioSms
