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
TO_PEOPLE = ("sms", "zalo_oa", "zalo_zns", "email", "telegram")
KEYED = ("sms", "zalo_zns", "email")
"""Channels whose providers are told our own key; on the others a message is found by the provider's id."""
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

    def taken(self, channel: str) -> list[Entry]:
        """What the simulator took on a channel."""
        return [entry for entry in self.log if entry.outcome is Outcome.ACCEPTED and entry.channel == channel]

    def left(self, channel: str) -> list[Any]:
        """The deliveries of a channel that a provider took, whatever became of them afterwards."""
        return self.rows(
            "SELECT run_id, id, generation, provider_id FROM deliveries"
            " WHERE channel = :channel AND (state IN ('accepted', 'delivered', 'read')"
            " OR (state = 'failed' AND provider_id IS NOT NULL))",
            channel=channel,
        )


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
    assert figures["by_channel"]["sms"]["delivered"] > PEOPLE / 3
    assert figures["by_channel"]["loudspeaker"]["delivered"] > 0


@pytest.mark.parametrize("channel", TO_PEOPLE)
def test_the_figures_of_a_channel_are_those_of_the_simulators_log(played: Played, channel: str) -> None:
    counts, taken = played.figures["by_channel"][channel], played.taken(channel)
    failed_later = len(played.left(channel)) - sum(counts[state] for state in ("accepted", "delivered", "read"))
    assert taken
    assert played.figures["sandbox"][channel] == len(taken)
    assert counts["accepted"] + counts["delivered"] + counts["read"] + failed_later == len(taken)
    assert counts["failed"] - failed_later == len(refused(played, channel))


def refused(played: Played, channel: str) -> list[Entry]:
    return [entry for entry in played.log if entry.outcome is Outcome.REFUSED and entry.channel == channel]


@pytest.mark.parametrize("channel", TO_PEOPLE)
def test_each_message_that_left_is_in_the_log_exactly_once(played: Played, channel: str) -> None:
    keyed = channel in KEYED
    left = [f"{row.run_id}.{row.id}.{row.generation}" if keyed else row.provider_id for row in played.left(channel)]
    taken = Counter(entry.key if keyed else entry.provider_id for entry in played.taken(channel))
    assert set(taken.values()) == {1}
    assert set(left) == set(taken)


def test_templates_by_phone_and_sms_are_told_apart_although_they_go_to_the_same_numbers(played: Played) -> None:
    zns, sms = ({entry.key for entry in played.taken(channel)} for channel in ("zalo_zns", "sms"))
    assert zns.isdisjoint(sms)
    assert {entry.to for entry in played.taken("zalo_zns")} & {entry.to for entry in played.taken("sms")}


def test_whoever_zalo_does_not_reach_goes_on_to_the_next_channel(played: Played) -> None:
    (closed,) = played.rows(
        """
        SELECT count(*) AS people, count(n.id) AS gone_on FROM deliveries d
        LEFT JOIN deliveries n ON n.run_id = d.run_id AND n.recipient_id = d.recipient_id
            AND n.recipient_kind = 'contact' AND n.step = d.step + 1
        WHERE d.channel = 'zalo_oa' AND d.state = 'failed' AND d.reason = 'window_closed'
        """
    )
    assert closed.people == closed.gone_on > 0


def test_both_sms_gateways_are_used(played: Played) -> None:
    assert {entry.provider for entry in played.taken("sms")} == {"twilio", "esms"}


def test_nothing_is_in_the_log_that_is_not_in_the_database(played: Played) -> None:
    known = {
        (f"{row.run_id}.{row.id}.{row.generation}", row.channel)
        for row in played.rows(
            "SELECT run_id, id, generation, channel FROM deliveries WHERE recipient_kind = 'contact'"
        )
    }
    assert {(entry.key, entry.channel) for entry in played.log if entry.channel in KEYED} <= known


def test_every_person_of_every_run_is_accounted_for(played: Played) -> None:
    runs = played.rows(
        """
        SELECT r.id, r.message, r.audience, count(DISTINCT (d.recipient_id, d.subject_id)) AS people
        FROM runs r LEFT JOIN deliveries d ON d.run_id = r.id AND d.recipient_kind = 'contact'
        WHERE r.state NOT IN ('expired', 'scheduled') GROUP BY r.id, r.message, r.audience
        """
    )
    due = {"gioi-thieu-dich-vu-cong", "huong-dan-nguoi-cao-tuoi", "gioi-thieu-doanh-nghiep", "nhac-lich-hen"}
    assert due | {"dong-hanh-cung-nguoi-than"} <= {run.message for run in runs}
    assert [(run.message, run.people) for run in runs] == [(run.message, run.audience) for run in runs]
    silent = played.rows("SELECT id FROM deliveries WHERE state = 'suppressed' AND reason IS NULL")
    assert silent == []


def test_the_figures_are_those_of_the_log_and_the_rows(played: Played) -> None:
    assert set(played.figures["sandbox"]) == set(TO_PEOPLE)
    assert set(played.figures["by_channel"]) == {*TO_PEOPLE, "loudspeaker"}
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
    assert "Zalo templates (ZNS), " in played.said
    assert "OUTREACH_DATA_DIR=" not in played.said
    status = played.said[played.said.index("running at") : played.said.index("loudspeakers: the officers")]
    assert max(map(len, status.splitlines())) <= 80
