"""Every table, its keys and its indexes; migrations follow this file and a test proves that they agree."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Moment = DateTime(timezone=True)


def _now(name: str) -> Column[object]:
    return Column(name, Moment, nullable=False, server_default=func.now())


def _text(name: str, default: str = "") -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


units = Table(
    "units",
    metadata,
    Column("code", Text, primary_key=True),
    Column("parent", Text, ForeignKey("units.code"), index=True),
    Column("path", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("urban", Boolean, nullable=False),
    Column("languages", ARRAY(Text), nullable=False, server_default="{vi}"),
    Column("search_key", Text, nullable=False),
    Column("sort_key", Text, nullable=False),
    Column("valid_from", Date, nullable=False),
    Index("ix_units_path", "path", unique=True),
)

stations = Table(
    "stations",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("unit_code", Text, ForeignKey("units.code"), nullable=False),
    Column("name", Text, nullable=False),
    Column("earshot", Integer, nullable=False),
    Column("slots", JSONB, nullable=False),
    Column("is_default", Boolean, nullable=False, server_default="false"),
    UniqueConstraint("unit_code", "name"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("identity", LargeBinary, nullable=False),
    _text("kind", "person"),
    Column("full_name", Text, nullable=False),
    Column("search_key", Text, nullable=False),
    Column("sort_key", Text, nullable=False),
    Column("birth_date", Date),
    Column("sex", Text),
    Column("occupation", Text),
    _text("language", "vi"),
    Column("unit_code", Text, ForeignKey("units.code")),
    Column("tags", ARRAY(Text), nullable=False, server_default="{}"),
    Column("attrs", JSONB, nullable=False, server_default="{}"),
    Column("guardian_id", BigInteger, ForeignKey("contacts.id")),
    _now("created_at"),
    _now("updated_at"),
    Column("erased_at", Moment),
    # A bit for each channel with an address (`outreach.store.segments.BITS`), kept by triggers on addresses.
    Column("addressed", Integer, nullable=False, server_default="0"),
    UniqueConstraint("source", "external_id"),
    Index("ix_contacts_identity", "identity"),
    Index("ix_contacts_unit_code", "unit_code"),
    Index("ix_contacts_guardian_id", "guardian_id", postgresql_where=text("guardian_id IS NOT NULL")),
)

addresses = Table(
    "addresses",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("channel", Text, nullable=False),
    _text("account"),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("value", LargeBinary, nullable=False),
    _now("created_at"),
    UniqueConstraint("contact_id", "channel", "account", "fingerprint"),
    Index("ix_addresses_fingerprint_channel", "fingerprint", "channel"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("fingerprint", LargeBinary, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("class", Text, primary_key=True),
    Column("key_version", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    _now("created_at"),
)

consents = Table(
    "consents",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("given_at", Moment, primary_key=True),
    Column("legal_basis", Text, nullable=False),
    _text("text_version"),
    _text("channel"),
    _text("method"),
    _text("evidence"),
    Column("withdrawn_at", Moment),
)

cases = Table(
    "cases",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("title", Text, nullable=False),
    _text("state", "open"),
    Column("due_at", Moment, nullable=False),
    Column("unit_code", Text, ForeignKey("units.code")),
    Column("attrs", JSONB, nullable=False, server_default="{}"),
    _now("created_at"),
    _now("updated_at"),
    UniqueConstraint("source", "external_id"),
    Index("ix_cases_open_due_at", "due_at", postgresql_where=text("state = 'open'")),
)

campaigns = Table(
    "campaigns",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("approved_version", Integer),
    Column("timezone", Text, nullable=False),
    Column("starts", Date, nullable=False),
    Column("ends", Date, nullable=False),
    Column("launched_at", Moment),
    Column("launched_by", Text),
    Column("shift_days", Integer, nullable=False, server_default="0"),
    Column("occurrences_until", Moment),
    _now("created_at"),
    _now("updated_at"),
)

campaign_versions = Table(
    "campaign_versions",
    metadata,
    Column("slug", Text, ForeignKey("campaigns.slug", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("state", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("definition", JSONB, nullable=False),
    Column("templates", JSONB, nullable=False),
    Column("segments", JSONB, nullable=False),
    Column("source_text", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("submitted_by", Text),
    _now("created_at"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("slug", Text, nullable=False),
    Column("n", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Column("decision", Text, nullable=False),
    Column("approver", Text, nullable=False),
    _text("reason"),
    Column("figures", JSONB, nullable=False),
    _now("decided_at"),
    Index("ix_approvals_slug_n", "slug", "n"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.slug"), nullable=False),
    Column("message", Text, nullable=False),
    Column("scheduled_for", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    _text("reason"),
    Column("lane", Text, nullable=False),
    Column("class", Text, nullable=False),
    Column("steps", ARRAY(Text), nullable=False),
    Column("mode", Text, nullable=False),
    Column("wait_s", Integer, nullable=False),
    Column("not_after_s", Integer, nullable=False),
    Column("audience", BigInteger),
    Column("cost", BigInteger),
    Column("released_by", Text),
    Column("planned_at", Moment),
    Column("finished_at", Moment),
    _now("created_at"),
    # Whether its people stand in campaign_people.
    Column("gathered", Boolean, nullable=False, server_default="false"),
    # Whether its version writes to listed test addresses only.
    Column("trial", Boolean, nullable=False, server_default="false"),
    # Since when its deliveries to people are no longer kept one by one (`outreach.store.history`).
    Column("archived_at", Moment),
    UniqueConstraint("campaign", "message", "scheduled_for"),
    Index("ix_runs_open", "state", postgresql_where=text("state IN ('scheduled', 'planning', 'sending', 'held')")),
)

deliveries = Table(
    "deliveries",
    metadata,
    # No foreign keys: a run plans a million rows in one statement, and recipients are of two kinds.
    Column("run_id", BigInteger, primary_key=True),
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("recipient_kind", Text, nullable=False),
    Column("recipient_id", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("subject_id", BigInteger, nullable=False, server_default="0"),
    Column("step", SmallInteger, nullable=False),
    Column("address_id", BigInteger),
    Column("fingerprint", LargeBinary),
    Column("unit_code", Text),
    Column("account", Text, nullable=False),
    Column("lane", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("code", Text),
    Column("due_at", Moment, nullable=False),
    Column("next_attempt_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default="0"),
    Column("generation", SmallInteger, nullable=False, server_default="0"),
    Column("child_id", BigInteger),
    Column("lease_until", Moment),
    Column("provider_id", Text),
    Column("parts", SmallInteger),
    Column("sent_at", Moment),
    Column("closes_at", Moment),
    Column("cascade_at", Moment),
    Column("shared_with", BigInteger),
    Column("proved", Boolean, nullable=False, server_default="false"),
    # Set where an earlier attempt may have left: until then the provider drops a repetition.
    Column("resend_until", Moment),
    UniqueConstraint(
        "run_id", "recipient_kind", "recipient_id", "channel", "subject_id", name="uq_deliveries_recipient"
    ),
    Index(
        "ix_deliveries_claim",
        "account",
        "lane",
        "run_id",
        "next_attempt_at",
        postgresql_where=text("state = 'planned'"),
    ),
    Index("ix_deliveries_leased", "lease_until", postgresql_where=text("state = 'sending'")),
    Index("ix_deliveries_open", "run_id", "closes_at", postgresql_where=text("state = 'accepted'")),
    Index("ix_deliveries_unknown", "account", "run_id", postgresql_where=text("state = 'unknown'")),
    Index("ix_deliveries_provider", "account", "provider_id", postgresql_where=text("provider_id IS NOT NULL")),
    Index("ix_deliveries_cascade", "run_id", "cascade_at", postgresql_where=text("cascade_at IS NOT NULL")),
    Index(
        "ix_deliveries_shared",
        "run_id",
        "shared_with",
        postgresql_where=text("shared_with IS NOT NULL"),
    ),
    # For pages of a reason, in order. It costs the sending nothing: what is claimed and accepted has no reason.
    Index("ix_deliveries_reason", "run_id", "reason", "id", postgresql_where=text("reason IS NOT NULL")),
    postgresql_with={
        "fillfactor": "80",
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_vacuum_cost_delay": "1",
        "autovacuum_analyze_scale_factor": "0.05",
    },
)

case_reminders = Table(
    "case_reminders",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("message", Text, primary_key=True),
    Column("case_id", BigInteger, primary_key=True),
    Column("due_at", Moment, primary_key=True),
    Column("run_id", BigInteger, nullable=False),
)

broadcasts = Table(
    "broadcasts",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("delivery_id", BigInteger, primary_key=True),
    Column("station_id", BigInteger, nullable=False),
    Column("slot_starts", Moment, nullable=False),
    Column("slot_ends", Moment, nullable=False),
    Column("members", Integer, nullable=False),
    Column("confirmed_at", Moment),
    Column("confirmed_by", Text),
    _text("note"),
    Index("ix_broadcasts_station_id_slot_starts", "station_id", "slot_starts"),
)

raw_events = Table(
    "raw_events",
    metadata,
    Column("account", Text, primary_key=True),
    Column("event_key", Text, primary_key=True),
    _now("received_at"),
    Column("payload", LargeBinary, nullable=False),
    Column("provider_id", Text),
    Column("run_id", BigInteger),
    Column("delivery_id", BigInteger),
    Column("applied_at", Moment),
    Column("retry_at", Moment),
    Index("ix_raw_events_waiting", "account", "provider_id", postgresql_where=text("applied_at IS NULL")),
    Index("ix_raw_events_received_at", "received_at"),
    Index("ix_raw_events_retry_at", "retry_at", postgresql_where=text("retry_at IS NOT NULL")),
)

joins = Table(
    "joins",
    metadata,
    Column("contact_id", BigInteger, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Column("made_on", Date, primary_key=True),
    Column("account", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("used_at", Moment, nullable=False),
)

arrivals = Table(
    "arrivals",
    metadata,
    # Whoever came to an account of a bound channel; moments are those of the events, whatever their order.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("value", LargeBinary),
    Column("name", LargeBinary),
    Column("phone", LargeBinary),
    Column("why", Text),
    Column("contacts", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("seen_at", Moment, nullable=False),
    Column("came_at", Moment),
    Column("left_at", Moment),
    Column("agreed_at", Moment),
    Column("refused_at", Moment),
    Column("wrong", SmallInteger, nullable=False, server_default="0"),
    Column("wrong_since", Moment),
    UniqueConstraint("account", "fingerprint"),
    Index("ix_arrivals_fingerprint", "fingerprint"),
    Index("ix_arrivals_waiting", "seen_at", postgresql_where=text("why IS NOT NULL")),
)

inbound = Table(
    "inbound",
    metadata,
    # What citizens wrote that was no STOP, START or token; sender and text are sealed under `key_version`.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("event_key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("sender", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("contacts", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("at", Moment, nullable=False),
    # The delivery it answers, where that can be told.
    Column("run_id", BigInteger),
    Column("delivery_id", BigInteger),
    _text("state", "new"),
    Column("settled_at", Moment),
    _text("settled_by"),
    UniqueConstraint("account", "event_key"),
    Index("ix_inbound_at", "at"),
)

confirmations = Table(
    "confirmations",
    metadata,
    # The one answer to each refusal (Decree 91/2020); the sealed address is forgotten once it is settled.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("event_key", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("value", LargeBinary),
    _text("state", "planned"),
    Column("made_at", Moment, nullable=False),
    Column("next_attempt_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default="0"),
    Column("child_id", BigInteger),
    Column("lease_until", Moment),
    _text("code"),
    Column("settled_at", Moment),
    UniqueConstraint("account", "event_key"),
    Index("ix_confirmations_fingerprint_channel", "fingerprint", "channel"),
    Index("ix_confirmations_open", "next_attempt_at", postgresql_where=text("state IN ('planned', 'sending')")),
)

interactions = Table(
    "interactions",
    metadata,
    # `last_at`: when the citizen was last in touch; `refused_at`: when the provider last said that it was too long ago.
    Column("account", Text, primary_key=True),
    Column("fingerprint", LargeBinary, primary_key=True),
    Column("last_at", Moment),
    Column("refused_at", Moment),
)

bounces = Table(
    "bounces",
    metadata,
    # Each message that nobody is there for; `left_at` is the full hour in which it left (`outreach.domain.bouncing`).
    Column("run_id", BigInteger, primary_key=True),
    Column("delivery_id", BigInteger, primary_key=True),
    Column("generation", SmallInteger, primary_key=True),
    Column("account", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("left_at", Moment, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("settled_at", Moment),
    _text("settled_by"),
    Index("ix_bounces_barred", "account", "left_at", postgresql_where=text("state = 'barred'")),
    Index("ix_bounces_held", "account", postgresql_where=text("state = 'held'")),
    Index("ix_bounces_at", "at"),
    Index("ix_bounces_fingerprint", "fingerprint"),
)

sent_counts = Table(
    "sent_counts",
    metadata,
    # Messages that left through an account in an hour, where what nobody is there for comes back.
    Column("account", Text, primary_key=True),
    Column("hour", Moment, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("n", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)

contact_ledger = Table(
    "contact_ledger",
    metadata,
    Column("fingerprint", LargeBinary, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("class", Text, primary_key=True),
    Column("times", ARRAY(Moment), nullable=False),
    postgresql_with={"fillfactor": "70"},  # room for a second message on the same day
)

reached = Table(
    "reached",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    Column("first_at", Moment, nullable=False),
    Column("channel", Text, nullable=False),
    # No run and no delivery: the first proof was a home visit, channel `visit`.
    Column("run_id", BigInteger),
    Column("delivery_id", BigInteger),
    Column("unit_code", Text),
    Column("segments", ARRAY(Text)),
    Index("ix_reached_unsorted", "campaign", postgresql_where=text("segments IS NULL")),
    Index("ix_reached_run_id_delivery_id", "run_id", "delivery_id"),
)

campaign_people = Table(
    "campaign_people",
    metadata,
    # Everyone a campaign has a delivery for, with the unit they are counted in (`outreach.store.reach_counts`).
    Column("campaign", Text, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    Column("unit_code", Text),
)

reach_units = Table(
    "reach_units",
    metadata,
    # What campaign_people and reached come to, by unit ("" for none).
    Column("campaign", Text, primary_key=True),
    Column("unit_code", Text, primary_key=True),
    Column("audience", BigInteger, nullable=False),
    Column("measured", BigInteger, nullable=False),
)

reach_groups = Table(
    "reach_groups",
    metadata,
    # The same by segment, channel or message for large campaigns, made now and then (`outreach.store.reach_groups`).
    Column("campaign", Text, primary_key=True),
    Column("grouping", Text, primary_key=True),
    Column("unit_code", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("audience", BigInteger, nullable=False),
    Column("measured", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
)

grouped_campaigns = Table(
    "grouped_campaigns",
    metadata,
    # When that was, and what the counters said.
    Column("campaign", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("seen", Text, nullable=False),
)

unreached = Table(
    "unreached",
    metadata,
    # Counted rows that left `reached` and are to be taken off reach_units; written by a trigger.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("unit_code", Text),
)

target_values = Table(
    "target_values",
    metadata,
    # Only ever added to: the newest row of a target's day is what holds, one without a value takes the day back.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.slug"), nullable=False),
    Column("target", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("value", Numeric),
    Column("answers", BigInteger),
    Column("who", Text, nullable=False),
    Column("at", Moment, nullable=False),
    _text("note"),
    Index("ix_target_values_campaign_target_day", "campaign", "target", "day", "id"),
)

visits = Table(
    "visits",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text, ForeignKey("campaigns.slug"), nullable=False),
    Column("contact_id", BigInteger, nullable=False),
    Column("day", Date, nullable=False),
    Column("guided", Integer, nullable=False),
    _text("note"),
    Column("unit_code", Text),
    Column("recorded_at", Moment, nullable=False),
    Column("recorded_by", Text, nullable=False),
    Column("undone_at", Moment),
    Column("undone_by", Text),
    Index(
        "uq_visits_campaign_contact_id_day",
        "campaign",
        "contact_id",
        "day",
        unique=True,
        postgresql_where=text("undone_at IS NULL"),
    ),
    Index("ix_visits_contact_id", "contact_id"),
)

run_counts = Table(
    "run_counts",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("n", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)

error_counts = Table(
    "error_counts",
    metadata,
    # What failed, is unknown or was put off, by the provider's code ("" for none), kept as run_counts is.
    Column("run_id", BigInteger, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("shard", SmallInteger, primary_key=True),
    Column("n", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)


def _counted_by_unit(name: str) -> Table:
    """What deliveries of a run come to, by unit ("" for none), state and the provider's code."""
    return Table(
        name,
        metadata,
        Column("run_id", BigInteger, primary_key=True),
        Column("unit_code", Text, primary_key=True),
        Column("channel", Text, primary_key=True),
        Column("account", Text, primary_key=True),
        Column("state", Text, primary_key=True),
        Column("reason", Text, primary_key=True),
        Column("code", Text, primary_key=True),
        Column("n", BigInteger, nullable=False),
    )


