"""A claimed delivery becomes what its adapter sends: rendered, measured, addressed, with its links."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from urllib.parse import quote

from channels.contract import Adapter, Attachment, Content, Lease, Outgoing
from outreach.domain.accounts import Account
from outreach.domain.attachments import AttachedFile
from outreach.domain.composing import compose, marked
from outreach.domain.context import LinksView
from outreach.domain.errors import OutreachError
from outreach.domain.frozen import Frozen
from outreach.domain.privacy import KeyRing
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import RenderError
from outreach.domain.sms_text import measure
from outreach.domain.words import Channel, MessageClass, RecipientKind
from outreach.store.claims import Claimed, OpenRun


@dataclass(frozen=True, slots=True)
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


class Composer:
    """Makes outgoing messages of claimed deliveries for one account."""

    def __init__(self, account: Account, keys: KeyRing, public_url: str) -> None:
        self._account = account
        self._keys = keys
        self._public_url = public_url.rstrip("/")
        self._callback = f"{self._public_url}/webhooks/{quote(account.name)}?d=" if account.receipts else ""

    def make(
        self, claimed: Claimed, run: OpenRun, frozen: Frozen, adapter: Adapter, *, today: date, lease: Lease
    ) -> Ready | Unready:
        """Render and address one delivery; what its adapter would refuse is found before anything is sent."""
        speaks_of = partial(frozen.template(run.message).speaks_of, str(claimed.channel))
        links = links_of(
            self._keys, self._public_url, claimed.run, claimed.delivery, claimed.channel, run.message_class,
            contact=invited(claimed.recipient_kind, claimed.recipient_id), today=today, speaks_of=speaks_of,
        )  # fmt: skip
        who = recipient_of(self._keys, claimed.who, claimed.sealed_who, claimed.key_version)
        try:
            rendered = compose(
                frozen, run.message, claimed.channel, who, today=today,
                text_form=self._account.text_form, links=links,
            )  # fmt: skip
        except RenderError:
            return Unready(claimed, "template")
        rendered = marked(rendered, claimed.channel, claimed.mark)
        content = Content(
            channel=str(claimed.channel), body=rendered.body, subject=rendered.subject, html=rendered.html,
            template_id=rendered.template_id, parameters=rendered.parameters,
            attachments=tuple([_attachment(one) for one in rendered.attachments]),
        )  # fmt: skip
        problems = adapter.check(content)
        if problems:
            return Unready(claimed, problems[0].code)
        to = "" if claimed.sealed is None else self._keys.open(claimed.sealed, claimed.key_version or 0)
        key = f"{claimed.run}.{claimed.delivery}.{claimed.generation}"
        outgoing = Outgoing(
            key=key, to=to, content=content, lease=lease, callback_url=self.callback(key),
            unsubscribe_url=links.unsubscribe, sent_after=claimed.sent_after, repeated=claimed.attempt > 1,
            may_have_left=claimed.may_have_left, advertising=run.message_class is MessageClass.ADVERTISING,
        )  # fmt: skip
        tokens = measure(content.body).parts if claimed.channel is Channel.SMS else 1
        return Ready(claimed, outgoing, max(1, tokens))

    def callback(self, key: str) -> str:
        """Where receipts of a delivery go ("" where the account gives none)."""
        return f"{self._callback}{key}" if self._callback else ""


def _attachment(file: AttachedFile) -> Attachment:
    """The file as it leaves; raises OutreachError where its content was not read: a message never goes without it."""
    if not file.content:
        raise OutreachError("a file that goes with the message is not at hand")
    return Attachment(file.name, file.media_type, file.content)


def recipient_of(keys: KeyRing, who: Recipient, sealed: bytes | None, key_version: int | None) -> Recipient:
    """For whom a text is made: `who`, or for a test the recipient kept with it."""
    return who if sealed is None else Recipient.from_json(json.loads(keys.open(sealed, key_version or 0)))


def invited(kind: RecipientKind, recipient_id: int) -> int:
    """The contact whom the invitation in a text is for; nobody in a test, whose reader is somebody else."""
    return recipient_id if kind is RecipientKind.CONTACT else 0


def links_of(
    keys: KeyRing, public_url: str, run: int, delivery: int, channel: Channel, message_class: MessageClass, *,
    contact: int, today: date, speaks_of: Callable[[str], bool] = lambda name: True,
) -> LinksView:  # fmt: skip
    """The recipient's own pages for a delivery: the same whenever its text is made again. `today`: of the claim.

    What the text does not speak of is left out (an e-mail's headers have the page to unsubscribe): sealing costs time.
    """
    if message_class is MessageClass.EMERGENCY or not channel.to_people:
        return LinksView()
    base = public_url.rstrip("/")
    leaves = channel is Channel.EMAIL or speaks_of("links.unsubscribe")
    return LinksView(
        unsubscribe=f"{base}/u/{keys.token(run, delivery)}" if leaves else "",
        join=f"{base}/j/{keys.invitation(contact, today)}" if speaks_of("links.join") else "",
    )
