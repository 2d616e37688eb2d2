"""Phone numbers as lists really write them."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.phones import (
    RENUMBERED_2018,
    PhoneError,
    PhoneMend,
    PhoneProblem,
    group_digits,
    mask_phone,
    parse_phone,
)

MOBILES = st.from_regex(r"(?:3[2-9]|5[689]|7[06-9]|8[1-8]|9[0-8])[0-9]{7}", fullmatch=True)


@pytest.mark.parametrize(
    "written",
    [
        *("0912345678", "+84912345678", "84912345678", "0084912345678", "0912.345.678", "0912 345 678"),
        *(
            "(+84) 912-345-678",
            "+84 912 345 678",
            "0912\u00a0345\u00a0678",
            "０９１２３４５６７８",
            "'0912345678",
            " 0912345678\u200b",
        ),
    ],
)
def test_one_number_however_it_is_written(written: str) -> None:
    phone = parse_phone(written)
    assert (phone.e164, phone.mobile, phone.mended) == ("+84912345678", True, ())


@pytest.mark.parametrize(
    ("written", "e164", "mended"),
    [
        ("912345678", "+84912345678", (PhoneMend.LEADING_ZERO,)),
        ("912345678.0", "+84912345678", (PhoneMend.DECIMAL_TAIL, PhoneMend.LEADING_ZERO)),
        ("849123456", "+84849123456", (PhoneMend.LEADING_ZERO,)),
        ("01687654321", "+84387654321", (PhoneMend.RENUMBERED,)),
        ("1687654321", "+84387654321", (PhoneMend.LEADING_ZERO, PhoneMend.RENUMBERED)),
        ("+84 168 765 4321", "+84387654321", (PhoneMend.RENUMBERED,)),
        ("+84 (0)912 345 678", "+84912345678", (PhoneMend.TRUNK_ZERO,)),
        ("084912345678", "+84912345678", (PhoneMend.TRUNK_ZERO,)),
        ("8.4912345678E+10", "+84912345678", (PhoneMend.FULL_EXPONENT,)),
    ],
)
def test_what_can_be_put_right_is_and_it_is_told(written: str, e164: str, mended: tuple[PhoneMend, ...]) -> None:
    phone = parse_phone(written)
    assert (phone.e164, phone.mended) == (e164, mended)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", PhoneProblem.EMPTY),
        ("  ", PhoneProblem.EMPTY),
        ("8.49E+10", PhoneProblem.SCIENTIFIC),
        ("8,49E+10", PhoneProblem.SCIENTIFIC),
        ("9.12346e+08", PhoneProblem.SCIENTIFIC),
        ("1900 1234", PhoneProblem.SERVICE_NUMBER),
        ("18001096", PhoneProblem.SERVICE_NUMBER),
        ("1800599920", PhoneProblem.SERVICE_NUMBER),
        ("113", PhoneProblem.SHORT_CODE),
        ("+84113", PhoneProblem.SHORT_CODE),
        ("091234567", PhoneProblem.WRONG_LENGTH),
        ("09123456789", PhoneProblem.WRONG_LENGTH),
        ("0111234567", PhoneProblem.UNKNOWN_PREFIX),
        ("0912345678; 0987654321", PhoneProblem.SEVERAL),
        ("0912345678/0987654321", PhoneProblem.SEVERAL),
        ("0912345678 - 0987654321", PhoneProblem.SEVERAL),
        ("0912345678 (Hùng)", PhoneProblem.NOT_A_NUMBER),
        ("không có", PhoneProblem.NOT_A_NUMBER),
    ],
)
def test_what_is_no_usable_number_is_refused_with_its_reason(written: str, problem: PhoneProblem) -> None:
    with pytest.raises(PhoneError) as refused:
        parse_phone(written)
    assert refused.value.problem is problem
    assert not written.strip() or written not in str(refused.value)


@pytest.mark.parametrize("problem", PhoneProblem)
def test_every_reason_can_be_read_in_vietnamese(problem: PhoneProblem) -> None:
    assert problem.vietnamese != problem.value


@pytest.mark.parametrize(
    ("written", "e164"),
    [("024 3825 1234", "+842438251234"), ("2438251234", "+842438251234"), ("02363822044", "+842363822044")],
)
def test_a_landline_is_a_number_that_takes_no_sms(written: str, e164: str) -> None:
    phone = parse_phone(written)
    assert (phone.e164, phone.mobile) == (e164, False)


def test_a_foreign_number_needs_its_country_code() -> None:
    assert parse_phone("+44 7400 123456").e164 == "+447400123456"


@pytest.mark.parametrize(("old", "new"), RENUMBERED_2018.items())
def test_every_prefix_of_2018_is_renumbered_to_one_in_use(old: str, new: str) -> None:
    assert parse_phone(f"0{old}2345678"[:11]).e164 == f"+84{new}2345678"


@given(MOBILES)
def test_the_short_way_accepts_only_what_the_library_calls_a_mobile(national: str) -> None:
    number = phonenumbers.parse("+84" + national)
    assert phonenumbers.is_valid_number(number)
    assert phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
    assert parse_phone("0" + national).e164 == parse_phone(national).e164 == "+84" + national


@given(st.one_of(st.text(max_size=25), st.from_regex(r"[+0-9 ().\-]{1,20}", fullmatch=True)))
def test_any_text_gives_a_canonical_number_or_a_reason(raw: str) -> None:
    try:
        phone = parse_phone(raw)
    except PhoneError as refused:
        assert refused.problem in PhoneProblem
    else:
        assert parse_phone(phone.e164).e164 == phone.e164


@pytest.mark.parametrize(
    ("value", "masked"),
    [("+84912345678", "+84•••••678"), ("0912345678", "•••••678"), ("12345", "•••••"), ("abc", "•••••"), ("", "•••••")],
)
def test_a_masked_number_shows_three_digits_at_most(value: str, masked: str) -> None:
    assert mask_phone(value) == masked


@pytest.mark.parametrize(
    ("number", "grouped"),
    [
        ("+84912345678", "0912 345 678"),
        ("+842438251234", "024 3825 1234"),
        ("+842363822044", "0236 382 2044"),
        ("19001234", "1900 1234"),
        ("113", "113"),
    ],
)
def test_numbers_are_grouped_as_people_read_them(number: str, grouped: str) -> None:
    assert group_digits(number) == grouped
