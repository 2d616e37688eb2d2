"""A journal of new tokens: written, sealed, in the step that reads a provider's answer, so that a kill loses none.

Between that answer and the commit the new pair is known to this process alone, and its forerunner is used up. What is
found here at the next renewal is stored instead of asking the provider again.
"""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from channels.abilities import Tokens
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenJournal:
    """One file an account in `folder` of this machine (mode 600), gone once its pair is committed."""

    folder: Path
    keys: KeyRing

    def write(self, account: str, before: Tokens, fresh: Tokens) -> None:
        """Take down the pair that followed `before`, durably; a disk that fails costs only this precaution."""
        document = {
            "follows": self.keys.fingerprint(_label(account, before)).hex(),
            "version": self.keys.version,
            "pair": base64.b64encode(self.keys.seal(_written(fresh))).decode(),
        }
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._file(account).with_suffix(".new")
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w") as stream:
                json.dump(document, stream)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self._file(account))
            _settle(self.folder)
        except OSError as error:
            log.error("a new token could not be taken down: account=%s error=%s", account, type(error).__name__)

    def successor(self, account: str, before: Tokens) -> Tokens | None:
        """The pair that followed `before`, where a process was killed before it could commit it."""
        try:
            document: Mapping[str, Any] = json.loads(self._file(account).read_text())
            marks = {mark.hex() for _, mark in self.keys.fingerprints(_label(account, before))}
            if document["follows"] not in marks:
                return None
            sealed = base64.b64decode(document["pair"])
            return _read(self.keys.open(sealed, int(document["version"])))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, OutreachError) as error:
            log.error("the journal of tokens cannot be read: account=%s error=%s", account, type(error).__name__)
            return None

    def forget(self, account: str) -> None:
        """The pair is committed."""
        try:
            self._file(account).unlink(missing_ok=True)
        except OSError as error:
            log.warning("the journal of tokens stays: account=%s error=%s", account, type(error).__name__)

    def _file(self, account: str) -> Path:
        return self.folder / f"{account}.token"


def _label(account: str, before: Tokens) -> str:
    return f"journal of {account}: {before.refresh}"


def _written(pair: Tokens) -> str:
    return json.dumps({"access": pair.access, "refresh": pair.refresh, "expires_at": pair.expires_at.isoformat()})


def _read(text: str) -> Tokens:
    found = json.loads(text)
    return Tokens(found["access"], found["refresh"], datetime.fromisoformat(found["expires_at"]))


def _settle(folder: Path) -> None:
    """Let the new name outlive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