def _audience_by_units(name: str) -> Table:
    """The people (or cases) of a run by the units their deliveries stand in: one, for all but those who moved."""
    return Table(
        name,
        metadata,
        Column("run_id", BigInteger, primary_key=True),
        Column("units", ARRAY(Text), primary_key=True),
        Column("n", BigInteger, nullable=False),
    )


# Of deliveries that are there: sums of large runs, made now and then (`outreach.store.unit_counts`).
summed_counts = _counted_by_unit("summed_counts")
summed_audiences = _audience_by_units("summed_audiences")
summed_runs = Table(
    "summed_runs",
    metadata,
    Column("run_id", BigInteger, primary_key=True),
    Column("at", Moment, nullable=False),
    # The newest delivery that was there, and what the counters said.
    Column("last_id", BigInteger),
    Column("seen", Text),
)
summed_places = Table(
    "summed_places",
    metadata,
    # The deliveries of a unit, in order: an index that costs the sending nothing.
    Column("run_id", BigInteger, primary_key=True),
    Column("unit_code", Text, primary_key=True),
    Column("ids", ARRAY(BigInteger), nullable=False),
)

# Of deliveries that are gone (`outreach.store.history`).
archived_counts = _counted_by_unit("archived_counts")
archived_audiences = _audience_by_units("archived_audiences")

