"""The filters of templates: what each makes of what, and that what it cannot show is refused without showing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.context import SAMPLE_CONTACT, contact_view, sample_context
from outreach.domain.rendering import RenderError, TemplateSource, compile_template
from outreach.domain.sms_text import Encoding, measure
from outreach.domain.template_filters import (
    OUR_FILTERS,
    FilterError,
    date_vi,
    money_vi,
    phone_vi,
    salute_filter,
    spell_out_filter,
    time_vi,
    unaccent_filter,
)

HANOI = timezone(timedelta(hours=7))


class TestDates:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (date(2026, 11, 25), "25/11/2026"),
            (date(2026, 1, 5), "05/01/2026"),
            (date(812, 1, 5), "05/01/812"),
            (datetime(2026, 11, 25, 23, 30, tzinfo=HANOI), "25/11/2026"),
            (datetime(2026, 11, 25, 23, 30, tzinfo=UTC), "25/11/2026"),
            ("2026-11-25", "25/11/2026"),
            ("2026-11-25T08:30", "25/11/2026"),
            ("2024-02-29", "29/02/2024"),
        ],
    )
    def test_day_month_and_year_stand_in_vietnamese_order(self, value: object, shown: str) -> None:
        assert date_vi(value) == shown

    @pytest.mark.parametrize("value", ["25/11/2026", "2026-02-30", "hôm nay", "", 20261125.5, None])
    def test_what_is_no_date_is_refused(self, value: object) -> None:
        with pytest.raises(FilterError, match="date_vi needs a date"):
            date_vi(value)

    @given(st.dates())
    def test_every_date_can_be_read_back(self, day: date) -> None:
        found = date_vi(day).split("/")
        assert date(int(found[2]), int(found[1]), int(found[0])) == day


class TestTimes:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (time(8, 30), "8 giờ 30"),
            (time(8, 5), "8 giờ 05"),
            (time(17), "17 giờ"),
            (time(0), "0 giờ"),
            (datetime(2026, 11, 25, 8, 30, tzinfo=HANOI), "8 giờ 30"),
            (datetime(2026, 11, 25, 1, 30, tzinfo=UTC), "1 giờ 30"),
            ("2026-11-25T17:00", "17 giờ"),
            ("2026-11-25T17:00+07:00", "17 giờ"),
        ],
    )
    def test_a_time_stands_in_its_own_zone(self, value: object, shown: str) -> None:
        assert time_vi(value) == shown

    @pytest.mark.parametrize("value", [date(2026, 11, 25), "8h30", "", None])
    def test_what_has_no_time_is_refused(self, value: object) -> None:
        with pytest.raises(FilterError, match="time_vi needs a time"):
            time_vi(value)


class TestMoney:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (0, "0 đồng"),
            (350, "350 đồng"),
            (1_000, "1.000 đồng"),
            (1_500_000, "1.500.000 đồng"),
            ("1500000", "1.500.000 đồng"),
            (Decimal("1500000.4"), "1.500.000 đồng"),
            (1499999.6, "1.500.000 đồng"),
            (-20_000, "-20.000 đồng"),
            (10**12, "1.000.000.000.000 đồng"),
        ],
    )
    def test_thousands_are_parted_by_points_and_there_are_no_small_coins(self, value: object, shown: str) -> None:
        assert money_vi(value) == shown

    @pytest.mark.parametrize("value", ["1.500.000 đ", "một triệu", "", None, "NaN", "Infinity", "1e99999"])
    def test_what_is_no_amount_is_refused(self, value: object) -> None:
        with pytest.raises(FilterError, match="money_vi needs a number"):
            money_vi(value)

    @given(st.integers(1 - 10**15, 10**15 - 1))
    def test_every_amount_can_be_read_back(self, amount: int) -> None:
        assert int(money_vi(amount).removesuffix(" đồng").replace(".", "")) == amount


class TestPhones:
    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            ("+84912345678", "0912 345 678"),
            ("0912345678", "0912 345 678"),
            (" +84912345678 ", "0912 345 678"),
            ("18001096", "1800 1096"),
            ("113", "113"),
        ],
    )
    def test_digits_stand_in_groups_a_reader_can_dial(self, value: object, shown: str) -> None:
        assert phone_vi(value) == shown

    @pytest.mark.parametrize("value", ["", "+", "09xx", "0912-345-678", None, "mười"])
    def test_what_is_no_number_is_refused(self, value: object) -> None:
        with pytest.raises(FilterError, match="phone_vi needs a phone number"):
            phone_vi(value)

    @given(st.from_regex(r"0[35789][0-9]{8}", fullmatch=True))
    def test_no_digit_is_lost_or_moved(self, number: str) -> None:
        assert phone_vi(number).replace(" ", "") == number


class TestSalutations:
    DAY = date(2026, 6, 1)

    @pytest.mark.parametrize(
        ("born", "sex", "kind", "said", "in_full"),
        [
            (date(1950, 1, 1), "male", "person", "ông Hùng", "Ông Nguyễn Văn Hùng"),
            (date(1950, 1, 1), "female", "person", "bà Hùng", "Bà Nguyễn Văn Hùng"),
            (date(1990, 1, 1), "female", "person", "bà Hùng", "Bà Nguyễn Văn Hùng"),
            (date(1990, 1, 1), None, "person", "ông/bà Hùng", "Ông/bà Nguyễn Văn Hùng"),
            (None, "male", "person", "ông/bà Hùng", "Ông/bà Nguyễn Văn Hùng"),
            (date(2010, 6, 2), "male", "person", "phụ huynh em Hùng", "Phụ huynh em Nguyễn Văn Hùng"),
            (None, None, "business", "Quý doanh nghiệp", "Quý doanh nghiệp"),
        ],
    )
    def test_age_sex_and_kind_decide(
        self, born: date | None, sex: str | None, kind: str, said: str, in_full: str
    ) -> None:
        contact = contact_view("Nguyễn Văn Hùng", self.DAY, birth_date=born, sex=sex, kind=kind)
        assert salute_filter(contact) == said
        assert salute_filter(contact, full=True, capital=True) == in_full

    def test_the_eighteenth_birthday_ends_the_letters_to_the_parents(self) -> None:
        born = date(2008, 6, 1)
        days = [self.DAY - timedelta(days=1), self.DAY]
        said = [salute_filter(contact_view("Lê An", day, birth_date=born, sex="male")) for day in days]
        assert said == ["phụ huynh em An", "ông An"]

    @pytest.mark.parametrize("value", ["Nguyễn Văn Hùng", None, 3])
    def test_a_name_alone_is_refused(self, value: object) -> None:
        with pytest.raises(FilterError, match="salute needs the contact itself"):
            salute_filter(value)


class TestWordsAndMarks:
    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("8h30 ngày 25/11", "tám giờ ba mươi phút ngày hai mươi lăm tháng mười một"),
            (12, "mười hai"),
            ("UBND xã", "Ủy ban nhân dân xã"),
            ("gọi 0912345678", "gọi không chín một hai, ba bốn năm, sáu bảy tám"),
        ],
    )
    def test_figures_and_abbreviations_are_spelled_out(self, value: object, said: str) -> None:
        assert spell_out_filter(value) == said

    @pytest.mark.parametrize(
        ("value", "bare"),
        [
            ("Kính mời bà con", "Kinh moi ba con"),
            ("ĐƯỜNG đến Huế", "DUONG den Hue"),
            ("u\u031b\u0301ng", "ung"),
            ("“Xã” – một… hai", '"Xa" - mot... hai'),
            (2026, "2026"),
        ],
    )
    def test_marks_are_dropped_and_typographic_signs_made_plain(self, value: object, bare: str) -> None:
        assert unaccent_filter(value) == bare

    @given(st.text(st.sampled_from("aăâeêioôơuưyđ àáảãạằắẳẵặầấẩẫậ ĐƯƠ…–“”"), max_size=60))
    def test_vietnamese_without_marks_fits_the_cheap_alphabet(self, text: str) -> None:
        assert measure(unaccent_filter(text)).encoding is Encoding.GSM7


WRONG: dict[str, tuple[str, Callable[..., Any]]] = {
    "date_vi": ("{{ contact.full_name | date_vi }}", date_vi),
    "time_vi": ("{{ contact.full_name | time_vi }}", time_vi),
    "money_vi": ("{{ contact.full_name | money_vi }}", money_vi),
    "phone_vi": ("{{ contact.full_name | phone_vi }}", phone_vi),
    "salute": ("{{ contact.full_name | salute }}", salute_filter),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_filter_that_fails_names_template_line_and_variable_and_never_the_value(name: str) -> None:
    text, _ = WRONG[name]
    source = TemplateSource("thu", "", {}, {"sms": {"vi": f"a\nb\n{text}"}})
    context = sample_context() | {"contact": replace(SAMPLE_CONTACT, full_name="Bí Mật")}
    with pytest.raises(RenderError) as failed:
        compile_template(source).render("sms", "vi", context)
    assert str(failed.value).startswith(f"thu/sms.vi, line 3: {name} needs")
    assert "contact.full_name" in str(failed.value)
    assert "Bí Mật" not in str(failed.value)


def test_every_filter_of_ours_is_tested_here() -> None:
    assert set(OUR_FILTERS) == {*WRONG, "spell_out", "unaccent"}
