"""The schema is made by migrations alone, and they say what the tables say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, make_url, text
from sqlalchemy.pool import NullPool

from outreach.settings import PROJECT
from outreach.store import migrate
from outreach.store.engine import connect
from outreach.store.tables import metadata

MIGRATE = """
import sys
from outreach.store import migrate
from outreach.store.engine import connect
engine = connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
migrate.upgrade(engine)
assert migrate.is_current(engine)
"""


def differences(engine: Engine) -> list[object]:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
        )
        return list(compare_metadata(context, metadata))


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


@pytest.fixture
def empty_url(database_url: str) -> Iterator[str]:
    """A database of this test's own without any schema."""
    name = f"empty_{uuid4().hex[:12]}"
    admin = create_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(database_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = connect(empty_url)
    yield engine
    engine.dispose()


def test_migrations_make_exactly_the_tables_the_program_knows(engine: Engine) -> None:
    assert tables(engine) == set(metadata.tables)
    assert differences(engine) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE runs DROP COLUMN reason",
        "ALTER TABLE runs ALTER COLUMN audience TYPE integer",
        "DROP INDEX ix_deliveries_claim",
        "ALTER TABLE contacts ALTER COLUMN language DROP DEFAULT",
    ],
)
def test_a_schema_that_has_drifted_is_noticed(engine: Engine, change: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(change))
    assert differences(engine) != []


def test_an_empty_database_is_behind_and_one_upgrade_makes_it_current(empty: Engine) -> None:
    assert not migrate.is_current(empty)
    migrate.upgrade(empty)
    assert migrate.is_current(empty)


def test_upgrading_again_changes_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO audit (who, action, object) VALUES ('an', 'tested', 'upgrade')"))
    migrate.upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM audit")).scalar_one() == 1


def test_down_to_nothing_and_up_again_ends_with_the_same_schema(engine: Engine) -> None:
    migrate.downgrade(engine, "base")
    assert tables(engine) == set()
    migrate.upgrade(engine)
    assert migrate.is_current(engine)
    assert differences(engine) == []


def test_processes_that_start_together_migrate_once(empty_url: str, empty: Engine) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, empty_url], cwd=PROJECT, text=True,
            env={**os.environ, "PYTHONPATH": str(PROJECT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    ends = []
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        _, errors = process.communicate(timeout=60)
        ends.append((process.returncode, errors))
    assert ends == [(0, "")] * 3
    assert differences(empty) == []
