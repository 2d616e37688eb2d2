"""Whether the process lives, and whether it could serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

import redis
from anyio import to_thread
from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, PlainTextResponse, Response

from outreach.domain.errors import OutreachError
from outreach.runtime import Runtime
from outreach.store import migrate
from outreach.store.engine import ready

PATIENCE_S = 3.0
"""A part that takes longer to answer counts as away."""


class Part(StrEnum):
    """What the web needs beside itself."""

    DATABASE = "database"
    SCHEMA = "schema"
    VALKEY = "valkey"


def routes(runtime: Runtime) -> APIRouter:
    """`/healthz` asks nothing of anybody; `/readyz` asks the database, its schema and Valkey."""
    router = APIRouter()

    @router.api_route("/healthz", methods=["GET", "HEAD"])
    async def healthz() -> Response:
        return PlainTextResponse("ok\n")

    @router.api_route("/readyz", methods=["GET", "HEAD"])
    async def readyz() -> Response:
        parts = await asked(runtime)
        well = all(state == "ok" for state in parts.values())
        return JSONResponse({"ready": well, **parts}, 200 if well else 503)

    return router


async def asked(runtime: Runtime) -> dict[Part, str]:
    """Each part's state: `ok`, `away`, or for the schema `outdated`; within `PATIENCE_S` seconds."""
    database, valkey = await asyncio.gather(
        _within_patience(lambda: _database(runtime)), _within_patience(lambda: _valkey(runtime))
    )
    away = {Part.DATABASE: "away", Part.SCHEMA: "away"}
    return {**(database or away), **(valkey or {Part.VALKEY: "away"})}


async def _within_patience(ask: Callable[[], dict[Part, str]]) -> dict[Part, str] | None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await to_thread.run_sync(ask, abandon_on_cancel=True)
    except (TimeoutError, OutreachError, SQLAlchemyError, redis.RedisError):
        return None


def _database(runtime: Runtime) -> dict[Part, str]:
    ready(runtime.engine)
    return {Part.DATABASE: "ok", Part.SCHEMA: "ok" if migrate.is_current(runtime.engine) else "outdated"}


def _valkey(runtime: Runtime) -> dict[Part, str]:
    return {Part.VALKEY: "ok" if runtime.redis.ping() else "away"}
