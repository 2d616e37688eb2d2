"""The parts of a whole installation on one machine, for the supervisor and for running one part alone."""

from __future__ import annotations

import os
import socket
import sys
import tomllib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from outreach.domain.errors import OutreachError
from outreach.local.embedded import Embedded, Servers
from outreach.local.parts import Part
from outreach.local.sandbox import SandboxConfig
from outreach.settings import PROJECT, Settings

ZALO, TELEGRAM, SMS = "zalo-sandbox", "telegram-sandbox", "sms-sandbox"
"""Accounts of the sandbox that hear of citizens: Zalo ids and Telegram chats are bound to the first two."""
WORKER_GRACE = 40.0
"""Seconds a worker gets to end: what it is sending (at most 20 s) is sent and written down first."""


@dataclass(frozen=True, slots=True)
class SandboxPart:
    """A provider simulator as one of the parts; `options` are further ones of `python -m outreach.local.sandbox`.

    `public_url`: where the web is, so that what citizens do reaches the accounts of `sandbox_accounts`.
    """

    data: Path
    http_port: int
    smtp_port: int
    options: tuple[str, ...] = ()
    public_url: str = ""
    imap_port: int = 0
    accounts: tuple[tuple[str, str], ...] = ()
    """(provider, account) of those aimed at it that hear of citizens; none: the names of `sandbox_accounts`."""

    @property
    def url(self) -> str:
        """Where it speaks its providers' interfaces and shows what citizens would have received."""
        return f"http://127.0.0.1:{self.http_port}"


def environment(settings: Settings, servers: Servers) -> dict[str, str]:
    """What parts find in their environment: these servers and this data folder, and our own modules."""
    path = [str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "OUTREACH_DATA_DIR": str(settings.data_dir),
        "OUTREACH_DATABASE_URL": servers.database_url,
        "OUTREACH_REDIS_URL": servers.redis_url,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONUNBUFFERED": "1",
    }


def web_argv(host: str, port: int) -> tuple[str, ...]:
    """The web part."""
    return (sys.executable, "-m", "outreach", "web", "--host", host, "--port", str(port))


def worker_argv(workers: int, *more: str) -> tuple[str, ...]:
    """A Celery worker with so many children; `more` goes to Celery."""
    quiet = ("--without-gossip", "--without-mingle", "--loglevel", "INFO")
    return (sys.executable, "-m", "celery", "-A", "worker", "worker", "--concurrency", str(workers), *quiet, *more)


def scheduler_argv() -> tuple[str, ...]:
    """The scheduler."""
    return (sys.executable, "-m", "scheduler")


def sandbox_argv(sandbox: SandboxPart) -> tuple[str, ...]:
    """The provider simulator."""
    ports = ("--http-port", str(sandbox.http_port), "--smtp-port", str(sandbox.smtp_port))
    returned = ("--imap-port", str(sandbox.imap_port))
    hooks: tuple[str, ...] = ()
    if sandbox.public_url:
        base = f"{sandbox.public_url.rstrip('/')}/webhooks"
        hearing = sandbox.accounts or (("zalo", ZALO), ("telegram", TELEGRAM), ("twilio", SMS))
        hooks = tuple(word for provider, name in hearing for word in ("--webhook", f"{provider}={base}/{name}"))
    return (
        *(sys.executable, "-m", "outreach.local.sandbox", "--data", str(sandbox.data)),
        *(*ports, *returned, *hooks, *sandbox.options),
    )


def parts(
    settings: Settings,
    servers: Servers,
    *,
    host: str,
    port: int,
    workers: int,
    sandbox: SandboxPart | None,
    extra: Mapping[str, str] | None = None,
) -> list[Part]:
    """Everything `outreach up` runs, in the order of starting; `extra` is added to the parts' environment."""
    env = {**environment(settings, servers), **(extra or {})}
    simulator = [] if sandbox is None else [Part("sandbox", sandbox_argv(sandbox), env)]
    return [
        *simulator,
        Part("web", web_argv(host, port), env),
        Part("scheduler", scheduler_argv(), env),
        Part("worker", worker_argv(workers), env, grace=WORKER_GRACE),
    ]


def acquire(settings: Settings, announce: Callable[[str], None]) -> tuple[Servers, Embedded | None]:
    """The servers of the settings, the embedded ones started where none are set, and who holds those (or nobody).

    Raises OutreachError where they cannot be started.
    """
    if settings.database_url and settings.redis_url:
        return Servers(settings.database_url, settings.redis_url), None
    embedded = Embedded(settings.data_dir)
    started = embedded.acquire(postgres=not settings.database_url, valkey=not settings.redis_url)
    announce(f"embedded servers run in {settings.data_dir}")
    return Servers(settings.database_url or started.database_url, settings.redis_url or started.redis_url), embedded


