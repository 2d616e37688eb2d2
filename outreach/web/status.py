"""The front page: campaigns and how far they are, in counts; open to everyone, so nothing personal is on it."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from outreach.runtime import Runtime
from outreach.web.language import chosen
from outreach.web.overview import Group, Overviews, Progress
from outreach.web.rendering import STYLE, Pages
from outreach.web.threads import Threads

_RENEWED_S = 10
_AT_ONCE = 4
_WAITING = 100
_BAR = 1000


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a progress bar of `_BAR` units."""

    group: Group
    n: int
    start: float
    width: float


def routes(runtime: Runtime, pages: Pages) -> APIRouter:
    """`/` and its style sheet."""
    router = APIRouter()
    overviews = Overviews(runtime)
    threads = Threads(_AT_ONCE, queue=_WAITING)

    @router.api_route("/", methods=["GET", "HEAD"])
    async def front(request: Request) -> Response:
        language = chosen(request, runtime.settings.language)
        seen = await threads.run(overviews.latest)
        return pages.page(
            "status.html", language, seen=seen, slices=slices, bar=_BAR, seconds=_RENEWED_S,
            at=seen.at.astimezone(runtime.settings.zone),
        )  # fmt: skip

    @router.get("/style.css")
    async def style() -> Response:
        return Response(STYLE, media_type="text/css", headers={"Cache-Control": "public, max-age=86400"})

    return router


def slices(progress: Progress) -> list[Slice]:
    """The bar of a campaign: every group in its order, also the empty ones (their width is 0)."""
    made: list[Slice] = []
    start = 0.0
    for group in Group:
        n = progress.groups.get(group, 0)
        width = _BAR * n / max(1, progress.total)
        made.append(Slice(group, n, round(start, 2), round(width, 2)))
        start += width
    return made
