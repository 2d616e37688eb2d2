"""What is particular to VNPT: its request, its codes, lists of one network, no callbacks."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from adapter_harness import BODY, NUMBER, PASSWORD, PRIVATE, Mood, everything_shown, http_server, run, sms
from aiohttp import web
from pydantic import ValidationError
from sms_gateway_servers import PLAIN, letters, listed, vnpt, vnpt_answer, vnpt_in

from channels.contract import Accepted, Content, ErrorKind, Lease, Outgoing, ReceiptState, SendError
from channels.vnpt_codes import ADVICE, CODES, OF_ONE_NUMBER
from channels.vnpt_sms import VnptConfig, VnptSms

NUMBERS = ["+84912345671", "+84912345672", "+84912345673"]


def answered(answer: web.Response, outgoings: list[Outgoing] | None = None) -> list[Accepted | SendError] | SendError:
    async def given(_: web.Request) -> web.StreamResponse:
        return answer

    return run(listed(vnpt, given, outgoings or letters([NUMBER])))


def requested(outgoings: list[Outgoing], **settings: Any) -> tuple[list[Any], list[Any]]:
    """What a send comes to at a VNPT that takes everything, and the requests it was."""

    async def story() -> tuple[list[Any], list[Any]]:
        async with vnpt_in(Mood.WELL, **settings) as provider:
            adapter = provider.adapter
            assert isinstance(adapter, VnptSms)
            return list(await adapter.send_many(outgoings)), [request["RQST"] for request in provider.got]

    return run(story())


def test_a_message_is_the_first_parameter_of_the_template_under_our_key() -> None:
    results, [request] = requested([sms(content=Content(body=PLAIN))])
    assert results == [Accepted("7.42.1")]
    assert request == {
        "name": "send_sms_list", "REQID": "7.42.1", "LABELID": "1001", "CONTRACTTYPEID": "1", "CONTRACTID": "2001",
        "TEMPLATEID": "3001", "PARAMS": [{"NUM": "1", "CONTENT": PLAIN}], "SCHEDULETIME": "",
        "MOBILELIST": NUMBER[1:], "ISTELCOSUB": "0", "AGENTID": "100", "APIUSER": "ubnd", "APIPASS": PASSWORD,
        "USERNAME": "ubnd_cs", "DATACODING": "0",
    }  # fmt: skip


@pytest.mark.parametrize(("body", "coding"), [(PLAIN, "0"), (BODY, "8"), ("a`b", "8")])
def test_only_a_text_that_needs_it_is_marked_as_unicode(body: str, coding: str) -> None:
    _, [request] = requested(letters([NUMBER], body=body))
    assert request["DATACODING"] == coding


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_its_kind_and_plain_words(code: str) -> None:
    error = answered(vnpt_answer(code))
    assert isinstance(error, SendError)
    assert (error.kind, error.code, error.retry_after) == (CODES[code][0], code, CODES[code][2])
    assert [word for word in PRIVATE if word in everything_shown(error)] == []


@pytest.mark.parametrize("code", CODES)
def test_every_code_says_what_to_do_in_two_languages(code: str) -> None:
    advice = VnptSms.advice(code)
    assert advice is ADVICE[code]
    assert all((advice.vi, advice.vi_do, advice.en, advice.en_do))


def test_a_stranger_is_not_explained() -> None:
    assert VnptSms.advice("987") is None


@pytest.mark.parametrize("kind", [ErrorKind.POSTPONED, ErrorKind.THROTTLED])
def test_what_comes_again_says_when(kind: ErrorKind) -> None:
    assert all(wait for found, _, wait in CODES.values() if found is kind)


def test_an_unknown_code_is_tried_again() -> None:
    error = answered(vnpt_answer("987"))
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.TRANSIENT


def test_a_code_may_be_a_number() -> None:
    assert answered(web.json_response({"RPLY": {"ERROR": 0}})) == [Accepted("7.1.0")]


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{}", '{"RPLY": {}}', '{"RPLY": []}', '{"RPLY": "0"}', ""])
def test_an_answer_that_says_nothing_leaves_it_uncertain(text: str) -> None:
    error = answered(web.Response(text=text, content_type="application/json"))
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.UNCERTAIN


def test_a_list_goes_in_one_request_under_a_name_of_its_own() -> None:
    results, [request] = requested(letters(NUMBERS))
    assert request["MOBILELIST"] == "84912345671,84912345672,84912345673"
    assert [one.provider_id for one in results] == [f"{request['REQID']}:{place}" for place in range(3)]
    _, [other] = requested(letters(NUMBERS[:2]))
    assert other["REQID"] != request["REQID"]
    assert len(request["REQID"]) <= 50


@pytest.mark.parametrize("code", sorted(OF_ONE_NUMBER))
def test_a_list_with_a_number_in_the_way_goes_number_by_number_the_next_time(code: str) -> None:
    error = answered(vnpt_answer(code), letters(NUMBERS))
    assert isinstance(error, SendError)
    assert (error.kind, error.code) == (ErrorKind.TRANSIENT, code)
    [again] = letters(NUMBERS[:1], repeated=True)
    assert vnpt(1).list_of(again) is None


@pytest.mark.parametrize(
    ("number", "network"),
    [
        ("+84912345678", "vinaphone"), ("+84812345678", "vinaphone"), ("+84972345678", "viettel"),
        ("+84322345678", "viettel"), ("+84902345678", "mobifone"), ("+84702345678", "mobifone"),
        ("+84922345678", "vietnamobile"), ("+84592345678", "gmobile"), ("+84872345678", "itel"),
        ("+84552345678", "wintel"), ("+84242345678", None),
    ],
)  # fmt: skip
def test_only_numbers_of_one_network_share_a_list(number: str, network: str | None) -> None:
    [one] = letters([number])
    assert vnpt(1).list_of(one) == network


def test_a_list_without_an_answer_is_uncertain_as_a_whole() -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    error = run(listed(vnpt, silent, letters(NUMBERS)))
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.UNCERTAIN


def test_past_the_lease_nothing_of_a_list_is_sent() -> None:
    heard = []

    async def given(request: web.Request) -> web.StreamResponse:
        heard.append(request)
        return vnpt_answer("0")

    error = run(listed(vnpt, given, letters(NUMBERS, lease=Lease.lasting(-1))))
    assert isinstance(error, SendError)
    assert error.kind is ErrorKind.NOT_SENT
    assert heard == []


def test_advertising_does_not_go_by_a_contract_for_customer_care() -> None:
    async def story() -> tuple[SendError, list[Any]]:
        async with vnpt_in(Mood.WELL) as provider:
            try:
                await provider.adapter.send(sms(advertising=True))
            except SendError as error:
                return error, provider.got
            raise AssertionError

    error, got = run(story())
    assert (error.kind, got) == (ErrorKind.WINDOW_CLOSED, [])
    _, [request] = requested(letters([NUMBER], advertising=True), contract_type_id="2")
    assert request["CONTRACTTYPEID"] == "2"


def test_what_it_took_is_all_there_is_to_know() -> None:
    assert VnptSms.proof is ReceiptState.ACCEPTED
    capabilities = VnptSms.capabilities
    assert (capabilities.receipts, capabilities.can_ask, capabilities.deduplicates_for) == (False, False, 0)


def config(**settings: Any) -> VnptConfig:
    base = {
        "agent_id": "1", "api_user": "a", "api_password": "b", "username": "c", "label_id": "2", "contract_id": "3",
        "template_id": "4", "base_url": "https://sms.example/api",
    }  # fmt: skip
    return VnptConfig(**{**base, **settings})


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"base_url": "http://sms.example:8888/smsbn/api"}, "unencrypted"),
        ({"base_url": "http://sms.example/api"}, "unencrypted"),
        ({"base_url": "somewhere"}, "address like"),
        ({"contract_type_id": "3"}, "contract_type_id"),
        ({"template_id": ""}, "template_id"),
    ],
)
def test_wrong_settings_say_what_would_be_right(settings: dict[str, str], what: str) -> None:
    with pytest.raises(ValidationError) as caught:
        config(**settings)
    assert what in str(caught.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "http://127.0.0.1:8977/vnpt"},
        {"base_url": "http://10.1.2.3:8888/smsbn/api"},
        {"base_url": "http://sms.example:8888/smsbn/api", "unencrypted": True},
    ],
)
def test_plain_http_is_for_private_lines(settings: dict[str, Any]) -> None:
    assert config(**settings).base_url == settings["base_url"]


def test_a_single_message_is_sent_under_its_key() -> None:
    async def given(_: web.Request) -> web.StreamResponse:
        return vnpt_answer("0")

    async def story() -> Accepted:
        async with http_server(given) as port:
            adapter = vnpt(port)
            try:
                return await adapter.send(sms("9.9.9"))
            finally:
                await adapter.aclose()

    assert run(story()) == Accepted("9.9.9")
