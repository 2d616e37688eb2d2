"""What Telegram tells a bot: updates, with the secret its webhook was set with; there are no receipts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Final

from outreach.local.sandbox.behaviour import Fate, chat_fate
from outreach.local.sandbox.callbacks import Call, Step, doubling
from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Deed, Entry, write_private

FILE: Final = "telegram.json"


class TelegramHook:
    """Where updates go: as `setWebhook` said last, else as configured; a restart remembers it."""

    def __init__(self, config: SandboxConfig) -> None:
        self._file: Path = config.data / FILE
        self.url = config.webhooks.get("telegram", "")
        self.secret = config.telegram.webhook_secret
        if self._file.exists():
            kept = json.loads(self._file.read_text())
            self.url, self.secret = kept["url"], kept["secret"]

    def set(self, url: str, secret: str) -> None:
        """Send updates there from now on; "" for nowhere."""
        self.url, self.secret = url, secret
        write_private(self._file, {"url": url, "secret": secret})


class TelegramCaller:
    """Updates, repeated until they are taken."""

    refusal_is_final: ClassVar[bool] = False

    def __init__(self, config: SandboxConfig, hook: TelegramHook) -> None:
        self._share = config.fail_share
        self._hook = hook

    def fate(self, to: str) -> Fate:
        """What happens to messages to a chat."""
        return chat_fate(to, self._share)

    def steps(self, entry: Entry, what: list[Step]) -> list[Step]:
        """Telegram has no receipts."""
        return []

    def waits(self) -> Iterator[float]:
        """Without an end."""
        return doubling()

    def call(self, about: Entry | Deed, step: Step, repeated: int) -> Call:
        """One update, to where updates go now."""
        headers = {"Content-Type": "application/json"}
        if self._hook.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self._hook.secret
        return Call(self._hook.url or about.callback, headers, about.body.encode())
