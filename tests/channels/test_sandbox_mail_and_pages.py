"""The sandbox as a mail server, and the pages that show what each citizen would have received."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import pytest
from adapter_harness import run
from aiohttp import ClientSession
from sandbox_harness import PERSON, TEXT, mail_to, message, outcome, sandbox, sms_to

from channels.contract import Accepted, ErrorKind, SendError
from outreach.local.sandbox import Outcome, Ports, read_log
from outreach.local.sandbox.behaviour import Fate
from outreach.local.sandbox.book import phone_id
from outreach.local.sandbox.log import Entry, RequestLog


def test_an_e_mail_is_received_and_written_down(tmp_path: Path) -> None:
    async def story() -> None:
        async with sandbox(tmp_path) as ports:
            adapter = mail_to(ports, username="any", password="thing")
            await adapter.send(message("dan@thu.example", key="5.1.2"))
            await adapter.aclose()

    run(story())
    (entry,) = read_log(tmp_path)
    assert (entry.channel, entry.to, entry.key, entry.subject) == ("email", "dan@thu.example", "5.1.2", "Giấy hẹn")
    assert entry.body.strip() == TEXT
    assert "<b>bà con</b>" in entry.html


def test_the_key_of_an_e_mail_is_read_from_its_bounce_address(tmp_path: Path) -> None:
    async def story() -> None:
        async with sandbox(tmp_path) as ports:
            adapter = mail_to(ports, bounce_address="tra+lai@tinh.example")
            await adapter.send(message("dan@thu.example", key="5.1.2"))
            await outcome(adapter, message("sandbox-invalid@thu.example", key="5.1.3"))
            await adapter.aclose()

    run(story())
    assert [entry.key for entry in read_log(tmp_path)] == ["5.1.2", "5.1.3"]


@pytest.mark.parametrize(
    ("what", "kind", "noted"),
    [
        (Fate.INVALID, ErrorKind.REJECTED, [Outcome.REFUSED]),
        (Fate.BROKEN, ErrorKind.TRANSIENT, [Outcome.BROKEN]),
        (Fate.CONTENT, ErrorKind.REJECTED, [Outcome.REFUSED]),
        (Fate.SILENT, ErrorKind.UNCERTAIN, [Outcome.ACCEPTED]),
        (Fate.RESET, ErrorKind.UNCERTAIN, [Outcome.ACCEPTED]),
        (Fate.DROPPED, ErrorKind.UNCERTAIN, []),
    ],
)
def test_a_magic_mailbox_has_its_fate(tmp_path: Path, what: Fate, kind: ErrorKind, noted: list[Outcome]) -> None:
    async def story() -> Accepted | SendError:
        async with sandbox(tmp_path) as ports:
            adapter = mail_to(ports)
            result = await outcome(adapter, message(f"sandbox-{what}@thu.example"))
            await adapter.aclose()
            return result

    error = run(story())
    assert isinstance(error, SendError)
    assert error.kind is kind
    assert [entry.outcome for entry in read_log(tmp_path)] == noted


async def page(ports: Ports, path: str) -> tuple[int, str, str]:
    async with ClientSession() as session, session.get(f"http://127.0.0.1:{ports.http_port}{path}") as answer:
        return answer.status, await answer.text(), answer.headers.get("Content-Security-Policy", "")


def test_a_page_shows_what_each_citizen_would_have_received(tmp_path: Path) -> None:
    async def story() -> tuple[str, str, str, int]:
        async with sandbox(tmp_path) as ports:
            sms, mail = sms_to(ports), mail_to(ports)
            await sms.send(message())
            await mail.send(message("dan@thu.example"))
            _, listed, _ = await page(ports, "/")
            phones = re.findall(r'href="(/phone/[^"]+)"', listed)
            assert len(phones) == 2
            _, letterbox, _ = await page(ports, phones[0])
            _, phone, policy = await page(ports, phones[1])
            status, _, _ = await page(ports, "/phone/0000")
            assert "default-src 'none'" in policy
            assert not any(PERSON[1:] in path or "dan" in path for path in phones)
            await sms.aclose()
            await mail.aclose()
            return listed, phone, letterbox, status

    listed, phone, letterbox, missing = run(story())
    for shown in (listed, phone, letterbox):
        assert "HỘP CÁT" in shown
        assert '<html lang="vi">' in shown
        assert "<script" not in shown
    assert PERSON in listed
    assert "0 tin không tới được" in listed
    assert re.search(r"[0-9]{2}:[0-9]{2}:[0-9]{2}</time>", phone)
    assert "đến hạn &lt;ngày mai&gt;" in phone
    assert "Giấy hẹn" in letterbox
    assert '<iframe sandbox="allow-popups allow-popups-to-escape-sandbox"' in letterbox
    assert "&lt;p&gt;Chào &lt;b&gt;bà con" in letterbox
    assert 'action="/citizen/sms"' in phone
    assert 'action="/citizen/sms"' not in letterbox
    assert missing == 404


@pytest.mark.parametrize(("part", "found"), [("0912", 1), ("84912345", 1), ("5678", 2), ("DAN@", 1), ("khong-co", 0)])
def test_a_recipient_is_found_by_a_part_of_their_address_and_no_url_has_it(
    tmp_path: Path, part: str, found: int
) -> None:
    addresses = [("sms", "+84912345678"), ("sms", "+84333345678"), ("email", "dan@thu.example")]
    with closing(RequestLog(tmp_path)) as log:
        for number, (channel, to) in enumerate(addresses):
            log.add(Entry("2026-11-23T18:30:05+00:00", channel, to, "+1", "Chào", "", Outcome.ACCEPTED, f"M{number}"))

    async def story() -> str:
        async with sandbox(tmp_path) as ports, ClientSession() as session:
            address = f"http://127.0.0.1:{ports.http_port}/"
            async with session.post(address, data={"q": part}) as answer:
                return await answer.text()

    listed = run(story())
    assert len(re.findall(r'href="/phone/', listed)) == found
    assert ("Không có người nhận nào" in listed) == (not found)


def test_addresses_of_one_citizen_lead_to_each_other_once_they_shared_their_number(tmp_path: Path) -> None:
    async def story() -> tuple[str, str]:
        async with sandbox(tmp_path) as ports, ClientSession() as session:
            deed = {"user_id": "77", "event": "user_submit_info", "name": "Hùng", "phone": "0912345678"}
            await session.post(f"http://127.0.0.1:{ports.http_port}/citizen/zalo", json=deed)
            _, one, _ = await page(ports, f"/phone/{phone_id('77')}")
            _, other, _ = await page(ports, f"/phone/{phone_id('+84912345678')}")
            return one, other

    one, other = run(story())
    assert f'<a href="/phone/{phone_id("+84912345678")}">+84912345678</a>' in one
    assert f'<a href="/phone/{phone_id("77")}">77</a>' in other


def test_times_are_those_of_vietnam_and_what_did_not_arrive_is_counted(tmp_path: Path) -> None:
    with closing(RequestLog(tmp_path)) as log:
        log.add(Entry("2026-11-23T18:30:05.250+00:00", "sms", PERSON, "+1", "Chào", "1.1.1", Outcome.ACCEPTED, "SM1"))
        log.add_receipt("SM1", "undelivered", "30003")

    async def story() -> tuple[str, str]:
        async with sandbox(tmp_path) as ports:
            _, listed, _ = await page(ports, "/")
            [phone] = re.findall(r'href="(/phone/[^"]+)"', listed)
            return listed, (await page(ports, phone))[1]

    listed, phone = run(story())
    assert "1 tin không tới được" in listed
    assert "24/11/2026 01:30:05" in phone
    assert "không tới được (30003)" in phone
