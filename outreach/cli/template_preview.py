"""One text of a template as one recipient would get it, with what their channel makes of it. It holds names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outreach.cli.options import MOST_ID
from outreach.cli.session import Session
from outreach.dispatch.accounts_file import load_accounts
from outreach.domain.accounts import Account
from outreach.domain.composing import Text, campaign_view, languages_for, render_in
from outreach.domain.context import ISSUER, SAMPLE_CAMPAIGN, SAMPLE_CASE, CaseView, LinksView
from outreach.domain.definition import Definition
from outreach.domain.errors import NotFound, OutreachError
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import Compiled, Rendered, compile_template
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.sms_text import TextForm, formed, measure, unaccent
from outreach.domain.speech import broadcast_seconds, check_broadcast, lay_out_scripts
from outreach.domain.template_examples import example_context
from outreach.domain.template_source import DEFAULT_LANGUAGE, TemplateSource
from outreach.domain.words import Channel
from outreach.store import campaigns, cases, contacts, units
from outreach.store.cases import Case
from outreach.store.contacts import Contact
from outreach.store.versions import read_version

_OWN_LINKS = LinksView(unsubscribe="https://.../u/...", join="https://.../j/...")
"""Stand where each recipient gets links of their own."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What is to be shown: which text, in which language (None: the recipient's), for which stored campaign."""

    source: TemplateSource
    channel: Channel
    language: str | None = None
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """For whom: somebody (`who`), or the invented recipient of the template (`context`)."""

    who: Recipient | None = None
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Made:
    """The text as its reader or listener gets it. `about`: lines for whoever previews it; `facts`: for programs."""

    text: str
    subject: str = ""
    html: str = ""
    about: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        mail = {"subject": self.subject, "html": self.html} if self.html else {}
        return {"text": self.text, **mail, **self.facts}


def sample_of(source: TemplateSource) -> Subject:
    """The invented recipient, with the examples of the template's `meta.yaml`."""
    return Subject(context=example_context(source))


def person_of(session: Session, name: str, *, scope: Scope = EVERYTHING) -> Subject:
    """The contact with that number, or of that SOURCE/EXTERNAL_ID; raises NotFound outside of the scope."""
    return Subject(contact_named(session, name, scope=scope))


def contact_named(session: Session, name: str, *, scope: Scope = EVERYTHING) -> Recipient:
    """The same contact as sending knows them, with their next open case or else an invented one."""
    source, slash, external_id = name.partition("/")
    if not slash and not (name.isdecimal() and int(name[:20]) <= MOST_ID):
        raise OutreachError('a contact is "sample", the number of a contact, or SOURCE/EXTERNAL_ID of its list')
    with session.runtime().engine.connect() as connection:
        if slash:
            found = contacts.by_external_id(connection, source, external_id, scope=scope)
        else:
            found = contacts.by_id(connection, int(name), scope=scope)
        unit = units.by_code(connection, found.unit_code) if found.unit_code else None
        own = cases.next_open(connection, found.id, scope=scope)
    return _recipient(found, unit, own or SAMPLE_CASE)


def _recipient(contact: Contact, unit: units.Unit | None, case: Case | CaseView) -> Recipient:
    """The contact as planning knows them, with a case for templates that speak of one."""
    return Recipient(
        full_name=contact.full_name, birth_date=contact.birth_date, sex=contact.sex, kind=contact.kind,
        occupation=contact.occupation, language=contact.language or DEFAULT_LANGUAGE, attrs=contact.attrs,
        unit_code=unit.code if unit else None, unit_name=unit.name if unit else None,
        unit_kind=unit.kind if unit else None, unit_languages=unit.languages if unit else (),
        case_external_id=case.external_id, case_title=case.title, case_due_at=case.due_at, case_state=case.state,
    )  # fmt: skip


def make_preview(session: Session, wanted: Preview, subject: Subject) -> Made:
    """The text; raises RenderError where it cannot be made for this recipient, NotFound for an unknown campaign."""
    definition = None if wanted.campaign is None else _definition(session, wanted.campaign)
    languages = _languages(wanted, subject.who)
    compiled = compile_template(wanted.source)
    context = _context(session, definition, subject, compiled, wanted.channel)
    rendered = render_in(compiled, wanted.channel, languages, context, samples=wanted.language is not None)
    shown = ", ".join(languages)
    if wanted.channel is Channel.SMS:
        return _sms(rendered, shown, _account(session))
    if wanted.channel is Channel.LOUDSPEAKER:
        return _broadcast(rendered, shown)
    text = _parameters(rendered) if rendered.template_id else rendered.body
    files = [f"attached: {one.name}, {one.size:,} bytes" for one in rendered.attachments]
    facts = _facts(wanted.channel, shown)
    if rendered.attachments:
        facts["attachments"] = [one.to_json() for one in rendered.attachments]
    return Made(text, rendered.subject, rendered.html, (_heading(wanted.channel, shown), *files), facts)


