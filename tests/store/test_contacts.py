"""Contacts looked up inside a scope, and what bars their addresses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, text

from outreach.audience.importing import ImportOptions, import_file
from outreach.audience.units import load_official
from outreach.domain.clock import VirtualClock
from outreach.domain.errors import NotFound
from outreach.domain.privacy import KeyRing
from outreach.domain.scope import EVERYTHING, Scope
from outreach.domain.states import Reason
from outreach.store import contacts, suppressions

HANOI, DA_NANG = Scope("01/", "officer"), Scope("48/", "officer")


@pytest.fixture
def connection(engine: Engine, keys: KeyRing, clock: VirtualClock, tmp_path: Path) -> Iterator[Connection]:
    file = tmp_path / "list.csv"
    rows = ("1;Đỗ Ân;00070;0912345678", "2;Đào Ánh;00070;0912345678", "3;Dương An;48;", "4;Ân Không Xã;;0987654321")
    file.write_text("\n".join(("external_id;full_name;unit_code;phone", *rows)), encoding="utf-8")
    with engine.begin() as connection:
        load_official(connection)
    import_file(engine, file, source="main", keys=keys, options=ImportOptions(today=clock.now().date()))
    with engine.connect() as connection:
        yield connection


def test_a_name_is_found_without_diacritics_and_listed_in_vietnamese_order(connection: Connection) -> None:
    found = contacts.search(connection, "AN", scope=EVERYTHING)
    assert [contact.full_name for contact in found] == ["Ân Không Xã", "Dương An", "Đào Ánh", "Đỗ Ân"]


def test_a_scope_hides_everybody_else(connection: Connection) -> None:
    assert [one.full_name for one in contacts.search(connection, "an", scope=HANOI)] == ["Đào Ánh", "Đỗ Ân"]
    assert contacts.count(connection, scope=DA_NANG) == 1
    assert contacts.count(connection, scope=EVERYTHING) == 4
    hidden = contacts.by_external_id(connection, "main", "3", scope=EVERYTHING)
    with pytest.raises(NotFound):
        contacts.by_id(connection, hidden.id, scope=HANOI)
    with pytest.raises(NotFound):
        contacts.by_external_id(connection, "main", "4", scope=HANOI)


def test_addresses_stay_sealed_until_the_keys_open_them(connection: Connection, keys: KeyRing) -> None:
    one = contacts.by_external_id(connection, "main", "1", scope=HANOI)
    (address,) = contacts.addresses_of(connection, one.id, scope=HANOI)
    assert b"912345678" not in address.value
    assert keys.open(address.value, address.key_version) == "+84912345678"
    assert contacts.addresses_of(connection, one.id, scope=DA_NANG) == []


def test_the_erased_are_nobody(connection: Connection) -> None:
    connection.execute(text("UPDATE contacts SET erased_at = now() WHERE external_id = '1'"))
    assert [one.full_name for one in contacts.search(connection, "do an", scope=EVERYTHING)] == []


class TestSuppressions:
    def test_bar_everybody_who_shares_the_address(self, connection: Connection, keys: KeyRing) -> None:
        barred = keys.fingerprints("+84912345678")
        given = {"channel": "sms", "reason": Reason.OPTED_OUT, "source": "officer"}
        assert suppressions.suppress(connection, barred, **given) == 1
        assert suppressions.suppress(connection, barred, **given) == 0
        for external_id in ("1", "2"):
            one = contacts.by_external_id(connection, "main", external_id, scope=HANOI)
            (found,) = suppressions.of_contact(connection, one.id, scope=HANOI)
            assert (found.channel, found.message_class, found.reason) == ("sms", "*", Reason.OPTED_OUT)
            assert suppressions.of_contact(connection, one.id, scope=DA_NANG) == []

    @pytest.mark.parametrize(
        ("channel", "message_class", "holds"),
        [
            ("sms", "*", True),
            ("*", "*", True),
            ("*", "advertising", True),
            ("sms", "service_notice", False),
            ("email", "*", False),
        ],
    )
    def test_a_star_means_every_channel_or_class(
        self, connection: Connection, keys: KeyRing, channel: str, message_class: str, holds: bool
    ) -> None:
        barred = keys.fingerprints("+84912345678")
        suppressions.suppress(
            connection, barred, channel=channel, message_class=message_class, reason=Reason.DO_NOT_CALL, source="dnc"
        )
        asked = {"channel": "sms", "message_class": "advertising"}
        assert suppressions.is_suppressed(connection, barred, **asked) is holds
        assert not suppressions.is_suppressed(connection, keys.fingerprints("+84987654321"), **asked)

    def test_a_bounce_gives_way_to_a_refusal_and_never_the_other_way(
        self, connection: Connection, keys: KeyRing
    ) -> None:
        barred = keys.fingerprints("+84912345678")
        for reason, left in ((Reason.HARD_BOUNCE, 1), (Reason.OPTED_OUT, 0), (Reason.HARD_BOUNCE, 0)):
            new = suppressions.suppress(connection, barred, channel="sms", reason=reason, source=str(reason))
            assert new == left
        one = contacts.by_external_id(connection, "main", "1", scope=HANOI)
        (found,) = suppressions.of_contact(connection, one.id, scope=HANOI)
        assert (found.reason, found.source) == (Reason.OPTED_OUT, "opted_out")

    def test_are_lifted_for_exactly_what_they_barred(self, connection: Connection, keys: KeyRing) -> None:
        barred = keys.fingerprints("+84912345678")
        for message_class in ("*", "advertising"):
            suppressions.suppress(
                connection, barred, channel="sms", message_class=message_class, reason=Reason.OPTED_OUT, source="x"
            )
        assert suppressions.lift(connection, barred, channel="sms") == 1
        asked = {"channel": "sms", "message_class": "service_notice"}
        assert not suppressions.is_suppressed(connection, barred, **asked)
        assert suppressions.is_suppressed(connection, barred, channel="sms", message_class="advertising")

    def test_come_by_the_thousand(self, connection: Connection, keys: KeyRing) -> None:
        many = [pair for number in range(20_000) for pair in keys.fingerprints(str(number))]
        barred = {"channel": "sms", "message_class": "advertising", "reason": Reason.DO_NOT_CALL, "source": "dnc"}
        assert suppressions.suppress(connection, many, **barred) == 20_000
        assert suppressions.suppress(connection, many, **barred) == 0
