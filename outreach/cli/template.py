"""`outreach template`: the texts people write: listed, checked, shown as the citizen sees them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from outreach.cli import template_send
from outreach.cli.options import Json
from outreach.cli.output import print_json, print_table, say
from outreach.cli.session import Session, session_of
from outreach.cli.template_preview import Made, Preview, Subject, make_preview, person_of, sample_of
from outreach.domain.errors import OutreachError
from outreach.domain.template_examples import used_variables
from outreach.domain.template_files import load_template, template_names, variable_lines
from outreach.domain.template_review import Finding, review
from outreach.domain.template_source import TemplateSource
from outreach.domain.words import Channel
from outreach.reach.sheets import private_file

app = typer.Typer(no_args_is_help=True, add_completion=False)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The template's folder.")]


@app.callback()
def group() -> None:
    """Templates: list them, look for mistakes, see or send what somebody would get."""


app.add_typer(template_send.app)


@app.command("list", epilog="Example: outreach template list --variables")
def list_(
    context: typer.Context,
    variables: Annotated[bool, typer.Option("--variables", help="Their variables instead, with the examples.")] = False,
    as_json: Json = False,
) -> None:
    """The templates there are: channels, languages, and with --variables what each may be told."""
    folder = session_of(context).settings().templates_dir
    found = [load_template(folder, name) for name in template_names(folder)]
    if as_json:
        print_json({"templates": [_listed(source) for source in found]})
        return
    if variables:
        rows = [
            (one.name, path, example, _where(one, path)) for one in found for path, example in one.variables.items()
        ]
        print_table("", ("template", "variable", "example", "first used in"), rows)
        return
    lines = [(one.name, one.title, _channels(one), ", ".join(one.samples)) for one in found]
    print_table("", ("template", "about", "channels", "samples"), lines)


def _listed(source: TemplateSource) -> dict[str, Any]:
    return {
        "name": source.name,
        "title": source.title,
        "channels": {channel: list(source.languages(channel)) for channel in sorted(source.parts)},
        "variables": dict(source.variables),
        "samples": list(source.samples),
        "attachments": [one.to_json() for one in source.attachments],
    }


def _where(source: TemplateSource, path: str) -> str:
    file, line = used_variables(source).get(path, ("", 0))
    return f"{file}:{line}" if file else ""


def _channels(source: TemplateSource) -> str:
    """`sms (vi, tyz)` a line."""
    return "\n".join(f"{channel} ({', '.join(source.languages(channel))})" for channel in sorted(source.parts))


@app.command(epilog="Example: outreach template check hn_gioi_thieu (without a name: all of them)")
def check(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME...]", help="Default: all templates.")] = None,
    as_json: Json = False,
) -> None:
    """Look for mistakes: all of them, each as `file:line: what`; ends with 1 where there are any."""
    folder = session_of(context).settings().templates_dir
    found = [finding for name in names or template_names(folder) for finding in _reviewed(folder, name)]
    errors = [one for one in found if one.error]
    if as_json:
        told = {"errors": [_told(one) for one in errors], "warnings": [_told(one) for one in found if not one.error]}
        print_json({"ok": not errors, **told})
    else:
        for one in found:
            typer.echo(str(one) if one.error else f"{one} (warning)")
    say(f"{_counted(len(errors), 'mistake')}, {_counted(len(found) - len(errors), 'warning')}")
    if errors:
        raise typer.Exit(1)


def _reviewed(folder: Path, name: str) -> list[Finding]:
    """The findings of one template with the paths of their files; a folder that cannot be read is one of them."""
    try:
        found = review(load_template(folder, name), variable_lines(folder, name))
    except OutreachError as error:
        return [_unreadable(line) for line in str(error).splitlines()]
    return [Finding(str(folder / one.file), one.line, one.what, one.error) for one in found]


def _unreadable(told: str) -> Finding:
    file, _, rest = told.partition(": ")
    place, _, line = file.rpartition(":")
    return Finding(place, int(line), rest) if line.isdigit() else Finding(file, 0, rest)


def _told(finding: Finding) -> dict[str, Any]:
    return {name: value for name, value in asdict(finding).items() if name != "error"}


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


@app.command(epilog="Example: outreach template preview hn_gioi_thieu --channel sms --contact sample")
def preview(
    context: typer.Context,
    name: Name,
    channel: Annotated[Channel, typer.Option("--channel", help="On which channel.")],
    contact: Annotated[
        str, typer.Option("--contact", metavar="ID|sample", help="A contact's number, or SOURCE/EXTERNAL_ID.")
    ] = "sample",
    language: Annotated[
        str | None, typer.Option("--language", metavar="CODE", help="In this language, samples too.")
    ] = None,
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="SLUG", help="In the name of this stored campaign.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write an e-mail's HTML there.")] = None,
    as_json: Json = False,
) -> None:
    """What somebody would read or hear, word for word, with its length and cost. Nothing is sent or kept."""
    session = session_of(context)
    source = load_template(session.settings().templates_dir, name)
    if channel not in source.parts:
        listed = ", ".join(sorted(source.parts)) or "nothing"
        raise OutreachError(f'template "{name}" says nothing on {channel}; it has {listed}')
    wanted = Preview(source, channel, language, campaign)
    made = make_preview(session, wanted, _subject(session, contact, wanted))
    if html is not None:
        _write(html, made, channel)
    if as_json:
        print_json(made.to_json())
        return
    for line in made.about:
        say(line)
    typer.echo(f"{made.subject}\n\n{made.text}" if made.subject else made.text)


def _subject(session: Session, contact: str, wanted: Preview) -> Subject:
    return sample_of(wanted.source) if contact == "sample" else person_of(session, contact)


def _write(file: Path, made: Made, channel: Channel) -> None:
    if channel is not Channel.EMAIL:
        raise OutreachError("--html is for --channel email: other channels carry no HTML")
    private_file(file, lambda draft: draft.write_text(made.html, encoding="utf-8"))
