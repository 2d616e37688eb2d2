"""Planning in SQL: what every channel's planning shares. An audience becomes deliveries set-wise.

Planning and the forecast use the same statements; they differ in the table the rows go to.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from outreach.domain.accounts import Account
from outreach.domain.words import Channel, Lane, MessageClass
from outreach.store.sharing import choice, choice_values

_PLANNER = 0x706C616E  # "plan"

GO_ON = (
    "no_address", "no_account", "opted_out", "hard_bounce", "do_not_call", "no_consent", "under_age", "capped",
    "no_station", "window_closed",
)  # fmt: skip
"""Reasons for leaving somebody out of one channel that send them on to the next one at once.

Never `trial`: whoever is kept from a real message must not get it by another way.
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One channel of a run, ready to be planned.

    `due`: when it may leave, open hours counted in. `not_after`: how long after that it is still worth sending.
    `cap`: most messages per address and class in the 24 hours before `due` (None: uncapped). `follows`: another channel
    comes after it in a cascade. `resting`: accounts taken only where no other serves. `batch`: people join a run that
    has rows already. `trial`: the campaign writes to listed test addresses only.
    """

    run: int
    index: int
    channel: Channel
    message_class: MessageClass
    lane: Lane
    due: datetime
    not_after: timedelta
    wait: timedelta
    follows: bool
    cap: int | None
    today: date
    accounts: Sequence[Account]
    resting: Collection[str] = ()
    batch: bool = False
    target: str = "deliveries"
    trial: bool = False

    @property
    def trial_accounts(self) -> list[str]:
        """The accounts that write to listed test addresses only."""
        return [account.name for account in self.accounts if account.trial]

    @property
    def in_trial(self) -> bool:
        """Whether anybody of this step may be left out for not being on the list."""
        return self.trial or bool(self.trial_accounts)

    def values(self) -> dict[str, Any]:
        """The step as bound values."""
        return {
            "run": self.run,
            "step": self.index,
            "channel": str(self.channel),
            "addressed": str(self.channel.addressed_by),
            "class": str(self.message_class),
            "lane": str(self.lane),
            "due": self.due,
            "expires": self.due + self.not_after,
            "adult_from": _years_before(self.today, 18),
            "cap": self.cap,
            "day": self.today,
            **({"trial": self.trial, "trial_accounts": self.trial_accounts} if self.in_trial else {}),
        }


ROW = """
    INSERT INTO {target} (run_id, recipient_kind, recipient_id, channel, subject_id, step, address_id,
        fingerprint, unit_code, account, lane, state, reason, due_at, next_attempt_at, expires_at, shared_with,
        cascade_at)
"""


_CONDITIONS = (
    "run_id, recipient_kind, recipient_id, channel, subject_id, account, lane, state, reason, next_attempt_at,"
    " expires_at, child_id, lease_until, provider_id, sent_at, closes_at, cascade_at, shared_with, proved"
)
"""Columns of deliveries by which statements choose rows; looking at the others took a third of the time."""


def one_planner(connection: Connection) -> None:
    """Wait for the planner's lock, held until the transaction ends: caps are counted by one planner at a time."""
    make_room(connection)
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _PLANNER})


def make_room(connection: Connection) -> None:
    """Let this transaction sort and hash a million people in memory (about 200 MB at the most)."""
    connection.execute(text("SET LOCAL work_mem = '64MB'"))


def fresh_later(connection: Connection) -> None:
    """Make the empty table `later`: those whom a channel leaves out and who go on to the next."""
    connection.execute(text("DROP TABLE IF EXISTS later"))
    connection.execute(
        text("CREATE TEMPORARY TABLE later (contact_id bigint, subject_id bigint, unit_code text) ON COMMIT DROP")
    )


def counted(step: Step, rows: str = "settled") -> str:
    """SQL that adds the rows of a CTE to the counters; "" for a forecast."""
    if step.target != "deliveries":
        return ""
    return f"""
, counted AS (
    INSERT INTO run_counts (run_id, channel, state, shard, n)
    SELECT :run, :channel, state, 0, count(*) FROM {rows} GROUP BY state
    ON CONFLICT (run_id, channel, state, shard) DO UPDATE SET n = run_counts.n + excluded.n
)
"""


def account_of(step: Step) -> str:
    """SQL for the account of a row (`sharing.choice`)."""
    return choice(step.channel, step.accounts)


def account_values(step: Step) -> dict[str, Any]:
    """The values `account_of` binds."""
    return choice_values(step.channel, step.accounts, step.resting)


def narrow_to_left_out(connection: Connection) -> int:
    """Keep in `audience` only those whom the channel just planned left out for a reason that sends them on."""
    connection.execute(text("DROP TABLE audience"))
    connection.execute(text("ALTER TABLE later RENAME TO audience"))
    connection.execute(text("ANALYZE audience (contact_id, subject_id)"))
    return int(connection.execute(text("SELECT count(*) FROM audience")).scalar_one())


def refresh_statistics(connection: Connection) -> None:
    """Let the query planner know of a large run before workers claim from it; autovacuum soon looks at the rest."""
    connection.execute(text(f"ANALYZE deliveries ({_CONDITIONS}), run_counts"))


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)
