"""A world with all six channels, for tests of the cascade: people with every address, and what becomes of messages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import text

from channels.contract import ErrorKind, SendError
from outreach.dispatch.outcome import outcome
from outreach.domain.accounts import Account
from outreach.domain.definition import read_definition
from outreach.domain.rendering import inline_template
from outreach.domain.states import DeliveryState, proved
from outreach.domain.words import Channel
from outreach.planning import actions
from outreach.planning.cascade import cascade_due
from outreach.store import claims, deliveries, delivery_sweeps
from outreach.store.deliveries import Change
from tests.world import EMAIL, SMS, STATION, World, account

OA = account(
    "oa", Channel.ZALO_OA, provider="zalo", channels=(Channel.ZALO_OA, Channel.ZALO_ZNS),
    proofs={Channel.ZALO_OA: DeliveryState.DELIVERED, Channel.ZALO_ZNS: DeliveryState.DELIVERED},
)  # fmt: skip
BOT = account("bot", Channel.TELEGRAM, DeliveryState.ACCEPTED, provider="telegram", receipts=False)
ACCOUNTS = {one.name: one for one in (SMS, EMAIL, STATION, OA, BOT)}
TO_PEOPLE = [Channel.ZALO_OA, Channel.ZALO_ZNS, Channel.SMS, Channel.EMAIL, Channel.TELEGRAM]
WITH_RECEIPTS = [Channel.ZALO_OA, Channel.ZALO_ZNS, Channel.SMS]
"""Where acceptance is not yet the proof."""
BY_ACCEPTANCE = [Channel.EMAIL, Channel.TELEGRAM]
NEXT = {one: ([*Channel] * 2)[[*Channel].index(one) + 1] for one in Channel}
"""For each channel another one to follow it; together they make a ring."""
TEXTS: dict[str, Any] = {
    "zalo_oa": "Kính chào", "sms": "Kinh chao", "email": {"subject": "Chào", "body": "Kính chào"},
    "telegram": "Kính chào", "loudspeaker": "Kính thưa bà con.",
}  # fmt: skip
REGISTERED = "template_id: 1\nparameters: {ten: Kính chào}\n"


class AllChannels(World):
    """The world with an account of every channel and a template that has a text for each."""

    def load(self, campaign: str, *, who: str = "staff@demo.vn") -> str:
        """Load a campaign given as YAML; returns its slug."""
        loaded = read_definition(campaign.encode(), "test.yaml", segments={})
        assert loaded.definition is not None, loaded.errors
        written = inline_template("chao", TEXTS)
        template = replace(written, parts={**written.parts, "zalo_zns": {"vi": REGISTERED}})
        templates = {message.id: template for message in loaded.definition.messages}
        actions.load(
            self.engine, loaded.definition, templates=templates, segments={}, source_text=campaign, who=who
        )  # fmt: skip
        return loaded.definition.slug


def campaign(*channels: Channel, more: str = "wait: 4h, not_after: 6h", schedule: str = "{at: launch}") -> str:
    """One message over these channels, in this order."""
    return (
        "{campaign: thu, title: Thử, issuer: UBND xã, starts: 2026-01-01, ends: 2026-12-31, messages: ["
        f"{{id: chao, segment: {{kind: person}}, template: chao, channels: [{', '.join(channels)}], {more},"
        f" schedule: {schedule}}}]}}"
    )


def use(world: World, *accounts: Account) -> None:
    """Have an account of every channel, and `accounts` besides (or in their place, by name)."""
    world.accounts = {**ACCOUNTS, **{one.name: one for one in accounts}}


def person(world: World, name: str, n: int = 1, *, lacks: Channel | None = None, **given: Any) -> None:
    """Somebody with an address on every channel, but for the one they lack."""
    phone = None if lacks in (Channel.SMS, Channel.ZALO_ZNS) else f"+8491200{n:04d}"
    email = None if lacks is Channel.EMAIL else f"p{n}@example.vn"
    world.person(name, **{"phone": phone, "email": email, **given})
    if lacks is not Channel.ZALO_OA:
        address(world, name, Channel.ZALO_OA, f"48{n:016d}", OA.name)
    if lacks is not Channel.TELEGRAM:
        address(world, name, Channel.TELEGRAM, f"7{n:08d}", BOT.name)


def address(world: World, name: str, channel: Channel, value: str, account: str = "") -> None:
    """Give somebody one more address, bound to an account or to none."""
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO addresses (contact_id, channel, account, fingerprint, key_version, value)"
                " VALUES (:contact, :channel, :account, :fingerprint, :version, :value)"
            ),
            {
                "contact": world.people[name], "channel": str(channel), "account": account,
                "fingerprint": world.keys.fingerprint(value), "version": world.keys.version,
                "value": world.keys.seal(value),
            },
        )  # fmt: skip


def start(world: World, *channels: Channel, **how: str) -> str:
    """Launch a campaign over these channels and plan its run; returns its slug."""
    slug = world.launch(campaign(*channels, **how))
    world.plan()
    return slug


def only(world: World, name: str, channel: Channel) -> Any:
    """Somebody's one delivery on a channel."""
    [row] = world.rows(f"c.full_name = '{name}' AND d.channel = '{channel}'")
    return row