archived_people = Table(
    "archived_people",
    metadata,
    # What reports of archived runs need to count each person once: no address, no state, no code.
    Column("run_id", BigInteger, primary_key=True),
    Column("contact_id", BigInteger, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("unit_code", Text),
    Column("sent", SmallInteger, nullable=False),
    Column("proved", SmallInteger, nullable=False),
    # When this person was first reached by it, also with a message that somebody at the same address got.
    Column("proved_at", Moment),
)

account_states = Table(
    "account_states",
    metadata,
    Column("name", Text, primary_key=True),
    Column("paused", Boolean, nullable=False, server_default="false"),
    _text("code"),
    _text("reason"),
    _now("since"),
    # Beside a person's pause: whether its provider works (`outreach.domain.circuits`).
    _text("circuit", "closed"),
    _text("cause"),
    Column("circuit_since", Moment),
    Column("probe_at", Moment),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
)

account_tokens = Table(
    "account_tokens",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("seeds", ARRAY(LargeBinary), nullable=False),
    _now("renewed_at"),
)

account_quotas = Table(
    "account_quotas",
    metadata,
    # How many messages the provider still took at `read_at`: of the day (`daily`), or of a package.
    Column("account", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("remaining", BigInteger, nullable=False),
    Column("total", BigInteger),
    Column("daily", Boolean, nullable=False),
    Column("read_at", Moment, nullable=False),
)

authorisations = Table(
    "authorisations",
    metadata,
    # Permissions asked for; `state`: its keyed fingerprint, `verifier`: sealed; `outcome`: "" until an answer was used.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("verifier", LargeBinary, nullable=False),
    Column("who", Text, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
    _text("outcome"),
    Index("ix_authorisations_account", "account"),
)

polls = Table(
    "polls",
    metadata,
    Column("name", Text, primary_key=True),
    Column("cursor", Text, nullable=False, server_default=""),
    Column("polled_at", Moment),
    Column("failing_since", Moment),
    Column("trouble", Text, nullable=False, server_default=""),
    Column("next_at", Moment),
    Column("warned_at", Moment),
    Column("warning", Text, nullable=False, server_default=""),
)

attachments = Table(
    "attachments",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    _now("stored_at"),
)

test_addresses = Table(
    "test_addresses",
    metadata,
    # To whom accounts and campaigns in trial mode may write; channel `*`: any that takes the address.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("channel", Text, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("older", ARRAY(LargeBinary), nullable=False, server_default="{}"),
    Column("value", LargeBinary, nullable=False),
    _text("label"),
    Column("added_by", Text, nullable=False),
    Column("added_at", Moment, nullable=False),
    UniqueConstraint("fingerprint", "channel"),
)

test_sends = Table(
    "test_sends",
    metadata,
    # The recipients of deliveries of kind `test`: an address that a person typed, forgotten after a day.
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("run_id", BigInteger, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("key_version", SmallInteger, nullable=False),
    Column("older", ARRAY(LargeBinary), nullable=False, server_default="{}"),
    Column("value", LargeBinary, nullable=False),
    # The data of the recipient the text is made for, sealed.
    Column("who", LargeBinary, nullable=False),
    _text("mark"),
    Column("sent_by", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Index("ix_test_sends_made_at", "made_at"),
)

children = Table(
    "children",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("host", Text, nullable=False),
    Column("boot", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Numeric, nullable=False),
    _now("seen_at"),
    Column("ended_at", Moment),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    _now("at"),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object", Text, nullable=False),
    Column("detail", JSONB, nullable=False, server_default="{}"),
)
