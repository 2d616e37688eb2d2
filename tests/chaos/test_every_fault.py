"""Ten thousand through providers with every fault at once: all is settled, explained, and as their log says."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from outreach.domain.states import DeliveryState
from outreach.domain.words import Channel
from outreach.local.sandbox import read_log
from outreach.reach.explanations import explain
from tests.chaos.test_kills import CHILDREN, Site, launch, morning_shift
from tests.processes import Installation, Sandbox, accounts_toml, free_port, sandbox, wait_for

PEOPLE = int(os.environ.get("OUTREACH_FAULT_PEOPLE", "10000"))
FAULTS = (
    *("--fail", "429:0.05%", "--fail", "500:0.7%", "--fail", "503:0.3%", "--latency", "20ms±15ms", "--seed", "7"),
    *("--reset-before-read", "0.5%", "--reset-after-write", "0.5%", "--silent", "0.2%", "--garbled", "0.2%"),
    *("--lost-receipts", "2%", "--duplicate-receipts", "2%", "--disordered-receipts", "2%", "--fail-share", "0.02"),
)
SETTLED_WITHOUT_THE_PROVIDER = {"suppressed", "expired", "cancelled"}


def accounts(box: Sandbox) -> str:
    """An SMS account that can be asked, and one that drops repetitions."""
    return (
        accounts_toml(box, rate="250/s")
        + f"""
[accounts.sms-esms]
channel = "sms"
provider = "esms"
api_key = "sandbox-esms-api-key"
secret_key = "sandbox-esms-secret-key"
brandname = "HANHCHINH"
base_url = "{box.http}/esms"
rate = "250/s"
price = 350
"""
    )


@pytest.fixture
def site(
    engine: Engine, database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    port, data = free_port(), tmp_path / "data"
    data.mkdir(mode=0o700)
    environment = {
        "OUTREACH_DATA_DIR": str(data),
        "OUTREACH_DATABASE_URL": database_url,
        "OUTREACH_REDIS_URL": redis_url,
        "OUTREACH_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "OUTREACH_SEND_TIMEOUT_SECONDS": "3",
        "OUTREACH_CLOCK_SHIFT_SECONDS": str(morning_shift()),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with sandbox(tmp_path / "sandbox", *FAULTS, "--statuses", "sent,delivered") as box:
        (data / "accounts.toml").write_text(accounts(box))
        installation = Installation(data, environment)
        installation.start_web(port)
        installation.start_scheduler()
        installation.start_worker("first", CHILDREN)
        yield Site(engine, installation, box, redis_url, port)
        installation.stop()


def quiet(site: Site) -> bool:
    """Whether nothing is to be sent any more and no receipt has come for a while."""
    return site.settled(PEOPLE)


@pytest.mark.slow
def test_whatever_the_providers_do_everybody_is_settled_explained_and_as_their_log_says(site: Site) -> None:
    launch(site, PEOPLE)
    wait_for("every delivery to be sent or given up", lambda: quiet(site), seconds=420)
    log = site.box.accepted()
    by_key = Counter(entry.key for entry in log)
    wait_for("the receipts", lambda: site.counts()["delivered"] > 0.9 * len(log), seconds=60)
    with site.engine.connect() as connection:
        rows = connection.execute(text("SELECT * FROM deliveries")).all()
    assert len(rows) == PEOPLE
    found = Counter(row.state for row in rows)
    assert set(found) <= {"accepted", "delivered", "read", "failed", "unknown"}, found
    assert {key: times for key, times in by_key.items() if times > 1} == {}, "sent twice"
    assert max(Counter(entry.to for entry in log).values()) == 1, "somebody has two"
    for row in rows:
        key, state = f"{row.run_id}.{row.id}.{row.generation}", DeliveryState(row.state)
        said = explain(state, row.reason, Channel(row.channel))
        assert said.vi.what
        assert said.en.what
        if state in ("accepted", "delivered", "read"):
            assert by_key[key] == 1, f"{state}, but the provider never took it"
        if state == "failed" and by_key[key]:
            assert row.code, "failed though it was taken, and the provider did not say so"
        if state == "unknown":
            assert row.reason in ("uncertain", "lease_lost")
    with site.engine.connect() as connection:
        wrong = connection.execute(
            text(
                "SELECT count(*) FROM (SELECT state, count(*) AS n FROM deliveries GROUP BY 1) d FULL JOIN"
                " (SELECT state, sum(n) AS n FROM run_counts GROUP BY 1 HAVING sum(n) <> 0) k USING (state)"
                " WHERE d.n IS DISTINCT FROM k.n"
            )
        ).scalar_one()
    assert wrong == 0, "the counters do not say what the rows say"
    assert found["unknown"] <= 0.02 * PEOPLE
    assert found["delivered"] > 0.9 * PEOPLE
    befallen = [entry for entry in read_log(site.box.data) if entry.faults]
    assert len(befallen) > 0.01 * PEOPLE
