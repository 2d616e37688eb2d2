"""How each provider says that something is wrong: a failure drawn by lot, as its own interface would tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from outreach.local.sandbox.faults import is_status
from outreach.local.sandbox.log import Outcome

_TEXT: Final = "the sandbox pretends"
_THROTTLED: Final = frozenset({("", "429"), ("twilio", "20429"), ("zalo", "-32"), ("vnpt", "16")})
_UNAUTHORISED: Final = frozenset(
    {("", "401"), ("twilio", "20003"), ("esms", "101"), ("vnpt", "1"), ("zalo", "-124"), ("zalo", "-216"),
     ("zalo", "-220")}
)  # fmt: skip


def _reply(status: int, document: Mapping[str, Any]) -> web.Response:
    return web.json_response(document, status=status)


def _twilio(code: int) -> web.Response:
    return _reply(400, {"code": code, "message": _TEXT, "status": 400})


def _esms(code: str) -> web.Response:
    return _reply(200, {"CodeResult": code, "CountRegenerate": 0, "ErrorMessage": _TEXT})


_OWN: Final[Mapping[str, Callable[[str], web.Response]]] = {
    "twilio": lambda code: _twilio(int(code)),
    "esms": _esms,
    "speedsms": lambda code: _reply(200, {"status": "error", "code": code, "message": _TEXT, "invalidPhone": []}),
    "vnpt": lambda code: _reply(200, {"RPLY": {"name": "send_sms_list", "ERROR": code, "ERROR_DESC": _TEXT}}),
    "zalo": lambda code: _reply(200, {"error": int(code), "message": _TEXT}),
}


def saying(provider: str, code: str) -> web.Response:
    """The answer of a provider that fails with this code."""
    if not is_status(code):
        return _OWN[provider](code)
    if provider == "telegram":
        more = {"parameters": {"retry_after": 1}} if code == "429" else {}
        return _reply(int(code), {"ok": False, "error_code": int(code), "description": _TEXT, **more})
    return web.Response(status=int(code), text="busy", headers={"Retry-After": "1"} if code == "429" else {})


def outcome_of(provider: str, code: str) -> Outcome:
    """What the log says of a message that failed with this code."""
    whose = "" if is_status(code) else provider
    if (whose, code) in _THROTTLED:
        return Outcome.THROTTLED
    if (whose, code) in _UNAUTHORISED:
        return Outcome.UNAUTHORISED
    broken = is_status(code) and (code.startswith("5") if provider != "smtp" else code.startswith("4"))
    return Outcome.BROKEN if broken else Outcome.REFUSED
