"""An installation to measure: embedded servers and one SMS account that aims at the stub, in a folder that vanishes."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil
from sqlalchemy import text

from benchmarks import posting
from benchmarks.measures import Parameters
from benchmarks.processes import Stub
from outreach import wiring
from outreach.local.embedded import Servers, temporary
from outreach.runtime import Runtime

ACCOUNT = "sms-main"
RATE = 100_000
"""Messages a second the account may take: more than the machine can, so the bucket is asked and never short."""
HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


@dataclass(frozen=True, slots=True)
class Site:
    """A running installation without any worker yet."""

    folder: Path
    runtime: Runtime
    stub: Stub
    parameters: Parameters

    def postmaster(self) -> int:
        """The process id of PostgreSQL's first process."""
        with self.runtime.engine.connect() as connection:
            backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        return psutil.Process(int(backend)).ppid()


@contextmanager
def site(stub: Stub, parameters: Parameters) -> Iterator[Site]:
    """Servers, schema and account; everything is gone at the end of the block.

    The working folder moves there too, so that no `outreach.toml` of the user's has a say.
    """
    folder = Path(tempfile.mkdtemp(prefix="outreach-bench-"))
    folder.chmod(0o755)
    try:
        with chdir(folder), temporary(folder / "data") as servers:
            (folder / "accounts.toml").write_text(_account(stub, parameters))
            with _environment(folder, servers, parameters):
                runtime = wiring.build(wiring.settings(), servers, name="benchmark")
                yield Site(folder, runtime, stub, parameters)
                runtime.engine.dispose()
                runtime.redis.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _account(stub: Stub, parameters: Parameters) -> str:
    return f"""
[accounts.{ACCOUNT}]
channel = "sms"
provider = "{parameters.provider}"
{posting.PROVIDERS[parameters.provider].settings}
base_url = "http://127.0.0.1:{stub.port}"
connections = {parameters.connections}
rate = "{RATE}/s"
price = 350
"""


@contextmanager
def _environment(folder: Path, servers: Servers, parameters: Parameters) -> Iterator[None]:
    """Settings for this process and those it starts: nothing but these, and put back afterwards."""
    kept = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("OUTREACH_")]:
        del os.environ[name]
    os.environ |= {
        "OUTREACH_DATA_DIR": str(folder / "data"),
        "OUTREACH_ACCOUNTS": str(folder / "accounts.toml"),
        "OUTREACH_DATABASE_URL": servers.database_url,
        "OUTREACH_REDIS_URL": servers.redis_url,
        "OUTREACH_SECRET_KEY": secrets.token_urlsafe(48),
        "OUTREACH_WORKERS": str(parameters.children),
        "OUTREACH_CLOCK_SHIFT_SECONDS": str(_until_nine()),
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= kept


def _until_nine() -> int:
    """Seconds that make the engine's clock read nine in the morning in Hà Nội, when messages may leave."""
    now = datetime.now(UTC)
    nine = now.astimezone(HANOI).replace(hour=9, minute=0, second=0, microsecond=0)
    return int((nine - now).total_seconds())
