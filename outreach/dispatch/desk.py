"""Questions to providers from outside a worker: by the adapters and tokens that send, but nothing is sent."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from channels.abilities import Metered, Quota, TemplateKeeper
from channels.contract import Adapter, ErrorKind, SendError
from channels.templates import Registered
from outreach.dispatch.loop import AdapterMaker, SendingLoop
from outreach.dispatch.vault import Vaults

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unasked:
    """A question that got no answer, and why: for people, without personal data. `code`: the provider's, or "".

    `final`: asked again, the provider would say the same.
    """

    code: str
    why: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """Asks providers one thing at a time; made by `asking`."""

    loop: SendingLoop

    def keeps_templates(self, account: str) -> type[TemplateKeeper] | None:
        """The adapter's class, where its provider tells what its templates ask for."""
        adapter = self._adapter(account)
        return type(adapter) if isinstance(adapter, TemplateKeeper) else None

    def template(self, account: str, template_id: str) -> Registered | Unasked | None:
        """A registered template, asked for with one request; None where the provider has none by this id."""

        async def asked(adapter: Adapter) -> Registered | None:
            assert isinstance(adapter, TemplateKeeper)
            return await adapter.registered(template_id)

        return self._ask(account, asked)

    def quotas(self, account: str) -> Sequence[Quota] | Unasked:
        """What is left of an account's quotas; none where its provider counts none."""

        async def asked(adapter: Adapter) -> Sequence[Quota]:
            return await adapter.quotas() if isinstance(adapter, Metered) else ()

        return self._ask(account, asked)

    def _adapter(self, account: str) -> Adapter:
        return self.loop.submit(self.loop.adapter(account)).result()

    def _ask(self, account: str, question: Callable[[Adapter], Coroutine[Any, Any, T]]) -> T | Unasked:
        try:
            return self.loop.submit(question(self._adapter(account))).result()
        except SendError as error:
            return Unasked(error.code, error.reason, error.kind is ErrorKind.REJECTED)


@contextmanager
def asking(makers: Mapping[str, AdapterMaker], vaults: Vaults) -> Iterator[Desk]:
    """A desk while the block lasts; tokens that end are renewed as a worker would."""
    loop = SendingLoop(makers, vaults.open)
    try:
        yield Desk(loop)
    finally:
        loop.close()
