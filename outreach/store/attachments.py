"""Files that go with e-mails: kept once by their digest, for as long as versions name them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from outreach.domain.errors import NotFound
from outreach.store.tables import attachments


def keep(connection: Connection, contents: Mapping[str, bytes]) -> None:
    """Store files by their digest; one that is there already stays as it is."""
    rows = [{"digest": digest, "content": content} for digest, content in sorted(contents.items())]
    if rows:
        connection.execute(insert(attachments).on_conflict_do_nothing(), rows)


def read(connection: Connection, digests: Iterable[str]) -> dict[str, bytes]:
    """The files with these digests; raises NotFound where one is gone."""
    wanted = set(digests)
    if not wanted:
        return {}
    rows = connection.execute(select(attachments).where(attachments.c.digest.in_(wanted)))
    found = {row.digest: bytes(row.content) for row in rows}
    if wanted - found.keys():
        raise NotFound(
            "a file that goes with the campaign's e-mails is gone from the database: load the campaign again"
        )
    return found
