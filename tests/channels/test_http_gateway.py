"""The generic gateway: every rule of its settings, on a gateway that nobody wrote code for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from adapter_harness import BODY, NUMBER, http_server, run, sms
from aiohttp import web
from http_gateway_server import CALLBACK_SECRET, SETTINGS, TOKEN, Mood, answered, gateway, http_in
from pydantic import ValidationError

from channels.contract import (
    Accepted,
    Content,
    ErrorKind,
    Inbound,
    Receipt,
    ReceiptState,
    SendError,
    VerificationError,
    WebhookRequest,
)
from channels.http_gateway import HttpGateway
from channels.http_gateway_config import GatewayConfig
from outreach.dispatch.accounts_file import load_accounts
from outreach.domain.errors import OutreachError

URL = "https://gateway.example/send"
BACK = "https://tin.example.vn/webhooks/sms?d=7.42.1"
NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)


def sent(answer: web.Response, **settings: Any) -> tuple[Accepted | SendError, web.Request, bytes]:
    """What becomes of a message, and the request the gateway saw."""
    seen: list[tuple[web.Request, bytes]] = []

    async def serve(request: web.Request) -> web.StreamResponse:
        seen.append((request, await request.read()))
        return answer

    async def story() -> Accepted | SendError:
        async with http_server(serve) as port:
            adapter = gateway(f"http://127.0.0.1:{port}/send", **settings)
            try:
                return await adapter.send(sms(callback_url=BACK))
            except SendError as error:
                return error
            finally:
                await adapter.aclose()

    return run(story()), *seen[0]


def test_the_body_is_what_the_settings_say_with_its_placeholders_filled() -> None:
    found, request, raw = sent(answered(status="ok", data=[{"id": 77, "parts": 2}]))
    assert found == Accepted("77", 2)
    body = json.loads(raw)
    assert body["message"] == {"to": NUMBER[1:], "text": BODY, "ref": "7.42.1"}
    assert body["priority"] == 1
    assert body["dlr"].startswith(f"{BACK}&t=")
    assert request.headers["X-Api-Key"] == TOKEN


def test_what_is_filled_in_is_never_read_as_a_placeholder() -> None:
    async def story() -> dict[str, Any]:
        async with http_in(Mood.WELL) as provider:
            await provider.adapter.send(sms(content=Content(body='{key} "quoted" {nothing}')))
            return dict(provider.got[0])

    assert run(story())["message"]["text"] == '{key} "quoted" {nothing}'


def test_a_form_with_a_password_is_posted_as_one() -> None:
    found, request, raw = sent(
        answered(status="ok", data=[{"id": "a"}]), encoding="form", username="ubnd", password="secret-word",
        body={"phone": "{to_national}", "msg": "{text}", "uni": "{unicode}", "from": "{sender}"}, sender="UBND",
        headers={},
    )  # fmt: skip
    assert isinstance(found, Accepted)
    assert request.content_type == "application/x-www-form-urlencoded"
    assert b"phone=0912345678" in raw
    assert b"uni=1&from=UBND" in raw
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"ubnd:secret-word").decode()


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (answered(status="bad", error={"code": 12}), ErrorKind.REJECTED, "12"),
        (answered(status="bad", error={"code": "13"}), ErrorKind.MISCONFIGURED, "13"),
        (answered(status="bad", error={"code": "14"}), ErrorKind.OPTED_OUT, "14"),
        (answered(status="bad", error={"code": "99"}), ErrorKind.UNCERTAIN, "99"),
        (answered(status="ok", data=[]), ErrorKind.UNCERTAIN, ""),
        (web.Response(text="[1,2"), ErrorKind.UNCERTAIN, ""),
        (web.Response(text="[" * 100_000), ErrorKind.UNCERTAIN, ""),
        (web.Response(status=301, headers={"Location": "/x"}), ErrorKind.MISCONFIGURED, ""),
        (web.Response(status=404), ErrorKind.MISCONFIGURED, ""),
        (web.Response(status=403), ErrorKind.MISCONFIGURED, ""),
        (web.Response(status=422), ErrorKind.REJECTED, ""),
        (web.Response(status=503), ErrorKind.UNCERTAIN, ""),
    ],
)
def test_every_refusal_has_its_kind(answer: web.Response, kind: ErrorKind, code: str) -> None:
    found, _, _ = sent(answer)
    assert isinstance(found, SendError)
    assert (found.kind, found.code) == (kind, code)


def test_a_gateway_that_drops_repetitions_may_be_asked_again_after_a_breakdown() -> None:
    found, _, _ = sent(web.Response(status=500), server_errors="transient", deduplicates_for=3600)
    assert isinstance(found, SendError)
    assert (found.kind, found.may_have_left) == (ErrorKind.TRANSIENT, True)
    assert HttpGateway.capabilities_of(_config(deduplicates_for=3600)).deduplicates_for == 3600


def test_without_receipts_the_acceptance_is_the_proof() -> None:
    assert HttpGateway.proof_on("sms", _config()) is ReceiptState.DELIVERED
    assert HttpGateway.proof_on("sms", _config(callback=None)) is ReceiptState.ACCEPTED


def test_codes_are_explained_in_the_words_of_the_settings() -> None:
    advice = HttpGateway.advice_of(_config(), "12")
    assert advice is not None
    assert (advice.vi, advice.vi_do, advice.en) == ("Số không đúng.", "Sửa danh sách.", "the number is wrong")
    assert HttpGateway.advice_of(_config(), "15") is None


def _config(**settings: Any) -> GatewayConfig:
    return GatewayConfig.model_validate({"url": URL, **SETTINGS, **settings})


def called_back(body: dict[str, Any], address: str) -> WebhookRequest:
    return WebhookRequest("POST", address, {}, [], json.dumps(body).encode(), NOW)


def address_given() -> str:
    _, _, raw = sent(answered(status="ok", data=[{"id": "g1"}]))
    return str(json.loads(raw)["dlr"])


def test_a_receipt_comes_to_the_address_we_gave_and_says_which_message() -> None:
    adapter, request = gateway(URL), called_back({"id": "g1", "state": "DELIVRD"}, address_given())
    adapter.verify(request)
    (receipt,) = adapter.parse(request)
    assert isinstance(receipt, Receipt)
    assert (receipt.state, receipt.key, receipt.provider_id) == (ReceiptState.DELIVERED, "7.42.1", "g1")
    assert adapter.parse(request) == [receipt]


def test_a_failure_brings_its_code_and_a_refusal_is_known() -> None:
    (receipt,) = gateway(URL).parse(called_back({"id": "g1", "ref": "1.2.0", "state": "UNDELIV", "why": "14"}, BACK))
    assert isinstance(receipt, Receipt)
    assert (receipt.state, receipt.code, receipt.opted_out) == (ReceiptState.FAILED, "14", True)


def test_another_message_s_token_does_not_hold() -> None:
    other = address_given().replace("7.42.1", "7.42.2")
    with pytest.raises(VerificationError):
        gateway(URL).verify(called_back({"id": "g1", "state": "DELIVRD"}, other))


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_signature_over_the_raw_body_is_checked(encoding: str) -> None:
    secret = "signing-secret-of-ours"
    back = {**SETTINGS["callback"], "secret": None, "hmac": {
        "header": "X-Sig", "secret": secret, "encoding": encoding, "prefix": "v1="}}  # fmt: skip
    adapter, body = gateway(URL, callback=back), b'{"id": "g1",  "state": "DELIVRD", "ref": "1.2.0"}'
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    signature = "v1=" + (digest.hex() if encoding == "hex" else base64.b64encode(digest).decode())
    adapter.verify(WebhookRequest("POST", BACK, {"x-sig": signature}, [], body))
    with pytest.raises(VerificationError):
        adapter.verify(WebhookRequest("POST", BACK, {"x-sig": signature}, [], body.replace(b"g1", b"g2")))


def test_what_a_citizen_writes_is_heard() -> None:
    (event,) = gateway(URL).parse(called_back({"id": "i1", "from": "+84912345678", "text": "TC"}, BACK))
    assert isinstance(event, Inbound)
    assert (event.event_key, event.sender, event.text) == ("i1:inbound", "+84912345678", "TC")


def test_a_status_not_in_the_table_says_nothing_and_a_strange_body_is_refused() -> None:
    adapter = gateway(URL)
    assert adapter.parse(called_back({"id": "g1", "state": "WHATEVER"}, BACK)) == []
    for body in (b"[1]", b"{", b"[" * 100_000, b"\xff", b"{}"):
        with pytest.raises(ValueError, match=r"."):
            adapter.parse(WebhookRequest("POST", BACK, {}, [], body))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "http://gateway.example/send"}, "would travel unencrypted"),
        ({"url": "gateway.example"}, "write an address like"),
        ({"body": {"to": "{to}", "text": "{text}", "x": "{number}"}}, "unknown placeholder {number}"),
        ({"body": {"text": "{text}"}}, "needs {text} and one of"),
        ({"encoding": "form"}, "a form has no tables"),
        ({"id_path": "data..id"}, "names with dots"),
        ({"success": {"path": "status"}}, "path and values go together"),
        ({"error_path": ""}, "errors need error_path"),
        ({"errors": {"12": {"kind": "perhaps"}}}, "kind"),
        ({"username": "me"}, "username and password go together"),
        ({"deduplicates_for": 60, "body": {"to": "{to}", "text": "{text}"}}, "by {key} in the body"),
        ({"callback": {"status_path": "s", "secret": "x" * 16}}, "give statuses"),
        ({"callback": {"status_path": "s", "statuses": {"A": "delivered"}}}, "either secret"),
        ({"callback": {"status_path": "s", "statuses": {"A": "arrived"}, "secret": "x" * 16}}, "delivered"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_settings_are_told_what_would_be_right(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as found:
        _config(**change)
    assert said in str(found.value)
    assert CALLBACK_SECRET not in str(found.value)


ACCOUNTS = """
[accounts.sms-xa]
channel = "sms"
provider = "http"
url = "https://gateway.example/api/send"
headers = {Authorization = "Bearer ${GATEWAY_TOKEN}"}
body = {to = "{to_digits}", text = "{text}", ref = "{key}"}
deduplicates_for = 86400
rate = "20/s"

[accounts.sms-xa.success]
path = "status"
values = ["ok"]

[accounts.sms-xa.callback]
secret = "${CALLBACK_SECRET}"
status_path = "state"
statuses = {DELIVRD = "delivered"}
"""


def test_the_accounts_file_alone_makes_an_account_of_it(tmp_path: Path) -> None:
    file = tmp_path / "accounts.toml"
    file.write_text(ACCOUNTS)
    environment = {"GATEWAY_TOKEN": "t", "CALLBACK_SECRET": "a secret long enough"}
    account = load_accounts(file, timeout=1, environment=environment).known["sms-xa"]
    assert (account.receipts, account.deduplicates_for) == (True, 86_400)
    with pytest.raises(OutreachError, match="the environment has no GATEWAY_TOKEN"):
        load_accounts(file, timeout=1, environment={"CALLBACK_SECRET": "a secret long enough"})
