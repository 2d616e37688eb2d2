"""Whom nothing reached: the people of a campaign for the community digital team to visit, with why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, exists, insert, text
from sqlalchemy import column as sql_column
from sqlalchemy import table as sql_table
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Text

from outreach.domain.scope import Scope
from outreach.domain.segments import AnyOf, Rule
from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.store.segments import names, select_contacts
from outreach.store.tables import contacts, reached

_STREAMED = 1000
"""Rows the server hands over at a time: what a list keeps in memory."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The last that was tried over a channel, and what became of it."""

    channel: Channel
    state: DeliveryState
    reason: str | None


@dataclass(frozen=True, slots=True)
class Unreached:
    """Somebody nothing reached. `heard`: a confirmed broadcast was in their earshot; the phone number is sealed."""

    contact_id: int
    name: str
    birth_date: date | None
    groups: tuple[str, ...]
    attrs: Mapping[str, str]
    unit_code: str | None
    unit: str | None
    heard: bool
    tried: Sequence[Tried]
    visited: date | None
    sealed: bytes | None
    key_version: int | None


_PEOPLE = sql_table("visit_people", sql_column("contact_id", BigInteger), sql_column("groups", ARRAY(Text)))

_TRIED = text(
    """
    CREATE TEMPORARY TABLE visit_tries ON COMMIT DROP AS
    SELECT d.recipient_id AS contact_id, d.run_id, d.subject_id, d.channel, d.unit_code,
        coalesce(l.state, d.state) AS state, CASE WHEN l.state IS NULL THEN d.reason ELSE l.reason END AS reason,
        coalesce(l.state, d.state) IN ('planned', 'sending')
            OR (coalesce(l.state, d.state) = 'accepted' AND coalesce(l.closes_at, d.closes_at) > :now) AS pending
    FROM runs r JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact'
    JOIN visit_people p ON p.contact_id = d.recipient_id
    LEFT JOIN deliveries l ON d.state = 'suppressed' AND d.reason = 'shared_address' AND l.run_id = d.run_id
        AND l.recipient_kind = 'contact' AND l.recipient_id = d.shared_with AND l.channel = d.channel
        AND l.subject_id = 0
    WHERE r.campaign = :campaign
    """
)
"""What was tried; for those at a shared address, what became of the message they share."""

_PENDING = text(
    "SELECT count(*) FROM (SELECT contact_id FROM visit_tries GROUP BY contact_id HAVING bool_or(pending)) p"
)

_LIST = text(
    """
    WITH settled AS (
        SELECT contact_id FROM visit_tries GROUP BY contact_id HAVING NOT bool_or(pending)
    ),
    last AS (
        SELECT contact_id, array_agg(channel ORDER BY channel) AS channels,
            array_agg(state ORDER BY channel) AS states, array_agg(reason ORDER BY channel) AS reasons
        FROM (
            SELECT DISTINCT ON (contact_id, channel) contact_id, channel, state, reason FROM visit_tries
            ORDER BY contact_id, channel, run_id DESC, subject_id DESC
        ) newest GROUP BY contact_id
    ),
    covered AS (
        SELECT t.run_id, t.unit_code FROM (
            SELECT DISTINCT run_id, unit_code FROM visit_tries WHERE reason = 'by_station'
        ) t JOIN units u ON u.code = t.unit_code
        CROSS JOIN LATERAL (
            SELECT bool_or(b.confirmed_at IS NOT NULL) AS confirmed
            FROM unnest(string_to_array(rtrim(u.path, '/'), '/')) WITH ORDINALITY AS a(code, depth)
            JOIN stations s ON s.unit_code = a.code JOIN broadcasts b ON b.station_id = s.id AND b.run_id = t.run_id
            GROUP BY a.depth ORDER BY a.depth DESC LIMIT 1
        ) nearest WHERE nearest.confirmed
    ),
    heard AS (
        SELECT DISTINCT t.contact_id FROM visit_tries t
        JOIN covered c ON c.run_id = t.run_id AND c.unit_code = t.unit_code WHERE t.reason = 'by_station'
    )
    SELECT c.id, c.full_name, c.birth_date, c.attrs, p.groups, c.unit_code, u.name AS unit,
        h.contact_id IS NOT NULL AS heard, l.channels, l.states, l.reasons,
        (SELECT max(v.day) FROM visits v WHERE v.contact_id = c.id AND v.undone_at IS NULL) AS visited,
        a.value AS sealed, a.key_version
    FROM visit_people p JOIN settled s ON s.contact_id = p.contact_id JOIN last l ON l.contact_id = p.contact_id
    JOIN contacts c ON c.id = p.contact_id LEFT JOIN units u ON u.code = c.unit_code
    LEFT JOIN heard h ON h.contact_id = p.contact_id
    LEFT JOIN LATERAL (
        SELECT x.value, x.key_version FROM addresses x WHERE x.contact_id = c.id AND x.channel = 'sms'
        ORDER BY x.id LIMIT 1
    ) a ON true
    WHERE :path = '' OR starts_with(u.path, :path)
    ORDER BY u.sort_key COLLATE "C", u.path, h.contact_id IS NOT NULL, c.sort_key COLLATE "C", c.id
    """
)


def gather(
    connection: Connection, campaign: str, rules: Mapping[str, Rule], today: date, now: datetime, *, scope: Scope
) -> int:
    """Take down the people of any of the rules, in the scope, whom the campaign addresses and nothing has reached.

    Returns how many of them have a message still on its way (planned, being sent, waiting for its receipt): they are
    not listed before that is settled. What is taken down lives until the transaction ends.
    """
    connection.execute(text("CREATE TEMPORARY TABLE visit_people (contact_id bigint, groups text[]) ON COMMIT DROP"))
    chosen = select_contacts(AnyOf(tuple(rules.values())), scope=scope, today=today)
    met = exists().where(reached.c.campaign == campaign, reached.c.contact_id == contacts.c.id)
    people = chosen.add_columns(names(rules, today)).where(~met)
    connection.execute(insert(_PEOPLE).from_select(["contact_id", "groups"], people))
    connection.execute(text("ANALYZE visit_people"))
    connection.execute(_TRIED, {"campaign": campaign, "now": now})
    connection.execute(text("ANALYZE visit_tries"))
    return int(connection.execute(_PENDING).scalar_one())


def unreached(connection: Connection, *, scope: Scope) -> Iterator[Unreached]:
    """The gathered people by unit and name, in Vietnamese order; in each unit those who heard a loudspeaker come last.

    The connection belongs to the list until it is exhausted.
    """
    options = {"stream_results": True, "yield_per": _STREAMED}
    for row in connection.execute(_LIST, {"path": scope.path}, execution_options=options):
        yield Unreached(
            contact_id=row.id, name=row.full_name, birth_date=row.birth_date, groups=tuple(row.groups),
            attrs=row.attrs, unit_code=row.unit_code, unit=row.unit, heard=row.heard,
            tried=tuple(
                Tried(Channel(channel), DeliveryState(state), reason)
                for channel, state, reason in zip(row.channels, row.states, row.reasons, strict=True)
            ),
            visited=row.visited, sealed=row.sealed, key_version=row.key_version,
        )  # fmt: skip
