"""`outreach up`: everything on this machine."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Annotated

import typer

from outreach.cli.output import say
from outreach.cli.parts import Host, Port, Workers
from outreach.cli.sandbox import need_options
from outreach.cli.session import Session, session_of
from outreach.domain.errors import OutreachError
from outreach.local import up as local
from outreach.local.embedded import Servers
from outreach.local.supervisor import Supervisor
from outreach.settings import Settings

app = typer.Typer(add_completion=False)
_OURS = frozenset({"--data"})
"""Options of the simulator that are not the user's here."""
_SANDBOX_RATE = 100
_Ports = tuple[int, int, int]
"""Of the simulator: HTTP, SMTP, IMAP."""


@app.command(
    epilog="Example: outreach up --sandbox --fail 429:1% --latency 80ms±20ms --lost-receipts 2% --late-receipts 2%:30s",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def up(
    context: typer.Context,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Workers = None,
    sandbox: Annotated[
        bool,
        typer.Option(
            "--sandbox",
            help="Run the provider simulator too, and send to it if there are no accounts."
            " Options of `outreach sandbox` may follow: see its --help.",
        ),
    ] = False,
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="The simulator's: interfaces and phones.")] = 8977,
    smtp_port: Annotated[int, typer.Option(min=1, max=65535, help="The simulator's: mail.")] = 8978,
    imap_port: Annotated[int, typer.Option(min=1, max=65535, help="The simulator's: returned mail.")] = 8979,
) -> None:
    """Run everything on this machine: servers, web, scheduler, workers. Ctrl-C stops it, resending nothing."""
    if context.args and not sandbox:
        raise typer.BadParameter(f"{context.args[0]} is none of ours; options of the simulator need --sandbox")
    session = session_of(context)
    settings = session.settings()
    port = port or local.free_port()
    local.need_port(host, port, "the web")
    outside = _public_url(settings, port)
    ports = (http_port, smtp_port, imap_port)
    simulator = _sandbox(settings, outside or settings.public_url, ports, tuple(context.args)) if sandbox else None
    servers, embedded = local.acquire(settings, say)
    try:
        _prepare(session, settings, servers)
        parts = local.parts(
            settings,
            servers,
            host=host,
            port=port,
            workers=workers or settings.workers,
            sandbox=simulator,
            extra={"OUTREACH_PUBLIC_URL": outside} if outside else {},
        )
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        supervisor = Supervisor(parts, embedded=embedded, log_dir=settings.data_dir / "log", announce=say)
        say(f"web: http://{host}:{port}" + (f"   citizens' phones: {simulator.url}" if simulator else ""))
        say(f"logs: {settings.data_dir / 'log'}   Ctrl-C stops everything")
        stop = threading.Event()
        with supervisor.stopping_on_signals(stop):
            supervisor.run(stop)
    finally:
        if embedded is not None:
            embedded.release()


def _sandbox(settings: Settings, public_url: str, ports: _Ports, options: tuple[str, ...]) -> local.SandboxPart:
    own = next((one for one in options if one.partition("=")[0] in _OURS), None)
    if own is not None:
        raise OutreachError(f"sandbox: {own.partition('=')[0]} is chosen by `outreach up`; leave it out")
    need_options(settings.data_dir / "sandbox", options)
    http, smtp, imap = ports
    for option, port in zip(("--http-port", "--smtp-port", "--imap-port"), ports, strict=True):
        local.need_port("127.0.0.1", port, "the sandbox", option)
    simulator = local.SandboxPart(settings.data_dir / "sandbox", http, smtp, options, public_url, imap_port=imap)
    if local.write_accounts(settings.accounts_file, local.sandbox_accounts(simulator, rate=_SANDBOX_RATE)):
        say(f"{settings.accounts_file} was missing: it now sends everything to the sandbox")
    return replace(simulator, accounts=local.aimed_at(simulator.url, settings.accounts_file))


def _public_url(settings: Settings, port: int) -> str:
    """Where nobody has said where the outside reaches us, it is the port the web listens on; "" where it was said."""
    return "" if "public_url" in settings.model_fields_set else f"http://127.0.0.1:{port}"


def _prepare(session: Session, settings: Settings, servers: Servers) -> None:
    """Bring the schema up to date and read the accounts once, so that mistakes are told before anything runs."""
    runtime = session.build(
        settings.model_copy(update={"database_url": servers.database_url, "redis_url": servers.redis_url})
    )
    runtime.engine.dispose()
    runtime.redis.close()
