"""Adapters that mark their messages get their secrets: those of their account alone, by the installation's keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from channels.abilities import Marking
from channels.contract import Adapter
from outreach.dispatch.accounts_file import Accounts
from outreach.domain.privacy import KeyRing


def with_secrets(accounts: Accounts, keys: KeyRing) -> Accounts:
    """The same accounts, whose adapters are made with their secrets."""
    makers = {
        name: _given(make, keys.secrets_for(f"marks of account {name}")) for name, make in accounts.makers.items()
    }
    return Accounts(accounts.known, makers, accounts.advisers)


def _given(make: Callable[[], Adapter], secrets: Sequence[bytes]) -> Callable[[], Adapter]:
    def made() -> Adapter:
        adapter = make()
        if isinstance(adapter, Marking):
            adapter.use_secrets(secrets)
        return adapter

    return made
