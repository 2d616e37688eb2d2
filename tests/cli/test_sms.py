"""`outreach sms parts`: one text, or a stream of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from outreach.settings import PROJECT
from tests.cli.commands import Commands


def test_a_text_is_counted_as_it_is_and_without_its_marks(bare: Commands) -> None:
    counted = bare("sms", "parts", "Kính mời ông bà", "--json").json()
    plain = {"text": "Kinh moi ong ba", "encoding": "GSM-7", "parts": 1}
    assert counted == {"encoding": "UCS-2", "parts": 1, "unaccented": plain}


def test_people_get_a_line_for_each_line(bare: Commands) -> None:
    said = bare("sms", "parts", given="a\r\n" + "ă" * 71 + "\n\n")
    assert said.out.splitlines() == [
        "GSM-7 1, unaccented GSM-7 1",
        "UCS-2 2, unaccented GSM-7 1",
        "GSM-7 0, unaccented GSM-7 0",
    ]


def test_programs_stream_json_strings_and_get_a_document_a_line(bare: Commands) -> None:
    texts = ["Chào\nbạn", "\u2028", "\ud83d", "€" * 81]
    said = bare("sms", "parts", "--json", given="".join(json.dumps(text) + "\n" for text in texts))
    answers = [json.loads(line) for line in said.out.splitlines()]
    assert [(one["encoding"], one["parts"]) for one in answers] == [
        ("UCS-2", 1),
        ("UCS-2", 1),
        ("UCS-2", 1),
        ("GSM-7", 2),
    ]


def test_a_line_that_is_no_json_string_is_named_after_those_before_it(bare: Commands) -> None:
    said = bare("sms", "parts", "--json", given='"a"\n3\n"b"\n')
    assert (said.status, len(said.out.splitlines())) == (1, 1)
    assert said.err.startswith("stdin:2: ")
    assert bare("sms", "parts", given=b"a\n\xff\n").err.startswith("stdin:2: not UTF-8")


def test_people_at_a_terminal_get_a_heading() -> None:
    """On a terminal of its own, as no pipe shows it."""
    reading, writing = os.openpty()
    command = [sys.executable, "-m", "outreach", "sms", "parts", "Chào"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, cwd=PROJECT, timeout=60, check=False)
    os.close(writing)
    said = os.read(reading, 10_000).decode().splitlines()
    os.close(reading)
    assert done.returncode == 0, done.stderr
    assert said[0].startswith("encoding and parts")
    assert said[1] == "GSM-7 1, unaccented GSM-7 1"
