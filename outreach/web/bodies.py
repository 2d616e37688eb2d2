"""Reading a request's body with a limit on its size and on the time it may take."""

from __future__ import annotations

import asyncio

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

_SLOWEST_S = 15.0


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body; raises HTTPException 413 as soon as it is more than `limit` bytes, 408 when it comes too slowly."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(_SLOWEST_S):
            return await _all_of(request, limit)
    except TimeoutError:
        raise HTTPException(408, "the body came too slowly", {"Connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400, "the body is not complete") from None


async def _all_of(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"the body is larger than {limit} bytes", {"Connection": "close"})
