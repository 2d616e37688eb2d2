"""How people are addressed; what is not known is never guessed."""

from datetime import date

import pytest

from outreach.domain.salutation import age_on, given_name, is_minor, salute, tidy_name

TODAY = date(2026, 11, 21)
OLD, ADULT, CHILD = date(1958, 5, 19), date(1990, 1, 1), date(2010, 1, 1)


@pytest.mark.parametrize(
    ("birth_date", "sex", "expected"),
    [
        (OLD, "male", "ông Hùng"),
        (OLD, "female", "bà Hùng"),
        (ADULT, "male", "ông Hùng"),
        (ADULT, "female", "bà Hùng"),
        (ADULT, None, "ông/bà Hùng"),
        (None, "male", "ông/bà Hùng"),
        (None, None, "ông/bà Hùng"),
        (CHILD, "male", "phụ huynh em Hùng"),
        (CHILD, None, "phụ huynh em Hùng"),
    ],
)
def test_age_and_sex_decide_the_title(birth_date: date | None, sex: str | None, expected: str) -> None:
    assert salute("Nguyễn Văn Hùng", birth_date, sex, TODAY) == expected


def test_a_name_that_sounds_like_a_woman_says_nothing_about_sex() -> None:
    assert salute("Trần Thị Lan", ADULT, None, TODAY) == "ông/bà Lan"


def test_the_full_form_and_the_capital_are_chosen_by_the_writer() -> None:
    assert salute("Trần Thị Lan", ADULT, "female", TODAY, full=True, capital=True) == "Bà Trần Thị Lan"
    assert salute("Trần Thị Lan", None, None, TODAY, capital=True) == "Ông/bà Lan"


def test_a_business_is_addressed_as_one() -> None:
    assert salute("Công ty TNHH An Phát", None, None, TODAY, kind="business") == "Quý doanh nghiệp"


@pytest.mark.parametrize(
    ("written", "tidy", "given"),
    [
        ("NGUYỄN  VĂN HÙNG", "Nguyễn Văn Hùng", "Hùng"),
        ("nguyễn văn hùng (Tư)", "Nguyễn Văn Hùng", "Hùng"),
        ("H'HEN NIÊ", "H'Hen Niê", "Niê"),
        ("Hùng", "Hùng", "Hùng"),
        ("", "", ""),
    ],
)
def test_names_are_tidied_for_letters(written: str, tidy: str, given: str) -> None:
    assert (tidy_name(written), given_name(written)) == (tidy, given)


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2008, 11, 21), TODAY, 18),
        (date(2008, 11, 22), TODAY, 17),
        (date(2004, 2, 29), date(2023, 2, 28), 18),
        (date(2004, 2, 29), date(2023, 3, 1), 19),
    ],
)
def test_age_changes_on_the_birthday(born: date, day: date, age: int) -> None:
    assert age_on(born, day) == age
    assert is_minor(born, day) == (age < 18)


def test_nobody_is_called_a_minor_without_a_birth_date() -> None:
    assert not is_minor(None, TODAY)
