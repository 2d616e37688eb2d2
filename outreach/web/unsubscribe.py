"""Unsubscribe links (RFC 8058): a look changes nothing, a POST refuses; the token is the whole capability."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from outreach.receipts import refusal
from outreach.runtime import Runtime
from outreach.web.bodies import read_body
from outreach.web.language import preferred
from outreach.web.rendering import Pages, say
from outreach.web.threads import Threads

_LARGEST = 16 * 1024
_AT_ONCE = 4
_WAITING = 200


def routes(runtime: Runtime, pages: Pages) -> APIRouter:
    """`/u/{token}`: GET shows what would be refused, POST refuses it; nothing personal on either page."""
    router = APIRouter()
    engine, keys = runtime.engine, runtime.keys
    threads = Threads(_AT_ONCE, queue=_WAITING)

    @router.api_route("/u/{token}", methods=["GET", "HEAD"])
    async def show(token: str, request: Request) -> Response:
        language = preferred(request, runtime.settings.language)
        found = await threads.run(lambda: refusal.show(engine, keys, token))
        if found is None:
            return pages.notice("no_link", language, status=404)
        channel = say(language, f"channel.{found.channel}")
        return pages.page("refuse.html", language, campaign=found.campaign_title, channel=channel)

    @router.post("/u/{token}")
    async def refuse(token: str, request: Request) -> Response:
        await read_body(request, _LARGEST)  # `List-Unsubscribe=One-Click`, from a mail program or from our form
        language = preferred(request, runtime.settings.language)
        found = await threads.run(lambda: refusal.refuse(engine, keys, token))
        if found is None:
            return pages.notice("no_link", language, status=404)
        return pages.notice("refused", language, channel=say(language, f"channel.{found.channel}"))

    return router
