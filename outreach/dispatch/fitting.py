"""Messages by templates that a provider keeps: what it would refuse is found before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from channels.abilities import TemplateKeeper
from channels.contract import Adapter
from outreach.dispatch.loop import SendingLoop
from outreach.dispatch.messages import Ready, Unready


def fitting(loop: SendingLoop, adapter: Adapter, ready: Sequence[Ready]) -> tuple[list[Ready], list[Unready]]:
    """Those whose values the provider's templates take, and those whose they do not.

    The adapter learns the templates first, for seconds at most; of one it cannot learn, the provider's answer decides.
    """
    wanted = {one.outgoing.content.template_id for one in ready} - {""}
    if not wanted or not isinstance(adapter, TemplateKeeper):
        return list(ready), []
    loop.submit(adapter.learn(wanted)).result()
    judged = [(one, adapter.check(one.outgoing.content)) for one in ready]
    fits = [one for one, problems in judged if not problems]
    return fits, [Unready(one.claimed, problems[0].code) for one, problems in judged if problems]
