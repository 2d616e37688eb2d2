"""`outreach demo --exit` as a process: what it says of itself agrees with the simulator's own log and the database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Connection, text

from outreach.local.embedded import Embedded
from outreach.local.sandbox import Entry, Outcome, read_log
from outreach.settings import PROJECT
from outreach.store.engine import connect

PEOPLE = 3000
pytestmark = pytest.mark.slow


@dataclass
class Played:
    """A demo that has come to its end: its figures, the simulator's log, its database."""

    figures: dict[str, Any]
    log: list[Entry]
    connection: Connection
    said: str

    def rows(self, query: str, **values: Any) -> list[Any]:
        return list(self.connection.execute(text(query), values))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """One demo for all the tests of this file."""
    home = tmp_path_factory.mktemp("demo")
    command = ["demo", "--exit", "--json", "--people", str(PEOPLE), "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OUTREACH_")}
    done = subprocess.run(
        [sys.executable, "-m", "outreach", *command],
        cwd=home,
        env={**environment, "PYTHONPATH": str(PROJECT), "OUTREACH_DATA_DIR": str(home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads(done.stdout)
    embedded = Embedded(home / "demo")
    try:
        engine = connect(embedded.acquire().database_url, name="test")
        with engine.connect() as connection:
            yield Played(figures, list(read_log(home / "demo" / "sandbox")), connection, done.stderr)
        engine.dispose()
    finally:
        embedded.remove()


def test_everything_due_was_sent_and_answered(played: Played) -> None:
    figures = played.figures
    assert figures["settled"] is True
    assert (figures["campaign"], figures["state"]) == ("thong-bao-dich-vu-cong", "running")
    open_states = ("planned", "sending", "unknown")
    assert [figures["deliveries"][state] for state in open_states] == [0, 0, 0]
    assert figures["by_channel"]["sms"]["accepted"] == 0
    assert figures["by_channel"]["sms"]["delivered"] > PEOPLE / 2
    assert figures["by_channel"]["loudspeaker"]["delivered"] > 0


def test_each_message_that_left_is_in_the_log_exactly_once(played: Played) -> None:
    left = played.rows(
        "SELECT run_id, id, generation, channel FROM deliveries WHERE recipient_kind = 'contact'"
        " AND (state IN ('accepted', 'delivered', 'read') OR (state = 'failed' AND provider_id IS NOT NULL))"
    )
    taken = Counter(entry.key for entry in played.log if entry.outcome is Outcome.ACCEPTED)
    assert set(taken.values()) == {1}
    assert {f"{row.run_id}.{row.id}.{row.generation}" for row in left} == set(taken)


def test_nothing_is_in_the_log_that_is_not_in_the_database(played: Played) -> None:
    known = {
        (f"{row.run_id}.{row.id}.{row.generation}", row.channel)
        for row in played.rows(
            "SELECT run_id, id, generation, channel FROM deliveries WHERE recipient_kind = 'contact'"
        )
    }
    assert {(entry.key, entry.channel) for entry in played.log} <= known


def test_every_person_of_every_run_is_accounted_for(played: Played) -> None:
    runs = played.rows(
        """
        SELECT r.id, r.message, r.audience, count(DISTINCT (d.recipient_id, d.subject_id)) AS people
        FROM runs r LEFT JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact'
        WHERE r.state NOT IN ('expired', 'scheduled') GROUP BY r.id, r.message, r.audience
        """
    )
    assert {"gioi-thieu-dich-vu-cong", "huong-dan-nguoi-cao-tuoi", "gioi-thieu-doanh-nghiep"} <= {
        run.message for run in runs
    }
    assert [(run.message, run.people) for run in runs] == [(run.message, run.audience) for run in runs]
    silent = played.rows("SELECT id FROM deliveries WHERE state = 'suppressed' AND reason IS NULL")
    assert silent == []


def test_the_figures_are_those_of_the_log_and_the_rows(played: Played) -> None:
    taken = Counter(entry.channel for entry in played.log if entry.outcome is Outcome.ACCEPTED)
    assert played.figures["sandbox"] == {"sms": taken["sms"], "email": taken["email"]}
    by_state = {row.state: row.n for row in played.rows("SELECT state, count(*) AS n FROM deliveries GROUP BY state")}
    said = {state: n for state, n in played.figures["deliveries"].items() if n and state != "total"}
    assert said == by_state
    assert played.figures["deliveries"]["total"] == sum(by_state.values())


def test_who_counts_as_reached_has_a_proof_of_their_own_or_shares_an_address(played: Played) -> None:
    (proofs,) = played.rows(
        """
        SELECT count(*) AS people FROM (
            SELECT recipient_id FROM deliveries WHERE recipient_kind = 'contact' AND proved
            UNION
            SELECT s.recipient_id FROM deliveries s JOIN deliveries d ON d.run_id = s.run_id AND d.channel = s.channel
                AND d.recipient_kind = 'contact' AND d.recipient_id = s.shared_with AND d.subject_id = 0 AND d.proved
            WHERE s.recipient_kind = 'contact' AND s.state = 'suppressed'
        ) AS reached
        """
    )
    figures = played.figures
    assert figures["people_reached"] == figures["measured"] == proofs.people
    assert 0 < figures["measured"] < figures["audience"] <= PEOPLE
    assert figures["measured"] <= figures["combined"] <= figures["audience"]
    assert figures["estimated"] > 0


def test_nothing_that_has_stopped_is_pointed_at_and_the_tables_fit_a_terminal(played: Played) -> None:
    assert "http://" not in played.said
    assert "SMS and" in played.said
    assert "OUTREACH_DATA_DIR=" not in played.said
    status = played.said[played.said.index("running at") : played.said.index("loudspeakers: the officers")]
    assert max(map(len, status.splitlines())) <= 80
