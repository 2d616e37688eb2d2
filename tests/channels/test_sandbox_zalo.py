"""The sandbox speaks Zalo: tokens that rotate, messages within their window, templates by phone, signed events."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from adapter_harness import http_server, run
from sandbox_client import DATA, PHONE, USER, ZALO, Client, Listener, Told, client, first_phone, listened

from outreach.domain.provider_template import ProviderTemplate, read_provider_template
from outreach.domain.template_files import load_template, template_names
from outreach.local.sandbox import Outcome, read_log
from outreach.local.sandbox.behaviour import MAGIC_PREFIX, MAGIC_USER, USERS, ZNS_NUMBERS, Fate
from outreach.local.sandbox.credentials import ZaloApp
from outreach.local.sandbox.zns_templates import read_templates
from outreach.settings import PROJECT


def test_a_refresh_token_gives_a_pair_once(tmp_path: Path) -> None:
    async def story() -> list[dict[str, Any]]:
        async with client(tmp_path) as zalo:
            first = await zalo.renew()
            again = await zalo.renew()
            return [first, again, await zalo.renew(first["refresh_token"]), await zalo.consult()]

    first, again, second, sent = run(story())
    assert first["expires_in"] == "90000"
    assert (again["error"], again["error_name"]) == (-14014, "Invalid refresh token.")
    assert second["access_token"] != first["access_token"]
    assert sent["error"] == 0


def test_a_restart_forgets_no_token(tmp_path: Path) -> None:
    async def story() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with client(tmp_path) as zalo:
            pair = await zalo.renew()
            access = zalo.access
        async with client(tmp_path) as zalo:
            zalo.access = access
            return await zalo.consult(), await zalo.renew(), await zalo.renew(pair["refresh_token"])

    sent, used_up, renewed = run(story())
    assert (sent["error"], used_up["error"]) == (0, -14014)
    assert renewed["access_token"]


def test_strangers_get_no_tokens(tmp_path: Path) -> None:
    async def story() -> dict[str, Any]:
        async with client(tmp_path) as zalo:
            refused = await zalo.renew(secret="wrong")
            assert refused["error"] < 0
            return await zalo.renew()  # nothing was used up

    assert run(story())["access_token"]


def test_an_administrator_gives_a_code_that_is_good_once_and_only_with_its_verifier(tmp_path: Path) -> None:
    verifier = "a-verifier-that-is-long-enough-for-the-rules"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")

    async def story() -> list[dict[str, Any]]:
        async with client(tmp_path) as zalo:
            first, second = await code(zalo, challenge), await code(zalo, challenge)
            tries = ((first, verifier), (first, verifier), (second, "another"))
            return [await exchange(zalo, one, proof) for one, proof in tries]

    given, again, unproved = run(story())
    assert given["access_token"]
    assert (again["error"], unproved["error"]) == (-14005, -14005)


async def code(zalo: Client, challenge: str) -> str:
    query = {"app_id": ZALO.app_id, "redirect_uri": "http://127.0.0.1:9/back?a=1", "code_challenge": challenge}
    path = f"{zalo.base}/zalo/v4/oa/permission"
    async with zalo.session.get(path, params={**query, "state": "s"}) as page:
        assert "<button>Cho phép</button>" in await page.text()
    async with zalo.session.post(path, params={**query, "state": "s"}, allow_redirects=False) as answer:
        said = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert (said["a"], said["state"], said["oa_id"]) == ("1", "s", ZALO.oa_id)
    return said["code"]


async def exchange(zalo: Client, code: str, verifier: str) -> dict[str, Any]:
    form = {"code": code, "app_id": ZALO.app_id, "grant_type": "authorization_code", "code_verifier": verifier}
    return await zalo.post("/zalo/v4/oa/access_token", form, {"secret_key": ZALO.app_secret}, form=True)


@pytest.mark.parametrize(("seconds", "access", "oa", "business"), [(90_000, "wrong", -216, -124), (0, "", -220, -124)])
def test_a_wrong_or_an_old_token_is_refused_with_http_200(
    tmp_path: Path, seconds: int, access: str, oa: int, business: int
) -> None:
    async def story() -> tuple[dict[str, Any], dict[str, Any]]:
        async with client(tmp_path, zalo=ZaloApp(token_seconds=seconds)) as zalo:
            await zalo.renew()
            zalo.access = access or zalo.access
            return await zalo.consult(), await zalo.notify()

    consulted, notified = run(story())
    assert (consulted["error"], notified["error"]) == (oa, business)
    assert [one.outcome for one in read_log(tmp_path)] == [Outcome.UNAUTHORISED] * 2


def test_what_is_accepted_is_written_down_for_each_channel(tmp_path: Path) -> None:
    async def story() -> tuple[dict[str, Any], dict[str, Any]]:
        async with client(tmp_path) as zalo:
            await zalo.renew()
            return await zalo.consult(), await zalo.notify()

    consulted, notified = run(story())
    oa, zns = read_log(tmp_path)
    assert (oa.channel, oa.to, oa.body, oa.provider_id) == (
        "zalo_oa", USER, "Chào ông Hùng", consulted["data"]["message_id"],
    )  # fmt: skip
    assert (zns.channel, zns.to, zns.key, zns.provider_id) == (
        "zalo_zns", "+84912345678", "7.42.0", notified["data"]["msg_id"],
    )  # fmt: skip
    assert "H26.18-251120-0042" in zns.body
    quota = notified["data"]["quota"]
    assert int(quota["dailyQuota"]) - int(quota["remainingQuota"]) == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"template_id": "999"}, -109),
        ({"template_data": {}}, -111),
        ({"template_data": {name: value for name, value in DATA.items() if name != "ten"}}, -1122),
        ({"template_data": {**DATA, "ten": "H" * 81}}, -1124),
        ({"template_data": {**DATA, "ngay_hen": "mai"}}, -112),
        ({"phone": "1900"}, -108),
        ({"tracking_id": "7" * 49}, -132),
    ],
)
def test_a_template_wants_what_was_registered(tmp_path: Path, changes: dict[str, Any], error: int) -> None:
    async def story() -> dict[str, Any]:
        async with client(tmp_path) as zalo:
            await zalo.renew()
            return await zalo.notify(**changes)

    assert run(story())["error"] == error
    assert [one.outcome for one in read_log(tmp_path)] == [Outcome.REFUSED]


def test_more_templates_can_be_registered_and_looked_up(tmp_path: Path) -> None:
    file = tmp_path / "templates.json"
    file.write_text('[{"template_id": "77", "name": "Thử", "status": "PENDING_REVIEW", "params": [{"name": "ten"}]}]')

    async def story() -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], dict[str, Any]]:
        async with client(tmp_path, zns_templates=file) as zalo:
            await zalo.renew()
            return (
                await zalo.notify(template_id="77", template_data={"ten": "Hùng"}),
                await zalo.get("/zalo/template/info/v2", template_id="77"),
                await zalo.get("/zalo/template/all", offset="0", limit="100", status="2"),
                await zalo.get("/zalo/template/info/v2", template_id="78"),
            )

    sent, info, listed, missing = run(story())
    assert (sent["error"], missing["error"]) == (-131, -109)
    assert info["data"]["listParams"][0] | {"name": "ten", "require": True} == info["data"]["listParams"][0]
    assert [one["templateId"] for one in listed["data"]] == ["77"]


def test_the_templates_the_project_ships_are_registered_with_their_parameters() -> None:
    registered, folder = read_templates(None), PROJECT / "templates"
    shipped = [
        read_provider_template(text)
        for name in template_names(folder)
        for text in load_template(folder, name).parts.get("zalo_zns", {}).values()
    ]
    assert shipped
    for one in shipped:
        assert isinstance(one, ProviderTemplate)
        assert one.template_id in registered, "register it in the sandbox's zns_templates.json"
        wanted = {param.name for param in registered[one.template_id].params}
        assert {piece.name for piece in one.parameters} == wanted


OA_ERRORS = {
    Fate.INVALID: -213, Fate.OPTED_OUT: -244, Fate.FAILED: -227, Fate.THROTTLED: -32, Fate.FLAKY: -100,
    Fate.CONTENT: -201, Fate.WINDOW: -230, Fate.QUOTA: -211, Fate.NIGHT: -234, Fate.TOKEN: -216,
    Fate.NO_RECEIPT: 0, Fate.TWICE: 0,
}  # fmt: skip
ZNS_ERRORS = {
    Fate.INVALID: -118, Fate.OPTED_OUT: -139, Fate.FAILED: -114, Fate.THROTTLED: -32, Fate.FLAKY: -100,
    Fate.CONTENT: -112, Fate.QUOTA: -144, Fate.NIGHT: -133, Fate.TOKEN: -124, Fate.BALANCE: -115,
    Fate.NO_RECEIPT: 0, Fate.TWICE: 0,
}  # fmt: skip
NO_JSON = {Fate.BROKEN, Fate.SILENT, Fate.RESET, Fate.GARBLED, Fate.DROPPED}
"""Tried with the adapters in test_wire_pairs."""


def test_every_magic_id_and_number_is_tried() -> None:
    assert set(OA_ERRORS) | NO_JSON == set(USERS.values())
    assert set(ZNS_ERRORS) | NO_JSON == set(ZNS_NUMBERS.values())
    assert all(len(user) == len(MAGIC_USER) + 2 for user in USERS)


@pytest.mark.parametrize("what", OA_ERRORS)
def test_a_magic_user_has_its_error(tmp_path: Path, what: Fate) -> None:
    user = next(one for one, fate in USERS.items() if fate is what)

    async def story() -> dict[str, Any]:
        async with client(tmp_path) as zalo:
            await zalo.renew()
            return await zalo.consult(user)

    assert run(story())["error"] == OA_ERRORS[what]


@pytest.mark.parametrize("what", ZNS_ERRORS)
def test_a_magic_number_has_its_error(tmp_path: Path, what: Fate) -> None:
    number = next(one for one, fate in ZNS_NUMBERS.items() if fate is what)

    async def story() -> dict[str, Any]:
        async with client(tmp_path) as zalo:
            await zalo.renew()
            return await zalo.notify(number.removeprefix("+"))

    assert run(story())["error"] == ZNS_ERRORS[what]


def test_a_flaky_user_takes_the_second_try(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with client(tmp_path) as zalo:
            await zalo.renew()
            return [(await zalo.consult(MAGIC_USER + "12"))["error"] for _ in range(2)]

    assert run(story()) == [-100, 0]


def test_too_many_requests_a_minute_are_refused(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with client(tmp_path, zalo=ZaloApp(per_minute=3)) as zalo:
            await zalo.renew()
            return [(await zalo.consult())["error"] for _ in range(8)]

    answers = run(story())
    assert set(answers) == {0, -32}
    assert answers.count(0) <= 6  # the minute may turn in between


def test_a_package_pays_for_what_is_beyond_a_reply(tmp_path: Path) -> None:
    async def story() -> list[dict[str, Any]]:
        async with client(tmp_path, zalo=ZaloApp(package=5)) as zalo:
            await zalo.renew()
            sent = await zalo.consult()
            asked = {"quota_owner": "OA", "product_type": "cs", "quota_type": "sub_quota"}
            return [sent, await zalo.zalo("/v3.0/oa/quota/message", asked)]

    sent, package = run(story())
    assert sent["data"]["quota"]["quota_type"] == "reply"
    assert package["data"] == [{"asset_id": "1", "remain": "5", "total": "5"}]


def test_the_day_has_its_quota(tmp_path: Path) -> None:
    async def story() -> tuple[list[int], dict[str, Any]]:
        async with client(tmp_path, zalo=ZaloApp(daily_quota=2)) as zalo:
            await zalo.renew()
            answers = [(await zalo.notify(tracking_id=f"1.{n}.0"))["error"] for n in range(3)]
            return answers, await zalo.get("/zalo/message/quota")

    answers, quota = run(story())
    assert answers == [0, 0, -144]
    assert quota["data"] == {"dailyQuota": "2", "remainingQuota": "0"}


def test_who_was_in_touch_again_may_be_written_to_and_who_left_may_not(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with client(tmp_path) as zalo:
            await zalo.renew()
            away, answers = MAGIC_USER + "14", []
            for event in ("", "user_send_text", "unfollow", "follow"):
                if event:
                    await zalo.post("/citizen/zalo", {"user_id": away, "event": event, "text": "Tôi hỏi"})
                answers.append((await zalo.consult(away))["error"])
            window = await zalo.zalo("/v3.0/oa/quota/message", {"user_id": away})
            assert window["data"]["cs_reply"]["remain"] > 0
            return answers

    assert run(story()) == [-230, 0, -213, 0]


def test_a_click_and_a_call_that_was_taken_open_the_window_and_a_call_nobody_took_does_not(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with client(tmp_path) as zalo:
            await zalo.renew()
            away, answers = MAGIC_USER + "14", []
            missed = {"event": "user_call_oa", "talk_time": "0"}
            for deed in (missed, {"event": "user_call_oa"}, {"event": "user_click_response_button"}):
                await zalo.post("/citizen/zalo", {"user_id": away, **deed})
                answers.append((await zalo.consult(away))["error"])
            return answers

    assert run(story()) == [-230, 0, 0]


def told(data: Path, listener: Listener, count: int, phone: str = PHONE, **changes: Any) -> list[Told]:
    async def story() -> list[Told]:
        async with listened(data, listener, "zalo", **changes) as zalo:
            await zalo.renew()
            await zalo.notify(phone)
            return await listener.until(count)

    return run(story())


def test_the_receipt_of_a_template_is_signed_and_carries_our_key(tmp_path: Path) -> None:
    (event,) = told(tmp_path, Listener(), 1)
    document = event.document
    (entry,) = read_log(tmp_path)
    signed = f"{ZALO.app_id}{event.body}{document['timestamp']}{ZALO.oa_secret}"
    assert event.headers["x-zevent-signature"] == "mac=" + hashlib.sha256(signed.encode()).hexdigest()
    assert document["event_name"] == "user_received_message"
    assert (document["sender"]["id"], document["recipient"]["id"]) == (ZALO.oa_id, PHONE)
    message = document["message"]
    assert (message["msg_id"], message["tracking_id"]) == (entry.provider_id, "7.42.0")
    assert int(message["delivery_time"]) >= int(entry.moment.timestamp() * 1000)


def test_an_event_is_repeated_unchanged_with_the_number_of_the_try_and_given_up_at_last(tmp_path: Path) -> None:
    listener = Listener(failures=99)
    events = told(tmp_path, listener, 3, zalo=ZaloApp(retries=(0.01, 0.01)))
    assert [event.headers.get("num_retry") for event in events] == [None, "1", "2"]
    assert len({event.body for event in events}) == 1


def test_a_message_by_user_id_may_be_seen_after_it_was_received(tmp_path: Path) -> None:
    async def story() -> list[Told]:
        listener = Listener()
        async with listened(tmp_path, listener, "zalo", seen_share=1) as zalo:
            await zalo.renew()
            await zalo.consult()
            return await listener.until(2)

    received, seen = (event.document for event in run(story()))
    (entry,) = read_log(tmp_path)
    assert (received["event_name"], received["message"]["msg_id"]) == ("user_received_message", entry.provider_id)
    assert "delivery_time" not in received["message"]
    assert (seen["event_name"], seen["message"]["msg_ids"]) == ("user_seen_message", [entry.provider_id])


def test_a_disorderly_number_repeats_its_receipt(tmp_path: Path) -> None:
    events = told(tmp_path, Listener(), 2, MAGIC_PREFIX.removeprefix("+") + "11")
    assert events[0].body == events[1].body


def test_whether_a_template_arrived_can_be_asked(tmp_path: Path) -> None:
    async def story() -> list[int]:
        async with client(tmp_path) as zalo:
            await zalo.renew()
            sent = await zalo.notify(MAGIC_PREFIX.removeprefix("+") + "10")
            known = await zalo.get("/zalo/message/status", message_id=sent["data"]["msg_id"])
            unknown = await zalo.get("/zalo/message/status", message_id="ZNS-nobody")
            return [known["data"]["status"], unknown["data"]["status"]]

    assert run(story()) == [1, -1]


def test_what_citizens_do_is_told_signed_and_shown_on_their_phone(tmp_path: Path) -> None:
    async def story() -> tuple[list[Told], str]:
        listener = Listener()
        async with listened(tmp_path, listener, "zalo") as zalo:
            await zalo.renew()
            await zalo.consult()
            deeds = [
                {"event": "follow", "source": "qr"},
                {"event": "user_send_text", "text": "Tôi cần giúp"},
                {"event": "user_submit_info", "name": "Nguyễn Văn Hùng", "phone": "0912345678"},
                {"event": "unfollow"},
            ]
            for number, deed in enumerate(deeds, 2):
                await zalo.post("/citizen/zalo", {"user_id": USER, **deed})
                await listener.until(number)
            listed = await zalo.page("/")
            return listener.told, await zalo.page(first_phone(listed))

    events, phone = run(story())
    by_name = {event.document["event_name"]: event.document for event in events}
    assert by_name["follow"]["follower"]["id"] == by_name["unfollow"]["follower"]["id"] == USER
    assert by_name["user_send_text"]["sender"]["id"] == USER
    assert by_name["user_send_text"]["message"]["text"] == "Tôi cần giúp"
    info = by_name["user_submit_info"]["info"]
    assert (info["name"], info["phone"]) == ("Nguyễn Văn Hùng", PHONE)
    assert "Chào ông Hùng" in phone
    assert "Tôi cần giúp" in phone
    assert "bỏ quan tâm" in phone


def test_a_deed_nobody_took_is_told_after_a_restart(tmp_path: Path) -> None:
    slow = ZaloApp(retries=(600.0,))

    async def story() -> tuple[Told, Told]:
        listener = Listener(failures=1)
        async with http_server(listener.answer) as port:
            webhooks = {"zalo": f"http://127.0.0.1:{port}/webhooks/zalo-main"}
            async with client(tmp_path, webhooks=webhooks, zalo=slow) as zalo:
                await zalo.post("/citizen/zalo", {"user_id": USER, "event": "follow"})
                await listener.until(1)
            async with client(tmp_path, webhooks=webhooks, zalo=slow):
                first, second = await listener.until(2)
                return first, second

    first, second = run(story())
    assert first.body == second.body


def test_another_site_may_not_play_the_citizen(tmp_path: Path) -> None:
    async def story() -> int:
        async with client(tmp_path) as zalo:
            form = {"user_id": USER, "event": "follow"}
            path = f"{zalo.base}/citizen/zalo"
            async with zalo.session.post(path, data=form, headers={"Origin": "https://evil.example"}) as answer:
                return answer.status

    assert run(story()) == 403
