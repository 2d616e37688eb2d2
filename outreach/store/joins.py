"""Contacts who come to a bound channel by themselves: tokens used, addresses gained, moved and lost, consent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, text

from outreach.store.arrivals import Sealed
from outreach.store.segments import latest_birth

PURPOSE = "service_notice"
"""What joining a channel agrees to (Law 91/2025: consent is per purpose); advertising needs its own."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contact an arrival may mean; `path` is that of their unit, "" where they have none."""

    id: int
    full_name: str
    kind: str
    path: str


_CANDIDATE = """
    SELECT c.id, c.full_name, c.kind, coalesce(u.path, '') AS path
    FROM contacts c LEFT JOIN units u ON u.code = c.unit_code
    WHERE c.erased_at IS NULL AND NOT (c.kind = 'person' AND coalesce(c.birth_date > :adult_from, false))
"""
"""Grown-ups: what is for a child goes to the guardian, whose address it must be."""


def bearer(connection: Connection, contact: int, *, made_on: date) -> Candidate | None:
    """Whom a token for `contact` was handed to: the contact, or the guardian of one who was a child that day."""
    row = connection.execute(
        text(
            f"""
            {_CANDIDATE} AND c.id = (
                SELECT CASE WHEN k.kind = 'person' AND k.birth_date > :adult_from THEN k.guardian_id ELSE k.id END
                FROM contacts k WHERE k.id = :contact AND k.erased_at IS NULL)
            """
        ),
        {"contact": contact, "adult_from": latest_birth(18, made_on)},
    ).first()
    return None if row is None else _candidate(row)


def with_phone(connection: Connection, fingerprints: Sequence[bytes], *, today: date) -> list[Candidate]:
    """The grown-ups and businesses who have this phone number."""
    rows = connection.execute(
        text(
            f"{_CANDIDATE} AND c.id IN (SELECT a.contact_id FROM addresses a WHERE a.channel = 'sms'"
            " AND a.fingerprint = ANY(:fingerprints)) ORDER BY c.id LIMIT 50"
        ),
        {"fingerprints": list(fingerprints), "adult_from": latest_birth(18, today)},
    )
    return [_candidate(row) for row in rows]


def still_there(connection: Connection, contacts: Sequence[int], *, today: date) -> list[Candidate]:
    """Those of `contacts` who are still on record."""
    rows = connection.execute(
        text(f"{_CANDIDATE} AND c.id = ANY(:contacts) ORDER BY c.id"),
        {"contacts": list(contacts), "adult_from": latest_birth(18, today)},
    )
    return [_candidate(row) for row in rows]


def _candidate(row: Any) -> Candidate:
    return Candidate(row.id, row.full_name, row.kind, row.path)


def holders(connection: Connection, account: str, channel: str, sender: Sealed) -> list[int]:
    """The contacts who have this address on this account."""
    rows = connection.execute(
        text(
            "SELECT contact_id FROM addresses WHERE fingerprint = ANY(:fingerprints) AND channel = :channel"
            " AND account = :account ORDER BY contact_id"
        ),
        {"fingerprints": sender.values, "channel": channel, "account": account},
    )
    return [row.contact_id for row in rows]


def use(connection: Connection, contact: int, made_on: date, *, account: str, sender: Sealed, at: datetime) -> bool:
    """Use a token up; True for its first bearer, and for the same sender of the same account ever after."""
    given = {
        "contact": contact, "made_on": made_on, "account": account, "fingerprint": sender.newest, "at": at,
        "fingerprints": sender.values,
    }  # fmt: skip
    connection.execute(
        text(
            "INSERT INTO joins (contact_id, made_on, account, fingerprint, used_at)"
            " VALUES (:contact, :made_on, :account, :fingerprint, :at) ON CONFLICT DO NOTHING"
        ),
        given,
    )
    mine = text(
        "SELECT 1 FROM joins WHERE contact_id = :contact AND made_on = :made_on AND account = :account"
        " AND fingerprint = ANY(:fingerprints)"
    )
    return connection.execute(mine, given).first() is not None


def is_used(connection: Connection, contact: int, made_on: date) -> bool:
    """Whether somebody came with this token."""
    used = text("SELECT 1 FROM joins WHERE contact_id = :contact AND made_on = :made_on")
    return connection.execute(used, {"contact": contact, "made_on": made_on}).first() is not None


