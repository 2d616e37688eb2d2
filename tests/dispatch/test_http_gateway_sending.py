"""A gateway nobody wrote code for, on the whole way: planned, sent, called back, delivered; and a citizen's refusal."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from aiohttp import web

from outreach.dispatch.accounts_file import load_accounts
from outreach.dispatch.loop import SendingLoop
from outreach.domain.words import Lane
from outreach.receipts.receiver import Receiver
from outreach.receipts.webhook import Callback, Verdict, take
from tests.channels.zalo_server import serving
from tests.sending import child_of
from tests.world import World

ACCOUNTS = """
[accounts.sms-xa]
channel = "sms"
provider = "http"
url = "http://127.0.0.1:{port}/send"
body = {{so = "{{to_national}}", noi_dung = "{{text}}", ma = "{{key}}", goi_lai = "{{callback_url}}"}}
success = {{path = "ket_qua", values = ["1"]}}
id_path = "id"
rate = "1000/s"

[accounts.sms-xa.callback]
secret = "a secret of these tests alone"
id_path = "id"
status_path = "trang_thai"
statuses = {{da_nhan = "delivered", loi = "failed"}}
sender_path = "tu"
text_path = "tin"
"""
CAMPAIGN = """
    campaign: thu
    title: Thử
    issuer: UBND xã
    starts: 2026-01-01
    ends: 2027-12-31
    messages:
      - id: chao
        segment: {kind: person}
        text: {sms: "Kinh chao ong/ba"}
        channels: [sms]
        schedule: {at: launch}
"""


class Gateway:
    """Takes what it is given."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        said = await request.json()
        with self._lock:
            self.taken.append(said)
            return web.json_response({"ket_qua": 1, "id": f"g{len(self.taken)}"})


def test_it_is_sent_called_back_and_delivered_and_a_refusal_is_heard(
    world: World, redis_url: str, tmp_path: Path
) -> None:
    gateway = Gateway()
    with serving(gateway) as port:
        file = tmp_path / "accounts.toml"
        file.write_text(ACCOUNTS.format(port=port))
        accounts = load_accounts(file, timeout=2.0)
        loop = SendingLoop(accounts.makers)
        child = child_of(world, accounts.known, loop, redis_url, public_url="https://tin.example.vn")
        for n in range(3):
            world.person(f"P{n}", phone=f"+8491200000{n}")
        world.launch(CAMPAIGN)
        world.plan()
        assert child.drain("sms-xa", Lane.BULK).sent == 3
        loop.close()
    assert {one["so"] for one in gateway.taken} == {f"091200000{n}" for n in range(3)}
    adapters = {name: make() for name, make in accounts.makers.items()}
    receiver = Receiver(world.engine, adapters, accounts.known, world.keys, world.clock)

    def called(address: str, **said: str) -> Verdict:
        query = address.partition("?")[2]
        return take(receiver, "sms-xa", Callback("POST", address, {}, query, json.dumps(said).encode()))

    first, second, third = gateway.taken
    assert called(first["goi_lai"], id="g1", trang_thai="da_nhan") is Verdict.TAKEN
    assert called(first["goi_lai"], id="g1", trang_thai="da_nhan") is Verdict.TAKEN
    assert called(second["goi_lai"], id="g2", trang_thai="loi") is Verdict.TAKEN
    assert called(first["goi_lai"].replace("&t=", "&t=0"), id="g3", trang_thai="da_nhan") is Verdict.FORBIDDEN
    assert sorted(row.state for row in world.rows()) == ["accepted", "delivered", "failed"]
    assert called(third["goi_lai"], id="in1", tu="+84912000002", tin="TC") is Verdict.TAKEN
    assert world.counts_agree()
    assert [row.reason for row in world.barred()] == ["opted_out"]
