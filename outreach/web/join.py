"""The page behind an invitation: the ways in, and how; a look changes nothing and tells nothing of anybody."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from outreach.receipts import invitations
from outreach.receipts.invitations import Standing
from outreach.runtime import Runtime
from outreach.web.language import chosen
from outreach.web.rendering import Pages, say
from outreach.web.threads import Threads
from outreach.web.wrong import WrongTries

_AT_ONCE = 4
_WAITING = 500


def routes(runtime: Runtime, pages: Pages) -> APIRouter:
    """`/j/{token}`: the links and the text to send; an old or a used invitation says so."""
    router = APIRouter()
    threads = Threads(_AT_ONCE, queue=_WAITING)
    wrong = WrongTries()

    @router.api_route("/j/{token}", methods=["GET", "HEAD"])
    async def show(token: str, request: Request) -> Response:
        language = chosen(request, runtime.settings.language)
        visitor = request.client.host if request.client else ""
        if wrong.too_many(visitor):
            return pages.notice("slow_down", language, status=429)
        today = runtime.clock.now().astimezone(runtime.settings.zone).date()
        found = await threads.run(
            lambda: invitations.show(runtime.engine, runtime.keys, runtime.accounts, token, today=today)
        )
        if found is None:
            wrong.one_more(visitor)
            return pages.notice("no_invitation", language, status=404)
        if found.standing is Standing.EXPIRED:
            return pages.notice("expired_invitation", language, status=410)
        if not found.doors:
            return pages.notice("no_doors", language)
        names = {door.channel: say(language, f"join.{door.channel}") for door in found.doors}
        used = found.standing is Standing.USED
        return pages.page("join.html", language, doors=found.doors, names=names, token=token, used=used)

    return router
