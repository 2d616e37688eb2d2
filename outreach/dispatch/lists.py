"""Lists: messages of a chunk that say the same leave as one request, where the account's gateway takes lists."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from channels.abilities import SendingMany
from channels.contract import Accepted, Adapter, Content, Outgoing, SendError
from outreach.dispatch.messages import Ready
from outreach.store.claims import Claimed

_TRIES_TO_GATHER = 5
"""How often a message too few for a list waits for others, a minute each."""
_MINUTE = 60.0


class ListAdapter(Adapter, SendingMany, Protocol):
    """An adapter that sends to lists."""


Ear = Callable[[SendError], None]


def _deaf(error: SendError) -> None:
    """Of who does not want to hear."""


async def send_all(adapter: Adapter, messages: Sequence[Ready], hear: Ear = _deaf) -> list[Accepted | BaseException]:
    """Send a chunk; a result for each message, in its order. What fails for a list holds for each of it.

    `hear` is told of each error as soon as it comes; others of the chunk may still be on their way.
    """
    if not isinstance(adapter, SendingMany):
        sends = (_send_one(adapter, message.outgoing, hear) for message in messages)
        return await asyncio.gather(*sends, return_exceptions=True)
    lists = lists_of(adapter, messages)
    answers = await asyncio.gather(*(_send(adapter, [messages[place] for place in places], hear) for places in lists))
    found = {
        place: result for places, results in zip(lists, answers, strict=True)
        for place, result in zip(places, results, strict=True)
    }  # fmt: skip
    return [found[place] for place in range(len(messages))]


async def _send_one(adapter: Adapter, outgoing: Outgoing, hear: Ear) -> Accepted:
    try:
        return await adapter.send(outgoing)
    except SendError as error:
        hear(error)
        raise


async def _send(adapter: ListAdapter, messages: Sequence[Ready], hear: Ear) -> Sequence[Accepted | BaseException]:
    outgoings = [message.outgoing for message in messages]
    try:
        if len(outgoings) == 1:
            return [await adapter.send(outgoings[0])]
        results = await adapter.send_many(outgoings)
        if len(results) != len(outgoings):
            raise ValueError("an adapter gave not one result for each message")
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, SendError):
            hear(error)
        return [error] * len(outgoings)
    return results


def lists_of(adapter: SendingMany, messages: Sequence[Ready]) -> list[list[int]]:
    """The places of messages that go together, in the order they came; no number is twice in one list."""
    together: list[list[int]] = []
    open_lists: dict[tuple[object, ...], list[tuple[list[int], set[str]]]] = defaultdict(list)
    for place, message in enumerate(messages):
        name = adapter.list_of(message.outgoing)
        if name is None:
            together.append([place])
            continue
        to = message.outgoing.to
        same = open_lists[name, *_said(message.outgoing.content)]
        found = next((one for one in same if len(one[0]) < adapter.most_at_once and to not in one[1]), None)
        if found is None:
            found = ([], set())
            same.append(found)
            together.append(found[0])
        found[0].append(place)
        found[1].add(to)
    return together


def too_few(adapter: SendingMany, messages: Sequence[Ready]) -> set[int]:
    """The places of messages whose list the gateway would not take for its size."""
    if adapter.fewest_at_once < 2:
        return set()
    return {
        place
        for places in lists_of(adapter, messages)
        for place in places
        if len(places) < adapter.fewest_at_once and adapter.list_of(messages[place].outgoing) is not None
    }


def wait_for_company(claimed: Claimed, now: datetime) -> float | None:
    """Seconds until the next full minute, when all that wait come together; None: it has waited enough."""
    wait = _MINUTE - now.timestamp() % _MINUTE
    return wait if claimed.attempt <= _TRIES_TO_GATHER and claimed.patience_s > wait + _MINUTE else None


def _said(content: Content) -> tuple[object, ...]:
    """What makes two contents the same."""
    parameters = tuple(sorted(content.parameters.items()))
    return (content.channel, content.body, content.subject, content.html, content.template_id, parameters)
