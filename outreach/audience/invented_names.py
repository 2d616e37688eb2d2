"""Names, ages and languages an invented population is drawn from, with rough frequencies (from memory, unverified)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Final


class Weighted:
    """Words with their running weights, ready for `random.choices`."""

    __slots__ = ("cumulative", "words")

    def __init__(self, weights: Mapping[str, float]) -> None:
        self.words = tuple(weights)
        self.cumulative = tuple(accumulate(weights.values()))


def _even(words: str) -> Weighted:
    """Words of falling frequency: the first is three times as common as the last."""
    listed = [word.strip() for word in words.split(",")]
    return Weighted({word: 3 - 2 * place / len(listed) for place, word in enumerate(listed)})


FAMILY: Final = Weighted(
    {
        "Nguyễn": 31.5,
        "Trần": 10.9,
        "Lê": 8.9,
        "Phạm": 5.9,
        "Hoàng": 2.9,
        "Huỳnh": 2.4,
        "Vũ": 2.5,
        "Võ": 2.4,
        "Phan": 2.8,
        "Trương": 2.2,
        "Bùi": 2.1,
        "Đặng": 1.9,
        "Đỗ": 1.9,
        "Ngô": 1.7,
        "Hồ": 1.5,
        "Dương": 1.4,
        "Đinh": 1.0,
        "Đào": 0.9,
        "Mai": 0.8,
        "Lý": 0.8,
        "Đoàn": 0.8,
        "Trịnh": 0.7,
        "Lương": 0.7,
        "Tạ": 0.5,
        "Cao": 0.5,
        "Châu": 0.4,
        "Hà": 0.4,
        "Lưu": 0.4,
        "Tô": 0.3,
        "Thái": 0.3,
        "Quách": 0.2,
        "Kiều": 0.2,
    }
)
MINORITY_FAMILY: Final = _even("Lò, Vàng, Hoàng, Nông, Giàng, Triệu, Quàng, Cầm, Ma, Thào, Vi, Hà, Bàn, Sùng, Lầu, Kpă")
MIDDLE: Final = {
    "male": _even("Văn, Đức, Minh, Hữu, Quang, Thanh, Công, Đình, Xuân, Ngọc, Quốc, Anh, Bá, Duy, Gia, Mạnh, Thành"),
    "female": _even("Thị, Thị Thu, Thị Ngọc, Thanh, Thị Kim, Ngọc, Thùy, Thị Mỹ, Phương, Minh, Thị Hồng, Bích, Khánh"),
}
GIVEN: Final = {
    "male": _even(
        "Hùng, Tuấn, Dũng, Hiếu, Nam, Anh, Long, Minh, Sơn, Huy, Thành, Đức, Hải, Cường, Phong, Bình, Quân, Khoa, Tùng,"
        "Việt, Trung, Thắng, Hoàng, Tài, Lâm, Phúc, Đạt, Kiên, Hoà, Khánh, Vinh, Tân, Nghĩa, Toàn, Thịnh, Nhân, Lộc"
    ),
    "female": _even(
        "Hương, Lan, Hoa, Linh, Trang, Hà, Mai, Nga, Thảo, Hạnh, Hằng, Phương, Ngọc, Yến, Thủy, Dung, Anh, Nhung, Vân,"
        "Oanh, Loan, Tuyết, Huyền, Châu, Chi, Quỳnh, Trinh, Hiền, My, Nhi, Thư, Ngân, Thúy, Diệp, Giang, Xuân, Hòa"
    ),
}
TRADES: Final = _even(
    "Thương mại, Xây dựng, Vận tải, Du lịch, Nông nghiệp, Công nghệ, Thực phẩm, May mặc, Dược phẩm, Thủy sản, In ấn"
)

AGE_BANDS: Final = (
    *((0, 14, 23.0), (15, 17, 4.2), (18, 22, 6.8), (23, 29, 10.6), (30, 39, 16.8), (40, 49, 14.0), (50, 59, 11.2)),
    *((60, 69, 8.4), (70, 79, 3.6), (80, 95, 1.4)),
)
"""(from, to, percent) of the population by age in years."""

MINORITY: Final[Mapping[str, tuple[tuple[str, float], ...]]] = {
    "04": (("tyz", 0.41), ("nut", 0.30), ("hmn", 0.11), ("ium", 0.10)),
    "08": (("tyz", 0.25), ("hmn", 0.15), ("ium", 0.12)),
    "11": (("hmn", 0.38), ("blt", 0.36)),
    "12": (("blt", 0.30), ("hmn", 0.25), ("ium", 0.13)),
    "14": (("blt", 0.54), ("hmn", 0.16), ("mtq", 0.07)),
    "15": (("tyz", 0.17), ("hmn", 0.15), ("ium", 0.12)),
    "19": (("tyz", 0.20), ("nut", 0.06)),
    "20": (("nut", 0.43), ("tyz", 0.36)),
    "25": (("mtq", 0.25),),
    "38": (("mtq", 0.10), ("blt", 0.06)),
    "40": (("blt", 0.10),),
    "51": (("hre", 0.10), ("sed", 0.10), ("bdq", 0.04)),
    "52": (("jra", 0.22), ("bdq", 0.10)),
    "56": (("cjm", 0.08),),
    "66": (("rad", 0.18),),
    "68": (("kpm", 0.12),),
    "86": (("km", 0.15),),
    "91": (("km", 0.06),),
    "92": (("km", 0.15),),
}
"""Province → languages other than Vietnamese with the share of rural people who speak them."""
