"""Callbacks of providers: the network side; what they mean is settled in the receipts room."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from outreach.receipts.webhook import Arrived, Aside, Callback, Verdict, take_all
from outreach.runtime import Runtime
from outreach.web.batches import Batches
from outreach.web.bodies import read_body
from outreach.web.threads import Threads

LARGEST = 256 * 1024
"""Bytes of a callback's body."""
_TOGETHER = 200
"""Callbacks in one transaction."""
_AT_ONCE = 8
"""Threads for what has a transaction of its own: half the connections, so that pages get theirs."""
_WAITING = 1000
_PATH = "/webhooks/{account}"
_ANSWERS = {
    Verdict.TAKEN: (200, ""),
    Verdict.FORBIDDEN: (403, "the signature does not hold\n"),
    Verdict.UNKNOWN_ACCOUNT: (404, "there is no such account\n"),
    Verdict.UNREADABLE: (400, "this is not what the provider sends\n"),
}


class Webhooks:
    """ASGI application of `/webhooks/{account}`: a callback is acknowledged only once it is stored for good.

    The bare protocol, as it is asked more than all pages together: a framework's ways of finding and checking a
    function's arguments cost several times what is left.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._receiver = runtime.receiver()
        self._public_url = runtime.settings.public_url.rstrip("/")
        self._batches: Batches[Arrived, Verdict | Aside] = Batches(
            lambda given: take_all(self._receiver, given), most=_TOGETHER, queue=_WAITING
        )
        self._threads = Threads(_AT_ONCE, queue=_WAITING)
        self.route = Route(_PATH, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one callback; raises HTTPException and the database's errors."""
        scope["route"] = self.route
        if scope["method"] not in ("GET", "POST"):
            raise HTTPException(405, headers={"Allow": "GET, POST"})
        body = await read_body(Request(scope, receive), LARGEST)
        status, text = _ANSWERS[
            await self._taken(Arrived(scope["path_params"]["account"], self._callback(scope, body)))
        ]
        await PlainTextResponse(text, status)(scope, receive, send)

    def close(self) -> None:
        """Let go of thread and connections."""
        self._batches.close()
        self._receiver.close()

    async def _taken(self, arrived: Arrived) -> Verdict:
        found = await self._batches.do(arrived)
        if isinstance(found, Aside):
            return await self._threads.run(lambda: found.take(self._receiver))
        return found

    def _callback(self, scope: Scope, body: bytes) -> Callback:
        """The request under the address the provider called: signatures cover it, and a proxy may have changed it."""
        path = scope["raw_path"].decode("ascii", "replace")
        query = scope["query_string"].decode("ascii", "replace")
        url = f"{self._public_url}{path}?{query}" if query else f"{self._public_url}{path}"
        return Callback(scope["method"], url, _headers(scope), query, body)


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
