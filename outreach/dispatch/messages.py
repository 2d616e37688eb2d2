"""A claimed delivery becomes what its adapter sends: rendered, measured, addressed, with its links."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final
from urllib.parse import quote

from channels.contract import Adapter, Attachment, Content, Lease, Outgoing
from outreach.domain.accounts import Account
from outreach.domain.attachments import AttachedFile
from outreach.domain.composing import Text, marked, text_of
from outreach.domain.context import LinksView
from outreach.domain.errors import OutreachError
from outreach.domain.frozen import Frozen
from outreach.domain.privacy import KeyRing
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import RenderError
from outreach.domain.sms_text import measure
from outreach.domain.words import Channel, MessageClass, RecipientKind
from outreach.store.claims import Claimed


@dataclass(slots=True)  # not frozen: that costs three times as much, for every message
class Ready:
    """A message ready to leave; `tokens` is its weight in the account's bucket (SMS parts, else 1)."""

    claimed: Claimed
    outgoing: Outgoing
    tokens: int


@dataclass(frozen=True, slots=True)
class Unready:
    """A message that cannot be made; `code` names why, never a value."""

    claimed: Claimed
    code: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What the messages of a run on a channel have in common, worked out once a chunk.

    `today`: in the campaign's zone. `leaves`, `joins`: whether each has a page to unsubscribe, an invitation.
    """

    text: Text
    channel: Channel
    message_class: MessageClass
    today: date
    leaves: bool
    joins: bool


def letter_of(frozen: Frozen, message: str, message_class: MessageClass, channel: Channel, now: datetime) -> Letter:
    """A message on a channel as it is written `now`. Raises OutreachError where its template cannot be compiled."""
    speaks_of = partial(frozen.template(message).speaks_of, str(channel))
    linked = message_class is not MessageClass.EMERGENCY and channel.to_people
    leaves = channel is Channel.EMAIL or speaks_of("links.unsubscribe")  # an e-mail's headers have it anyway
    return Letter(
        text_of(frozen, message, channel), channel, message_class, now.astimezone(frozen.definition.zone).date(),
        leaves=linked and leaves, joins=linked and speaks_of("links.join"),
    )  # fmt: skip


class Composer:
    """Makes outgoing messages of claimed deliveries for one account."""

    def __init__(self, account: Account, keys: KeyRing, public_url: str) -> None:
        self._account = account
        self._keys = keys
        self._public_url = public_url.rstrip("/")
        self._callback = f"{self._public_url}/webhooks/{quote(account.name)}?d=" if account.receipts else ""

    def make(self, claimed: Claimed, letter: Letter, adapter: Adapter, lease: Lease) -> Ready | Unready:
        """Render and address one delivery; what its adapter would refuse is found before anything is sent."""
        links = links_of(
            letter, self._keys, self._public_url, claimed.run, claimed.delivery, claimed.recipient_kind,
            claimed.recipient_id,
        )  # fmt: skip
        who = recipient_of(self._keys, claimed.who, claimed.sealed_who, claimed.key_version)
        try:
            rendered = letter.text.written(who, today=letter.today, text_form=self._account.text_form, links=links)
        except RenderError:
            return Unready(claimed, "template")
        if claimed.mark:
            rendered = marked(rendered, letter.channel, claimed.mark)
        content = Content(
            channel=letter.channel.value, body=rendered.body, subject=rendered.subject, html=rendered.html,
            template_id=rendered.template_id, parameters=rendered.parameters,
            attachments=tuple([_attachment(one) for one in rendered.attachments]) if rendered.attachments else (),
        )  # fmt: skip
        problems = adapter.check(content)
        if problems:
            return Unready(claimed, problems[0].code)
        to = "" if claimed.sealed is None else self._keys.open(claimed.sealed, claimed.key_version or 0)
        key = f"{claimed.run}.{claimed.delivery}.{claimed.generation}"
        outgoing = Outgoing(
            key=key, to=to, content=content, lease=lease, callback_url=self.callback(key),
            unsubscribe_url=links.unsubscribe, sent_after=claimed.sent_after, repeated=claimed.attempt > 1,
            may_have_left=claimed.may_have_left, advertising=letter.message_class is MessageClass.ADVERTISING,
        )  # fmt: skip
        tokens = measure(content.body).parts if letter.channel is Channel.SMS else 1
        return Ready(claimed, outgoing, max(1, tokens))

    def callback(self, key: str) -> str:
        """Where receipts of a delivery go ("" where the account gives none)."""
        return f"{self._callback}{key}" if self._callback else ""


_NO_LINKS: Final = LinksView()


def _attachment(file: AttachedFile) -> Attachment:
    """The file as it leaves; raises OutreachError where its content was not read: a message never goes without it."""
    if not file.content:
        raise OutreachError("a file that goes with the message is not at hand")
    return Attachment(file.name, file.media_type, file.content)


def recipient_of(keys: KeyRing, who: Recipient, sealed: bytes | None, key_version: int | None) -> Recipient:
    """For whom a text is made: `who`, or for a test the recipient kept with it."""
    return who if sealed is None else Recipient.from_json(json.loads(keys.open(sealed, key_version or 0)))


def links_of(
    letter: Letter, keys: KeyRing, public_url: str, run: int, delivery: int, kind: RecipientKind, recipient: int
) -> LinksView:
    """The recipient's own pages for a delivery: the same whenever its text is made again.

    What the text does not speak of is left out: sealing costs time. In a test, whose reader is somebody else, an
    invitation is for nobody.
    """
    if not (letter.leaves or letter.joins):
        return _NO_LINKS
    base = public_url.rstrip("/")
    contact = recipient if kind is RecipientKind.CONTACT else 0
    return LinksView(
        unsubscribe=f"{base}/u/{keys.token(run, delivery)}" if letter.leaves else "",
        join=f"{base}/j/{keys.invitation(contact, letter.today)}" if letter.joins else "",
    )
