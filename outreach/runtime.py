"""What a process works with: made once by the wiring, handed to tasks, web and commands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import redis
from sqlalchemy import Engine

from outreach.dispatch.authorising import Authorising
from outreach.dispatch.confirming import Confirming
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.freshness import Freshness
from outreach.dispatch.loop import AdapterMaker
from outreach.dispatch.metering import Metering
from outreach.dispatch.recovery import Recovery
from outreach.dispatch.vault import Vaults
from outreach.domain.accounts import Account
from outreach.domain.clock import Clock
from outreach.domain.privacy import KeyRing
from outreach.reach.explanations import Meaning, no_meaning
from outreach.receipts.polling import Poller
from outreach.receipts.receiver import Receiver
from outreach.settings import Settings


@dataclass(frozen=True, slots=True)
class Sending:
    """What a worker child sends, recovers, renews tokens, asks who calls nobody, confirms and reads quotas with."""

    dispatcher: Dispatcher
    recovery: Recovery
    freshness: Freshness
    poller: Poller
    confirming: Confirming
    metering: Metering


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything a process shares; `sending` and `receiver` are made where they are needed, in the process itself.

    `meaning`: what the accounts' providers say of their codes. `makers`: how each account's adapter is made, for
    questions to providers outside of sending.
    """

    settings: Settings
    database_url: str
    redis_url: str
    engine: Engine
    redis: redis.Redis
    keys: KeyRing
    clock: Clock
    accounts: Mapping[str, Account]
    sending: Callable[[], Sending]
    receiver: Callable[[], Receiver]
    meaning: Meaning = no_meaning
    makers: Mapping[str, AdapterMaker] = field(default_factory=dict)

    def vaults(self) -> Vaults:
        """The tokens of the accounts, with this host's journals."""
        return Vaults(self.engine, self.keys, journals=self.settings.data_dir / "tokens")

    def authorising(self) -> Authorising:
        """Asks for permissions at providers, and takes their answers."""
        return Authorising(self.engine, self.keys, self.clock, self.makers, self.vaults())
