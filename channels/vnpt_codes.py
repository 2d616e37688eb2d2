"""What VNPT's codes mean for a message, and what to do about them. Plain data: correct it here.

Sources: the request and answer as VNPT's customers publish them, and a customer's copy of its table of errors: VNPT's
own manual is not public. So all of it but ERROR 0 is unverified, and so is what a refused request does to its REQID.
The texts are ours. An unknown code is judged in `meaning`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.abilities import Advice
from channels.contract import ErrorKind
from channels.contract import ErrorKind as Kind

ACCEPTED: Final = "0"
CUSTOMER_CARE: Final = "1"
ADVERTISING: Final = "2"
"""Types of contract (CONTRACTTYPEID)."""
PLAIN: Final = "0"
UNICODE: Final = "8"
"""DATACODING; with diacritics to VinaPhone's own numbers only."""
MOST_NUMBERS: Final = 100
"""Numbers of one request; VNPT's own limit is not known."""
_NIGHT, _A_DAY, _A_MOMENT = 1800.0, 6 * 3600.0, 5.0
"""Seconds to wait where VNPT names no time."""

CODES: Final[Mapping[str, tuple[ErrorKind, str, float | None]]] = {
    # the account
    "1": (Kind.MISCONFIGURED, "api_user, api_password or this machine's IP address is wrong", None),
    "2": (Kind.MISCONFIGURED, "the time of sending is not in VNPT's form", None),
    "3": (Kind.MISCONFIGURED, "this address does not serve send_sms_list; check base_url", None),
    "7": (Kind.MISCONFIGURED, "template_id does not exist or does not belong to the label", None),
    "9": (Kind.MISCONFIGURED, "contract_type_id does not fit the contract", None),
    "10": (Kind.MISCONFIGURED, "username is wrong", None),
    "13": (Kind.MISCONFIGURED, "contract_id is wrong", None),
    "14": (Kind.MISCONFIGURED, "label_id is wrong", None),
    "15": (Kind.MISCONFIGURED, "agent_id is wrong", None),
    "20": (Kind.MISCONFIGURED, "the contract's messages are used up", None),
    "21": (Kind.MISCONFIGURED, "the customer's messages are used up", None),
    "22": (Kind.MISCONFIGURED, "the agent's messages are used up", None),
    "24": (Kind.MISCONFIGURED, "the time of sending is past", None),
    "31": (Kind.MISCONFIGURED, "the customer is not active at VNPT", None),
    "32": (Kind.MISCONFIGURED, "template_id is an old one that is no longer valid", None),
    # the moment
    "8": (Kind.POSTPONED, "VNPT does not take this kind of message at this hour", _NIGHT),
    "12": (Kind.POSTPONED, "VinaPhone's rules do not allow this hour", _NIGHT),
    "16": (Kind.THROTTLED, "too many messages at once", _A_MOMENT),
    # the recipient
    "23": (Kind.REJECTED, "the number is not valid", None),
    "25": (Kind.REJECTED, "the label is not registered with the number's network", None),
    "26": (Kind.POSTPONED, "the number has had three advertising messages today", _A_DAY),
    # the text
    "-1": (Kind.REJECTED, "the request has characters VNPT does not take, is too long, or failed inside", None),
    "11": (Kind.REJECTED, "the text has not the length VNPT takes", None),
    "17": (Kind.REJECTED, "the text has characters the number's network does not take", None),
    "30": (Kind.REJECTED, "the text has a forbidden word", None),
    # the request
    "33": (Kind.UNCERTAIN, "VNPT knows the request's id: it may have had the message before", None),
}
OF_ONE_NUMBER: Final = frozenset({"23", "25", "26", "17"})
"""Codes that may hold for one number of a list, which is then not sent: each number goes alone the next time."""

_GOES_ON = (
    "rồi cho tài khoản chạy tiếp; các tin đang chờ không bị mất.",
    "then let the account go on; nothing is lost.",
)


def _setting(vi: str, what: str, en: str) -> Advice:
    """A setting of the account to be mended."""
    return Advice(
        vi, f"Sửa {what} của tài khoản trong accounts.toml theo thông tin VNPT cấp, {_GOES_ON[0]}",
        en, f"Correct the account's {what} in accounts.toml as VNPT gave it, {_GOES_ON[1]}",
    )  # fmt: skip


def _used_up(vi: str, en: str) -> Advice:
    """A quota that has to be bought anew."""
    return Advice(vi, f"Mua thêm gói tin với VNPT, {_GOES_ON[0]}", en, f"Buy more messages from VNPT, {_GOES_ON[1]}")


_CLOCK = Advice(
    "VNPT không chấp nhận thời điểm đặt lịch; hệ thống luôn gửi ngay, không đặt lịch.",
    f"Báo cho VNPT kiểm tra giao diện gửi tin, {_GOES_ON[0]}",
    "VNPT does not take the time of sending; this program names none.",
    f"Have VNPT look at its interface, {_GOES_ON[1]}",
)
_HOUR = Advice(
    "VNPT không nhận loại tin này vào giờ hiện tại.",
    "Không cần làm gì: tin tự gửi lại khi đến giờ cho phép, hoặc chuyển kênh khác nếu quá hạn.",
    "VNPT does not take this kind of message at this hour.",
    "Nothing: it is sent when the hour has come, or by the next channel where that is too late.",
)

