"""What the engine's rows say against what the providers' own log says, both ways."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from sqlalchemy import text

from outreach.domain.scope import EVERYTHING
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.local.sandbox import Entry, Outcome, read_log
from outreach.local.sandbox.behaviour import Fate, esms_fate, fate, mail_fate, user_fate, zns_fate
from outreach.local.sandbox.fault_log import FAULTS
from outreach.local.sandbox.faults import ReceiptFault
from outreach.local.sandbox.log import RECEIPTS, lines_of
from outreach.reach.explanations import explain
from outreach.store import error_counts
from tests.chaos.everything import Stage

SETTLED = {"accepted", "delivered", "read", "failed", "suppressed", "unknown"}
ARRIVED = {"delivered", "read"}
TAKEN = {"accepted", *ARRIVED}
BY_ACCEPTANCE = {"email", "telegram"}
BOUNCED = {Fate.BOUNCE: "5.1.1", Fate.FULL: "5.2.2", Fate.POLICY: "5.7.26"}
UNHEARD = {Fate.SILENT, Fate.RESET, Fate.GARBLED, Fate.DROPPED}
"""Fates of addresses whose sender never hears what came of it."""
SHARE = 0.02
"""Of recipients who fail by their address."""
_FATES = {"twilio": fate, "esms": esms_fate}


class Reckoning:
    """One look at both sides, when all is over."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @cached_property
    def rows(self) -> list[Any]:
        return list(self._stage.rows())

    @cached_property
    def log(self) -> Mapping[tuple[str, str], list[Entry]]:
        """What the providers were handed, by channel and address: each has one delivery."""
        found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
        for entry in read_log(self._stage.box.data):
            found[entry.channel, entry.to].append(entry)
        return found

    @cached_property
    def told(self) -> Mapping[str, tuple[str, str]]:
        """Status and code of the last receipt that was taken, by the provider's id."""
        return {
            line["provider_id"]: (line["status"], line["code"]) for line in lines_of(self._stage.box.data / RECEIPTS)
        }

    @property
    def all_told(self) -> bool:
        """Whether every receipt that is to come has come."""
        taken = [entry for entries in self.log.values() for entry in entries if entry.outcome is Outcome.ACCEPTED]
        return {entry.provider_id for entry in taken if _tells(entry)} <= set(self.told)

    def entries(self, row: Any) -> list[Entry]:
        """What the log has of a delivery."""
        return self.log.get((row.channel, self._stage.people[row.recipient_id].on(Channel(row.channel))), [])

    def taken(self, row: Any) -> list[Entry]:
        """The times it was accepted."""
        return [entry for entry in self.entries(row) if entry.outcome is Outcome.ACCEPTED]

    def unsettled(self) -> list[str]:
        """Deliveries that are neither final nor honestly unknown."""
        return [_name(row) for row in self.rows if row.state not in SETTLED]

    def taken_twice(self) -> list[str]:
        """Deliveries a provider accepted more than once, or under another key than theirs."""
        found = [f"{_name(row)}: {len(self.taken(row))} times" for row in self.rows if len(self.taken(row)) > 1]
        for row in self.rows:
            key = f"{row.run_id}.{row.id}.{row.generation}"
            found += [f"{_name(row)}: as {one.key}" for one in self.entries(row) if one.key not in ("", key)]
        return found

    def not_as_the_log_says(self) -> list[str]:
        """Deliveries of which the two sides say different things."""
        return [f"{_name(row)} {row.code}: {why}" for row in self.rows if (why := self._disagreement(row))]

    def _disagreement(self, row: Any) -> str:
        taken = self.taken(row)
        if not taken:
            if row.state in TAKEN:
                return "the provider never took it"
            return self._refused_otherwise(row) if row.state == "failed" else ""
        if row.state == "suppressed":
            return "the provider took it"
        end, code = self._end(taken[0])
        if end == "delivered":
            if row.channel == "zalo_oa" and row.state == "unknown":  # its receipt names nothing of ours
                return ""
            seen = self.told[taken[0].provider_id][0] == "read"
            if (row.state == "read") != seen and not _in_disorder(taken[0]):
                return "nobody says that it was read" if row.state == "read" else "a receipt says that it was read"
            return "" if row.state in ARRIVED else "a receipt says that it arrived"
        if end == "failed":
            return "" if (row.state, row.code) == ("failed", code) else f"a receipt says {code}"
        return "" if row.state in ("accepted", "unknown") else "no receipt says so"

    def _refused_otherwise(self, row: Any) -> str:
        """Whether a failed one, never taken, failed for what its provider said last."""
        refusals = [entry for entry in self.entries(row) if entry.outcome is not Outcome.ACCEPTED]
        if not refusals:
            return "the provider never refused it"
        said = refusals[-1].code
        own = row.channel not in ("telegram", "email") and not said.startswith(("4", "5"))
        return f"the provider said {said}" if own and row.code != said else ""

    def _end(self, entry: Entry) -> tuple[str, str]:
        """What its receipts, or a bounce, said of a message: delivered, failed with a code, or nothing."""
        if entry.channel == "email":
            code = BOUNCED.get(mail_fate(entry.to), "")
            return ("failed", code) if code else ("", "")
        if entry.provider_id not in self.told:
            return "", ""
        status, code = self.told[entry.provider_id]
        drawn = next((name.partition(":")[2] for name in entry.faults if name.startswith("fail:")), "")
        missed = entry.provider in _FATES and _FATES[entry.provider](entry.to, SHARE) is Fate.FAILED
        if status == "undelivered" or (status == "sent" and (drawn or missed)):  # "sent": they came in disorder
            return "failed", "status-5" if entry.provider == "esms" else (code or drawn or "30003")
        return "delivered", ""

    def unexplained(self) -> list[str]:
        """Those not reached whose reason or code says nothing to people."""
        found = []
        for row in self.rows:
            if row.state not in ("failed", "unknown", "suppressed"):
                continue
            if not row.reason:
                found.append(f"{_name(row)}: no reason")
                continue
            said = explain(DeliveryState(row.state), row.reason, Channel(row.channel))
            if not (said.vi.what and said.en.what):
                found.append(f"{_name(row)} {row.reason}: no words")
            if row.code and self._stage.accounts.advisers[row.account](row.code) is None:
                found.append(f"{_name(row)} {row.code}: no advice")
            if row.state == "failed" and not row.code and not self._had_only_statuses(row):
                found.append(f"{_name(row)} {row.reason}: no code")
        return found

    def _had_only_statuses(self, row: Any) -> bool:
        """Whether all tries met HTTP statuses and no code of the provider: then the reason alone explains it."""
        codes = {entry.code for entry in self.entries(row)}
        return row.reason == "transient" and bool(codes) and all(code.startswith(("4", "5")) for code in codes)

    def counted_without_words(self) -> list[str]:
        """Troubles as they are counted for people whose code nobody explains."""
        with self._stage.world.engine.connect() as connection:
            runs = connection.execute(text("SELECT id FROM runs")).scalars().all()
            counts = error_counts.counted(connection, runs, scope=EVERYTHING)
        advisers = self._stage.accounts.advisers
        return [f"{one.account} {one.code}" for one in counts if one.code and advisers[one.account](one.code) is None]

    def not_reached_as_proved(self) -> list[str]:
        """People whom the engine counts as reached without a proof, or does not count though there is one."""
        with self._stage.world.engine.connect() as connection:
            counted = set(connection.execute(text("SELECT contact_id FROM reached")).scalars())
        proved = {
            row.recipient_id
            for row in self.rows
            if row.state in ARRIVED or (row.state == "accepted" and row.channel in BY_ACCEPTANCE)
        }
        return [f"contact {one}" for one in sorted(counted ^ proved)]

    def in_doubt(self) -> list[Any]:
        """Deliveries of which nobody knows."""
        return [row for row in self.rows if row.state == "unknown"]

    def doubted_without_cause(self) -> list[str]:
        """Unknown ones where the log names nothing that kept the answer from coming."""
        return [_name(row) for row in self.in_doubt() if not self._cause(row)]

    def _cause(self, row: Any) -> bool:
        person = self._stage.people[row.recipient_id]
        fates = {
            Channel.SMS: fate(person.phone, SHARE), Channel.ZALO_ZNS: zns_fate(person.phone, SHARE),
            Channel.ZALO_OA: user_fate(person.user, SHARE), Channel.EMAIL: mail_fate(person.mailbox),
        }  # fmt: skip
        ambiguous = ("reset-", "silent", "garbled", "fail:50")
        named = any(name.startswith(ambiguous) for entry in self.entries(row) for name in entry.faults)
        broken = any(entry.code.startswith("50") for entry in self.entries(row))
        magic = fates.get(Channel(row.channel)) in UNHEARD or (person.n in (5, 6, 8, 9) and row.channel == "telegram")
        return named or broken or magic

    def asked_in_vain(self) -> list[str]:
        """Unknown ones that their provider has, and could be asked for."""
        askable = {name for name, account in self._stage.accounts.known.items() if account.can_ask}
        return [_name(row) for row in self.in_doubt() if row.account in askable and self.taken(row)]

    def befell(self) -> set[tuple[str, str]]:
        """Providers, and the kinds of faults that befell their messages."""
        everything = (entry for entries in self.log.values() for entry in entries)
        return {(entry.provider, name.partition(":")[0]) for entry in everything for name in entry.faults}

    def faults_told_differently(self) -> list[str]:
        """Faults that one of the sandbox's two logs has more often than the other; lists are not sent here."""
        drawn = Counter[tuple[str, str]]()
        for entry in (entry for entries in self.log.values() for entry in entries):
            drawn.update(
                (entry.provider, name) for name in entry.faults if name == ReceiptFault.LOST or _is_due(entry, name)
            )
        noted = Counter(
            (str(line["provider"]), str(line["fault"]))
            for line in lines_of(self._stage.box.data / FAULTS)
            if "key" in line
        )
        return [f"{provider} {name}" for provider, name in sorted((drawn - noted) | (noted - drawn))]

    def report(self) -> str:
        """The figures."""
        by = Counter((row.channel, row.state) for row in self.rows)
        faults = Counter(
            f"{entry.provider} {name}" for entries in self.log.values() for entry in entries for name in entry.faults
        )
        causes = Counter(f"{row.channel} {row.reason} {row.code}" for row in self.rows if row.state == "failed")
        told = {
            "states": {f"{channel} {state}": n for (channel, state), n in sorted(by.items())},
            "failed": dict(causes.most_common()), "faults": dict(sorted(faults.items())),
            "unknown": len(self.in_doubt()), "mended": dict(self._stage.mended), "holds": self._stage.throttled,
            "unknown without cause": len(self.doubted_without_cause()),
        }  # fmt: skip
        return json.dumps(told, indent=1, ensure_ascii=False)


def _in_disorder(entry: Entry) -> bool:
    """Whether the last receipt came first, so that the log's last word is not how it ended."""
    return ReceiptFault.DISORDERED in entry.faults or _fate(entry) is Fate.TWICE


def _fate(entry: Entry) -> Fate:
    judge = {
        "twilio": fate, "esms": esms_fate, "zalo": zns_fate if entry.channel == "zalo_zns" else user_fate
    }[entry.provider]  # fmt: skip
    return judge(entry.to, SHARE)


def _tells(entry: Entry) -> bool:
    """Whether receipts of an accepted message are to come."""
    if not entry.callback or ReceiptFault.LOST in entry.faults:
        return False
    return _fate(entry) is not Fate.NO_RECEIPT


def _is_due(entry: Entry, name: str) -> bool:
    """Whether a fault has happened once all is told: that of a request has, that of receipts if they come."""
    later = name.partition(":")[0] in set(ReceiptFault) or (
        name.startswith("fail:") and entry.outcome is Outcome.ACCEPTED
    )
    return _tells(entry) if later else True


def _name(row: Any) -> str:
    return f"{row.channel} {row.id} {row.state}/{row.reason}"
