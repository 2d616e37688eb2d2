"""What the sandbox knows: its log, with an index in memory built from it."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import count, takewhile
from pathlib import Path

from outreach.local.sandbox.log import Deed, Entry, Outcome, RequestLog, read_deeds, read_log


def phone_id(to: str) -> str:
    """What a recipient is called in a page's address, where the number must not stand."""
    return hashlib.blake2b(to.encode(), digest_size=8, person=b"sandbox").hexdigest()


def new_id(kind: str) -> str:
    """A message's id: two letters (SM for an SMS by Twilio) and 32 digits."""
    return kind + secrets.token_hex(16)


class Book:
    """All messages, found by id and by recipient; one process holds it."""

    def __init__(self, data: Path) -> None:
        self._log = RequestLog(data)
        self._by_id: dict[str, Entry] = {}
        self._by_to: dict[str, list[Entry]] = defaultdict(list)
        self._addresses: dict[str, str] = {}
        self._statuses = self._log.receipts()
        self._settled = set(self._statuses)
        self._broken_keys: set[str] = set()
        self._tries: Counter[str] = Counter()
        self._parts: Counter[str] = Counter()
        self._by_key: dict[tuple[str, str], Entry] = {}
        self._by_channel: dict[str, int] = defaultdict(int)
        self._deeds: dict[str, list[Deed]] = defaultdict(list)
        self._shared: dict[str, set[str]] = defaultdict(set)
        self.deeds = 0
        self.refused = 0
        for entry in read_log(data):
            self._index(entry)
        for deed in read_deeds(data):
            self._learn(deed)

    def add(self, entry: Entry) -> None:
        """Write the message down, then know it."""
        self._log.add(entry)
        self._index(entry)

    def add_deed(self, deed: Deed) -> None:
        """Write down what a citizen did, then know it."""
        self._log.add_deed(deed)
        self._learn(deed)

    def _learn(self, deed: Deed) -> None:
        self.deeds += 1
        self._deeds[deed.sender].append(deed)
        self._addresses[phone_id(deed.sender)] = deed.sender
        if deed.phone:
            self._addresses[phone_id(deed.phone)] = deed.phone
            self._shared[deed.sender].add(deed.phone)
            self._shared[deed.phone].add(deed.sender)

    def _index(self, entry: Entry) -> None:
        self._tries[_try_key(entry)] += 1
        if entry.outcome is Outcome.BROKEN:
            self._broken_keys.add(message_name(entry))
        if entry.outcome is not Outcome.ACCEPTED:
            self.refused += 1
            return
        self._by_id[entry.provider_id] = entry
        self._by_channel[entry.channel] += 1
        self._parts[entry.provider] += entry.parts
        if entry.key:
            self._by_key[entry.provider, entry.key] = entry
        mine = self._by_to.pop(entry.to, [])  # the latest recipient stands last
        mine.append(entry)
        self._by_to[entry.to] = mine
        self._addresses[phone_id(entry.to)] = entry.to

    @property
    def accepted(self) -> int:
        """How many messages were accepted."""
        return len(self._by_id)

    @property
    def by_channel(self) -> dict[str, int]:
        """How many messages were accepted on each channel."""
        return dict(self._by_channel)

    @property
    def undelivered(self) -> int:
        """How many accepted messages did not arrive, as far as their receipts have said so."""
        return sum(1 for status, _ in self._statuses.values() if status == "undelivered")

    @property
    def recipients(self) -> int:
        """How many numbers and mailboxes got one."""
        return len(self._by_to)

    def latest(self, at_most: int, channel: str = "", part: str = "") -> Iterator[tuple[str, list[Entry]]]:
        """Recipients with their messages on a channel ("": on any), the last written to first.

        `part`: only those in whose address it stands; a number may begin with 0.
        """
        sought = part.strip().casefold()
        forms = {sought, re.sub("^0", "+84", sought)}
        for to, entries in reversed(self._by_to.items()):
            if at_most <= 0:
                return
            if not any(form in to.casefold() for form in forms):
                continue
            wanted = [one for one in entries if channel in ("", one.channel)]
            if wanted:
                at_most -= 1
                yield to, wanted

    def to(self, address: str) -> list[Entry]:
        """The messages of a recipient, oldest first."""
        return list(self._by_to.get(address, ()))

    def by_id(self, provider_id: str) -> Entry | None:
        """The accepted message with this id."""
        return self._by_id.get(provider_id)

    def of_list(self, name: str) -> list[Entry]:
        """The accepted messages of a list with this id, in their order: each is `<name>:<place>`."""
        found = (self._by_id.get(f"{name}:{place}") for place in count())
        return [entry for entry in takewhile(lambda one: one is not None, found) if entry is not None]

    def everything(self) -> Iterable[Entry]:
        """All accepted messages, oldest first."""
        return self._by_id.values()

    def by_phone_id(self, phone: str) -> str | None:
        """The recipient with this id."""
        return self._addresses.get(phone)

    def by_key(self, provider: str, key: str) -> Entry | None:
        """The last message accepted with this key of the sender's own."""
        return self._by_key.get((provider, key))

    def deeds_of(self, address: str) -> list[Deed]:
        """What a citizen did, oldest first."""
        return list(self._deeds.get(address, ()))

    def also(self, address: str) -> list[str]:
        """What else this citizen is reached by: the number shared on Zalo, and who shared it."""
        return sorted(self._shared.get(address, ()))

    def doers(self, provider: str) -> list[str]:
        """The citizens who did something with a provider, in the order of their first deed."""
        return [sender for sender, deeds in self._deeds.items() if any(one.provider == provider for one in deeds)]

    def next_try(self, entry: Entry) -> str:
        """Names this message and which try of it comes now, by the log: the same after a restart."""
        return f"{message_name(entry)}:{self._tries[_try_key(entry)] + 1}"

    def parts_of(self, provider: str) -> int:
        """How many SMS parts a provider has accepted."""
        return self._parts[provider]

    def was_broken(self, entry: Entry) -> bool:
        """Whether this message met a pretended breakdown before."""
        return message_name(entry) in self._broken_keys

    def status(self, provider_id: str) -> tuple[str, str]:
        """How far a message has come (queued, sent, delivered, read, undelivered), and its error code."""
        return self._statuses.get(provider_id, ("queued", ""))

    def set_status(self, provider_id: str, status: str, code: str) -> None:
        """Note how far a message has come; kept over a restart only by `receipt_arrived`."""
        self._statuses[provider_id] = (status, code)

    def receipt_arrived(self, provider_id: str) -> None:
        """Note that the last receipt was taken, for good."""
        self._log.add_receipt(provider_id, *self.status(provider_id))
        self._settled.add(provider_id)

    def without_receipt(self) -> Iterator[Entry | Deed]:
        """Messages whose last receipt was not taken yet, and deeds nobody was told of, oldest first."""
        for provider_id, entry in self._by_id.items():
            if entry.callback and provider_id not in self._settled:
                yield entry
        for deeds in self._deeds.values():
            yield from (deed for deed in deeds if deed.callback and deed.id not in self._settled)

    def close(self) -> None:
        """Close the log."""
        self._log.close()


def message_name(entry: Entry) -> str:
    """What makes two tries one message: the sender's key, or without one the recipient and the text."""
    return entry.key or f"{entry.channel} {entry.to} {entry.body}"


def _try_key(entry: Entry) -> str:
    return f"{entry.provider} {message_name(entry)}"