def add_address(connection: Connection, contact: int, *, account: str, channel: str, sender: Sealed) -> bool:
    """Give a contact the address, bound to its account; False where they have it."""
    return bool(
        connection.execute(
            text(
                """
                INSERT INTO addresses (contact_id, channel, account, fingerprint, key_version, value)
                SELECT :contact, :channel, :account, :fingerprint, :version, :value
                WHERE NOT EXISTS (SELECT 1 FROM addresses WHERE contact_id = :contact AND channel = :channel
                    AND account = :account AND fingerprint = ANY(:fingerprints))
                ON CONFLICT DO NOTHING
                """
            ),
            {
                "contact": contact, "channel": channel, "account": account, "fingerprint": sender.newest,
                "version": sender.version, "value": sender.value, "fingerprints": sender.values,
            },
        ).rowcount
    )  # fmt: skip


def remove_address(connection: Connection, *, account: str, channel: str, sender: Sealed) -> list[int]:
    """Take the address from everybody who has it on this account; returns who had."""
    rows = connection.execute(
        text(
            "DELETE FROM addresses WHERE fingerprint = ANY(:fingerprints) AND channel = :channel"
            " AND account = :account RETURNING contact_id"
        ),
        {"fingerprints": sender.values, "channel": channel, "account": account},
    )
    return sorted(row.contact_id for row in rows)


def move_address(connection: Connection, *, account: str, channel: str, old: Sealed, new: Sealed) -> list[int]:
    """Put the new address in the old one's place: planned deliveries go to it. Returns whose it is; bars move along."""
    given = {
        "old": old.values, "news": new.values, "channel": channel, "account": account, "new": new.newest,
        "version": new.version, "value": new.value,
    }  # fmt: skip
    # Who has both keeps the row that planned deliveries point at less often: the old one goes.
    connection.execute(
        text(
            """
            DELETE FROM addresses a USING addresses b WHERE a.fingerprint = ANY(:old) AND a.channel = :channel
                AND a.account = :account AND b.contact_id = a.contact_id AND b.channel = a.channel
                AND b.account = a.account AND b.fingerprint = ANY(:news)
            """
        ),
        given,
    )
    connection.execute(
        text(
            """
            INSERT INTO suppressions (fingerprint, channel, class, key_version, reason, source, created_at)
            SELECT DISTINCT ON (channel, class) CAST(:new AS bytea), channel, class, CAST(:version AS smallint),
                reason, source, created_at
            FROM suppressions WHERE fingerprint = ANY(:old) AND channel IN ('*', :channel)
            ORDER BY channel, class, created_at ON CONFLICT DO NOTHING
            """
        ),
        given,
    )
    rows = connection.execute(
        text(
            "UPDATE addresses SET fingerprint = :new, key_version = :version, value = :value"
            " WHERE fingerprint = ANY(:old) AND channel = :channel AND account = :account RETURNING contact_id"
        ),
        given,
    )
    return sorted(row.contact_id for row in rows)


def consented(
    connection: Connection, contact: int, *, channel: str, method: str, evidence: str, text_version: str, at: datetime
) -> None:
    """Take down that the contact agreed, by their own act (Law 91/2025); a repetition changes nothing."""
    connection.execute(
        text(
            """
            INSERT INTO consents (contact_id, purpose, given_at, legal_basis, text_version, channel, method, evidence)
            VALUES (:contact, :purpose, :at, 'consent', :text_version, :channel, :method, :evidence)
            ON CONFLICT DO NOTHING
            """
        ),
        {
            "contact": contact, "purpose": PURPOSE, "at": at, "text_version": text_version, "channel": channel,
            "method": method, "evidence": evidence,
        },
    )  # fmt: skip


def withdrew(connection: Connection, contacts: Sequence[int], *, channel: str, at: datetime) -> None:
    """Take down that these contacts took back what they had agreed to on a channel before `at`."""
    connection.execute(
        text(
            "UPDATE consents SET withdrawn_at = :at WHERE contact_id = ANY(:contacts) AND purpose = :purpose"
            " AND channel = :channel AND withdrawn_at IS NULL AND given_at <= :at"
        ),
        {"contacts": list(contacts), "purpose": PURPOSE, "channel": channel, "at": at},
    )


def addresses_beside(
    connection: Connection, account: str, bound: str, sender: Sealed, *, channel: str
) -> list[tuple[int, bytes]]:
    """(key version, fingerprint) of what the contacts with this address have on another channel."""
    rows = connection.execute(
        text(
            """
            SELECT DISTINCT b.key_version, b.fingerprint FROM addresses a
            JOIN addresses b ON b.contact_id = a.contact_id AND b.channel = :channel AND b.account IN ('', :account)
            WHERE a.fingerprint = ANY(:fingerprints) AND a.channel = :bound AND a.account = :account
            """
        ),
        {"account": account, "bound": bound, "fingerprints": sender.values, "channel": channel},
    )
    return [(row.key_version, row.fingerprint) for row in rows]
