"""`outreach sandbox`: the provider simulator alone, and what it was handed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from outreach.cli.output import print_json, print_table, say
from outreach.cli.parts import become
from outreach.cli.session import session_of
from outreach.domain.errors import OutreachError
from outreach.local.sandbox.__main__ import parse
from outreach.local.sandbox.fault_options import FAIL_HELP, LATE_HELP, LATENCY_HELP, SHARES
from outreach.local.sandbox.summary import summary
from outreach.local.up import SandboxPart, sandbox_argv

app = typer.Typer(invoke_without_command=True, add_completion=False)
_NOT_PASSED_ON = frozenset({"http_port", "smtp_port", "imap_port"})


def _share(name: str) -> Any:
    return typer.Option(f"--{name}", metavar="SHARE", help=SHARES[name])


@app.callback(
    epilog="Example: outreach sandbox --fail 429:1% --fail zalo=-230:2% --latency 80ms±20ms --reset-after-write 1%"
    " --lost-receipts 2% --late-receipts 2%:30s"
)
def sandbox(
    context: typer.Context,
    http_port: Annotated[int, typer.Option("--http-port", min=0, max=65535, help="0: any free one.")] = 8977,
    smtp_port: Annotated[int, typer.Option("--smtp-port", min=0, max=65535, help="0: any free one.")] = 8978,
    imap_port: Annotated[int, typer.Option("--imap-port", min=0, max=65535, help="0: any free one.")] = 8979,
    fail: Annotated[list[str] | None, typer.Option("--fail", metavar="CODE:SHARE", help=FAIL_HELP)] = None,
    latency: Annotated[list[str] | None, typer.Option("--latency", metavar="MS", help=LATENCY_HELP)] = None,
    reset_before_read: Annotated[str | None, _share("reset-before-read")] = None,
    reset_after_write: Annotated[str | None, _share("reset-after-write")] = None,
    silent: Annotated[str | None, _share("silent")] = None,
    garbled: Annotated[str | None, _share("garbled")] = None,
    lost_receipts: Annotated[str | None, _share("lost-receipts")] = None,
    duplicate_receipts: Annotated[str | None, _share("duplicate-receipts")] = None,
    disordered_receipts: Annotated[str | None, _share("disordered-receipts")] = None,
    late_receipts: Annotated[
        str | None, typer.Option("--late-receipts", metavar="SHARE:DURATION", help=LATE_HELP)
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Another seed, other lots.")] = None,
    fail_share: Annotated[
        float | None, typer.Option("--fail-share", help="Share of recipients who fail, always the same ones.")
    ] = None,
    latency_ms: Annotated[
        int | None, typer.Option("--latency-ms", help="Before each answer, besides --latency.")
    ] = None,
    receipt_ms: Annotated[int | None, typer.Option("--receipt-ms", help="Before each receipt.")] = None,
    throttle_per_s: Annotated[
        int | None, typer.Option("--throttle-per-s", help="Messages a second for each provider; 0: no limit.")
    ] = None,
    statuses: Annotated[str | None, typer.Option("--statuses", help="Receipts of a delivered SMS.")] = None,
    seen_share: Annotated[
        float | None, typer.Option("--seen-share", help="Share of Zalo messages that are read.")
    ] = None,
    webhook: Annotated[
        list[str] | None,
        typer.Option("--webhook", metavar="NAME=URL", help="Where events of zalo, telegram, speedsms go."),
    ] = None,
    zns_templates: Annotated[
        Path | None, typer.Option("--zns-templates", help="A JSON file with more ZNS templates.")
    ] = None,
    zalo_per_minute: Annotated[
        int | None, typer.Option("--zalo-per-minute", help="Requests to Zalo; 0: no limit.")
    ] = None,
    telegram_per_s: Annotated[
        int | None, typer.Option("--telegram-per-s", help="Messages to Telegram; 0: no limit.")
    ] = None,
    speedsms_per_minute: Annotated[
        int | None, typer.Option("--speedsms-per-minute", help="Requests to SpeedSMS; 0: no limit.")
    ] = None,
) -> None:
    """Run the provider simulator: it sends nothing to anybody. Shares are written 5% or 0.05.

    Faults can be changed while it runs, on its page /faults.
    """
    if context.invoked_subcommand is not None:
        return
    home = session_of(context).settings().data_dir
    data = home / "sandbox"
    options = _options({name: value for name, value in context.params.items() if name not in _NOT_PASSED_ON})
    simulator = SandboxPart(data, http_port, smtp_port, options, imap_port=imap_port)
    need_options(data, options)
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    say(f"citizens' phones: {simulator.url if http_port else 'see ' + str(data / 'sandbox.json')}")
    become(sandbox_argv(simulator))


@app.command("log", epilog="Example: outreach sandbox log --json")
def show_log(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Count what the simulator was handed: by provider, outcome and fault; and keys accepted more than once."""
    found = summary(session_of(context).settings().data_dir / "sandbox")
    if as_json:
        repeated = [{"provider": who, "key": key, "accepted": times} for who, key, times in found.repeated]
        figures = [asdict(one) for one in found.figures]
        print_json({"messages": found.messages, "counts": figures, "accepted_more_than_once": repeated})
        return
    rows = [(one.provider, one.outcome, one.fault, f"{one.messages:,}") for one in found.figures]
    print_table(f"{found.messages:,} messages", ("provider", "outcome", "fault", "messages"), rows)
    print_table("accepted more than once", ("provider", "key", "times"), found.repeated)


def need_options(data: Path, options: tuple[str, ...]) -> None:
    """Raise OutreachError for options that the simulator would not understand."""
    try:
        parse(["--data", str(data), *options])
    except ValueError as error:
        raise OutreachError(f"sandbox: {error}") from None


def _options(given: Mapping[str, Any]) -> tuple[str, ...]:
    """What was given, as the simulator's own command line has it."""
    words: list[str] = []
    for name, value in given.items():
        several = value if isinstance(value, list | tuple) else [] if value is None else [value]
        words += [f"--{name.replace('_', '-')}={one}" for one in several]
    return tuple(words)
