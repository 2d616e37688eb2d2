"""No test of an adapter talks to another machine, whatever the adapter makes of the failure."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    strangers: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def watched_connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(LOOPBACK):
            strangers.append(str(address[0]))
            raise OSError("not on this machine")
        connect(self, address)

    def watched_look_up(host: Any, *rest: Any, **named: Any) -> Any:
        if host is not None and not str(host).startswith(LOOPBACK) and not str(host).endswith(".invalid"):
            strangers.append(str(host))
            raise OSError("not on this machine")
        return look_up(host, *rest, **named)

    monkeypatch.setattr(socket.socket, "connect", watched_connect)
    monkeypatch.setattr(socket, "getaddrinfo", watched_look_up)
    yield
    assert strangers == []