def aimed_at(url: str, accounts_file: Path) -> tuple[tuple[str, str], ...]:
    """(provider, account) of the accounts aimed at a sandbox by whose webhook citizens are heard, one of each provider.

    () for a file that cannot be read: its mistakes are told elsewhere. SpeedSMS is not among them: its address bears a
    secret, which a command line would show.
    """
    try:
        sections = tomllib.loads(accounts_file.read_text(encoding="utf-8")).get("accounts", {})
    except (OSError, ValueError):
        return ()
    found: dict[str, str] = {}
    for name, section in sections.items() if isinstance(sections, dict) else ():
        if isinstance(section, dict) and str(section.get("base_url", "")).startswith(url):
            found.setdefault(str(section.get("provider")), name)
    return tuple((provider, found[provider]) for provider in ("zalo", "telegram", "twilio") if provider in found)


def need_port(host: str, port: int, what: str, option: str = "--port") -> None:
    """Raise OutreachError, naming the `option` that chooses another one, where nobody could listen on the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OutreachError(
                f"{what} cannot listen on {host}:{port}: {error.strerror}; end what runs there,"
                f" or choose another port with {option}"
            ) from None


def free_port() -> int:
    """A port of the loopback interface on which nobody listens at this moment."""
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        return int(probe.getsockname()[1])


def sandbox_accounts(sandbox: SandboxPart, *, rate: int, zalo_rate: int = 60) -> str:
    """The text of an `accounts.toml` that sends everything to a sandbox; rates in SMS parts or messages a second.

    `zalo_rate`: Zalo takes 4,000 requests a minute from an app, unless the sandbox was told otherwise.
    """
    known = SandboxConfig(sandbox.data)
    zalo, esms, bot = known.zalo, known.esms, known.telegram
    return f"""\
# Everything goes to the sandbox of this machine; nothing reaches anybody.
[accounts.{SMS}]
channel = "sms"
provider = "twilio"
account_sid = "{known.account_sid}"
auth_token = "{known.auth_token}"
from = "+15005550006"
base_url = "{sandbox.url}"
rate = "{rate}/s"
price = 350
text_form = "cheapest"

[accounts.sms-esms-sandbox]
channel = "sms"
provider = "esms"
api_key = "{esms.api_key}"
secret_key = "{esms.secret_key}"
brandname = "{esms.brandname}"
base_url = "{sandbox.url}/esms"
rate = "{rate}/s"
price = {esms.price}
text_form = "cheapest"

[accounts.{ZALO}]
channel = ["zalo_oa", "zalo_zns"]
provider = "zalo"
app_id = "{zalo.app_id}"
app_secret = "{zalo.app_secret}"
oa_id = "{zalo.oa_id}"
oa_secret = "{zalo.oa_secret}"
refresh_token = "{zalo.refresh_token}"
base_url = "{sandbox.url}/zalo"
business_url = "{sandbox.url}/zalo"
oauth_url = "{sandbox.url}/zalo"
rate = "{zalo_rate}/s"
price = 200

[accounts.{TELEGRAM}]
channel = "telegram"
provider = "telegram"
token = "{bot.token}"
username = "{bot.username}"
webhook_secret = "{bot.webhook_secret}"
base_url = "{sandbox.url}/telegram"
rate = "{bot.per_s}/s"
price = 0

[accounts.email-sandbox]
channel = "email"
provider = "smtp"
host = "127.0.0.1"
port = {sandbox.smtp_port}
tls = "none"
from = "Trung tâm Phục vụ hành chính công <noreply@sandbox.example>"
{_returned(sandbox)}rate = "{rate}/s"
price = 5
"""


def _returned(sandbox: SandboxPart) -> str:
    """The settings of the mailbox with returned e-mails, where it has a known port."""
    if not sandbox.imap_port:
        return ""
    return (
        f'bounce_address = "tra-lai@sandbox.example"\nbounce_imap_host = "127.0.0.1"\n'
        f'bounce_imap_port = {sandbox.imap_port}\nbounce_imap_tls = "none"\n'
        f'bounce_imap_username = "tra-lai"\nbounce_imap_password = "any"\n'
    )


def write_accounts(file: Path, text: str) -> bool:
    """Write `accounts.toml` (mode 600) unless there is one; returns whether it was written."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError as error:
        raise OutreachError(f"{file}: cannot be written: {error.strerror}; mend OUTREACH_ACCOUNTS") from None
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    return True
