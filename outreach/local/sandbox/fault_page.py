"""The page on which faults are changed while the sandbox runs, and the same for programs: `/faults`."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from outreach.local.sandbox.answers import json_answer
from outreach.local.sandbox.citizens import need_own_page
from outreach.local.sandbox.fault_options import NAMES, read, shown
from outreach.local.sandbox.faults import PROVIDERS, FaultError, Faults
from outreach.local.sandbox.lots import Lots
from outreach.local.sandbox.pages import HEADERS

_log = logging.getLogger(__name__)
_SHARES_VI: Final = {
    "reset_before_read": ("Đứt kết nối, tin không được nhận", "không có gì được ghi nhận là đã gửi"),
    "reset_after_write": ("Đứt kết nối sau khi đã nhận tin", "tin đã nhận nhưng không có trả lời"),
    "silent": ("Nhận tin mà không bao giờ trả lời", "bên gửi phải chờ đến hết hạn"),
    "garbled": ("Nhận tin, trả lời không đọc được", "trang HTML thay cho JSON"),
    "lost_receipts": ("Mất báo nhận", "tin tới nơi nhưng không ai báo lại"),
    "duplicate_receipts": ("Báo nhận đến hai lần", "mỗi báo nhận được gửi lặp lại"),
    "disordered_receipts": ("Báo nhận ngược thứ tự", "báo nhận cuối đến trước"),
}
"""What each share is called on the page, and what it does."""


class FaultPage:
    """Shows what is on, and takes a form or a JSON document in its place; what is not named is switched off."""

    def __init__(self, lots: Lots) -> None:
        self._lots = lots
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
        )

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        return [web.get("/faults", self.show), web.post("/faults", self.change)]

    async def show(self, request: web.Request) -> web.Response:
        """The form with what is on."""
        return self._page(shown(self._lots.faults), saved="saved" in request.query)

    async def change(self, request: web.Request) -> web.Response:
        """Put other faults in the place of those that are on; bad ones change nothing and are told."""
        need_own_page(request)
        if request.content_type == "application/json":
            return await self._change_by_program(request)
        said: dict[str, str] = {}
        try:
            form = await request.post()
            said = {name: str(form.get(name, "")) for name in NAMES}
            if not {"off", *NAMES} & set(form):  # JSON without its media type, most likely: it must not switch all off
                raise FaultError("the form names no fault", "biểu mẫu không có lỗi nào")
            self._put(read({} if form.get("off") else said))
        except FaultError as error:
            return self._page(said, wrong=error.vi, status=400)
        except ValueError:
            return self._page(said, wrong="biểu mẫu không đọc được", status=400)
        return web.Response(status=303, headers={"Location": "/faults?saved=1"})

    async def _change_by_program(self, request: web.Request) -> web.Response:
        try:
            document = json.loads(await request.read())
            if not isinstance(document, dict):
                raise ValueError
            self._put(read(document))
        except FaultError as error:
            return json_answer(400, {"ok": False, "error": str(error)})
        except (ValueError, RecursionError):
            return json_answer(400, {"ok": False, "error": 'write a JSON object, as {"fail": ["429:5%"]}'})
        return json_answer(200, {"ok": True, "faults": shown(self._lots.faults)})

    def _put(self, faults: Faults) -> None:
        self._lots.faults = faults
        _log.info("faults changed: on=%s", bool(faults))

    def _page(
        self, values: Mapping[str, Any], *, saved: bool = False, wrong: str = "", status: int = 200
    ) -> web.Response:
        lines = {name: "\n".join(one) if isinstance(one, list) else one for name, one in values.items()}
        text = self._templates.get_template("faults.html").render(
            on=bool(self._lots.faults), values=lines, shares=_SHARES_VI, providers=PROVIDERS, saved=saved, wrong=wrong
        )
        return web.Response(status=status, text=text, content_type="text/html", headers=HEADERS)
