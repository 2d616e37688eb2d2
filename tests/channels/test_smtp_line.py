"""The dialogue with servers that take commands together, and with those that say strange things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from adapter_harness import LOOPS, LoopFactory, certificate, letter, listening, run, smtp

from channels.contract import Attachment, Content, ErrorKind, Lease, SendError


@dataclass
class Post:
    """A server that offers pipelining and notes in which pieces it heard what."""

    replies: dict[str, str] = field(default_factory=dict)
    texts: list[bytes] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    connections: int = 0
    after: Callable[[Post, asyncio.StreamWriter], None] = lambda post, writer: None

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.write(b"220 post\r\n")
        rest, text = b"", False
        while piece := await reader.read(1_000_000):
            self.pieces.append(piece)
            rest += piece
            while (end := rest.find(b"\r\n.\r\n" if text else b"\r\n")) >= 0:
                line, rest = rest[:end], rest[end + (5 if text else 2) :]
                text = self._answer(line, writer, text)
        writer.close()

    def _answer(self, line: bytes, writer: asyncio.StreamWriter, text: bool) -> bool:
        if text:
            self.texts.append(line)
            writer.write(b"250 2.0.0 taken\r\n")
            self.after(self, writer)
            return False
        verb = line[:4].decode().upper()
        known = {"EHLO": "250-post\r\n250-PIPELINING\r\n250 SMTPUTF8", "DATA": "354 go on", "QUIT": "221 bye"}
        reply = self.replies.get(verb, known.get(verb, "250 2.0.0 ok"))
        writer.write(f"{reply}\r\n".encode())
        return verb == "DATA" and reply.startswith("354")


@asynccontextmanager
async def served(post: Post) -> AsyncIterator[int]:
    async with listening(post.connected) as port:
        yield port


async def sent(post: Post, *keys: str) -> list[ErrorKind | str]:
    """Send letters over one connection; how each ended."""
    found: list[ErrorKind | str] = []
    async with served(post) as port:
        adapter = smtp(port, username=None, password=None, connections=1)
        for key in keys:
            try:
                found.append((await adapter.send(letter(key))).provider_id)
            except SendError as error:
                found.append(error.kind)
        await adapter.aclose()
    return found


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_a_server_that_allows_it_gets_the_envelope_in_one_piece(loop: LoopFactory) -> None:
    post = Post()
    assert run(sent(post, "1.1.1", "1.2.1"), loop) == ["1.1.1@tinh.example", "1.2.1@tinh.example"]
    assert len(post.texts) == 2
    assert post.connections == 1
    assert sum(piece.startswith(b"MAIL ") and piece.endswith(b"DATA\r\n") for piece in post.pieces) == 2


@pytest.mark.parametrize(
    ("replies", "kind", "connections"),
    [
        ({"RCPT": "550 5.1.1 unknown", "DATA": "503 5.5.1 no recipient"}, ErrorKind.REJECTED, 1),
        ({"MAIL": "452 4.3.1 full", "RCPT": "503 no", "DATA": "503 no"}, ErrorKind.TRANSIENT, 1),
        ({"RCPT": "450 4.2.1 later", "DATA": "554 no valid recipients"}, ErrorKind.TRANSIENT, 1),
        ({"RCPT": "550 5.1.1 unknown"}, ErrorKind.REJECTED, 2),
    ],
    ids=["recipient", "sender", "greylisted", "a text is waited for all the same"],
)
def test_the_first_refusal_counts_and_no_text_follows_it(
    replies: dict[str, str], kind: ErrorKind, connections: int
) -> None:
    post = Post(replies)
    assert run(sent(post, "1.1.1", "1.2.1")) == [kind, kind]
    assert post.texts == []
    assert post.connections == connections


def test_a_lease_that_ran_out_keeps_the_text_back() -> None:
    async def story() -> None:
        post = Post()
        async with served(post) as port:
            adapter = smtp(port, username=None, password=None, connections=1)
            with pytest.raises(SendError) as caught:
                await adapter.send(letter(lease=Lease(0)))
            assert caught.value.kind is ErrorKind.NOT_SENT
            await adapter.send(letter("1.2.1"))
            await adapter.aclose()
        assert len(post.texts) == 1
        assert post.connections == 2

    run(story())


def _farewell(post: Post, writer: asyncio.StreamWriter) -> None:
    writer.write(b"421 4.3.2 going down\r\n")


def _hang_up(post: Post, writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize("after", [_farewell, _hang_up])
def test_a_connection_the_server_has_left_is_replaced(after: Callable[[Post, asyncio.StreamWriter], None]) -> None:
    post = Post(after=after)
    assert run(sent(post, "1.1.1", "1.2.1")) == ["1.1.1@tinh.example", "1.2.1@tinh.example"]
    assert len(post.texts) == 2
    assert post.connections == 2


def test_a_reply_that_is_none_after_the_text_leaves_its_fate_unknown() -> None:
    class Babbling(Post):
        def _answer(self, line: bytes, writer: asyncio.StreamWriter, text: bool) -> bool:
            if text:
                writer.write(b"what?\r\n")
                return False
            return super()._answer(line, writer, text)

    assert run(sent(Babbling(), "1.1.1")) == [ErrorKind.UNCERTAIN]


def test_files_go_with_the_message_and_a_dot_alone_ends_it() -> None:
    async def story() -> None:
        post = Post()
        files = (Attachment("Biểu mẫu.csv", "text/csv", b".\r\n" * 300_000),)
        async with served(post) as port:
            adapter = smtp(port, username=None, password=None, timeout=10)
            content = Content(body=".", subject="x", attachments=files)
            await asyncio.gather(*(adapter.send(letter(f"1.{n}.1", content=content)) for n in range(5)))
            await adapter.aclose()
        assert len(post.texts) == 5
        assert all(len(text) > 1_200_000 for text in post.texts)

    run(story())


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
def test_pipelining_works_through_tls(tmp_path: Path, loop: LoopFactory) -> None:
    context, ca_file = certificate(tmp_path, "127.0.0.1")

    async def story() -> None:
        post = Post()
        server = await asyncio.start_server(post.connected, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        adapter = smtp(port, tls="implicit", ca_file=ca_file, username=None, password=None, timeout=5, connections=1)
        for number in range(3):
            await adapter.send(letter(f"1.{number}.1"))
        await adapter.aclose()
        server.close()
        assert len(post.texts) == 3
        assert post.connections == 1

    run(story(), loop)
