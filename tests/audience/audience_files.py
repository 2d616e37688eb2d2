"""Small audience files, and what the database holds after them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from outreach.audience.importing import ImportOptions, ImportReport, import_file
from outreach.audience.units import load_official
from outreach.domain.privacy import KeyRing

TODAY = date(2026, 11, 21)
BA_DINH = "00004"
HOAN_KIEM = "00070"
DA_NANG = "48"


def load_units(engine: Engine) -> None:
    with engine.begin() as connection:
        load_official(connection)


def write(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_text("\n".join(lines) + "\n", encoding=encoding, newline="")
    return path


def bring_in(engine: Engine, keys: KeyRing, path: Path, *, source: str = "main", **options: Any) -> ImportReport:
    return import_file(engine, path, source=source, keys=keys, options=ImportOptions(today=TODAY, **options))


def counts(report: Any) -> dict[str, int]:
    """The figures that are not zero."""
    names = ("rows", "added", "updated", "closed", "unchanged", "duplicates", "rejected", "mended")
    return {name: figure for name in names if (figure := getattr(report, name, 0))}


def rejects(report: Any) -> list[dict[str, str]]:
    with Path(report.rejects_file).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def phones(engine: Engine, keys: KeyRing, name: str) -> list[str]:
    return stored_addresses(engine, keys, name, "sms")


def stored_addresses(engine: Engine, keys: KeyRing, name: str, channel: str) -> list[str]:
    query = """SELECT a.value, a.key_version FROM addresses a JOIN contacts c ON c.id = a.contact_id
               WHERE c.full_name = :name AND a.channel = :channel ORDER BY a.id"""
    with engine.connect() as connection:
        rows = connection.execute(text(query), {"name": name, "channel": channel})
        return [keys.open(row.value, row.key_version) for row in rows]


def person(engine: Engine, name: str) -> Any:
    with engine.connect() as connection:
        return connection.execute(text("SELECT * FROM contacts WHERE full_name = :name"), {"name": name}).one()


def everything(engine: Engine, source: str) -> Sequence[Any]:
    """All that is stored of a source but ids and times: equal when two imports ended the same."""
    query = """
        SELECT c.external_id, c.identity, c.kind, c.full_name, c.search_key, c.sort_key, c.birth_date, c.sex,
            c.occupation, c.language, c.unit_code, c.tags, c.attrs, g.external_id AS guardian,
            (SELECT array_agg((a.channel, a.account, a.fingerprint)::text ORDER BY a.channel, a.fingerprint)
                FROM addresses a WHERE a.contact_id = c.id) AS addresses,
            (SELECT array_agg((s.purpose, s.given_at, s.channel, s.method, s.evidence)::text ORDER BY s.purpose)
                FROM consents s WHERE s.contact_id = c.id) AS consents
        FROM contacts c LEFT JOIN contacts g ON g.id = c.guardian_id
        WHERE c.source = :source ORDER BY c.external_id
    """
    with engine.connect() as connection:
        return connection.execute(text(query), {"source": source}).all()


def last_change(engine: Engine) -> Iterable[Any]:
    with engine.connect() as connection:
        return connection.execute(text("SELECT max(updated_at), max(id), count(*) FROM contacts")).one()
