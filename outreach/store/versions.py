"""Frozen versions as the domain knows them, read once a process: they never change."""

from __future__ import annotations

from threading import Lock

from sqlalchemy import Connection, select

from outreach.domain.errors import NotFound
from outreach.domain.frozen import Frozen
from outreach.store import attachments, campaigns
from outreach.store.tables import campaign_versions

_KEPT = 64
_cache: dict[tuple[str, int], Frozen] = {}
_lock = Lock()


def kept_version(digest: str, shift_days: int) -> Frozen | None:
    """The version with this digest where this process has read it before."""
    with _lock:
        return _cache.get((digest, shift_days))


def read_version(connection: Connection, slug: str, n: int, shift_days: int) -> Frozen:
    """Version `n` of a campaign with its dates moved by `shift_days`; raises NotFound."""
    asked = select(campaign_versions.c.hash).where(campaign_versions.c.slug == slug, campaign_versions.c.n == n)
    digest = connection.execute(asked).scalar_one_or_none()
    if digest is None:
        raise NotFound(f"campaign {slug!r} has no version {n}")
    kept = kept_version(digest, shift_days)
    if kept is not None:
        return kept
    found = campaigns.version(connection, slug, n)
    digests = [one["digest"] for source in found.templates.values() for one in source.get("attachments", ())]
    files = attachments.read(connection, digests)
    frozen = Frozen.from_json(found.definition, found.templates, found.segments, shift_days, files)
    with _lock:
        while len(_cache) >= _KEPT:
            _cache.pop(next(iter(_cache)))
        _cache[digest, shift_days] = frozen
    return frozen
