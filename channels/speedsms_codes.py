"""What SpeedSMS's codes mean for a message, and what to do about them. Plain data: correct it here.

Source: SpeedSMS's pages "SMS API" (codes, limit, answers). Not in them, so unverified: that an error answer took
nothing, the limits of length, and what its callbacks look like (from programs that receive them). The texts are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.abilities import Advice
from channels.contract import ErrorKind
from channels.contract import ErrorKind as Kind

SUCCESS: Final = "success"
BAD_NUMBER: Final = "105"
MOST_NUMBERS: Final = 100
"""Numbers of one request."""
FAILED_FROM: Final = 64
"""Statuses of a report: 0 delivered, below this a passing failure, from it on final."""
REPORTS: Final = frozenset({"report"})
INCOMING: Final = frozenset({"sms", "incoming"})
"""What a callback calls a citizen's message; unverified, programs name it both ways."""

CODES: Final[Mapping[str, tuple[ErrorKind, str]]] = {
    # the account
    "007": (Kind.MISCONFIGURED, "this machine's IP address is locked at SpeedSMS"),
    "008": (Kind.MISCONFIGURED, "the account is blocked at SpeedSMS"),
    "009": (Kind.MISCONFIGURED, "the account may not use SpeedSMS's interface"),
    "101": (Kind.MISCONFIGURED, "SpeedSMS misses something or does not know the sender; check sender and sms_type"),
    "300": (Kind.MISCONFIGURED, "the account's balance does not suffice; top it up"),
    # the recipient
    BAD_NUMBER: (Kind.REJECTED, "the number is not valid"),
    # the text
    "110": (Kind.REJECTED, "the text has characters this kind of SMS cannot carry"),
    "113": (Kind.REJECTED, "the text is too long"),
    # the service
    "500": (Kind.TRANSIENT, "SpeedSMS is out of order"),
}

ADVICE: Final[Mapping[str, Advice]] = {
    "007": Advice(
        "Địa chỉ IP của máy chủ bị SpeedSMS khoá.",
        "Đề nghị SpeedSMS mở khoá IP của máy chủ, rồi cho tài khoản chạy tiếp.",
        "SpeedSMS has locked this server's IP address.",
        "Ask SpeedSMS to unlock the server's address, then let the account go on.",
    ),
    "008": Advice(
        "Tài khoản SpeedSMS bị khoá.",
        "Liên hệ SpeedSMS để mở lại tài khoản, rồi cho chạy tiếp.",
        "The account is blocked at SpeedSMS.",
        "Have SpeedSMS open the account again, then let it go on.",
    ),
    "009": Advice(
        "Tài khoản chưa được phép gửi qua API của SpeedSMS.",
        "Đề nghị SpeedSMS mở quyền dùng API cho tài khoản.",
        "The account may not use SpeedSMS's interface.",
        "Ask SpeedSMS to open the interface for the account.",
    ),
    "101": Advice(
        "Yêu cầu gửi thiếu hoặc sai thông tin; thường do brandname chưa đăng ký hoặc sai loại tin.",
        "Kiểm tra sender và sms_type của tài khoản trong accounts.toml với SpeedSMS.",
        "Something is missing or wrong in the request; mostly an unregistered brandname or the wrong kind of SMS.",
        "Check the account's sender and sms_type in accounts.toml with SpeedSMS.",
    ),
    "300": Advice(
        "Tài khoản SpeedSMS không đủ tiền.",
        "Nạp thêm tiền, rồi cho tài khoản chạy tiếp; các tin đang chờ không bị mất.",
        "The account's balance at SpeedSMS does not suffice.",
        "Top it up, then let the account go on; what waits is not lost.",
    ),
    BAD_NUMBER: Advice(
        "SpeedSMS cho biết số điện thoại không hợp lệ.",
        "Kiểm tra lại số của người nhận và sửa trong danh sách.",
        "SpeedSMS says that the number is not valid.",
        "Check the recipient's number and correct it in the list.",
    ),
    "110": Advice(
        "Nội dung có ký tự mà loại tin này không gửi được.",
        'Gửi tin không dấu (text_form = "unaccented") hoặc bỏ ký tự đặc biệt khỏi nội dung.',
        "The text has characters this kind of SMS cannot carry.",
        'Send without diacritics (text_form = "unaccented") or take the special characters out.',
    ),
    "113": Advice(
        "Nội dung tin nhắn quá dài.",
        "Rút ngắn nội dung, hoặc gửi tin không dấu.",
        "The text is too long.",
        "Shorten it, or send it without diacritics.",
    ),
    "500": Advice(
        "SpeedSMS đang gặp sự cố.",
        "Không cần làm gì: hệ thống tự gửi lại; nếu kéo dài, liên hệ SpeedSMS.",
        "SpeedSMS is out of order.",
        "Nothing: it is tried again; if it lasts, ask SpeedSMS.",
    ),
}
UNDELIVERED: Final = Advice(
    "Nhà mạng không phát được tin tới máy người nhận.",
    "Kiểm tra số còn dùng không; người này được liên hệ qua kênh tiếp theo nếu có.",
    "The network could not deliver the message.",
    "Check whether the number is still in use; the next channel, if there is one, takes over.",
)


def meaning(code: str) -> tuple[ErrorKind, str]:
    """What an error answer means; an unknown code is tried again, since an error took nothing."""
    return CODES.get(code, (Kind.TRANSIENT, "SpeedSMS answers with an error of its own"))


def advice(code: str) -> Advice | None:
    """What a code, or a report's `status-…`, means for people; None for one that is not known."""
    return UNDELIVERED if code.startswith("status-") else ADVICE.get(code)
