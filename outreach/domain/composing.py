"""From a recipient and a template to what they get: one way for sending, forecasts, previews and scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from zoneinfo import ZoneInfo

from outreach.domain.context import (
    CampaignView,
    CaseView,
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


class Text:
    """A message on a channel, ready to be written to one recipient after the other.

    What is the same for all of them is looked at once: what the text speaks of, the campaign, the languages.
    """

    __slots__ = ("_always", "_channel", "_compiled", "_languages", "_of_case", "_of_contact", "_of_unit", "_zone")

    def __init__(self, compiled: Compiled, channel: Channel, campaign: CampaignView, zone: ZoneInfo) -> None:
        self._compiled = compiled
        self._channel = channel
        self._zone = zone
        self._always = message_context(campaign=campaign)
        self._of_unit, self._of_contact, self._of_case = (
            compiled.speaks_of(str(channel), name) for name in ("unit", "contact", "case")
        )
        self._languages: dict[object, tuple[str, ...]] = {}

    def written(
        self, who: Recipient, *, today: date, text_form: TextForm = TextForm.ACCENTED, links: LinksView | None = None
    ) -> Rendered:
        """What `who` gets; `today` is the campaign's local day, `text_form` is for SMS.

        Raises RenderError, which names template, channel and line, never a value.
        """
        spoken = who.unit_languages if self._channel is Channel.LOUDSPEAKER else who.language
        languages = self._languages.get(spoken)
        if languages is None:
            languages = self._languages[spoken] = languages_for(self._compiled.source, self._channel, who)
        context = self.context(who, today=today, links=links)
        rendered = render_in(self._compiled, self._channel, languages, context)
        if self._channel is not Channel.SMS or text_form is TextForm.ACCENTED:
            return rendered
        return Rendered(body=formed(rendered.body, text_form))

    def context(self, who: Recipient, *, today: date, links: LinksView | None = None) -> dict[str, object]:
        """The names the text finds for `who`, of those it speaks of; dates of a case are shown in the campaign's zone.

        A contact or case that is not given is not there, and using it is an error.
        """
        found = self._always.copy()
        if links is not None:
            found["links"] = links
        if self._of_unit:
            found["unit"] = _unit(who)
        if self._of_contact and who.full_name is not None:
            found["contact"] = contact_view(
                who.full_name, today, birth_date=who.birth_date, sex=who.sex, kind=who.kind,
                occupation=who.occupation, language=who.language, attr=who.attrs,
            )  # fmt: skip
        if self._of_case and who.case_external_id is not None:
            due = None if who.case_due_at is None else who.case_due_at.astimezone(self._zone)
            found["case"] = CaseView(who.case_external_id, who.case_title or "", due, who.case_state or "")
        return found


def text_of(frozen: Frozen, message: str, channel: Channel) -> Text:
    """A version's message on a channel."""
    definition = frozen.definition
    return Text(frozen.template(message), channel, campaign_view(definition), definition.zone)


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
    """What one recipient gets of a message on a channel, as `Text.written`; raises RenderError."""
    return text_of(frozen, message, channel).written(who, today=today, text_form=text_form, links=links)


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


def _unit(who: Recipient) -> UnitView:
    if who.unit_code is None or who.unit_name is None:
        return UnitView("")
    return unit_view(who.unit_name, who.unit_kind or "", who.unit_code)
