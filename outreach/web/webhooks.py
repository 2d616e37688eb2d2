"""Callbacks of providers: the network side; what they mean is settled in the receipts room."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse, Response

from outreach.receipts.webhook import Callback, Verdict, take
from outreach.runtime import Runtime
from outreach.web.bodies import read_body
from outreach.web.threads import Threads

LARGEST = 256 * 1024
"""Bytes of a callback's body."""
_AT_ONCE = 32
"""Threads: receipts that come while one commit runs share the next, so nearly all of them only wait."""
_WAITING = 1000
_ANSWERS = {
    Verdict.TAKEN: (200, ""),
    Verdict.FORBIDDEN: (403, "the signature does not hold\n"),
    Verdict.UNKNOWN_ACCOUNT: (404, "there is no such account\n"),
    Verdict.UNREADABLE: (400, "this is not what the provider sends\n"),
}


def routes(runtime: Runtime) -> APIRouter:
    """`/webhooks/{account}`: acknowledged only once it is stored for good."""
    router = APIRouter()
    receiver = runtime.receiver()
    public_url = runtime.settings.public_url.rstrip("/")
    threads = Threads(_AT_ONCE, queue=_WAITING)

    @router.api_route("/webhooks/{account}", methods=["GET", "POST"])
    async def webhook(account: str, request: Request) -> Response:
        callback = _callback(request, public_url, await read_body(request, LARGEST))
        status, text = _ANSWERS[await threads.run(lambda: take(receiver, account, callback))]
        return PlainTextResponse(text, status)

    return router


def _callback(request: Request, public_url: str, body: bytes) -> Callback:
    """The request under the address the provider called: signatures cover it, and a proxy may have changed it."""
    path = request.scope["raw_path"].decode("ascii", "replace")
    query = request.scope["query_string"].decode("ascii", "replace")
    return Callback(
        method=request.method, url=f"{public_url}{path}?{query}" if query else f"{public_url}{path}",
        headers=_headers(request), query=query, body=body,
    )  # fmt: skip


def _headers(request: Request) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
