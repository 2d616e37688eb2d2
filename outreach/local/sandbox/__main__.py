"""`python -m outreach.local.sandbox`: the sandbox by itself."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from outreach.domain.errors import OutreachError
from outreach.local.sandbox import fault_options
from outreach.local.sandbox.config import ACCOUNT_SID, AUTH_TOKEN, STATUSES, SandboxConfig
from outreach.local.sandbox.credentials import EsmsAccount, SpeedSmsAccount, TelegramBot, ZaloApp
from outreach.local.sandbox.server import run

TOKEN_VARIABLE = "SANDBOX_AUTH_TOKEN"  # noqa: S105


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C; 1 where that is not possible."""
    try:
        run(parse(arguments))
    except (OutreachError, ValueError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: list[str] | None = None) -> SandboxConfig:
    """The settings a command line asks for; raises ValueError for impossible ones."""
    parser = argparse.ArgumentParser(
        prog="python -m outreach.local.sandbox",
        description="A provider simulator on loopback: Twilio, eSMS, SpeedSMS, VNPT, Zalo, Telegram, SMTP, IMAP."
        " Sends nothing to anybody.",
        allow_abbrev=False,
        epilog=f"The auth token is read from {TOKEN_VARIABLE}; without it a well-known one is used.",
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of its log")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http-port", type=int, default=8977, help="0: any free one, see sandbox.json in the folder")
    parser.add_argument("--smtp-port", type=int, default=8978)
    parser.add_argument("--imap-port", type=int, help="of the mailbox with returned e-mails; default 8979")
    parser.add_argument("--account-sid", default=ACCOUNT_SID)
    parser.add_argument("--fail-share", type=float, default=0.02, help="share of numbers that get nothing (0 to 1)")
    fault_options.add_to(parser)
    parser.add_argument("--latency-ms", type=int, default=0, help="between the record and the answer")
    parser.add_argument("--receipt-ms", type=int, default=100, help="before each receipt")
    parser.add_argument("--throttle-per-s", type=int, default=0, help="messages of a provider; 0: no limit")
    parser.add_argument("--statuses", default=",".join(STATUSES), help="receipts of a delivered message")
    parser.add_argument("--seen-share", type=float, default=0.0, help="share of Zalo messages that are read")
    parser.add_argument(
        "--webhook",
        action="append",
        default=[],
        help="zalo=URL, telegram=URL, speedsms=URL or twilio=URL: where events go",
    )
    parser.add_argument("--zns-templates", type=Path, help="JSON file with more registered ZNS templates")
    parser.add_argument("--zalo-per-minute", type=int, default=ZaloApp().per_minute, help="requests; 0: no limit")
    parser.add_argument("--telegram-per-s", type=int, default=TelegramBot().per_s, help="messages; 0: no limit")
    parser.add_argument("--speedsms-per-minute", type=int, default=SpeedSmsAccount().per_minute, help="0: no limit")
    parser.add_argument("--esms-balance", type=int, default=EsmsAccount().balance, help="VND, spent by messages")
    given = vars(parser.parse_args(arguments))
    if given["imap_port"] is None:
        given["imap_port"] = 8979 if given["smtp_port"] else 0  # who lets the system choose means all of them
    return SandboxConfig(
        faults=fault_options.taken_from(given),
        statuses=tuple(given.pop("statuses").split(",")),
        webhooks=_webhooks(given.pop("webhook")),
        zalo=ZaloApp(per_minute=given.pop("zalo_per_minute")),
        telegram=TelegramBot(per_s=given.pop("telegram_per_s")),
        esms=EsmsAccount(balance=given.pop("esms_balance")),
        speedsms=SpeedSmsAccount(per_minute=given.pop("speedsms_per_minute")),
        auth_token=os.environ.get(TOKEN_VARIABLE, AUTH_TOKEN),
        **given,
    )


def _webhooks(given: list[str]) -> dict[str, str]:
    """Addresses by provider; raises ValueError for what is not `name=URL`."""
    pairs = [one.partition("=") for one in given]
    for name, _, url in pairs:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"--webhook {name}: write it as zalo=http://127.0.0.1:8000/webhooks/zalo-main")
    return {name: url for name, _, url in pairs}


if __name__ == "__main__":
    sys.exit(main())
