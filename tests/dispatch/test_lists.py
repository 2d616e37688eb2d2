"""Which messages of a chunk leave together, and when those too few for a list are let go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from channels.contract import Accepted, Content, ErrorKind, Lease, Outgoing, SendError
from outreach.dispatch.lists import lists_of, send_all, too_few, wait_for_company
from outreach.dispatch.messages import Ready
from outreach.domain.recipient import Recipient
from outreach.domain.words import Channel, RecipientKind
from outreach.store.claims import Claimed

NOW = datetime(2026, 11, 21, 3, 5, 40, tzinfo=UTC)


class Gateway:
    """A gateway that takes lists of three at most and remembers what it was handed."""

    most_at_once = 3
    fewest_at_once = 2

    def __init__(self, answer: Any = None) -> None:
        self.requests: list[list[str]] = []
        self.answer = answer

    def list_of(self, outgoing: Outgoing) -> str | None:
        return None if outgoing.repeated else ""

    async def send(self, outgoing: Outgoing) -> Accepted:
        self.requests.append([outgoing.to])
        return Accepted(outgoing.to)

    async def send_many(self, outgoings: Sequence[Outgoing]) -> Sequence[Accepted | SendError]:
        self.requests.append([one.to for one in outgoings])
        if isinstance(self.answer, BaseException):
            raise self.answer
        return [Accepted(one.to) for one in outgoings] if self.answer is None else self.answer


def claimed(attempt: int = 1, patience_s: float = 3600) -> Claimed:
    who = Recipient(None, None, None, None, None, "vi", {}, None, None, None, (), None, None, None, None)
    return Claimed(1, 1, RecipientKind.CONTACT, 1, Channel.SMS, 0, attempt, 0, NOW, patience_s, None, None, who)


def ready(to: str, body: str = "Kinh chao", **named: Any) -> Ready:
    content = Content(channel="sms", body=body, parameters={"a": "1"})
    return Ready(claimed(), Outgoing(f"1.{to}.0", to, content, Lease.lasting(30), **named), 1)


def sent(gateway: Any, messages: Sequence[Ready]) -> list[Accepted | BaseException]:
    return asyncio.run(send_all(gateway, messages))


def test_what_says_the_same_goes_together_and_the_rest_alone() -> None:
    gateway = Gateway()
    messages = [ready("1"), ready("2", "Khac"), ready("3"), ready("4", repeated=True)]
    assert [one.provider_id for one in sent(gateway, messages) if isinstance(one, Accepted)] == ["1", "2", "3", "4"]
    assert sorted(gateway.requests) == [["1", "3"], ["2"], ["4"]]


def test_a_list_has_no_more_than_the_gateway_takes() -> None:
    assert lists_of(Gateway(), [ready(str(place)) for place in range(7)]) == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_number_is_once_in_a_list() -> None:
    assert lists_of(Gateway(), [ready("1"), ready("1"), ready("2"), ready("2"), ready("3")]) == [[0, 2, 4], [1, 3]]


def test_other_parameters_are_another_text() -> None:
    first, second = ready("1"), ready("2")
    other = Outgoing("1.2.0", "2", Content("sms", "Kinh chao", parameters={"a": "2"}), Lease.lasting(30))
    assert lists_of(Gateway(), [first, Ready(second.claimed, other, 1)]) == [[0], [1]]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (SendError(ErrorKind.UNCERTAIN, "", "no answer"), SendError),
        (KeyError("a bug"), KeyError),
        ([Accepted("1")], ValueError),
    ],
)
def test_what_fails_for_a_list_holds_for_each_of_it_and_for_nobody_else(answer: Any, kind: type[Exception]) -> None:
    results = sent(Gateway(answer), [ready("1"), ready("2"), ready("3", "Khac")])
    assert [type(one) for one in results] == [kind, kind, Accepted]


def test_each_of_a_list_has_its_own_result() -> None:
    refused = SendError(ErrorKind.REJECTED, "105", "not valid")
    assert sent(Gateway([Accepted("a"), refused]), [ready("1"), ready("2")]) == [Accepted("a"), refused]


def test_an_adapter_without_lists_sends_one_by_one() -> None:
    class Single:
        def __init__(self) -> None:
            self.sent: list[str] = []

        async def send(self, outgoing: Outgoing) -> Accepted:
            self.sent.append(outgoing.to)
            raise SendError(ErrorKind.REJECTED, "1", "no")

    single = Single()
    results = sent(single, [ready("1"), ready("2")])
    assert [type(one) for one in results] == [SendError, SendError]
    assert single.sent == ["1", "2"]


def test_too_few_are_those_whose_list_is_too_short() -> None:
    messages = [ready("1"), ready("2"), ready("3", "Khac"), ready("4", repeated=True)]
    assert too_few(Gateway(), messages) == {2}


def test_who_waits_comes_again_at_the_full_minute_a_few_times() -> None:
    assert [wait_for_company(claimed(attempt), NOW) for attempt in (1, 5, 6)] == [20, 20, None]


def test_who_would_be_late_does_not_wait() -> None:
    assert wait_for_company(claimed(patience_s=70), NOW) is None
