"""Tests that a person sends to one address: planned like any delivery, kept out of every count, limited and audited."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Engine

from outreach.domain.accounts import Account
from outreach.domain.addresses import normal_address
from outreach.domain.clock import Clock
from outreach.domain.context import CampaignView
from outreach.domain.definition import DEFAULT_TIMEZONE, Definition, canonical
from outreach.domain.definition.parts import Message
from outreach.domain.errors import OutreachError
from outreach.domain.privacy import KeyRing
from outreach.domain.recipient import Recipient
from outreach.domain.schedule import AtLaunch
from outreach.domain.template_source import TemplateSource
from outreach.domain.words import Channel, MessageClass
from outreach.store import accounts as account_store
from outreach.store import campaigns, suppressions, test_sends, trial

MARK = "[THỬ]"
"""What a test is marked with, so that nobody takes it for the real thing."""
MESSAGE = "thu"
"""The message of a test that belongs to no campaign."""
PATIENCE = timedelta(minutes=10)
"""How long a test may still leave: nobody expects it afterwards."""
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Test:
    """What is to be tried: one message of a definition on one channel, through exactly this account, to one address.

    `address`: as it was typed. `who`: whose data the text is made of. `what` and `detail`: for the audit trail, without
    personal data.
    """

    __test__ = False

    account: Account
    channel: Channel
    address: str
    definition: Definition
    message: str
    source: TemplateSource
    who: Recipient
    what: str
    mark: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """A test that is planned; `address` as it is stored: never to be shown unmasked."""

    run: int
    delivery: int
    account: Account
    channel: Channel
    address: str = field(repr=False)


def send_test(engine: Engine, keys: KeyRing, clock: Clock, test: Test, *, who: str, per_hour: int) -> Sent:
    """Plan a test; a worker then claims and sends it.

    Raises OutreachError for an address that cannot be right, is barred or (in trial mode) not on the list, an account
    that is paused or serves another channel, and beyond `per_hour` tests of everybody together.
    """
    if not test.account.serves(test.channel):
        listed = ", ".join(test.account.channels)
        raise OutreachError(f"account {test.account.name} does not serve {test.channel}; it serves {listed}")
    if per_hour == 0:
        raise OutreachError("test sends are switched off here (OUTREACH_TESTS_PER_HOUR=0)")
    address = normal_address(test.channel, test.address)
    new = _new(keys, test, address)
    now = clock.now()
    with engine.begin() as connection:
        paused = account_store.paused(connection).get(test.account.name)
        if paused is not None:
            raise OutreachError(
                f"account {paused.name} is paused ({paused.code} {paused.reason}): mend that, then"
                f" outreach account resume {paused.name}"
            )
        barred = suppressions.reason_against(
            connection, new.fingerprints, channel=test.channel, message_class=new.message_class
        )
        if barred is not None:
            raise OutreachError(
                f"this address is barred on {test.channel} ({barred}): a test respects that; take another address"
            )
        if (new.trial or test.account.trial) and not trial.may_be_written_to(
            connection, new.fingerprints, channel=str(test.channel), addressed=str(test.channel.addressed_by)
        ):
            whose = f"account {test.account.name}" if test.account.trial else f"campaign {test.definition.slug}"
            raise OutreachError(
                f"{whose} is in trial mode and this address is not on its list: outreach account trial add ADDRESS"
            )
        n = test_sends.take_turn(connection)
        if test_sends.made_since(connection, now - _HOUR) >= per_hour:
            raise OutreachError(
                f"{per_hour} tests have been sent in the last hour, which is the limit (OUTREACH_TESTS_PER_HOUR): a"
                " message to more people is a campaign, with its approval"
            )
        run, delivery = test_sends.add(connection, n, new, now=now, patience=PATIENCE, sent_by=who)
        detail = {"channel": str(test.channel), "account": test.account.name, "delivery": f"{run}.{delivery}"}
        campaigns.note(connection, who=who, action="send test", what=test.what, detail={**detail, **test.detail})
    return Sent(run, delivery, test.account, test.channel, address)


def _new(keys: KeyRing, test: Test, address: str) -> test_sends.NewTest:
    content = {"definition": test.definition.to_json(), "templates": {test.message: test.source.to_json()}}
    return test_sends.NewTest(
        account=test.account.name, channel=test.channel, message=test.message,
        message_class=test.definition.message(test.message).message_class, definition=content["definition"],
        template=content["templates"][test.message], digest=sha256(b"test" + canonical(content)).hexdigest(),
        fingerprints=keys.fingerprints(address), value=keys.seal(address),
        who=keys.seal(json.dumps(test.who.to_json())), mark=test.mark, trial=test.definition.trial,
    )  # fmt: skip


def alone(template: str, channel: Channel, view: CampaignView, today: date) -> Definition:
    """The definition of a test of a template that belongs to no stored campaign; `view`: what it may say of one."""
    message = Message(
        id=MESSAGE, segment=MESSAGE, channels=(channel,), schedule=AtLaunch(),
        message_class=MessageClass.SERVICE_NOTICE, template=template,
    )  # fmt: skip
    return Definition(
        slug=view.slug or MESSAGE, title=view.title, issuer=view.issuer, timezone=DEFAULT_TIMEZONE,
        starts=view.starts or today, ends=view.ends or today, message_class=MessageClass.SERVICE_NOTICE,
        messages=(message,),
    )  # fmt: skip


def only(definition: Definition, message: str) -> Definition:
    """The definition with this message alone; its campaign's names, dates and zone stay. Raises OutreachError."""
    try:
        found = definition.message(message)
    except KeyError:
        ids = ", ".join(one.id for one in definition.messages)
        raise OutreachError(f'campaign {definition.slug} has no message "{message}"; it has {ids}') from None
    return replace(definition, messages=(found,), targets=())
