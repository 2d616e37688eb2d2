"""What went wrong, by the provider's code: counted as it happens, told in words, never by looking at deliveries."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from channels.abilities import Explaining
from channels.registry import ADAPTERS
from outreach import wiring
from outreach.dispatch.accounts_file import Adviser
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import DeliveryState, Reason
from outreach.domain.words import Channel
from outreach.reach.errors import MOST_SHOWN, for_everybody, troubles
from outreach.reach.explanations import REASONS, no_meaning
from outreach.reach.status import Status, status
from outreach.store import deliveries, delivery_sweeps, error_counts, moves
from outreach.store.deliveries import Change
from outreach.store.error_counts import Counted
from tests.reach.reach_world import OFFICER, RURAL, URBAN, ReachWorld, campaign, message
from tests.world import account

PLANNED, SENDING, FAILED = DeliveryState.PLANNED, DeliveryState.SENDING, DeliveryState.FAILED
UNKNOWN, DELIVERED = DeliveryState.UNKNOWN, DeliveryState.DELIVERED


@pytest.fixture
def sent(land: ReachWorld) -> ReachWorld:
    """Four in the village, two in the ward; all are being sent to."""
    for n, name in enumerate(("An", "Bình", "Chi", "Dung", "Em", "Giang")):
        land.person(name, phone=f"+8491234567{n}", unit=RURAL if n < 4 else URBAN)
    land.run(campaign(message("chao", "sms")))
    tell(land, SENDING, "An", "Bình", "Chi", "Dung", "Em", "Giang")
    return land


def tell(land: ReachWorld, state: DeliveryState, *names: str, reason: Reason | None = None, code: str = "") -> None:
    changes = [
        Change(row.run_id, row.id, state, reason=None if reason is None else str(reason), code=code or None)
        for row in land.rows()
        if row.name in names
    ]
    with land.engine.begin() as connection:
        deliveries.advance(connection, changes, now=land.clock.now(), shard=len(names))


def _advice(provider: str) -> Adviser:
    adapter = ADAPTERS[provider]
    assert issubclass(adapter, Explaining)
    return adapter.advice


def read(land: ReachWorld, scope: Scope = EVERYTHING) -> Status:
    meaning = wiring.meanings({name: _advice(one.provider) for name, one in land.accounts.items()})
    with land.engine.connect() as connection:
        return status(connection, "thu", now=land.clock.now(), scope=scope, meaning=meaning)


def found(land: ReachWorld, scope: Scope = EVERYTHING) -> list[tuple[str, str, str, int]]:
    return [(one.code, one.state, one.reason, one.n) for one in read(land, scope).errors]


def test_failures_are_grouped_by_code_with_what_it_means_and_what_to_do(sent: ReachWorld) -> None:
    tell(sent, FAILED, "An", "Em", reason=Reason.REJECTED, code="21211")
    tell(sent, FAILED, "Bình", reason=Reason.REJECTED, code="30005")
    tell(sent, DELIVERED, "Chi")
    first, second = read(sent).to_json()["errors"]
    assert (first["account"], first["channel"], first["code"], first["n"]) == ("sms-main", "sms", "21211", 2)
    assert first["vi"] == {
        "what": "Số điện thoại không đúng.",
        "do": "Kiểm tra lại số điện thoại trong danh sách, sửa rồi nhập lại.",
    }
    assert first["en"]["what"] == "The phone number is not valid."
    assert (second["code"], second["n"]) == ("30005", 1)
    (run,) = read(sent).to_json()["runs"]
    assert [(one["code"], one["n"]) for one in run["errors"]] == [("21211", 2), ("30005", 1)]
    assert sent.counts_agree()


def test_what_waits_because_of_its_provider_and_what_is_unknown_are_told_too(sent: ReachWorld) -> None:
    tell(sent, PLANNED, "An", "Bình", reason=Reason.TRANSIENT, code="30003")
    tell(sent, UNKNOWN, "Chi", reason=Reason.UNCERTAIN)
    tell(sent, PLANNED, "Dung", reason=Reason.LEASE_LOST)
    assert found(sent) == [("30003", "planned", "transient", 2), ("", "unknown", "uncertain", 1)]
    assert read(sent).errors[1].meaning == REASONS[Reason.UNCERTAIN]
    assert sent.counts_agree()


def test_what_comes_right_is_no_longer_told(sent: ReachWorld) -> None:
    tell(sent, FAILED, "An", reason=Reason.REJECTED, code="30008")
    tell(sent, PLANNED, "Bình", reason=Reason.THROTTLED, code="20429")
    tell(sent, UNKNOWN, "Chi", reason=Reason.UNCERTAIN)
    tell(sent, DELIVERED, "An", "Bình", "Chi")
    tell(sent, SENDING, "Bình")
    tell(sent, DELIVERED, "Bình")
    assert found(sent) == []
    assert sent.counts_agree()


def test_what_is_sent_again_or_cancelled_is_no_longer_told(sent: ReachWorld) -> None:
    tell(sent, FAILED, "An", reason=Reason.REJECTED, code="30008")
    tell(sent, PLANNED, "Bình", reason=Reason.MISCONFIGURED, code="20003")
    (run,) = sent.runs()
    now = sent.clock.now()
    with sent.engine.begin() as connection:
        assert delivery_sweeps.retry(connection, run.id, FAILED, now=now, until=now) == 1
        condition, reason = "d.code = '20003'", "campaign_cancelled"
        assert delivery_sweeps.advance_where(
            connection, condition, {}, state=DeliveryState.CANCELLED, reason=reason, now=now
        )
    assert found(sent) == []
    assert sent.counts_agree()


def test_what_moves_to_another_account_leaves_its_trouble_behind(sent: ReachWorld) -> None:
    tell(sent, PLANNED, "An", "Bình", reason=Reason.MISCONFIGURED, code="20003")
    tell(sent, PLANNED, "Chi", reason=Reason.LEASE_LOST)
    accounts = [*sent.accounts.values(), account("sms-two")]
    with sent.engine.begin() as connection:
        moved = moves.share_out(
            connection, Channel.SMS, accounts, ["sms-main"], of=["sms-main"], now=sent.clock.now(), limit=100
        )
    assert moved == {("sms-two", "bulk"): 3}
    assert found(sent) == []
    assert sent.counts_agree()


def test_an_officer_sees_the_troubles_of_the_own_commune(sent: ReachWorld) -> None:
    tell(sent, FAILED, "An", "Em", reason=Reason.REJECTED, code="21211")
    assert found(sent, OFFICER) == [("21211", "failed", "rejected", 1)]


def test_a_code_nobody_knows_is_explained_by_its_reason(sent: ReachWorld) -> None:
    tell(sent, FAILED, "An", reason=Reason.REJECTED, code="77777")
    (one,) = read(sent).errors
    assert (one.code, one.known, one.meaning) == ("77777", False, REASONS[Reason.REJECTED])


def test_an_account_that_is_gone_has_its_reasons_explained() -> None:
    assert wiring.meanings({})("gone", "21211") is None


def test_they_are_read_from_the_counters_and_never_from_the_rows(sent: ReachWorld) -> None:
    asked: list[str] = []

    def take_down(*values: Any) -> None:
        asked.append(values[2])

    with sent.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", take_down)
        error_counts.counted(connection, [1, 2], scope=EVERYTHING)
    assert asked
    assert not any("deliveries" in statement for statement in asked)


def test_codes_without_end_are_cut_off_after_the_most_frequent() -> None:
    made_up = [Counted(1, "sms-main", Channel.SMS, FAILED, "rejected", f"{n}", n) for n in range(1, 1000)]
    shown = troubles(made_up, no_meaning)
    assert [one.code for one in shown[:2]] == ["999", "998"]
    assert len(shown) == MOST_SHOWN


def test_without_accounts_what_reads_alike_is_one_line_and_nothing_is_lost() -> None:
    both = [Counted(1, name, Channel.SMS, FAILED, "rejected", "", n) for name, n in (("sms-one", 2), ("sms-two", 3))]
    other = Counted(1, "mail", Channel.EMAIL, FAILED, "rejected", "", 4)
    [first, second] = for_everybody(troubles([*both, other], no_meaning))
    assert (first.channel, first.n) == (Channel.SMS, 5)
    assert (second.channel, second.n) == (Channel.EMAIL, 4)
