"""`outreach template send`: a template to one address, before any campaign uses it."""

from __future__ import annotations

from typing import Annotated

import typer

from outreach.cli.options import As, Json
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
from outreach.domain.rendering import compile_template
from outreach.domain.sample_recipient import sample_campaign
from outreach.domain.template_files import load_template
from outreach.planning.trying import MARK, MESSAGE, Test, alone

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: outreach template send hn_gioi_thieu --channel sms --to 0912345678")
def send(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The template's folder.")],
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
    """Send this template to me, in the name of an invented campaign, to one address. It counts nowhere."""
    session = session_of(context)
    source = load_template(session.settings().templates_dir, name)
    if str(channel) not in source.parts:
        listed = ", ".join(sorted(source.parts)) or "nothing"
        raise OutreachError(f'template "{name}" says nothing on {channel}; it has {listed}')
    through = account_for(session.runtime(), channel, account)
    compile_template(source)
    recipient, detail = whose(session, contact, source)
    test = Test(
        account=through, channel=channel, address=to,
        definition=alone(source.name, channel, sample_campaign(source), session.today()), message=MESSAGE,
        source=source, who=recipient, what=f"template {name}", mark="" if no_mark else MARK, detail=detail,
    )  # fmt: skip
    try_it(session, test, Waiting(wait, here), who=acting(who), as_json=as_json)
