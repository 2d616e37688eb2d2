"""What holds for every adapter, whichever provider it speaks with."""

from __future__ import annotations

import contextlib
import logging
from typing import Any

import pytest
from adapter_harness import ADAPTERS, PRIVATE, Mood, everything_shown, failing, run
from http_gateway_server import CASES as HTTP
from sms_gateway_servers import CASES as GATEWAYS

from channels import registry
from channels.contract import ErrorKind, Lease, SendError, VerificationError, WebhookRequest

CASES = [
    ("twilio", Mood.THROTTLING, ErrorKind.THROTTLED),
    ("twilio", Mood.BROKEN, ErrorKind.TRANSIENT),
    ("twilio", Mood.SILENT_BEFORE, ErrorKind.TRANSIENT),
    ("twilio", Mood.SILENT_AFTER, ErrorKind.UNCERTAIN),
    ("twilio", Mood.RESETS_AFTER, ErrorKind.UNCERTAIN),
    ("twilio", Mood.AWAY, ErrorKind.TRANSIENT),
    ("twilio", Mood.GARBLED, ErrorKind.UNCERTAIN),
    ("twilio", Mood.UNKNOWN_ACCOUNT, ErrorKind.MISCONFIGURED),
    ("twilio", Mood.REFUSING, ErrorKind.REJECTED),
    ("zalo_oa", Mood.THROTTLING, ErrorKind.THROTTLED),
    ("zalo_oa", Mood.BROKEN, ErrorKind.UNCERTAIN),
    ("zalo_oa", Mood.SILENT_BEFORE, ErrorKind.TRANSIENT),
    ("zalo_oa", Mood.SILENT_AFTER, ErrorKind.UNCERTAIN),
    ("zalo_oa", Mood.RESETS_AFTER, ErrorKind.UNCERTAIN),
    ("zalo_oa", Mood.AWAY, ErrorKind.TRANSIENT),
    ("zalo_oa", Mood.GARBLED, ErrorKind.UNCERTAIN),
    ("zalo_oa", Mood.UNKNOWN_ACCOUNT, ErrorKind.MISCONFIGURED),
    ("zalo_oa", Mood.REFUSING, ErrorKind.REJECTED),
    ("zalo_zns", Mood.THROTTLING, ErrorKind.THROTTLED),
    ("zalo_zns", Mood.BROKEN, ErrorKind.UNCERTAIN),
    ("zalo_zns", Mood.SILENT_BEFORE, ErrorKind.TRANSIENT),
    ("zalo_zns", Mood.SILENT_AFTER, ErrorKind.UNCERTAIN),
    ("zalo_zns", Mood.RESETS_AFTER, ErrorKind.UNCERTAIN),
    ("zalo_zns", Mood.AWAY, ErrorKind.TRANSIENT),
    ("zalo_zns", Mood.GARBLED, ErrorKind.UNCERTAIN),
    ("zalo_zns", Mood.UNKNOWN_ACCOUNT, ErrorKind.MISCONFIGURED),
    ("zalo_zns", Mood.REFUSING, ErrorKind.REJECTED),
    ("smtp", Mood.BROKEN, ErrorKind.TRANSIENT),
    ("smtp", Mood.SILENT_BEFORE, ErrorKind.TRANSIENT),
    ("smtp", Mood.SILENT_AFTER, ErrorKind.UNCERTAIN),
    ("smtp", Mood.RESETS_AFTER, ErrorKind.UNCERTAIN),
    ("smtp", Mood.AWAY, ErrorKind.TRANSIENT),
    ("smtp", Mood.GARBLED, ErrorKind.UNCERTAIN),
    ("smtp", Mood.UNKNOWN_ACCOUNT, ErrorKind.MISCONFIGURED),
    ("smtp", Mood.REFUSING, ErrorKind.REJECTED),
    ("telegram", Mood.THROTTLING, ErrorKind.THROTTLED),
    ("telegram", Mood.BROKEN, ErrorKind.TRANSIENT),
    ("telegram", Mood.SILENT_BEFORE, ErrorKind.TRANSIENT),
    ("telegram", Mood.SILENT_AFTER, ErrorKind.UNCERTAIN),
    ("telegram", Mood.RESETS_AFTER, ErrorKind.UNCERTAIN),
    ("telegram", Mood.AWAY, ErrorKind.TRANSIENT),
    ("telegram", Mood.GARBLED, ErrorKind.UNCERTAIN),
    ("telegram", Mood.UNKNOWN_ACCOUNT, ErrorKind.MISCONFIGURED),
    ("telegram", Mood.REFUSING, ErrorKind.REJECTED),
    ("esms", Mood.THROTTLING, ErrorKind.THROTTLED),
    ("esms", Mood.BROKEN, ErrorKind.TRANSIENT),
    ("esms", Mood.SILENT_BEFORE, ErrorKind.TRANSIENT),
    ("esms", Mood.SILENT_AFTER, ErrorKind.UNCERTAIN),
    ("esms", Mood.RESETS_AFTER, ErrorKind.UNCERTAIN),
    ("esms", Mood.AWAY, ErrorKind.TRANSIENT),
    ("esms", Mood.GARBLED, ErrorKind.UNCERTAIN),
    ("esms", Mood.UNKNOWN_ACCOUNT, ErrorKind.MISCONFIGURED),
    ("esms", Mood.REFUSING, ErrorKind.REJECTED),
    *GATEWAYS,
    *HTTP,
]
WRITTEN_ONCE = {Mood.SILENT_AFTER, Mood.RESETS_AFTER, Mood.GARBLED}


