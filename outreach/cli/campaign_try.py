"""`outreach campaign try`: a message of a stored campaign to one address, as a citizen would get it."""

from __future__ import annotations

from typing import Annotated

import typer

from outreach.cli.options import As, Json, Slug
from outreach.cli.output import say
from outreach.cli.session import acting, session_of
from outreach.cli.trying import (
    WAIT_S,
    ByAccount,
    Here,
    NoMark,
    OnChannel,
    To,
    Wait,
    Waiting,
    account_for,
    try_it,
    whose,
)
from outreach.domain.errors import OutreachError
from outreach.planning.trying import MARK, Test, only
from outreach.store import campaigns
from outreach.store.versions import read_version

app = typer.Typer(add_completion=False)


@app.command("try", epilog="Example: outreach campaign try ha-noi-2025 nhac-lich-hen --channel sms --to 0912345678")
def try_(
    context: typer.Context,
    slug: Slug,
    message: Annotated[str, typer.Argument(metavar="MESSAGE", help="The message's id.")],
    channel: OnChannel,
    to: To,
    contact: Annotated[
        str,
        typer.Option("--as-contact", metavar="ID|sample", help="Whose data it is made of: an invented person's, or"
        " those of a contact's number or SOURCE/EXTERNAL_ID."),
    ] = "sample",
    account: ByAccount = None,
    no_mark: NoMark = False,
    wait: Wait = WAIT_S,
    here: Here = False,
    who: As = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Send this message to me: the newest stored version, approved or not, to one address. It counts nowhere."""
    session = session_of(context)
    runtime = session.runtime()
    with runtime.engine.connect() as connection:
        campaign = campaigns.get(connection, slug)
        frozen = read_version(connection, slug, campaign.version, campaign.shift_days)
    definition = only(frozen.definition, message)
    source = frozen.templates[message]
    through = account_for(runtime, channel, account)
    if str(channel) not in source.parts:
        raise OutreachError(f'message "{message}" says nothing on {channel}; it has {", ".join(sorted(source.parts))}')
    recipient, detail = whose(session, contact, source)
    say(f"{slug}, version {campaign.version}, message {message}, {_made_for(contact)}")
    test = Test(
        account=through, channel=channel, address=to, definition=definition, message=message, source=source,
        who=recipient, what=f"{slug}/{message}", mark="" if no_mark else MARK,
        detail={**detail, "version": campaign.version},
    )  # fmt: skip
    try_it(session, test, Waiting(wait, here), who=acting(who), as_json=as_json)


def _made_for(contact: str) -> str:
    return "made for an invented person" if contact == "sample" else f"made of the data of contact {contact}"