def becomes(world: World, name: str, channel: Channel, *states: DeliveryState) -> None:
    """Somebody's delivery goes through these states, one after another, as a sender and a provider tell of them."""
    row = only(world, name, channel)
    proof = world.accounts[row.account].proof_on(channel)
    for state in states:
        change = Change(row.run_id, row.id, state, proves=proved(state, proof))
        with world.engine.begin() as connection:
            assert deliveries.advance(connection, [change], now=world.clock.now()), f"{state} changed nothing"


def claim(world: World, name: str, channel: Channel) -> tuple[list[claims.Claimed], int]:
    """A worker claims what is due on the channel's account, looking at it once more; returns it and the worker."""
    row = only(world, name, channel)
    with world.engine.begin() as connection:
        child = claims.enrol_child(connection, host="h", boot="b", pid=1, started=0.0)
        claimed, _ = claims.claim(
            connection, account=row.account, lane=row.lane, run_ids=[row.run_id], limit=50, child=child, lease_s=60.0,
            now=world.clock.now(), trial=world.accounts[row.account].trial,
        )  # fmt: skip
    return claimed, child


def refused(world: World, name: str, channel: Channel, kind: ErrorKind) -> None:
    """A worker claims somebody's delivery, and the provider refuses it like this."""
    [claimed], child = claim(world, name, channel)
    error = SendError(kind, "x", "refused")
    told = outcome(claimed, world.accounts[only(world, name, channel).account], error, child=child, spread=0.5)
    with world.engine.begin() as connection:
        assert deliveries.advance(connection, [told.change], now=world.clock.now())


def barred(world: World, name: str, channel: Channel) -> None:
    """The address is suppressed on the channel it is kept under."""
    row = only(world, name, channel)
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO suppressions (fingerprint, channel, class, key_version, reason, source)"
                " VALUES (:fingerprint, :channel, '*', 1, 'opted_out', 'test')"
            ),
            {"fingerprint": row.fingerprint, "channel": str(channel.addressed_by)},
        )


def expire(world: World) -> None:
    """What the scheduler does with what is too late."""
    with world.engine.begin() as connection:
        delivery_sweeps.advance_where(
            connection, "d.expires_at <= :now", {}, state=DeliveryState.EXPIRED, reason="late", now=world.clock.now()
        )


def hand_on(world: World) -> int:
    """One round of the scheduler; returns how many people were handed on."""
    handed = cascade_due(world.engine, world.accounts, world.clock)
    actions.finish_ended(world.engine, world.clock)
    return handed


def confirm(world: World) -> None:
    """The officer says that every script was read out."""
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE broadcasts SET confirmed_at = :now"), {"now": world.clock.now()})


def followed(world: World, channel: Channel) -> bool:
    """Whether the next channel has its delivery: of the person, or for loudspeakers of their station too."""
    if channel is Channel.LOUDSPEAKER:
        kinds = {row.recipient_kind for row in world.rows("d.channel = 'loudspeaker'")}
        return kinds == {"contact", "station"}
    return [row.state for row in world.rows(f"d.channel = '{channel}'")] == ["planned"]
