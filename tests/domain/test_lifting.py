"""What must be said before a bar is lifted, and what must not be kept."""

from __future__ import annotations

import pytest

from outreach.domain.errors import OutreachError
from outreach.domain.lifting import checked_because
from outreach.domain.states import Reason


def test_a_bounce_needs_no_reason_and_a_refusal_does() -> None:
    assert checked_because(Reason.HARD_BOUNCE, "") == ""
    for reason in (Reason.OPTED_OUT, Reason.DO_NOT_CALL):
        for because in ("", "   ", "vì thế"):
            with pytest.raises(OutreachError, match="--because"):
                checked_because(reason, because)


@pytest.mark.parametrize(
    "because",
    [
        "Bà Lan gọi điện xin nhận lại lúc 09:00 ngày 27/11/2026",
        "đơn giấy ngày 05.11.2026 09:30, số 1250/VPCP",
        "she came to the office on 2026-11-27",
    ],
)
def test_a_day_and_an_hour_are_welcome(because: str) -> None:
    assert checked_because(Reason.OPTED_OUT, f" {because}\n") == because


@pytest.mark.parametrize(
    "because",
    [
        "an@example.vn đã gọi lại",
        "số 0912345678 gọi lại",
        "số 0912 345 678 gọi lại",
        "số 091.234.5678 gọi lại",
        "số 09 12 34 56 78 gọi lại",
        "số +84 912 345 678 gọi lại",
        "người dùng 5550001234 nhắn lại",
        "x" * 501,
    ],
)
def test_an_address_is_not_kept_on_the_record(because: str) -> None:
    with pytest.raises(OutreachError, match="without an address") as caught:
        checked_because(Reason.OPTED_OUT, because)
    assert because not in str(caught.value)
