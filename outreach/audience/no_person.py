"""Lines of a list that stand among its people and are none: sums, signatures, headings of parts or of a next page."""

from __future__ import annotations

import re
from functools import lru_cache

from outreach.domain.vietnamese import nfc

NO_PERSON = (
    "no person but a line of the list itself (a heading, a sum, a signature): take it out",
    "không phải người mà là dòng của bảng (tiêu đề, tổng cộng, chữ ký): bỏ dòng này",
)
_BEGINNINGS = (
    "họ và tên|họ tên|full[_ ]name|danh sách|biểu mẫu|tổng cộng|tổng số|cộng dồn|cộng trang|"
    "người|ký tên|ký và ghi|ký ghi|ghi chú|lưu ý|nơi nhận|xác nhận|thủ trưởng|chủ tịch|phó chủ tịch|tổ trưởng|"
    "trưởng thôn|bí thư|kế toán|tm ubnd|kt chủ tịch|tổ dân phố|khu phố|thôn|xóm|ấp|phường|xã|tdp"
)
_LINE = re.compile(
    rf"(?:{_BEGINNINGS})(?!\w).*"
    r"|(?:tổng|cộng)(?: \d+.*)?"
    r"|ngày (?:\d.*|tháng.*|)năm.*"
    r"|(?:tổ|đội|khu|bản|buôn|khóm|cụm|trang|phần|mục)(?: số)? \d.*"
)
"""With their marks, as Tống Công An and Bàn Văn Khu are people."""
_NOT_WORD = re.compile(r"[\W]+")


@lru_cache(maxsize=1 << 15)
def is_no_person(name: str) -> bool:
    """Whether what stands in the column of names can only be a line of the list itself."""
    return _LINE.fullmatch(_NOT_WORD.sub(" ", nfc(name).casefold()).strip()) is not None
