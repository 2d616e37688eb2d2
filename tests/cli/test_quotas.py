"""What providers still take, as `account list` and `doctor` show it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from outreach.domain.quotas import Quota
from outreach.domain.words import Channel
from outreach.store import quotas
from tests.cli.commands import Commands

ACCOUNT = """
[accounts.zalo]
channel = ["zalo_oa", "zalo_zns"]
provider = "zalo"
app_id = "1"
app_secret = "x"
oa_id = "2"
oa_secret = "y"
base_url = "http://127.0.0.1:9"
business_url = "http://127.0.0.1:9"
oauth_url = "http://127.0.0.1:9"
"""


@pytest.fixture
def known(outreach: Commands, engine: Engine, units: None) -> Commands:
    file = outreach.settings.accounts_file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(ACCOUNT)
    return outreach


def keep(engine: Engine, remaining: int, at: datetime) -> None:
    with engine.begin() as connection:
        quotas.keep(connection, [Quota("zalo", Channel.ZALO_ZNS, remaining, 500, True, at)])


def test_the_list_shows_what_is_left_and_since_when_that_is_known(known: Commands, engine: Engine) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    assert "quota" not in known("account", "list").err.split("\n")[0]
    keep(engine, 499, at)
    [zalo] = [one for one in known("account", "list", "--json").json()["accounts"] if one["name"] == "zalo"]
    read_at = datetime.fromisoformat(zalo["quotas"][0].pop("read_at"))
    assert (read_at, zalo["quotas"]) == (at, [{"channel": "zalo_zns", "remaining": 499, "total": 500, "daily": True}])
    said = known("account", "list")
    assert "499" in said.err


@pytest.mark.parametrize(("remaining", "ago", "finding"), [(499, 0, "good"), (3, 0, "doubtful"), (3, 2, "good")])
def test_the_doctor_doubts_a_quota_that_is_nearly_used_today(
    known: Commands, engine: Engine, remaining: int, ago: int, finding: str
) -> None:
    keep(engine, remaining, datetime.now(UTC) - timedelta(days=ago))
    [check] = [one for one in known("doctor", "--json").json()["checks"] if one["name"] == "quota of zalo"]
    assert check["finding"] == finding
    assert f"{remaining} of 500" in check["what"]