def _definition(session: Session, slug: str) -> Definition:
    with session.runtime().engine.connect() as connection:
        campaign = campaigns.get(connection, slug)
        return read_version(connection, slug, campaign.version, campaign.shift_days).definition


def _languages(wanted: Preview, who: Recipient | None) -> tuple[str, ...]:
    if wanted.language is None:
        return (DEFAULT_LANGUAGE,) if who is None else languages_for(wanted.source, wanted.channel, who)
    there = wanted.source.languages(str(wanted.channel))
    if wanted.language not in there:
        listed = ", ".join(there)
        raise NotFound(f'"{wanted.source.name}" has no {wanted.channel} text in {wanted.language}; it has {listed}')
    return (wanted.language,)


def _context(
    session: Session, definition: Definition | None, subject: Subject, compiled: Compiled, channel: Channel
) -> Mapping[str, Any]:
    campaign = SAMPLE_CAMPAIGN if definition is None else campaign_view(definition)
    if subject.who is None:
        given = {} if definition is None else {"campaign": campaign, ISSUER: campaign.issuer}
        return {**subject.context, **given}
    zone = session.settings().zone if definition is None else definition.zone
    today = session.runtime().clock.now().astimezone(zone).date()
    return Text(compiled, channel, campaign, zone).context(subject.who, today=today, links=_OWN_LINKS)


def _account(session: Session) -> Account | None:
    """The account whose form and price are shown; none where no SMS account is set up, or the file has mistakes."""
    settings = session.settings()
    try:
        known = load_accounts(settings.accounts_file, timeout=settings.send_timeout_seconds).known
    except OutreachError:
        return None
    return next((one for one in known.values() if one.serves(Channel.SMS)), None)


def _sms(rendered: Rendered, language: str, account: Account | None) -> Made:
    form = account.text_form if account else TextForm.CHEAPEST
    sent = formed(rendered.body, form)
    forms = {
        "accented": _form(rendered.body, account),
        "unaccented": _form(unaccent(rendered.body), account),
    }
    lines = [f"{name}: {_told(one)}{'  <- is sent' if one['text'] == sent else ''}" for name, one in forms.items()]
    facts = {**_facts(Channel.SMS, language), "text_form": str(form), "forms": forms}
    return Made(sent, about=(_heading(Channel.SMS, language), *lines), facts=facts)


def _form(text: str, account: Account | None) -> dict[str, Any]:
    measured = measure(text)
    cost = {} if account is None else {"cost": measured.parts * account.price}
    return {"text": text, "encoding": str(measured.encoding), "parts": measured.parts, **cost}


def _told(form: Mapping[str, Any]) -> str:
    cost = f", {form['cost']:,} VND" if "cost" in form else ""
    return f"{form['parts']} {'part' if form['parts'] == 1 else 'parts'} ({form['encoding']}){cost}"


def _broadcast(rendered: Rendered, language: str) -> Made:
    seconds = round(broadcast_seconds(rendered.scripts))
    warnings = [f"{found.line}: “{found.excerpt}”: {found.advice}" for found in check_broadcast(rendered.scripts)]
    about = (_heading(Channel.LOUDSPEAKER, language), f"{seconds} s to read it twice", *warnings)
    facts = {**_facts(Channel.LOUDSPEAKER, language), "reading_seconds": seconds, "warnings": warnings}
    return Made(lay_out_scripts(rendered.scripts), about=about, facts=facts)


def _parameters(rendered: Rendered) -> str:
    named = (f"{name}: {value}" for name, value in rendered.parameters.items())
    return "\n".join([f"template {rendered.template_id}", *named])


def _heading(channel: Channel, language: str) -> str:
    return f"{channel} ({language})"


def _facts(channel: Channel, language: str) -> dict[str, Any]:
    return {"channel": str(channel), "language": language}
