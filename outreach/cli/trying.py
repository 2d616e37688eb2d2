"""What the commands that send a test share: they plan it, see it off, and tell what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import redis
import typer

from outreach.cli.output import print_json, say, warn
from outreach.cli.registered import must_fit
from outreach.cli.session import Session
from outreach.cli.template_preview import contact_named
from outreach.dispatch.drain import Dispatcher
from outreach.dispatch.template_check import Used, filled
from outreach.domain.accounts import Account
from outreach.domain.addresses import masked
from outreach.domain.composing import compose
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.frozen import Frozen
from outreach.domain.mistakes import unknown
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import RenderError
from outreach.domain.sample_recipient import sample_recipient
from outreach.domain.states import RANK, DeliveryState, Reason
from outreach.domain.template_source import TemplateSource
from outreach.domain.words import Channel, Lane
from outreach.planning.trying import Sent, Test, send_test
from outreach.reach.explanations import explain
from outreach.runtime import Runtime
from outreach.store import accounts as account_store
from outreach.store import health, test_sends
from outreach.store.test_sends import TestState
from outreach.tasks import Hints, celery_app

To = Annotated[str, typer.Option("--to", metavar="ADDRESS", help="The one address it goes to.")]
OnChannel = Annotated[Channel, typer.Option("--channel", help="On which channel.")]
ByAccount = Annotated[str | None, typer.Option("--account", metavar="NAME", help="Through which account.")]
NoMark = Annotated[bool, typer.Option("--no-mark", help="Leave out the mark [THỬ] before the text.")]
Wait = Annotated[int, typer.Option("--wait", metavar="S", min=0, max=600, help="Seconds to wait for its outcome.")]
Here = Annotated[bool, typer.Option("--here", help="Send it from this command at once, without asking a worker.")]

WAIT_S = 30
_GRACE = 5.0
"""Seconds a worker has to take a test before this command sends it itself."""
_EVERY = 0.2
_GONE_WELL = frozenset({DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.READ})
_OPEN = frozenset({DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.ACCEPTED})


@dataclass(frozen=True, slots=True)
class Waiting:
    """How a test is to be followed."""

    seconds: int
    here: bool


def account_named(runtime: Runtime, name: str) -> Account:
    """The account; raises NotFound with the nearest name."""
    if name not in runtime.accounts:
        raise NotFound(unknown("account", name, runtime.accounts))
    return runtime.accounts[name]


def account_for(runtime: Runtime, channel: Channel, name: str | None) -> Account:
    """The account a test goes through: the one named, else the one of most weight that serves the channel.

    Raises OutreachError where addresses belong to one account and several could be meant, and for loudspeakers.
    """
    if channel is Channel.LOUDSPEAKER:
        raise OutreachError(NOTHING_ON_AIR)
    if name is not None:
        return account_named(runtime, name)
    with runtime.engine.connect() as connection:
        paused = account_store.paused(connection)
    serving = [one for one in runtime.accounts.values() if one.serves(channel)]
    if not serving:
        raise OutreachError(f"no account serves {channel}: describe one in {runtime.settings.accounts_file}")
    if channel.account_bound and len(serving) > 1:
        names = ", ".join(one.name for one in serving)
        raise OutreachError(f"an address of {channel} belongs to one account: say which with --account ({names})")
    return max(serving, key=lambda one: (one.name not in paused, one.weight))


NOTHING_ON_AIR = (
    "loudspeakers have nothing to try: no message leaves, officers fetch their scripts; `outreach scripts --unit CODE`"
    " and `outreach template preview NAME --channel loudspeaker` show what is read out"
)


def try_it(session: Session, test: Test, waiting: Waiting, *, who: str, as_json: bool) -> None:
    """Send a test, follow it and tell what came of it; ends with 1 where it did not go well."""
    runtime = session.runtime()
    if test.channel is Channel.ZALO_ZNS:
        must_fit(runtime, _registered(session, test), {test.account.name: test.account})
    if test.mark and test.channel is Channel.ZALO_ZNS:
        say("a registered template cannot be marked: it goes out as it is")
    elif test.mark and test.channel is Channel.SMS:
        say(f"marked {test.mark}, which adds to its length: --no-mark sends what a citizen gets, to the letter")
    sent = send_test(
        runtime.engine, runtime.keys, runtime.clock, test, who=who, per_hour=runtime.settings.tests_per_hour
    )
    shown = masked(sent.channel, sent.address)
    say(f"test {sent.run}.{sent.delivery} to {shown} on {sent.channel} through {sent.account.name} is planned")
    began = time.monotonic()
    sender, found = _follow(runtime, sent, waiting)
    seconds = round(time.monotonic() - began, 1)
    language = session.settings().language
    if as_json:
        print_json(_told(sent, shown, found, sender, seconds))
    _tell(sent, found, sender, waiting, language)
    meaning = runtime.meaning(sent.account.name, found.code) if found.code else None
    if meaning is not None and found.state not in _GONE_WELL:
        say(f"{found.code}: {meaning.text(language)}")
    if found.state not in _GONE_WELL:
        raise typer.Exit(1)


def _registered(session: Session, test: Test) -> list[Used]:
    """The registered template as the test's recipient gets it; none where it cannot be made: sending says why."""
    frozen = Frozen(test.definition, {test.message: test.source}, {})
    try:
        made = compose(frozen, test.message, test.channel, test.who, today=session.today())
    except RenderError:
        return []
    return [filled(test.what, made.template_id, made.parameters)]


