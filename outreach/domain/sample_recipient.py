"""The invented recipient of a template as sending knows recipients: a test is then rendered like any message."""

from __future__ import annotations

from outreach.domain.context import CampaignView, CaseView, ContactView, UnitView
from outreach.domain.recipient import Recipient
from outreach.domain.template_examples import example_context
from outreach.domain.template_source import TemplateSource


def sample_recipient(source: TemplateSource) -> Recipient:
    """Our invented person, unit and case with the examples of the template's `meta.yaml` in place."""
    context = example_context(source)
    contact, unit, case = context["contact"], context["unit"], context["case"]
    assert isinstance(contact, ContactView)
    assert isinstance(unit, UnitView)
    assert isinstance(case, CaseView)
    return Recipient(
        full_name=contact.full_name, birth_date=contact.birth_date, sex=contact.sex, kind=contact.kind,
        occupation=contact.occupation, language=contact.language, attrs=dict(contact.attr), unit_code=unit.code,
        unit_name=unit.name, unit_kind=unit.kind, unit_languages=(), case_external_id=case.external_id,
        case_title=case.title, case_due_at=case.due_at, case_state=case.state,
    )  # fmt: skip


def sample_campaign(source: TemplateSource) -> CampaignView:
    """The invented campaign a template may speak of, with the examples of its `meta.yaml` in place."""
    campaign = example_context(source)["campaign"]
    assert isinstance(campaign, CampaignView)
    return campaign
