"""The sandbox: a provider simulator that speaks the wire of Twilio and SMTP and sends nothing to anybody."""

from outreach.local.sandbox.config import SandboxConfig
from outreach.local.sandbox.log import Entry, Outcome, read_log
from outreach.local.sandbox.server import Ports, read_ports, run, serve

__all__ = ["Entry", "Outcome", "Ports", "SandboxConfig", "read_log", "read_ports", "run", "serve"]
