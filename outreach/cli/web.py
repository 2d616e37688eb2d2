"""`outreach web`: the web part alone."""

from __future__ import annotations

import typer
import uvicorn

from outreach.cli.parts import Host, Port

app = typer.Typer(add_completion=False)
APPLICATION = "outreach.wiring:web_app"


@app.command(epilog="Example: outreach web --host 0.0.0.0 --port 8000")
def web(host: Host = "127.0.0.1", port: Port = 8000) -> None:
    """Run the web part: status page, webhooks, unsubscribe pages, health. Requests are not logged: they hold tokens."""
    uvicorn.run(APPLICATION, factory=True, host=host, port=port, access_log=False, proxy_headers=False)
