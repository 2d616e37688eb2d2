"""The journal of a host: a pair of tokens that a provider has handed out, until the database has it.

Written in the step that reads the provider's answer, so that a process killed before the commit loses nothing.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from channels.abilities import Tokens
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing

log = logging.getLogger(__name__)


class Journal:
    """The journal of one account: a sealed file for each pair, named by a keyed hash of the token that it follows."""

    def __init__(self, folder: Path | None, account: str, keys: KeyRing) -> None:
        self._folder = folder
        self._account = account
        self._keys = keys

    def keep(self, before: Tokens, after: Tokens) -> None:
        """Write down that `after` follows `before`; what cannot be written is logged, for the commit may still work."""
        if self._folder is None:
            return
        pair = {"access": after.access, "refresh": after.refresh, "expires_at": after.expires_at.isoformat()}
        content = self._keys.version.to_bytes(2, "big") + self._keys.seal(json.dumps(pair))
        try:
            self._write(self._files(self._folder, before)[0], content)
        except OSError as error:
            log.error("no journal of the new token: account=%s error=%s", self._account, type(error).__name__)

    def successor(self, before: Tokens) -> Tokens | None:
        """The pair that was won with `before`, and perhaps never stored; None where there is none."""
        if self._folder is None:
            return None
        for file in self._files(self._folder, before):
            try:
                content = file.read_bytes()
                pair = json.loads(self._keys.open(content[2:], int.from_bytes(content[:2], "big")))
                return Tokens(pair["access"], pair["refresh"], datetime.fromisoformat(pair["expires_at"]))
            except FileNotFoundError:
                continue
            except (OSError, OutreachError, ValueError, KeyError, TypeError) as error:
                log.error("a journal cannot be read: account=%s error=%s", self._account, type(error).__name__)
        return None

    def forget(self, before: Tokens) -> None:
        """The successor of `before` is stored: its file is not needed any more."""
        if self._folder is None:
            return
        for file in self._files(self._folder, before):
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def _files(self, folder: Path, before: Tokens) -> list[Path]:
        """Its file under every key version, the newest first."""
        marks = self._keys.fingerprints(f"successor of {self._account}: {before.refresh}")
        return [folder / f"{self._account}.{mark.hex()[:32]}" for _, mark in marks]

    def _write(self, file: Path, content: bytes) -> None:
        """Atomically, for this user alone, and safe from a crash of the host."""
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.{os.getpid()}.part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
