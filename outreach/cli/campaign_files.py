"""Campaign files: checked, stored as versions, listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from outreach.cli.options import As, Json
from outreach.cli.output import local, print_json, print_table, say, warn
from outreach.cli.registered import ask_about, tell, to_json, used_in
from outreach.cli.session import acting, session_of
from outreach.dispatch.template_check import Used, Verdict
from outreach.domain.definition import Definition, campaign_schema, load_definition
from outreach.domain.errors import OutreachError
from outreach.domain.mistakes import Mistake
from outreach.domain.segment_file import LoadedSegments, read_segments
from outreach.domain.template_files import TemplateFolder, text_in_place
from outreach.domain.template_samples import sample_warnings
from outreach.domain.template_source import TemplateSource
from outreach.planning import actions
from outreach.runtime import Runtime
from outreach.settings import Settings
from outreach.store import campaigns

app = typer.Typer(add_completion=False)


@app.command(epilog="Example: outreach campaign check campaigns/*.yaml")
def check(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Campaign files.")],
    online: Annotated[
        bool, typer.Option("--online", help="Ask Zalo too about the registered templates, as submit and launch do.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look for mistakes: all of them at once, each as `file:line: what`; ends with 1 where there are any."""
    session = session_of(context)
    settings = session.settings()
    known = _segments(settings)
    templates = TemplateFolder(settings.templates_dir)
    errors: list[Mistake] = list(known.errors)
    warnings: list[str] = []
    used: list[Used] = []
    for file in files:
        read = load_definition(file, segments=known.segments, templates=templates)
        errors += read.errors
        if read.definition is not None and not read.errors:
            sources = _sources(read.definition, templates)
            warnings += [f"{file}: {text}" for text in sample_warnings(read.definition, sources)]
            used += used_in(read.definition, sources)
    for text in warnings:
        warn(text)
    verdict = ask_about(session.runtime(), used) if online else Verdict()
    tell(verdict)
    if as_json:
        found = {"ok": not errors and not verdict.errors, "errors": [asdict(error) for error in errors]}
        asked = {"registered_templates": to_json(verdict)} if online else {}
        print_json({**found, "warnings": warnings, **asked})
    else:
        for line in (*errors, *verdict.errors):
            typer.echo(str(line))
    mistakes = len(errors) + len(verdict.errors)
    if mistakes:
        say(f"{mistakes} {'mistake' if mistakes == 1 else 'mistakes'}")
        raise typer.Exit(1)
    say(f"{len(files)} {'file' if len(files) == 1 else 'files'} without a mistake")


@app.command(epilog="Example: outreach campaign load campaigns/thong-bao-dich-vu-cong.yaml --as staff@example.vn")
def load(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A campaign file.")],
    who: As = None,
    as_json: Json = False,
) -> None:
    """Store a file as a frozen version, with its templates and segments; the same content changes nothing."""
    session = session_of(context)
    loaded = load_campaign(session.runtime(), file, who=acting(who))
    if as_json:
        print_json({"campaign": loaded.slug, "version": loaded.version, "new": loaded.new})
    now = "is stored as" if loaded.new else "has not changed since"
    say(f"{loaded.slug} {now} version {loaded.version}; next: outreach campaign submit {loaded.slug}")


def load_campaign(runtime: Runtime, file: Path, *, who: str) -> actions.Loaded:
    """Check a campaign file and store it; raises OutreachError with every mistake, a line each."""
    settings = runtime.settings
    known = _segments(settings)
    templates = TemplateFolder(settings.templates_dir)
    read = load_definition(file, segments=known.segments, templates=templates)
    mistakes = (*known.errors, *read.errors)
    if read.definition is None or mistakes:
        raise OutreachError("\n".join(str(mistake) for mistake in mistakes))
    return actions.load(
        runtime.engine,
        read.definition,
        templates=_sources(read.definition, templates),
        segments=known.segments,
        source_text=read.source,
        who=who,
    )


def _segments(settings: Settings) -> LoadedSegments:
    file = settings.campaigns_dir / "segments.yaml"
    try:
        return read_segments(file.read_bytes(), str(file))
    except OSError as error:
        raise OutreachError(f"{file}: cannot be read: {error.strerror}; mend OUTREACH_CAMPAIGNS_DIR") from None


def _sources(definition: Definition, templates: TemplateFolder) -> Mapping[str, TemplateSource]:
    return {
        message.id: templates.get(message.template) if message.template else text_in_place(message.id, message.texts)
        for message in definition.messages
    }


@app.command(epilog="Example: outreach campaign schema > campaign.schema.json")
def schema(as_json: Json = False) -> None:
    """Print the JSON Schema of campaign files, for editors (always JSON)."""
    print_json(campaign_schema())


@app.command("list", epilog="Example: outreach campaign list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """The campaigns stored here."""
    session = session_of(context)
    with session.runtime().engine.connect() as connection:
        found = campaigns.in_states(connection)
    if as_json:
        listed = [
            {
                "campaign": one.slug,
                "title": one.title,
                "state": str(one.state),
                "trial": one.trial,
                "version": one.version,
                "approved_version": one.approved_version,
                "launched_at": one.launched_at,
            }
            for one in found
        ]
        print_json({"campaigns": listed})
        return
    zone = session.settings().zone
    rows = [(one.slug, one.title, _state(one), one.version, local(one.launched_at, zone)) for one in found]
    print_table("", ("campaign", "title", "state", "version", "launched"), rows)


def _state(one: campaigns.Campaign) -> str:
    return f"{one.state} (trial)" if one.trial else str(one.state)
