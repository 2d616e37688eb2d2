"""The event loop of a worker child: a thread that lives as long as the process, with one adapter per account."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

from channels.abilities import TokenHolder
from channels.contract import Adapter
from outreach.dispatch.vault import AccountVault

T = TypeVar("T")
AdapterMaker = Callable[[], Adapter]
VaultOpener = Callable[[str, str], AccountVault]
"""Makes the vault of an account (its name) whose chain of tokens begins with a configured refresh token."""
_LONGEST_CLOSE = 45.0
"""Seconds; a renewal of tokens under way is waited for, or its token would be lost."""


class SendingLoop:
    """Runs coroutines beside the caller's thread; adapters are made inside it, once, when first used.

    Those whose provider rotates tokens get their vault from `open_vault`; without it they cannot send.
    """

    def __init__(self, makers: Mapping[str, AdapterMaker], open_vault: VaultOpener | None = None) -> None:
        self._makers = makers
        self._open_vault = open_vault
        self._vaults: list[AccountVault] = []
        self._adapters: dict[str, Adapter] = {}
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sending", daemon=True)
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start `work` on the loop; its result comes through the future."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def adapter(self, account: str) -> Adapter:
        """The account's adapter; call on the loop only. Raises KeyError for an unknown account."""
        if account not in self._adapters:
            self._adapters[account] = self._made(account)
        return self._adapters[account]

    def _made(self, account: str) -> Adapter:
        adapter = self._makers[account]()
        if self._open_vault is not None and isinstance(adapter, TokenHolder):
            vault = self._open_vault(account, adapter.first_refresh_token)
            adapter.use_vault(vault)
            self._vaults.append(vault)
        return adapter

    def close(self) -> None:
        """Close every adapter and end the thread."""
        self.submit(self._close_adapters()).result(timeout=_LONGEST_CLOSE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        if not self._thread.is_alive():
            self._loop.close()

    async def _close_adapters(self) -> None:
        for vault in self._vaults:
            await vault.aclose()
        for adapter in self._adapters.values():
            await adapter.aclose()
        self._adapters.clear()
