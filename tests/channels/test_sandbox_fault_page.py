"""Faults changed while the sandbox runs: on its page, without JavaScript, and by programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from adapter_harness import run
from aiohttp import ClientSession
from sandbox_client import Client, client
from sandbox_harness import config

from outreach.local.sandbox import read_log
from outreach.local.sandbox.faults import Failure, Faults


async def told(one: Client, document: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    async with one.session.post(f"{one.base}/faults", json=document, headers=headers) as answer:
        return answer.status, await answer.json()


async def sent(one: Client, **form: str) -> tuple[int, str]:
    """A form of the page, the redirect followed as a browser does."""
    async with one.session.post(f"{one.base}/faults", data=form) as answer:
        return answer.status, await answer.text()


def test_a_program_switches_faults_on_and_off_while_it_runs(tmp_path: Path) -> None:
    async def story() -> list[str]:
        async with client(tmp_path) as one:
            codes = [(await one.sms(RequestId="1.1.0"))["CodeResult"]]
            assert (await told(one, {"fail": ["esms=99:100%"], "seed": 7}))[1]["faults"]["fail"] == ["esms=99:100%"]
            codes.append((await one.sms(RequestId="1.2.0"))["CodeResult"])
            assert (await told(one, {}))[0] == 200
            return [*codes, (await one.sms(RequestId="1.3.0"))["CodeResult"]]

    assert run(story()) == ["100", "99", "100"]
    assert [list(entry.faults) for entry in read_log(tmp_path)] == [[], ["fail:99"], []]


def test_the_page_shows_what_is_on_and_the_first_page_leads_there(tmp_path: Path) -> None:
    async def story() -> tuple[str, str]:
        faults = Faults((Failure("-230", 0.02, "zalo"),), late_receipts=0.02, late_by=30)
        async with client(tmp_path, faults=faults) as one:
            return await one.page("/"), await one.page("/faults")

    first, page = run(story())
    assert 'href="/faults"' in first
    assert "đang bật" in first
    assert '<html lang="vi">' in page
    assert 'name="viewport"' in page
    assert "<script" not in page
    assert "zalo=-230:2%" in page
    assert 'value="2%:30s"' in page


def test_the_form_changes_them_and_a_button_switches_all_off(tmp_path: Path) -> None:
    async def story() -> list[tuple[int, str]]:
        async with client(tmp_path) as one:
            some = await sent(
                one, fail="429:1%\r\nesms=99:2%\r\n", silent="0.05", latency="", late_receipts="", seed=""
            )
            return [some, await sent(one, off="1", fail="429:1%")]

    (status, page), (_, after) = run(story())
    assert status == 200
    assert "Đã lưu" in page
    assert "429:1%\nesms=99:2%" in page.replace("\r", "")
    assert 'value="5%"' in page
    assert "không có lỗi nào" in after


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"silent": "năm"}, "không phải là tỷ lệ"),
        ({"fail": "viber=1:5%"}, "không thuộc twilio"),
        ({"fail": "500:60%", "silent": "50%"}, "vượt quá 100 %"),
        ({"fail": "500:1%\n500:2%"}, "được ghi hai lần"),
        ({"late_receipts": "2%"}, "hãy viết tỷ lệ và thời gian trễ"),
        ({"silent": "<b>"}, "&lt;b&gt;"),
    ],
)
def test_what_cannot_be_is_told_in_vietnamese_kept_in_the_form_and_changes_nothing(
    tmp_path: Path, form: dict[str, str], message: str
) -> None:
    async def story() -> tuple[int, str, str]:
        async with client(tmp_path, faults=Faults(garbled=0.01)) as one:
            status, page = await sent(one, **form)
            return status, page, await one.page("/faults")

    status, page, after = run(story())
    assert status == 400
    assert message in page
    assert "<b>" not in page
    assert 'value="1%"' in after
    assert message not in after


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"fail": ["429"]}, "write a code and a share"),
        ({"slient": "1%"}, '"slient" is no fault; known: fail'),
        ({"seed": "x"}, "whole number"),
        ([], "JSON object"),
        ({"fail": [f"twilio={n}:0%" for n in range(20000, 20200)]}, "at most 100 codes"),
    ],
)
def test_a_program_is_told_what_cannot_be(tmp_path: Path, document: Any, message: str) -> None:
    async def story() -> tuple[int, dict[str, Any]]:
        async with client(tmp_path) as one:
            return await told(one, document)

    status, answer = run(story())
    assert status == 400
    assert message in answer["error"]


@pytest.mark.parametrize("body", [b'{"fail": ["429:5%"]', b"[" * 100_000, b"\xff", b'{"silent": null}'])
def test_what_is_no_document_of_faults_changes_nothing(tmp_path: Path, body: bytes) -> None:
    async def story() -> tuple[int, int, bool]:
        async with client(tmp_path, faults=Faults(garbled=0.01)) as one:
            headers = {"Content-Type": "application/json"}
            async with one.session.post(f"{one.base}/faults", data=body, headers=headers) as answer:
                typed = answer.status
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            async with one.session.post(f"{one.base}/faults", data=body, headers=headers) as answer:
                return typed, answer.status, "đang bật" in await one.page("/")

    assert run(story()) == (400, 400, True)


def test_a_page_of_another_site_changes_nothing(tmp_path: Path) -> None:
    async def story() -> tuple[int, bool]:
        async with client(tmp_path) as one, ClientSession() as stranger:
            headers = {"Origin": "https://evil.example"}
            async with stranger.post(f"{one.base}/faults", data={"silent": "100%"}, headers=headers) as answer:
                return answer.status, "đang tắt" in await one.page("/")

    assert run(story()) == (403, True)


def test_a_sandbox_starts_without_faults(tmp_path: Path) -> None:
    assert not config(tmp_path).faults
