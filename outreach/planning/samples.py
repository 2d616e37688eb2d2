"""What would be sent, word for word: one text for each channel of a message, made for somebody of its audience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection

from outreach.domain.accounts import Account
from outreach.domain.composing import campaign_view, compose, languages_for
from outreach.domain.context import ISSUER, SAMPLE_CONTACT, LinksView, sample_context
from outreach.domain.frozen import Frozen
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import Rendered, RenderError
from outreach.domain.scope import EVERYTHING
from outreach.domain.sms_text import Encoding, TextForm, formed, measure
from outreach.domain.speech import broadcast_seconds
from outreach.domain.words import Channel, MessageClass
from outreach.store import recipients
from outreach.store.runs import Run

_TRIED: Final = 5
"""People whose text is tried before the sample says that it cannot be made."""
_OWN_LINKS: Final = LinksView(unsubscribe="https://.../u/...", join="https://.../j/...")
"""Stand where each recipient gets links of their own."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One text as it would leave; `who` it was made for, "" where nobody is planned and an invented person stands in.

    `language`: several for a script that is read in several. For SMS `parts` and `encoding`, and `accented_parts`
    where the account drops the tones; `reading_seconds`: of a loudspeaker script said twice; `problem`: why the text
    cannot be made. It holds names: never to be logged.
    """

    channel: Channel
    language: str
    text: str = ""
    who: str = ""
    subject: str = ""
    parts: int | None = None
    encoding: Encoding | None = None
    accented_parts: int | None = None
    reading_seconds: int | None = None
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data without what does not apply; `real` says whether the recipient is one of the audience."""
        given: dict[str, Any] = {
            "subject": self.subject or None,
            "parts": self.parts,
            "encoding": None if self.encoding is None else str(self.encoding),
            "accented_parts": self.accented_parts,
            "reading_seconds": self.reading_seconds,
            "problem": self.problem or None,
        }
        always = {"channel": str(self.channel), "language": self.language, "text": self.text, "real": bool(self.who)}
        return always | {name: value for name, value in given.items() if value is not None}


def draw_samples(
    connection: Connection, run: Run, frozen: Frozen, accounts: Mapping[str, Account], *, target: str
) -> tuple[Sample, ...]:
    """A text for each channel of a run, made for somebody whose row in `target` (a plan or a forecast) is planned."""
    return tuple(_of_channel(connection, run, frozen, accounts, channel, target) for channel in run.steps)


def _of_channel(
    connection: Connection, run: Run, frozen: Frozen, accounts: Mapping[str, Account], channel: Channel, target: str
) -> Sample:
    drawn = recipients.planned_sample(connection, target, run.id, channel, limit=_TRIED, scope=EVERYTHING)
    form = _form(accounts, channel, drawn[0][0] if drawn else "")
    whom: list[Recipient | None] = [who for _, who in drawn]
    problem = ""
    for who in whom or [None]:
        try:
            return _told(_sample(frozen, run, channel, who), form)
        except RenderError as error:
            problem = problem or str(error)
    return Sample(channel, "vi", problem=problem)


def _sample(frozen: Frozen, run: Run, channel: Channel, who: Recipient | None) -> Sample:
    languages = ("vi",) if who is None else languages_for(frozen.templates[run.message], channel, who)
    rendered = _invented(frozen, run.message, channel) if who is None else _real(frozen, run, channel, who)
    name = "" if who is None else who.full_name or who.unit_name or who.unit_code or "?"
    seconds = round(broadcast_seconds(rendered.scripts)) if channel is Channel.LOUDSPEAKER else None
    text = _text(rendered)
    return Sample(channel, ", ".join(languages), text, name, rendered.subject, reading_seconds=seconds)


def _form(accounts: Mapping[str, Account], channel: Channel, account: str) -> TextForm:
    """How the account that was chosen, or would be, sends its texts."""
    serving = [one.text_form for one in accounts.values() if channel in one.channels]
    return accounts[account].text_form if account in accounts else next(iter(serving), TextForm.ACCENTED)


def _real(frozen: Frozen, run: Run, channel: Channel, who: Recipient) -> Rendered:
    today = run.scheduled_for.astimezone(frozen.definition.zone).date()
    linked = channel.to_people and run.message_class is not MessageClass.EMERGENCY
    links = _OWN_LINKS if linked else LinksView()
    return compose(frozen, run.message, channel, who, today=today, links=links)


def _invented(frozen: Frozen, message: str, channel: Channel) -> Rendered:
    given = {"campaign": campaign_view(frozen.definition), ISSUER: frozen.definition.issuer, "links": _OWN_LINKS}
    context = sample_context() | given
    return frozen.template(message).render(str(channel), SAMPLE_CONTACT.language, context)


def _text(rendered: Rendered) -> str:
    if not rendered.template_id:
        return rendered.body
    return "\n".join([rendered.template_id, *(f"{name}: {value}" for name, value in rendered.parameters.items())])


def _told(sample: Sample, form: TextForm) -> Sample:
    """The sample as an SMS account sends it."""
    if sample.channel is not Channel.SMS:
        return sample
    sent = formed(sample.text, form)
    measured = measure(sent)
    accented = None if sent == sample.text else measure(sample.text).parts
    return replace(sample, text=sent, parts=measured.parts, encoding=measured.encoding, accented_parts=accented)
