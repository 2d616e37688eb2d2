"""From a recipient and a template to what they get: one way for sending, forecasts, previews and scripts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from outreach.domain.context import (
    CampaignView,
    CaseView,
    ContactView,
    LinksView,
    UnitView,
    contact_view,
    message_context,
    unit_view,
)
from outreach.domain.definition import Definition
from outreach.domain.frozen import Frozen
from outreach.domain.recipient import Recipient
from outreach.domain.rendering import Compiled, Rendered
from outreach.domain.sms_text import Encoding, TextForm, formed, measure, unaccent
from outreach.domain.template_source import DEFAULT_LANGUAGE, TemplateSource
from outreach.domain.words import Channel


def compose(
    frozen: Frozen,
    message: str,
    channel: Channel,
    who: Recipient,
    *,
    today: date,
    text_form: TextForm = TextForm.ACCENTED,
    links: LinksView | None = None,
) -> Rendered:
    """What `who` gets of a message on a channel; `today` is the campaign's local day, `text_form` is for SMS.

    Raises RenderError, which names template, channel and line, never a value.
    """
    compiled = frozen.template(message)
    context = context_of(
        who, campaign_view(frozen.definition), frozen.definition.zone, today=today, links=links,
        speaks_of=partial(compiled.speaks_of, str(channel)),
    )  # fmt: skip
    rendered = render_in(compiled, channel, languages_for(compiled.source, channel, who), context)
    if channel is not Channel.SMS or text_form is TextForm.ACCENTED:
        return rendered
    return Rendered(body=formed(rendered.body, text_form))


def marked(rendered: Rendered, channel: Channel, mark: str) -> Rendered:
    """The text with a mark before it (an e-mail's before its subject), in the letters the text is written in.

    A registered template cannot be marked and stays as it is.
    """
    if not mark or rendered.template_id:
        return rendered
    if channel is Channel.EMAIL:
        return replace(rendered, subject=f"{mark} {rendered.subject}")
    plain = channel is Channel.SMS and measure(rendered.body).encoding is Encoding.GSM7
    return replace(rendered, body=f"{unaccent(mark) if plain else mark} {rendered.body}")


def context_of(
    who: Recipient, campaign: CampaignView, zone: ZoneInfo, *, today: date, links: LinksView | None = None,
    speaks_of: Callable[[str], bool] = lambda name: True,
) -> dict[str, object]:  # fmt: skip
    """The names a template finds for `who`, of those it speaks of; dates of a case are shown in `zone`."""
    return message_context(
        campaign=campaign,
        unit=_unit(who) if speaks_of("unit") else None,
        contact=_contact(who, today) if speaks_of("contact") else None,
        case=_case(who, zone) if speaks_of("case") else None,
        links=links or LinksView(),
    )


def languages_for(source: TemplateSource, channel: Channel, who: Recipient) -> tuple[str, ...]:
    """The languages in which `who` gets a template: a person one, a station those of its unit, in the unit's order.

    A language the template has no text in (or only a sample) is served in Vietnamese, once.
    """
    wanted = (who.unit_languages or (DEFAULT_LANGUAGE,)) if channel is Channel.LOUDSPEAKER else (who.language,)
    return tuple(dict.fromkeys(source.language_for(str(channel), language) for language in wanted))


def render_in(
    compiled: Compiled, channel: Channel, languages: Sequence[str], context: Mapping[str, object], *,
    samples: bool = False,
) -> Rendered:  # fmt: skip
    """The text in the first language; a script in all of them, one after the other. Raises RenderError."""
    if channel is not Channel.LOUDSPEAKER or len(languages) == 1:
        return compiled.render(str(channel), languages[0], context, samples=samples)
    made = [compiled.render(str(channel), language, context, samples=samples) for language in languages]
    scripts = tuple(script for one in made for script in one.scripts)
    return Rendered("\n\n".join(script.text for script in scripts), scripts=scripts)


def campaign_view(definition: Definition) -> CampaignView:
    """The campaign as templates see it."""
    return CampaignView(definition.title, definition.issuer, definition.starts, definition.ends, definition.slug)


def _contact(who: Recipient, today: date) -> ContactView | None:
    if who.full_name is None:
        return None
    return contact_view(
        who.full_name, today, birth_date=who.birth_date, sex=who.sex, kind=who.kind, occupation=who.occupation,
        language=who.language, attr=who.attrs,
    )  # fmt: skip


def _unit(who: Recipient) -> UnitView:
    if who.unit_code is None or who.unit_name is None:
        return UnitView("")
    return unit_view(who.unit_name, who.unit_kind or "", who.unit_code)


def _case(who: Recipient, zone: ZoneInfo) -> CaseView | None:
    if who.case_external_id is None:
        return None
    due = None if who.case_due_at is None else who.case_due_at.astimezone(zone)
    return CaseView(who.case_external_id, who.case_title or "", due, who.case_state or "")
