"""Invitations: one short word that nobody can guess, change or read; names that may be the same person's."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.accounts import Account
from outreach.domain.invitation import Invitation, doors, tokens_in
from outreach.domain.names import best, fits
from outreach.domain.privacy import KeyRing
from outreach.domain.words import Channel
from tests.world import account

KEYS = KeyRing({1: "one secret of at least thirty-two letters"})
DAY = date(2026, 11, 23)


@given(st.integers(0, 2**34 - 1), st.dates(date(2020, 1, 1), date(2064, 11, 8)))
def test_a_token_is_read_as_what_it_was_made_of(contact: int, day: date) -> None:
    token = KEYS.invitation(contact, day)
    assert re.fullmatch(r"[1-9A-HJ-NP-Za-km-z]{25}", token)
    assert KEYS.read_invitation(token) == Invitation(contact, day)


@given(st.text(max_size=30))
def test_anything_else_is_none(text: str) -> None:
    assert KEYS.read_invitation(text) is None


def test_not_a_letter_of_it_can_be_changed() -> None:
    token = KEYS.invitation(7, DAY)
    for at in range(len(token)):
        for letter in "2Zz":
            changed = token[:at] + letter + token[at + 1 :]
            assert changed == token or KEYS.read_invitation(changed) is None


def test_neighbours_have_nothing_in_common() -> None:
    tokens = [KEYS.invitation(contact, DAY) for contact in range(500)]
    assert len({token[1:7] for token in tokens}) == 500


def test_it_is_the_same_for_a_day_so_that_a_text_can_be_made_again() -> None:
    assert KEYS.invitation(7, DAY) == KEYS.invitation(7, DAY)
    assert KEYS.invitation(7, DAY) != KEYS.invitation(7, date(2026, 11, 24))


def test_another_installation_reads_nothing_of_it() -> None:
    assert KeyRing({1: "another secret of thirty-two letters!"}).read_invitation(KEYS.invitation(7, DAY)) is None


@pytest.mark.parametrize(("contact", "day"), [(2**34, DAY), (-1, DAY), (1, date(2019, 12, 31)), (1, date(2065, 1, 1))])
def test_what_it_cannot_hold_is_refused(contact: int, day: date) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        KEYS.invitation(contact, day)


def test_it_is_found_wherever_it_stands_in_a_text() -> None:
    token = KEYS.invitation(7, DAY)
    for text in (token, f"Mã: {token}.", f"https://tin.example.vn/j/{token}?x=1", f"({token})\nxin chào"):
        assert list(tokens_in(text)) == [token]
    for text in (token + "a", token[:-1], "", "Cho tôi hỏi giờ mở cửa"):
        assert list(tokens_in(text)) == []


def _oa(name: str, unit: str = "") -> Account:
    return account(name, Channel.ZALO_OA, public_name=name, unit=unit)


def test_the_nearest_account_is_the_door() -> None:
    everybody, province, commune = _oa("1"), _oa("2", "01"), _oa("3", "00454")
    for accounts, nearest in (
        ([everybody, province, commune], "3"),
        ([province, everybody], "2"),
        ([everybody, _oa("4", "00004")], "1"),
    ):
        assert [door.name for door in doors(accounts, "01/00454/", "t")] == [nearest]
    assert doors([province], "", "t") == []


@pytest.mark.parametrize(
    ("said", "recorded", "same"),
    [
        ("Nguyễn Văn Hùng", "Nguyễn Văn Hùng", True),
        ("nguyen van hung", "Nguyễn Văn Hùng", True),
        ("Hùng", "Nguyễn Văn Hùng", True),
        ("Hùng Nguyễn", "Nguyễn Văn Hùng", True),
        ("hoà", "Trần Thị Hòa", True),
        ("Nguyễn", "Nguyễn Văn Hùng", False),
        ("Nguyễn Thị Lan", "Nguyễn Văn Hùng", False),
        ("Nguyễn Văn Hưng", "Nguyễn Văn Hùng", False),
        ("Hùng Mập", "Nguyễn Văn Hùng", False),
        ("Hòa", "Trần Thị Hoa", False),
        ("", "Trần Thị Hoa", False),
    ],
)
def test_a_name_fits_only_where_all_of_it_is_on_record(said: str, recorded: str, same: bool) -> None:
    assert fits(said, recorded) is same


def test_of_several_names_the_nearest_counts() -> None:
    family = ["Trần Thị Hoa", "Trần Thị Hoà", "Trần Văn Hoa"]
    persons = [False] * 3
    assert best("Trần Thị Hoà", family, business=persons) == [1]
    assert best("Trần Văn Hoa", family, business=persons) == [2]
    assert best("tran thi hoa", family, business=persons) == [0, 1]
    assert best("Lan", family, business=persons) == []


def test_a_business_is_known_by_any_of_its_words() -> None:
    assert fits("Đông Anh", "Công ty Đông Anh Xanh", business=True)
    assert not fits("Đông Anh", "Công ty Đông Anh Xanh")
