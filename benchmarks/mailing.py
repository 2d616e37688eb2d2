"""How many e-mails a second one process of the SMTP adapter hands to a local server, with and without DKIM.

    python -m benchmarks.mailing [--messages N] [--connections C] [--key rsa|ed25519|none] [--no-pipelining]

The sink runs in a process of its own; messages are composed, signed and written by the adapter itself, in chunks of 50
as the dispatch sends them. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from channels.contract import Content, Lease, Outgoing
from channels.smtp_email import SmtpConfig, SmtpEmail

CHUNK = 50
_TEXT = "Kính gửi ông Nguyễn Văn Hùng,\n\nHồ sơ H26.18-251120-0042 hẹn trả kết quả lúc 8 giờ 30 ngày 25/11/2026.\n" * 6
_HTML = (
    "<!doctype html><html lang=vi><body>" + "".join(f"<p>{line}</p>" for line in _TEXT.splitlines()) + "</body></html>"
)


@dataclass(frozen=True, slots=True)
class MailRate:
    """Messages a second of one process; `cpu` are its processor seconds."""

    rate: float
    seconds: float
    cpu: float
    messages: int


@contextmanager
def sink(*, pipelining: bool = True) -> Iterator[int]:
    """A sink in a process of its own; gives its port."""
    argv = [sys.executable, "-m", "benchmarks.smtp_sink", *([] if pipelining else ["--no-pipelining"])]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def mail_rate(messages: int = 5_000, *, key: str = "none", connections: int = 4, pipelining: bool = True) -> MailRate:
    """Send `messages` through one adapter in this process; `key`: none, rsa (2048 bits) or ed25519."""
    with sink(pipelining=pipelining) as port, tempfile.TemporaryDirectory() as folder:
        return uvloop.run(_measured(_adapter(port, key, connections, Path(folder)), messages))


async def _measured(adapter: SmtpEmail, messages: int) -> MailRate:
    await _send(adapter, range(CHUNK))
    began, used = time.monotonic(), time.process_time()
    for start in range(0, messages, CHUNK):
        await _send(adapter, range(start, min(messages, start + CHUNK)))
    seconds, cpu = time.monotonic() - began, time.process_time() - used
    await adapter.aclose()
    return MailRate(messages / seconds, seconds, cpu, messages)


async def _send(adapter: SmtpEmail, numbers: range) -> None:
    content = Content(channel="email", body=_TEXT, subject="Giấy hẹn trả kết quả", html=_HTML)
    lease = Lease.lasting(60)
    await asyncio.gather(*(adapter.send(_letter(number, content, lease)) for number in numbers))


def _letter(number: int, content: Content, lease: Lease) -> Outgoing:
    link = "https://truyenthong.tinh.example/u/" + "a1B2" * 12
    return Outgoing(f"1.{number}.1", f"dan{number}@thu.example", content, lease, unsubscribe_url=link)


def _adapter(port: int, key: str, connections: int, folder: Path) -> SmtpEmail:
    settings: dict[str, object] = {
        "host": "127.0.0.1", "port": port, "tls": "none", "from": "Cổng dịch vụ công <bao@tinh.example>",
        "bounce_address": "tra-lai@tinh.example", "connections": connections,
    }  # fmt: skip
    if key != "none":
        made = ed25519.Ed25519PrivateKey.generate() if key == "ed25519" else rsa.generate_private_key(65537, 2048)
        file = folder / "dkim.pem"
        file.touch(mode=0o600)
        file.write_bytes(
            made.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        settings |= {"dkim_selector": "s1", "dkim_key_file": file}
    return SmtpEmail(SmtpConfig.model_validate(settings), timeout=30)


def main() -> None:
    parser = argparse.ArgumentParser(description="Send e-mails to a local sink.")
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--key", choices=("none", "rsa", "ed25519"), default="none")
    parser.add_argument("--no-pipelining", action="store_true")
    given = parser.parse_args()
    found = mail_rate(given.messages, key=given.key, connections=given.connections, pipelining=not given.no_pipelining)
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