def test_every_registered_adapter_is_tried_here_on_each_of_its_channels() -> None:
    tried: set[tuple[str, str]] = set()

    async def look(name: str) -> None:
        async with ADAPTERS[name](Mood.WELL) as provider:
            one, channel = provider.adapter, provider.outgoing().content.channel
            tried.update((one.provider, kind) for kind in ([channel] if channel else one.kinds))

    for name in ADAPTERS:
        run(look(name))
    wanted = {(provider, kind) for provider, adapter in registry.ADAPTERS.items() for kind in adapter.kinds}
    assert wanted - tried == set(), "give it a server in the harness"


@pytest.mark.parametrize("name", [name for name in ADAPTERS if name != "station"])
def test_every_mood_of_a_provider_has_its_case(name: str) -> None:
    """Mail servers do not throttle by a code of their own."""
    moods = {mood for one, mood, _ in CASES if one == name}
    assert set(Mood) - moods - {Mood.WELL} <= ({Mood.THROTTLING} if name == "smtp" else set())


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_callback_that_is_forged_or_garbled_is_refused_as_such(name: str) -> None:
    long = b"\xff{" * 60_000

    async def story() -> None:
        async with ADAPTERS[name](Mood.WELL) as provider:
            adapter = provider.adapter
            for method, body in (("POST", b"{}"), ("GET", b""), ("POST", long), ("POST", b"a=1&b=2")):
                address = "https://x.example/webhooks/a?d=1.2.3&t=forged&SMSID=1&SendStatus=5"
                request = WebhookRequest(method, address, {"x-zevent-signature": "mac=00"}, [("d", "1.2.3")], body)
                with pytest.raises(VerificationError):
                    adapter.verify(request)
                with contextlib.suppress(ValueError):
                    first = [event.event_key for event in adapter.parse(request)]
                    assert first == [event.event_key for event in adapter.parse(request)]

    run(story())


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_message_is_taken_and_named(name: str) -> None:
    async def story() -> None:
        async with ADAPTERS[name](Mood.WELL) as provider:
            accepted = await provider.adapter.send(provider.outgoing())
            assert accepted.provider_id

    run(story())


@pytest.mark.parametrize(("name", "mood", "kind"), CASES)
def test_every_failure_has_its_kind_and_is_not_tried_again(
    name: str, mood: Mood, kind: ErrorKind, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> tuple[SendError, list[Any]]:
        async with ADAPTERS[name](mood) as provider:
            return await failing(provider), provider.got

    error, got = run(story())
    assert error.kind is kind
    assert len(got) <= 1
    if mood in WRITTEN_ONCE:
        assert len(got) == 1
    shown = everything_shown(error) + caplog.text
    assert [word for word in PRIVATE if word in shown] == []


@pytest.mark.parametrize("name", ["twilio", "telegram", "esms", "speedsms"])
def test_throttling_says_how_long_to_wait(name: str) -> None:
    async def story() -> SendError:
        async with ADAPTERS[name](Mood.THROTTLING) as provider:
            return await failing(provider)

    assert run(story()).retry_after == 7


@pytest.mark.parametrize("name", ADAPTERS)
def test_past_the_lease_nothing_is_sent(name: str) -> None:
    async def story() -> None:
        async with ADAPTERS[name](Mood.WELL) as provider:
            error = await failing(provider, lease=Lease.lasting(-1))
            assert error.kind is ErrorKind.NOT_SENT
            assert provider.got == []
            assert (await provider.adapter.send(provider.outgoing())).provider_id

    run(story())


@pytest.mark.parametrize("name", ADAPTERS)
def test_a_good_send_says_nothing_private_in_the_log(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    async def story() -> None:
        async with ADAPTERS[name](Mood.WELL) as provider:
            await provider.adapter.send(provider.outgoing())

    run(story())
    assert [word for word in PRIVATE if word in caplog.text] == []


@pytest.mark.parametrize("name", ADAPTERS)
def test_settings_do_not_show_their_secrets_and_refuse_unknown_keys(name: str) -> None:
    async def story() -> None:
        async with ADAPTERS[name](Mood.WELL) as provider:
            shown = repr(vars(provider.adapter).get("_config"))
            assert [word for word in PRIVATE if word in shown] == []
            with pytest.raises(ValueError, match="colour"):
                provider.adapter.Config(colour="red")

    run(story())


@pytest.mark.parametrize("name", ["smtp", "station", "vnpt"])
def test_who_calls_nobody_accepts_no_callback(name: str) -> None:
    async def story() -> None:
        async with ADAPTERS[name](Mood.WELL) as provider:
            request = WebhookRequest("POST", "https://x.example/webhooks/a", {}, [], b"MessageSid=SM1")
            with pytest.raises(VerificationError):
                provider.adapter.verify(request)
            assert provider.adapter.parse(request) == []

    run(story())
