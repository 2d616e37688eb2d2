"""The sandbox: a provider simulator that speaks the wire of Twilio, eSMS, Zalo, Telegram and SMTP."""

from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Deed, Entry, Outcome, read_deeds, read_log
from outreach.local.sandbox.server import Ports, read_ports, run, serve

__all__ = [
    "Deed",
    "Entry",
    "Outcome",
    "Ports",
    "SandboxConfig",
    "read_deeds",
    "read_log",
    "read_ports",
    "run",
    "serve",
]
