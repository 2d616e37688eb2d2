"""The columns of a list of people: our names, and what lists call them."""

from __future__ import annotations

from collections.abc import Mapping

from outreach.audience.headings import Vocabulary

NAMES: Mapping[str, tuple[str, ...]] = {
    "external_id": ("Mã số", "Mã", "Mã định danh", "Mã người nhận", "ID"),
    "full_name": ("Họ và tên", "Họ tên", "Họ tên đầy đủ", "Tên doanh nghiệp", "Họ và tên / Tên doanh nghiệp"),
    "family_name": ("Họ", "Họ đệm", "Họ và đệm", "Họ và tên đệm", "Họ tên đệm", "Họ lót", "Họ và chữ lót"),
    "middle_name": ("Đệm", "Tên đệm", "Chữ lót", "Tên lót"),
    "given_name": ("Tên", "Tên gọi"),
    "birth_date": ("Ngày sinh", "Năm sinh", "Ngày tháng năm sinh", "Ngày/tháng/năm sinh", "Sinh ngày"),
    "sex": ("Giới tính", "Phái", "Nam/Nữ"),
    "kind": ("Loại", "Đối tượng", "Loại người nhận"),
    "occupation": ("Nghề nghiệp",),
    "language": ("Ngôn ngữ", "Tiếng nói", "Tiếng"),
    "unit_code": ("Mã đơn vị", "Mã đơn vị hành chính", "Mã xã", "Mã phường xã", "Đơn vị"),
    "phone": (
        "Số điện thoại",
        "Điện thoại",
        "SĐT",
        "Số ĐT",
        "ĐT",
        "Di động",
        "Số di động",
        "Điện thoại di động",
        "ĐTDĐ",
    ),
    "email": ("Thư điện tử", "E-mail", "Địa chỉ email", "Hộp thư"),
    "zalo_id": ("Mã Zalo", "Zalo"),
    "telegram_id": ("Mã Telegram", "Telegram"),
    "tags": ("Nhãn", "Thẻ", "Nhóm"),
    "guardian_external_id": ("Mã số người giám hộ", "Mã người giám hộ", "Người giám hộ"),
    "consent_purpose": ("Mục đích đồng ý",),
    "consent_channel": ("Kênh đồng ý",),
    "consent_date": ("Ngày đồng ý",),
    "consent_method": ("Cách thức đồng ý", "Hình thức đồng ý"),
    "consent_evidence": ("Bằng chứng đồng ý", "Chứng cứ đồng ý"),
    "attr.dia_chi": ("Địa chỉ", "Chỗ ở", "Nơi ở", "Nơi ở hiện tại", "Thường trú", "Nơi thường trú"),
    "attr.dan_toc": ("Dân tộc",),
}
"""Our columns and the Vietnamese headings they go by; any other `attr.<name>` comes on top."""

NEEDLESS = (
    "STT", "TT", "Số TT", "Số thứ tự", "Thứ tự", "No", "Ghi chú", "Chú thích", "Ký nhận", "Ký tên", "Chữ ký", "Dòng",
    "Lý do",
)  # fmt: skip
"""Headings of columns that tell nothing about a person: they are left out, and the report names them."""


def _whole_name(columns: tuple[str, ...]) -> tuple[str, ...]:
    """`Tên` beside `Họ đệm` is the given name; standing alone it is the whole."""
    split = "family_name" in columns or "middle_name" in columns
    return columns if split else tuple("full_name" if name == "given_name" else name for name in columns)


PEOPLE = Vocabulary(
    NAMES,
    required=("full_name",),
    instead={"full_name": ("family_name", "given_name")},
    needless=NEEDLESS,
    arrange=_whole_name,
    adjustable=True,
)
"""The columns of a list of people."""
