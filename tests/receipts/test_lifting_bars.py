"""Bars that staff lift, where an address is known under several keys."""

from __future__ import annotations

from outreach.domain.privacy import KeyRing
from outreach.domain.scope import EVERYTHING
from outreach.domain.states import Reason
from outreach.receipts import lifting
from outreach.store import suppressions
from tests.world import World

KEYS = KeyRing({1: "an older secret, which is long enough to be one", 2: "the newest secret, long enough to be one"})
MAILBOX = "an@thu.example"


def bars(world: World) -> list[tuple[str, str]]:
    found = lifting.of_address(world.engine, KEYS, MAILBOX, scope=EVERYTHING)
    return [(one.of.message_class, str(one.of.reason)) for one in found]


def lift(world: World, *, reason: Reason | None = None, because: str = "") -> lifting.Lifted:
    return lifting.lift(
        world.engine, KEYS, MAILBOX, scope=EVERYTHING, who="can-bo@xa.example", now=world.clock.now(), reason=reason,
        because=because,
    )  # fmt: skip


def bar(world: World, reason: Reason, *, keys: KeyRing = KEYS) -> None:
    with world.engine.begin() as connection:
        suppressions.suppress(
            connection, keys.fingerprints(MAILBOX), channel="email", reason=reason, source="a test",
            at=world.clock.now(),
        )  # fmt: skip


def test_a_bar_under_every_key_is_one_and_goes_at_once(world: World) -> None:
    bar(world, Reason.HARD_BOUNCE)
    assert len(world.barred()) == 2
    assert bars(world) == [("*", "hard_bounce")]
    assert len(lift(world).gone) == 1
    assert world.barred() == []


def test_a_bounce_under_one_key_does_not_hide_a_refusal_under_another(world: World) -> None:
    bar(world, Reason.OPTED_OUT, keys=KeyRing({1: "an older secret, which is long enough to be one"}))
    world.later(hours=1)
    bar(world, Reason.HARD_BOUNCE)
    assert bars(world) == [("*", "opted_out"), ("*", "hard_bounce")]
    assert [str(one.of.reason) for one in lift(world, reason=Reason.HARD_BOUNCE).left] == ["opted_out"]
    because = "bà Lan gọi điện xin nhận lại"
    assert [one.of.message_class for one in lift(world, because=because).left] == ["advertising"]
