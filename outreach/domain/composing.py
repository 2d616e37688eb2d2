"""From a recipient and a template to what they get: one way for sending, forecasts, previews and scripts."""

from __future__ import annotations

from datetime import date

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
from outreach.domain.rendering import Rendered
from outreach.domain.sms_text import TextForm, formed
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
    context = message_context(
        campaign=campaign_view(frozen.definition),
        unit=_unit(who),
        contact=_contact(who, today),
        case=_case(who, frozen.definition),
        links=links or LinksView(),
    )
    rendered = frozen.template(message).render(str(channel), _language(who, channel), context)
    if channel is not Channel.SMS or text_form is TextForm.ACCENTED:
        return rendered
    return Rendered(body=formed(rendered.body, text_form))


def campaign_view(definition: Definition) -> CampaignView:
    """The campaign as templates see it."""
    return CampaignView(definition.title, definition.issuer, definition.starts, definition.ends, definition.slug)


def _language(who: Recipient, channel: Channel) -> str:
    if channel is Channel.LOUDSPEAKER:
        return who.unit_languages[0] if who.unit_languages else "vi"
    return who.language


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


def _case(who: Recipient, definition: Definition) -> CaseView | None:
    if who.case_external_id is None:
        return None
    due = None if who.case_due_at is None else who.case_due_at.astimezone(definition.zone)
    return CaseView(who.case_external_id, who.case_title or "", due, who.case_state or "")
