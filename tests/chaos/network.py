"""Several hosts on one machine: network namespaces with addresses of their own, whose cables can be cut.

Each server has a bridge of its own, so that a host can lose one of them alone. A cut drops what is sent, both ways and
without a word: nobody hears a RST. Nothing leaves the machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

SERVERS = {"postgresql": "10.77.1", "valkey": "10.77.2", "provider": "10.77.3"}
"""What a host can be cut off from, and the first three numbers of its network."""


def missing() -> str:
    """What this machine lacks for hosts of its own; "" where it has everything."""
    for program in ("ip", "unshare", "hostname"):
        if shutil.which(program) is None:
            return f"the program `{program}` (Debian: iproute2, util-linux, hostname)"
    if os.geteuid() != 0:
        return "root's right to make network namespaces"
    name = f"oh{os.getpid()}"
    tries = (
        ["ip", "netns", "add", name], ["ip", "link", "add", f"{name}b", "type", "bridge"],
        ["ip", "netns", "exec", name, "unshare", "--uts", "--pid", "--fork", "--mount-proc", "true"],
    )  # fmt: skip
    try:
        for command in tries:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                return f"a system that allows `{' '.join(command)}`: {done.stderr.strip()}"
    finally:
        subprocess.run(["ip", "link", "del", f"{name}b"], capture_output=True, check=False)
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    return ""


@dataclass
class Network:
    """Bridges for the servers, a namespace for each host."""

    hosts: Sequence[str]
    mark: str = field(default_factory=lambda: f"oh{os.getpid() % 100_000}")

    def address(self, server: str) -> str:
        """Where a server listens; reached from this machine and its hosts alone."""
        return f"{SERVERS[server]}.1"

    def inside(self, host: str, *command: str) -> tuple[str, ...]:
        """A command on a host: with its network, its name and pids of its own."""
        return (
            "ip", "netns", "exec", self._space(host), "unshare", "--uts", "--pid", "--fork", "--kill-child",
            "--mount-proc", "sh", "-c", 'hostname "$0" && exec "$@"', host, *command,
        )  # fmt: skip

    def cut(self, host: str, *servers: str) -> None:
        """Drop everything between a host and these servers."""
        for server in servers:
            _ip("link", "set", self._cable(host, server), "down")

    def heal(self, host: str, *servers: str) -> None:
        """Let everything through again."""
        for server in servers:
            _ip("link", "set", self._cable(host, server), "up")

    def build(self) -> None:
        """Make bridges, namespaces and cables."""
        for server, net in SERVERS.items():
            _ip("link", "add", self._bridge(server), "type", "bridge")
            _ip("address", "add", f"{net}.1/24", "dev", self._bridge(server))
            _ip("link", "set", self._bridge(server), "up")
        for place, host in enumerate(self.hosts):
            space = self._space(host)
            _ip("netns", "add", space)
            _ip("-n", space, "link", "set", "lo", "up")
            for server, net in SERVERS.items():
                cable = self._cable(host, server)
                _ip("link", "add", cable, "type", "veth", "peer", "name", server, "netns", space)
                _ip("link", "set", cable, "master", self._bridge(server), "up")
                _ip("-n", space, "address", "add", f"{net}.{10 + place}/24", "dev", server)
                _ip("-n", space, "link", "set", server, "up")

    def remove(self) -> None:
        """Take all of it away; what is not there is no error."""
        for host in self.hosts:
            subprocess.run(["ip", "netns", "del", self._space(host)], capture_output=True, check=False)
        for server in SERVERS:
            subprocess.run(["ip", "link", "del", self._bridge(server)], capture_output=True, check=False)

    def _space(self, host: str) -> str:
        return f"{self.mark}-{host}"

    def _bridge(self, server: str) -> str:
        return f"{self.mark}{server[:2]}"

    def _cable(self, host: str, server: str) -> str:
        return f"{self.mark}{server[:2]}{self.hosts.index(host)}"


@contextmanager
def network(*hosts: str) -> Iterator[Network]:
    """A network for the length of a block."""
    made = Network(hosts)
    try:
        made.build()
        yield made
    finally:
        made.remove()


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr.strip()}"