def _told(sent: Sent, shown: str, found: TestState, sender: str, seconds: float) -> dict[str, Any]:
    return {
        "test": f"{sent.run}.{sent.delivery}", "account": sent.account.name, "channel": str(sent.channel), "to": shown,
        "state": str(found.state), "reason": found.reason, "code": found.code,
        "explanation": explain(found.state, found.reason, sent.channel, proved=found.proved).to_json(),
        "parts": found.parts, "sent_by": sender, "proved": found.proved, "seconds": seconds,
    }  # fmt: skip


def _follow(runtime: Runtime, sent: Sent, waiting: Waiting) -> tuple[str, TestState]:
    """Hint the workers and wait; where none takes it, send it here. Returns who sent it ("" nobody yet), how it is."""
    ends = time.monotonic() + waiting.seconds
    if not waiting.here:
        _hint(runtime, sent)
        found = _until(runtime, sent, min(ends, time.monotonic() + _GRACE), taken)
        if taken(found) or time.monotonic() >= ends:
            return ("worker" if taken(found) else ""), _until(runtime, sent, ends, _settled(sent))
        say(
            f"no worker took it within {_GRACE:g} s (start one: outreach up, or outreach worker; restart those"
            " that began before accounts.toml was changed): this command sends it itself"
        )
    with _dispatcher(runtime) as dispatcher:
        own = _Own(dispatcher, sent)
        found = _until(runtime, sent, max(ends, time.monotonic() + _GRACE), taken, between=own.drain)
        # A passing error is tried again as long as somebody waits.
        found = _until(runtime, sent, ends, _settled(sent), between=own.drain)
        return own.did(found), found


@dataclass(slots=True)
class _Own:
    """Draining by this command, and whether it was this command that had something to do."""

    dispatcher: Dispatcher
    sent: Sent
    handled: int = 0

    def drain(self) -> None:
        done = self.dispatcher.drain(self.sent.account.name, Lane.REPLY, longest=5.0)
        self.handled += done.sent + done.refused

    def did(self, found: TestState) -> str:
        if self.handled:
            return "here"
        return "worker" if taken(found) else ""


def taken(found: TestState) -> bool:
    """Whether somebody has tried to send it, or judged that it may not leave."""
    return found.state is not DeliveryState.PLANNED or found.attempt > 0 or found.reason == Reason.MISCONFIGURED


def _settled(sent: Sent) -> Callable[[TestState], bool]:
    proof = RANK[sent.account.proof_on(sent.channel)]

    def settled(found: TestState) -> bool:
        if found.reason == Reason.MISCONFIGURED:
            return True
        return found.state not in _OPEN or (found.state is DeliveryState.ACCEPTED and RANK[found.state] >= proof)

    return settled


def _until(
    runtime: Runtime, sent: Sent, ends: float, good: Callable[[TestState], bool], between: Callable[[], object] = int
) -> TestState:
    """Look again and again until the test is as wanted or time is up."""
    while True:
        with runtime.engine.connect() as connection:
            found = test_sends.standing(connection, sent.run, sent.delivery)
        if good(found) or time.monotonic() >= ends:
            return found
        between()
        time.sleep(_EVERY)


def _hint(runtime: Runtime, sent: Sent) -> None:
    try:
        Hints(celery_app(runtime.redis_url), runtime.redis).drain(sent.account.name, Lane.REPLY)
    except (redis.RedisError, OSError) as error:
        warn(f"Valkey does not answer ({type(error).__name__}): nothing is sent without it")


@contextmanager
def _dispatcher(runtime: Runtime) -> Iterator[Dispatcher]:
    """The dispatcher of this very process, as a worker child has one."""
    dispatcher = runtime.sending().dispatcher
    try:
        yield dispatcher
    finally:
        dispatcher.loop.close()
        with runtime.engine.begin() as connection:
            health.end_child(connection, dispatcher.child)


def _tell(sent: Sent, found: TestState, sender: str, waiting: Waiting, language: str) -> None:
    by = {"worker": "a worker sent it", "here": "this command sent it", "": "nobody has sent it"}[sender]
    parts = f", {found.parts} SMS {'part' if found.parts == 1 else 'parts'}" if found.parts else ""
    code = f" (code {found.code})" if found.code else ""
    why = explain(found.state, found.reason, sent.channel, proved=found.proved).text(language)
    say(f"{found.state}{code}{parts}; {by}. {why}")
    if found.state is DeliveryState.ACCEPTED and not found.proved:
        say(
            f"no receipt came within {waiting.seconds} s: receipts need `outreach web` where the provider reaches it"
            " (OUTREACH_PUBLIC_URL); --wait S waits longer"
        )
    if found.state is DeliveryState.PLANNED:
        say("it may still leave within ten minutes of its planning, and not later")


def whose(session: Session, name: str, source: TemplateSource) -> tuple[Recipient, dict[str, Any]]:
    """Whose data the text is made of (`sample`, or a contact), and what the audit trail says of it."""
    if name == "sample":
        return sample_recipient(source), {"as": "sample"}
    return contact_named(session, name), {"as": name}
