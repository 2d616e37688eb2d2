"""The web application: routes put together, and what holds for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from outreach.runtime import Runtime
from outreach.web import health, join, oauth, status, unsubscribe
from outreach.web.guard import Guard
from outreach.web.language import chosen
from outreach.web.rendering import Pages
from outreach.web.webhooks import Webhooks

_RETRY_S = "30"


def create(runtime: Runtime, *, on_stop: Callable[[], None] = lambda: None) -> FastAPI:
    """The application on a runtime; `on_stop` is called once, when the server has finished its last request."""

    webhooks = Webhooks(runtime)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        webhooks.close()
        runtime.engine.dispose()
        runtime.redis.close()
        on_stop()

    public = urlsplit(runtime.settings.public_url)
    pages = Pages(base=public.path.rstrip("/"))
    app = FastAPI(title="outreach", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(Guard, https=public.scheme == "https")
    app.router.routes.append(webhooks.route)  # first, as it is asked most
    app.include_router(health.routes(runtime))
    app.include_router(unsubscribe.routes(runtime, pages))
    app.include_router(join.routes(runtime, pages))
    app.include_router(oauth.routes(runtime, pages))
    app.include_router(status.routes(runtime, pages))
    _explain(app, runtime, pages)
    return app


def _explain(app: FastAPI, runtime: Runtime, pages: Pages) -> None:
    """Errors in words: text for programs, pages for people."""
    fallback = runtime.settings.language

    def away(request: Request, error: Exception) -> Response:
        if request.url.path.startswith("/webhooks/"):
            answer: Response = PlainTextResponse("the database does not answer; try again\n", 503)
        else:
            answer = pages.notice("away", chosen(request, fallback), status=503)
        answer.headers["Retry-After"] = _RETRY_S
        return answer

    def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        if error.status_code == 404 and not request.url.path.startswith("/webhooks/"):
            return pages.notice("missing", chosen(request, fallback), status=404)
        return PlainTextResponse(f"{error.detail}\n", error.status_code, headers=error.headers)

    for kind in (OperationalError, InterfaceError, PoolTimeoutError):
        app.add_exception_handler(kind, away)
    app.add_exception_handler(HTTPException, refused)
