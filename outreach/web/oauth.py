"""Where a provider sends the person on who lets the app use an account: the page says whether it worked, and what next.

The answer's address holds a state and a code, so nothing of it is logged, and the page has no link that could carry it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from outreach.dispatch.authorising import Given, NotAuthorised, Why
from outreach.runtime import Runtime
from outreach.web.language import preferred
from outreach.web.rendering import Pages
from outreach.web.threads import Threads
from outreach.web.wrong import WrongTries

_AT_ONCE = 2
_WAITING = 20
_STATUS: Final[Mapping[Why, int]] = {Why.NOT_ASKED: 400, Why.NO_CODE: 400, Why.NOT_TAKEN: 502, Why.NOT_KEPT: 503}


def routes(runtime: Runtime, pages: Pages) -> APIRouter:
    """`/oauth/{account}`: takes the answer to `outreach account authorise`, once."""
    router = APIRouter()
    authorising = runtime.authorising()
    threads = Threads(_AT_ONCE, queue=_WAITING)
    wrong = WrongTries()

    @router.get("/oauth/{account}")
    async def answered(account: str, request: Request) -> Response:
        language = preferred(request, runtime.settings.language)
        visitor = request.client.host if request.client else ""
        if wrong.too_many(visitor):
            return pages.notice("slow_down", language, status=429)
        if account not in runtime.makers:
            wrong.one_more(visitor)
            return pages.notice("oauth_not_asked", language, status=400)
        query = request.scope["query_string"].decode("ascii", "replace")
        try:
            given = await threads.run(lambda: authorising.answer(account, f"?{query}"))
        except NotAuthorised as error:
            wrong.one_more(visitor)
            return pages.notice(f"oauth_{error.why}", language, status=_STATUS[error.why], code=error.code or "-")
        return pages.notice(_notice(given), language, account=account)

    return router


def _notice(given: Given) -> str:
    if given.out is not None:
        return "oauth_still_out"
    return "oauth_resumed" if given.resumed else "oauth_done"
