"""Counts and indexes for a million people"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

CHANNELS_OF = """
CREATE FUNCTION channel_bit(channel text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE channel WHEN 'sms' THEN 1 WHEN 'email' THEN 2 WHEN 'zalo_oa' THEN 4 WHEN 'telegram' THEN 8 ELSE 0 END
$$;

CREATE FUNCTION addresses_came() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE contacts c SET addressed = c.addressed | n.bits
    FROM (SELECT contact_id, bit_or(channel_bit(channel)) AS bits FROM came GROUP BY contact_id) n
    WHERE c.id = n.contact_id AND c.addressed | n.bits <> c.addressed;
    RETURN NULL;
END $$;

CREATE FUNCTION addresses_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever adds an address holds a key share of its contact: it is waited for, and seen by the next statement.
    PERFORM 1 FROM contacts WHERE id IN (SELECT contact_id FROM went) ORDER BY id FOR UPDATE;
    UPDATE contacts c SET addressed = n.bits
    FROM (
        SELECT w.contact_id, coalesce(bit_or(channel_bit(a.channel)), 0) AS bits
        FROM (SELECT DISTINCT contact_id FROM went) w LEFT JOIN addresses a ON a.contact_id = w.contact_id
        GROUP BY w.contact_id
    ) n
    WHERE c.id = n.contact_id AND c.addressed <> n.bits;
    RETURN NULL;
END $$;

CREATE FUNCTION addresses_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM went w JOIN came n ON n.id = w.id
            WHERE n.contact_id <> w.contact_id OR n.channel <> w.channel) THEN
        PERFORM 1 FROM contacts
        WHERE id IN (SELECT contact_id FROM went UNION SELECT contact_id FROM came) ORDER BY id FOR UPDATE;
        UPDATE contacts c SET addressed = n.bits
        FROM (
            SELECT w.contact_id, coalesce(bit_or(channel_bit(a.channel)), 0) AS bits
            FROM (SELECT contact_id FROM went UNION SELECT contact_id FROM came) w
            LEFT JOIN addresses a ON a.contact_id = w.contact_id
            GROUP BY w.contact_id
        ) n
        WHERE c.id = n.contact_id AND c.addressed <> n.bits;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER addresses_came AFTER INSERT ON addresses
    REFERENCING NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION addresses_came();
CREATE TRIGGER addresses_went AFTER DELETE ON addresses
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION addresses_went();
CREATE TRIGGER addresses_changed AFTER UPDATE ON addresses
    REFERENCING OLD TABLE AS went NEW TABLE AS came FOR EACH STATEMENT EXECUTE FUNCTION addresses_changed();

UPDATE contacts c SET addressed = n.bits
FROM (SELECT contact_id, bit_or(channel_bit(channel)) AS bits FROM addresses GROUP BY contact_id) n
WHERE c.id = n.contact_id;
"""

UNREACHED = """
CREATE FUNCTION reached_went() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unreached (campaign, contact_id, unit_code)
    SELECT campaign, contact_id, unit_code FROM went WHERE segments IS NOT NULL;
    RETURN NULL;
END $$;

CREATE TRIGGER reached_went AFTER DELETE ON reached
    REFERENCING OLD TABLE AS went FOR EACH STATEMENT EXECUTE FUNCTION reached_went();
"""

GATHERED = """
INSERT INTO campaign_people (campaign, contact_id, unit_code)
SELECT l.campaign, l.contact_id, CASE WHEN f.contact_id IS NULL THEN l.unit_code ELSE f.unit_code END
FROM (
    SELECT DISTINCT ON (r.campaign, d.recipient_id) r.campaign, d.recipient_id AS contact_id, d.unit_code
    FROM runs r JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact'
    WHERE r.planned_at IS NOT NULL ORDER BY r.campaign, d.recipient_id, d.run_id DESC
) l LEFT JOIN reached f ON f.campaign = l.campaign AND f.contact_id = l.contact_id AND f.segments IS NOT NULL;

INSERT INTO reach_units (campaign, unit_code, audience, measured)
SELECT p.campaign, coalesce(p.unit_code, ''), count(*), count(f.contact_id)
FROM campaign_people p
LEFT JOIN reached f ON f.campaign = p.campaign AND f.contact_id = p.contact_id AND f.segments IS NOT NULL
GROUP BY 1, 2;

UPDATE runs SET gathered = true WHERE planned_at IS NOT NULL;
"""


def upgrade() -> None:
    """Apply."""
    op.add_column("contacts", sa.Column("addressed", sa.Integer(), server_default="0", nullable=False))
    op.execute(CHANNELS_OF)
    op.add_column("runs", sa.Column("gathered", sa.Boolean(), server_default="false", nullable=False))
    op.create_table(
        "campaign_people",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_code", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("campaign", "contact_id", name=op.f("pk_campaign_people")),
    )
    op.create_table(
        "reach_units",
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("unit_code", sa.Text(), nullable=False),
        sa.Column("audience", sa.BigInteger(), nullable=False),
        sa.Column("measured", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "unit_code", name=op.f("pk_reach_units")),
    )
    op.create_table(
        "unreached",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("unit_code", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unreached")),
    )
    op.execute(UNREACHED)
    op.execute(GATHERED)
    op.execute("ALTER TABLE contact_ledger SET (fillfactor = 70)")


def downgrade() -> None:
    """Take back."""
    op.execute("ALTER TABLE contact_ledger RESET (fillfactor)")
    op.execute("DROP TRIGGER reached_went ON reached; DROP FUNCTION reached_went()")
    for table in ("unreached", "reach_units", "campaign_people"):
        op.drop_table(table)
    op.drop_column("runs", "gathered")
    for name in ("came", "went", "changed"):
        op.execute(f"DROP TRIGGER addresses_{name} ON addresses; DROP FUNCTION addresses_{name}()")
    op.execute("DROP FUNCTION channel_bit(text)")
    op.drop_column("contacts", "addressed")