ADVICE: Final[Mapping[str, Advice]] = {
    "1": _setting(
        "VNPT từ chối đăng nhập: sai tên, mật khẩu API, hoặc IP máy chủ chưa được khai báo.",
        "api_user, api_password (hoặc báo IP máy chủ cho VNPT)",
        "VNPT refuses the login: wrong name or password, or the server's address is not registered.",
    ),
    "2": _CLOCK,
    "3": _setting("Địa chỉ này không có lệnh gửi tin.", "base_url", "This address does not serve the sending of SMS."),
    "7": _setting(
        "Mẫu tin không tồn tại hoặc không thuộc nhãn và đại lý này.", "template_id",
        "The template does not exist or does not belong to this label and agent.",
    ),
    "8": _HOUR,
    "9": _setting(
        "Loại hợp đồng không khớp với hợp đồng.", "contract_type_id (1: chăm sóc khách hàng, 2: quảng cáo)",
        "The type of contract does not fit the contract.",
    ),
    "10": _setting("Sai tên đăng nhập của đại lý.", "username", "The agent's user name is wrong."),
    "11": Advice(
        "Độ dài tin nhắn không hợp lệ.", "Rút ngắn nội dung, hoặc gửi tin không dấu.",
        "The text has not the length VNPT takes.", "Shorten it, or send it without diacritics.",
    ),
    "12": _HOUR,
    "13": _setting("Sai mã hợp đồng.", "contract_id", "The contract is wrong."),
    "14": _setting("Sai mã nhãn (brandname).", "label_id", "The label (brandname) is wrong."),
    "15": _setting("Sai mã đại lý.", "agent_id", "The agent is wrong."),
    "16": Advice(
        "Gửi nhanh hơn tốc độ VNPT cho phép.", "Không cần làm gì; nếu lặp lại nhiều, giảm rate của tài khoản.",
        "More was sent at once than VNPT allows.", "Nothing; if it happens often, lower the account's rate.",
    ),
    "17": Advice(
        "Nội dung có ký tự không được phép với mạng của người nhận.",
        'Gửi tin không dấu (text_form = "unaccented") và bỏ ký tự đặc biệt; tin có dấu chỉ tới thuê bao VinaPhone.',
        "The text has characters the recipient's network does not take.",
        'Send it without diacritics (text_form = "unaccented"); those reach VinaPhone\'s numbers only.',
    ),
    "20": _used_up("Hết gói tin của hợp đồng.", "The contract's messages are used up."),
    "21": _used_up("Hết gói tin của khách hàng.", "The customer's messages are used up."),
    "22": _used_up("Hết gói tin của đại lý.", "The agent's messages are used up."),
    "23": Advice(
        "Số điện thoại không hợp lệ.", "Kiểm tra lại số của người nhận và sửa trong danh sách.",
        "The number is not valid.", "Check the recipient's number and correct it in the list.",
    ),
    "24": _CLOCK,
    "25": Advice(
        "Nhãn chưa đăng ký với mạng của số này (số có thể đã chuyển mạng).",
        "Đề nghị VNPT đăng ký nhãn với mạng đó; người này được liên hệ qua kênh tiếp theo nếu có.",
        "The label is not registered with the number's network (it may have been carried to another one).",
        "Have VNPT register the label there; the next channel, if there is one, takes over.",
    ),
    "26": Advice(
        "Số này đã nhận ba tin quảng cáo trong ngày.", "Không cần làm gì: tin được gửi lại sau, nếu chưa quá hạn.",
        "The number has had three advertising messages today.", "Nothing: it is tried later, unless that is too late.",
    ),
    "30": Advice(
        "Nội dung có từ khoá vi phạm.", "Sửa nội dung theo quy định của VNPT, rồi gửi lại.",
        "The text has a forbidden word.", "Change the text as VNPT demands, then send it again.",
    ),
    "31": _setting(
        "Khách hàng chưa hoạt động hoặc đã bị khoá tại VNPT.", "contract_id (hoặc đề nghị VNPT mở lại)",
        "The customer is not active at VNPT.",
    ),
    "32": _setting("Mẫu tin cũ không còn hợp lệ.", "template_id", "The template is an old one, no longer valid."),
    "33": Advice(
        "VNPT báo trùng mã yêu cầu: có thể đã nhận tin này.",
        "Hỏi VNPT theo mã yêu cầu; nếu chắc chắn chưa gửi, chọn gửi lại.",
        "VNPT knows the request's id: it may have had the message.",
        "Ask VNPT by that id; if it was certainly not sent, choose to send it again.",
    ),
    "-1": Advice(
        "VNPT không xử lý được yêu cầu: có ký tự đặc biệt (& < > \" '), quá dài, hoặc lỗi nội bộ.",
        "Bỏ ký tự đặc biệt, rút ngắn nội dung, rồi gửi lại những tin bị lỗi.",
        "VNPT could not handle the request: special characters (& < > \" '), too long, or an inner failure.",
        "Take special characters out, shorten the text, then send the failed ones again.",
    ),
}  # fmt: skip


def meaning(code: str) -> tuple[ErrorKind, str, float | None]:
    """What a refusal means, and the seconds to wait; an unknown one took nothing, and is tried again."""
    return CODES.get(code, (Kind.TRANSIENT, "VNPT answers with an error of its own", None))


def advice(code: str) -> Advice | None:
    """What a code means for people; None for one that is not known."""
    return ADVICE.get(code)
