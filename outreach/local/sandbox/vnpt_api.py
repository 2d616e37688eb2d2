"""VNPT's gateway as the sandbox speaks it: `send_sms_list` with its codes; all numbers of a list are taken, or none."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from aiohttp import web

from outreach.local.sandbox.answers import Desk, fields, json_answer, shared_fate
from outreach.local.sandbox.behaviour import MAGIC_PREFIX, Fate, vnpt_fate
from outreach.local.sandbox.log import Entry, Outcome, now
from outreach.local.sandbox.parts import parts
from outreach.local.sandbox.phones import international

MAX_LENGTH: Final = 612
_VINAPHONE: Final = re.compile(r"\+84(8[1-58]|9[14])")
_OTHERS: Final = {"viettel": r"\+84(3[2-9]|86|9[678])", "mobifone": r"\+84(7[06-9]|89|9[03])"}
Refusal = tuple[Outcome, str, str]

_THROTTLED: Final[Refusal] = (Outcome.THROTTLED, "16", "Over speed")
_NUMBER: Final[Refusal] = (Outcome.REFUSED, "23", "Mobile list is invalid")
_QUOTA: Final[Refusal] = (Outcome.REFUSED, "20", "Contract package is out of quota")
_BROKEN: Final[Refusal] = (Outcome.BROKEN, "500", "")
_REFUSALS: Final[Mapping[Fate, Refusal]] = {
    Fate.CONTENT: (Outcome.REFUSED, "30", "Content has an invalid keyword"),
    Fate.NIGHT: (Outcome.REFUSED, "8", "Time is invalid"),
    Fate.BALANCE: _QUOTA,
    Fate.THROTTLED: _THROTTLED,
    Fate.BROKEN: _BROKEN,
}


class VnptApi:
    """The handler of one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._account = account = desk.config.vnpt
        self._said_right: Sequence[tuple[str, str, str, str]] = (
            ("AGENTID", account.agent_id, "15", "Agent is invalid"),
            ("USERNAME", account.username, "10", "User_name is invalid"),
            ("CONTRACTID", account.contract_id, "13", "Contract is invalid"),
            ("CONTRACTTYPEID", account.contract_type_id, "9", "Contract_type_id is invalid"),
            ("LABELID", account.label_id, "14", "Label is invalid"),
            ("TEMPLATEID", account.template_id, "7", "Template is invalid"),
        )

    def routes(self) -> list[web.RouteDef]:
        """What it answers to."""
        return [web.post(path, self.send) for path in ("/vnpt", "/vnpt/smsbn/api")]

    async def send(self, request: web.Request) -> web.StreamResponse:
        """One text, as parameter 1 of the template, to a list of numbers of one network."""
        said = (await fields(request) or {}).get("RQST")
        said = said if isinstance(said, dict) else {}
        entries = _entries(said)
        fates = [vnpt_fate(entry.to, self._desk.config.fail_share) for entry in entries]
        what = shared_fate(fates)
        refused = self._objection(said, entries, fates, what)
        if refused is not None:
            for entry in entries:
                self._desk.refuse(entry, refused[0], refused[1])
            return web.Response(status=500) if refused is _BROKEN else _reply(refused[1], refused[2])
        request_id = str(said.get("REQID", ""))
        taken = [
            replace(entry, provider_id=request_id if len(entries) == 1 else f"{request_id}:{place}")
            for place, entry in enumerate(entries)
        ]
        return await self._desk.take_all(request, taken, what, lambda: _reply("0", "success"))

    def _objection(
        self, said: Mapping[str, Any], entries: Sequence[Entry], fates: Sequence[Fate], what: Fate
    ) -> Refusal | None:
        wrong = self._mistake(said) or _wrong_list(said, entries)
        if wrong is not None:
            return wrong
        request_id = str(said.get("REQID", ""))
        if self._desk.book.by_key("vnpt", request_id) is not None:
            return Outcome.REFUSED, "33", "Request id is duplicated"
        if Fate.INVALID in fates or Fate.OPTED_OUT in fates:
            return _NUMBER
        if what is Fate.FLAKY:
            return None if all(map(self._desk.book.was_broken, entries)) else _BROKEN
        if what in _REFUSALS:
            return _REFUSALS[what]
        if self._account.messages - self._desk.book.parts_of("vnpt") < sum(one.parts for one in entries):
            return _QUOTA
        return None if self._desk.admits() else _THROTTLED

    def _mistake(self, said: Mapping[str, Any]) -> Refusal | None:
        """What is wrong with the account as it is given."""
        if said.get("name") != "send_sms_list":
            return Outcome.REFUSED, "3", "Method is invalid"
        given = f"{said.get('APIUSER', '')}:{said.get('APIPASS', '')}"
        wanted = f"{self._account.api_user}:{self._account.api_password}"
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            return Outcome.UNAUTHORISED, "1", "Username, password or IP is invalid"
        for name, right, code, text in self._said_right:
            if str(said.get(name, "")) != right:
                return Outcome.REFUSED, code, text
        return None


def _wrong_list(said: Mapping[str, Any], entries: Sequence[Entry]) -> Refusal | None:
    """What is wrong with the numbers and the text."""
    networks = {_network(one.to) for one in entries}
    if not entries or not all(international(one.to) for one in entries) or len(networks) > 1:
        return _NUMBER
    body = entries[0].body
    if not body.strip() or len(body) > MAX_LENGTH:
        return Outcome.REFUSED, "11", "Length of message is invalid"
    marked = str(said.get("DATACODING", "0")) == "8"
    if not body.isascii() and not (marked and networks <= {"vinaphone", "sandbox"}):
        return Outcome.REFUSED, "17", "Characters are invalid"
    return None


def _network(to: str) -> str:
    """The network of a number; the numbers that belong to the sandbox are one of their own."""
    if to.startswith(MAGIC_PREFIX):
        return "sandbox"
    if _VINAPHONE.match(to):
        return "vinaphone"
    return next((name for name, pattern in _OTHERS.items() if re.match(pattern, to)), "other")


def _entries(said: Mapping[str, Any]) -> list[Entry]:
    parameters = said.get("PARAMS")
    first = parameters[0] if isinstance(parameters, list) and parameters else {}
    body = str(first.get("CONTENT", "")) if isinstance(first, dict) else ""
    return [
        Entry(
            at=now(),
            channel="sms",
            to=international(phone) or phone,
            sender=str(said.get("LABELID", "")),
            body=body,
            key=str(said.get("REQID", "")),
            outcome=Outcome.ACCEPTED,
            parts=parts(body),
            provider="vnpt",
        )
        for phone in str(said.get("MOBILELIST", "")).split(",")
        if phone
    ]


def _reply(code: str, text: str) -> web.Response:
    return json_answer(200, {"RPLY": {"name": "send_sms_list", "ERROR": code, "ERROR_DESC": text}})
