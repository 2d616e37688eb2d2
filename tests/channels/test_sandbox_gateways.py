"""The sandbox as SpeedSMS, VNPT and eSMS's advertising, spoken to by plain HTTP as the gateways' pages say it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from adapter_harness import run
from sandbox_client import ESMS, PHONE, Client, client

from outreach.local.sandbox import Outcome, read_log
from outreach.local.sandbox.behaviour import MAGIC_PREFIX, SPEEDSMS_NUMBERS, VNPT_NUMBERS, Fate
from outreach.local.sandbox.credentials import SpeedSmsAccount, VnptAccount

SPEED, VNPT = SpeedSmsAccount(per_minute=0), VnptAccount()


async def speed(to: Client, phones: list[str], token: str = SPEED.token, **changes: Any) -> tuple[int, dict[str, Any]]:
    document = {"to": phones, "content": "Kinh bao ong Hung", "sms_type": 3, "sender": SPEED.sender, **changes}
    url = f"{to.base}/speedsms/index.php/sms/send"
    login = {"Authorization": "Basic " + base64.b64encode(f"{token}:x".encode()).decode()}
    async with to.session.post(url, json=document, headers=login) as answer:
        return answer.status, await answer.json()


async def vnpt(to: Client, phones: str = PHONE, content: str = "Kinh bao ong Hung", **changes: Any) -> str:
    request = {
        "name": "send_sms_list", "REQID": "7.42.0", "LABELID": VNPT.label_id, "CONTRACTTYPEID": "1",
        "CONTRACTID": VNPT.contract_id, "TEMPLATEID": VNPT.template_id,
        "PARAMS": [{"NUM": "1", "CONTENT": content}], "MOBILELIST": phones, "AGENTID": VNPT.agent_id,
        "APIUSER": VNPT.api_user, "APIPASS": VNPT.api_password, "USERNAME": VNPT.username, "DATACODING": "0",
    }  # fmt: skip
    answer = await to.post("/vnpt", {"RQST": {**request, **changes}})
    return str(answer["RPLY"]["ERROR"])


def said(data: Path, phones: list[str], **changes: Any) -> tuple[int, dict[str, Any]]:
    async def story() -> tuple[int, dict[str, Any]]:
        async with client(data, speedsms=SPEED) as to:
            return await speed(to, phones, **changes)

    return run(story())


def test_speedsms_takes_a_list_under_one_id(tmp_path: Path) -> None:
    status, answer = said(tmp_path, ["84912345678", "0912345679"])
    assert (status, answer["status"], answer["code"]) == (200, "success", "00")
    assert answer["data"]["invalidPhone"] == []
    entries = list(read_log(tmp_path))
    assert [one.provider_id for one in entries] == [f"{answer['data']['tranId']}:{place}" for place in range(2)]
    assert [one.to for one in entries] == ["+84912345678", "+84912345679"]


def test_speedsmss_ids_go_on_over_a_restart(tmp_path: Path) -> None:
    ids = [said(tmp_path, ["84912345678"])[1]["data"]["tranId"] for _ in range(2)]
    assert ids[0] < ids[1]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sender": "AI"}, "101"),
        ({"sms_type": 9}, "101"),
        ({"content": " "}, "101"),
        ({"content": "a" * 613}, "113"),
    ],
)
def test_speedsms_refuses_what_is_wrong(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    _, answer = said(tmp_path, ["84912345678"], **changes)
    assert (answer["status"], answer["code"]) == ("error", code)
    assert [one.outcome for one in read_log(tmp_path)] == [Outcome.REFUSED]


def test_speedsms_takes_a_hundred_numbers_and_no_more(tmp_path: Path) -> None:
    numbers = [f"8491234{place:04d}" for place in range(101)]
    assert said(tmp_path, numbers[:100])[1]["status"] == "success"
    assert said(tmp_path, numbers)[1]["code"] == "101"


def test_speedsms_does_not_know_another_token(tmp_path: Path) -> None:
    assert said(tmp_path, ["84912345678"], token="another")[0] == 401
    assert list(read_log(tmp_path)) == []


def test_speedsmss_balance_ends(tmp_path: Path) -> None:
    async def story() -> list[str]:
        async with client(tmp_path, speedsms=SpeedSmsAccount(balance=700, per_minute=0)) as to:
            return [(await speed(to, ["84912345678"]))[1]["code"] for _ in range(3)]

    assert run(story()) == ["00", "00", "300"]


CODES = {Fate.INVALID: "105", Fate.OPTED_OUT: "105", Fate.BROKEN: "500", Fate.CONTENT: "110", Fate.BALANCE: "300"}


@pytest.mark.parametrize("what", CODES)
def test_speedsmss_known_numbers_have_their_codes(tmp_path: Path, what: Fate) -> None:
    number = next(one for one, fate in SPEEDSMS_NUMBERS.items() if fate is what)
    assert said(tmp_path, [number])[1]["code"] == CODES[what]


def test_vnpt_takes_a_list_of_one_network_and_each_request_once(tmp_path: Path) -> None:
    async def story() -> list[str]:
        async with client(tmp_path) as to:
            return [await vnpt(to, "84912345678,84812345678"), await vnpt(to), await vnpt(to, REQID="7.43.0")]

    assert run(story()) == ["0", "33", "0"]
    assert sum(one.outcome is Outcome.ACCEPTED for one in read_log(tmp_path)) == 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "get_label"}, "3"),
        ({"APIPASS": "another"}, "1"),
        ({"AGENTID": "9"}, "15"),
        ({"USERNAME": "9"}, "10"),
        ({"CONTRACTID": "9"}, "13"),
        ({"CONTRACTTYPEID": "2"}, "9"),
        ({"LABELID": "9"}, "14"),
        ({"TEMPLATEID": "9"}, "7"),
        ({"MOBILELIST": ""}, "23"),
        ({"MOBILELIST": "84912345678,84972345678"}, "23"),
        ({"PARAMS": []}, "11"),
        ({"PARAMS": [{"NUM": "1", "CONTENT": "a" * 613}]}, "11"),
        ({"PARAMS": [{"NUM": "1", "CONTENT": "Kính báo"}]}, "17"),
        ({"PARAMS": [{"NUM": "1", "CONTENT": "Kính báo"}], "DATACODING": "8", "MOBILELIST": "84972345678"}, "17"),
        ({"PARAMS": [{"NUM": "1", "CONTENT": "Kính báo"}], "DATACODING": "8"}, "0"),
    ],
)
def test_vnpt_says_what_is_wrong(tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    async def story() -> str:
        async with client(tmp_path) as to:
            return await vnpt(to, **changes)

    assert run(story()) == code


VNPT_CODES = {Fate.INVALID: "23", Fate.OPTED_OUT: "23", Fate.CONTENT: "30", Fate.NIGHT: "8", Fate.BALANCE: "20",
              Fate.THROTTLED: "16", Fate.FAILED: "0"}  # fmt: skip


@pytest.mark.parametrize("what", VNPT_CODES)
def test_vnpts_known_numbers_have_their_codes(tmp_path: Path, what: Fate) -> None:
    number = next(one for one, fate in VNPT_NUMBERS.items() if fate is what)

    async def story() -> str:
        async with client(tmp_path) as to:
            return await vnpt(to, number[1:])

    assert run(story()) == VNPT_CODES[what]


async def advertise(to: Client, phones: list[str], **changes: Any) -> dict[str, Any]:
    document = {
        "ApiKey": ESMS.api_key, "SecretKey": ESMS.secret_key, "Phones": phones, "Content": "[QC] Kinh moi",
        "Brandname": ESMS.brandname, "SmsType": "1", "RequestId": "L1",
    }  # fmt: skip
    return await to.post("/esms/MainService.svc/json/SendMultipleSMSBrandname_json/", {**document, **changes})


THIRTY = [f"849123456{place:02d}" for place in range(30)]


@pytest.mark.parametrize(
    ("phones", "changes", "code"),
    [
        (THIRTY, {}, "100"),
        (THIRTY[:29], {}, "107"),
        ([*THIRTY[:29], "1"], {}, "107"),
        (THIRTY, {"SmsType": "2"}, "118"),
        (THIRTY, {"ApiKey": "another"}, "101"),
        (THIRTY, {"Brandname": "AI"}, "104"),
        (THIRTY, {"Phones": "84912345600"}, "107"),
        ([*THIRTY, MAGIC_PREFIX + "18"], {}, "103"),
        ([*THIRTY, MAGIC_PREFIX + "13"], {}, "146"),
    ],
)
def test_esmss_advertising_needs_thirty_numbers(
    tmp_path: Path, phones: list[str], changes: dict[str, Any], code: str
) -> None:
    async def story() -> dict[str, Any]:
        async with client(tmp_path) as to:
            return await advertise(to, phones, **changes)

    assert run(story())["CodeResult"] == code


def test_what_became_of_a_list_can_be_asked_number_by_number(tmp_path: Path) -> None:
    async def story() -> dict[str, Any]:
        async with client(tmp_path) as to:
            taken = await advertise(to, [*THIRTY[:29], MAGIC_PREFIX[1:] + "03"])
            query = {"ApiKey": ESMS.api_key, "SecretKey": ESMS.secret_key, "RefId": taken["SMSID"]}
            return await to.get("/esms/MainService.svc/json/GetSmsReceiverStatus_get", **query)

    results = [one["SentResult"] for one in run(story())["ReceiverList"]]
    assert results == [True] * 29 + [False]
