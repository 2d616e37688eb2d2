"""Whether somebody has agreed: a consent counts until it is withdrawn, and what was given before that never again."""

from __future__ import annotations


def agreed_to_advertising(contact: str, channel: str) -> str:
    """SQL that is true for a contact who agrees to advertising on a channel; the arguments are SQL expressions.

    A withdrawal ends every consent given until then for its channel, also one that a list brings in later.
    """
    return f"""EXISTS (
        SELECT 1 FROM consents given WHERE given.contact_id = {contact} AND given.purpose = 'advertising'
            AND given.withdrawn_at IS NULL AND given.channel IN ('', {channel})
            AND NOT EXISTS (
                SELECT 1 FROM consents ended WHERE ended.contact_id = {contact} AND ended.purpose = 'advertising'
                    AND ended.channel IN ('', {channel}) AND ended.withdrawn_at >= given.given_at
            )
    )"""
