"""E-mail addresses: one canonical form, or a reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outreach.domain.email_addresses import EmailError, EmailProblem, mask_email, parse_email


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        (" hung@Example.VN ", "hung@example.vn"),
        ("Nguyen.Van+Hung@mail.example.com", "Nguyen.Van+Hung@mail.example.com"),
        ("a@thư.example.vn", "a@xn--th-e0a.example.vn"),
        ("o'brien@example.org\u200b", "o'brien@example.org"),
    ],
)
def test_an_address_is_trimmed_and_its_domain_made_canonical(written: str, canonical: str) -> None:
    assert parse_email(written) == canonical
    assert parse_email(canonical) == canonical


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("", EmailProblem.EMPTY),
        ("hung", EmailProblem.NO_AT),
        ("a@b@example.vn", EmailProblem.NO_AT),
        ("a@example.vn; b@example.vn", EmailProblem.SEVERAL),
        ("hùng@example.vn", EmailProblem.ACCENTED),
        (".hung@example.vn", EmailProblem.LOCAL_PART),
        ("h..ung@example.vn", EmailProblem.LOCAL_PART),
        ("hu ng@example.vn", EmailProblem.LOCAL_PART),
        ("@example.vn", EmailProblem.LOCAL_PART),
        ("hung@", EmailProblem.DOMAIN),
        ("hung@localhost", EmailProblem.DOMAIN),
        ("hung@example..vn", EmailProblem.DOMAIN),
        ("hung@-example.vn", EmailProblem.DOMAIN),
        ("hung@10.0.0.1", EmailProblem.DOMAIN),
        ("hung@example.vn\nBcc: x", EmailProblem.DOMAIN),
        ("h" * 65 + "@example.vn", EmailProblem.TOO_LONG),
        ("h@" + "a." * 125 + "example.vn", EmailProblem.TOO_LONG),
    ],
)
def test_what_is_no_address_is_refused_with_its_reason(written: str, problem: EmailProblem) -> None:
    with pytest.raises(EmailError) as refused:
        parse_email(written)
    assert refused.value.problem is problem
    assert problem.vietnamese != problem.value


@given(st.one_of(st.text(max_size=40), st.emails()))
def test_any_text_gives_an_address_that_is_safe_in_a_header_or_a_reason(raw: str) -> None:
    try:
        address = parse_email(raw)
    except EmailError:
        return
    assert address.isascii()
    assert address.isprintable()
    assert " " not in address
    assert parse_email(address) == address


@pytest.mark.parametrize(
    ("value", "masked"),
    [("hung@example.vn", "h•••••@example.vn"), ("hung", "•••••"), ("a@b c", "•••••"), ("", "•••••")],
)
def test_a_masked_address_shows_one_letter_of_its_local_part(value: str, masked: str) -> None:
    assert mask_email(value) == masked
