"""Mail servers' codes in words for people: what happened and what to do. Plain data: correct it here.

Enhanced codes are those of RFC 3463; of a code not listed its class and subject tell (`4.x`, `5.7.x`…), of a bare
reply (RFC 5321) its number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.abilities import Advice

_LIST = "Kiểm tra lại địa chỉ thư điện tử trong danh sách, sửa rồi nhập lại."
_LIST_EN = "Check the e-mail address in the list, correct it and import the list again."
_TECHNICIAN = "Báo người quản trị hệ thống xem lại máy chủ gửi thư và tên miền của đơn vị."
_TECHNICIAN_EN = "Ask the operator to look at the mail server and the domain of the sender."
_BY_ITSELF = "Không cần làm gì: hệ thống tự gửi lại vài lần."
_BY_ITSELF_EN = "Nothing to do: it is sent again a few times by itself."
_LATER = "Hệ thống tự gửi lại vài lần; nếu vẫn không được thì dùng kênh khác."
_LATER_EN = "It is sent again a few times by itself; if that fails, use another channel."
_SHORTER = "Bỏ bớt hình và tệp kèm theo, rồi gửi lại."
_SHORTER_EN = "Leave out pictures and attachments, and send it again."

ADVICE: Final[Mapping[str, Advice]] = {
    # the recipient
    "5.1.1": Advice(
        "Hộp thư này không tồn tại.", _LIST,
        "The mailbox does not exist.", _LIST_EN,
    ),
    "5.1.2": Advice(
        "Phần sau dấu @ của địa chỉ không tồn tại.", _LIST,
        "The part of the address behind the @ does not exist.", _LIST_EN,
    ),
    "5.1.3": Advice(
        "Địa chỉ thư điện tử viết sai.", _LIST,
        "The e-mail address is not written right.", _LIST_EN,
    ),
    "5.1.6": Advice(
        "Hộp thư đã chuyển đi nơi khác.", "Hỏi địa chỉ mới rồi cập nhật danh sách.",
        "The mailbox has moved.", "Ask for the new address and update the list.",
    ),
    "5.1.10": Advice(
        "Nơi nhận không dùng thư điện tử.", _LIST,
        "The recipient's domain takes no mail.", _LIST_EN,
    ),
    "5.2.1": Advice(
        "Hộp thư đã bị khoá hoặc ngừng dùng.", "Hỏi địa chỉ mới rồi cập nhật danh sách.",
        "The mailbox is disabled.", "Ask for the new address and update the list.",
    ),
    "5.2.2": Advice(
        "Hộp thư của người nhận đã đầy.", _LATER,
        "The recipient's mailbox is full.", _LATER_EN,
    ),
    "4.2.2": Advice(
        "Hộp thư của người nhận đã đầy.", _LATER,
        "The recipient's mailbox is full.", _LATER_EN,
    ),
    # the message
    "5.2.3": Advice(
        "Thư quá dài đối với hộp thư của người nhận.", _SHORTER,
        "The message is too long for the mailbox.", _SHORTER_EN,
    ),
    "5.3.4": Advice(
        "Thư quá lớn đối với máy chủ nhận.", _SHORTER,
        "The message is too big for the server.", _SHORTER_EN,
    ),
    "5.7.1": Advice(
        "Nơi nhận từ chối thư theo quy định của họ (thường vì coi là thư rác).",
        "Xem lại nội dung; nếu nhiều người cùng bị, báo người quản trị hệ thống.",
        "The recipient's server refuses the message by its rules (mostly as spam).",
        "Look at the text; if it happens to many, tell the operator.",
    ),
    # by class and subject
    "4.x": Advice(
        "Máy chủ nhận thư đang bận hoặc yêu cầu chờ.", _BY_ITSELF,
        "The recipient's server is busy or asks us to wait.", _BY_ITSELF_EN,
    ),
    "5.1.x": Advice(
        "Địa chỉ thư điện tử không nhận được thư.", _LIST,
        "The e-mail address takes no mail.", _LIST_EN,
    ),
    "5.2.x": Advice(
        "Hộp thư của người nhận không nhận thư này.", "Hỏi người nhận địa chỉ khác, hoặc dùng kênh khác.",
        "The recipient's mailbox does not take the message.", "Ask for another address, or use another channel.",
    ),
    "5.3.x": Advice(
        "Máy chủ nhận thư không nhận thư này.", "Gửi lại vào lúc khác, hoặc dùng kênh khác.",
        "The recipient's server does not take the message.", "Send it again at another time, or use another channel.",
    ),
    "5.4.x": Advice(
        "Không tìm được đường tới máy chủ nhận thư.", _LIST,
        "No way was found to the recipient's server.", _LIST_EN,
    ),
    "5.5.x": Advice(
        "Hai máy chủ thư không hiểu nhau.", _TECHNICIAN,
        "The two mail servers do not understand each other.", _TECHNICIAN_EN,
    ),
    "5.6.x": Advice(
        "Máy chủ nhận không đọc được nội dung thư.", _SHORTER,
        "The server cannot read what the message holds.", _SHORTER_EN,
    ),
    "5.7.x": Advice(
        "Nơi nhận từ chối thư theo quy định bảo mật hoặc chống thư rác.", _TECHNICIAN,
        "The recipient's server refuses the message by its rules on security or spam.", _TECHNICIAN_EN,
    ),
    "5.x": Advice(
        "Máy chủ nhận thư từ chối.", "Kiểm tra lại địa chỉ, hoặc dùng kênh khác.",
        "The server refuses the message.", "Check the address, or use another channel.",
    ),
    # bare replies
    "421": Advice(
        "Máy chủ thư tạm ngừng phục vụ.", _BY_ITSELF,
        "The mail server is out of service for now.", _BY_ITSELF_EN,
    ),
    "450": Advice(
        "Hộp thư đang bận.", _BY_ITSELF,
        "The mailbox is busy.", _BY_ITSELF_EN,
    ),
    "451": Advice(
        "Máy chủ thư gặp lỗi tạm thời.", _BY_ITSELF,
        "The mail server has a passing error.", _BY_ITSELF_EN,
    ),
    "452": Advice(
        "Máy chủ thư tạm hết chỗ.", _BY_ITSELF,
        "The mail server has no room for now.", _BY_ITSELF_EN,
    ),
    "530": Advice(
        "Máy chủ gửi thư đòi tên và mật khẩu.", _TECHNICIAN,
        "Our mail server asks for a user name and a password.", _TECHNICIAN_EN,
    ),
    "534": Advice(
        "Máy chủ gửi thư không nhận cách đăng nhập này.", _TECHNICIAN,
        "Our mail server does not take this way of logging in.", _TECHNICIAN_EN,
    ),
    "535": Advice(
        "Tên hoặc mật khẩu của tài khoản gửi thư không đúng.", _TECHNICIAN,
        "The user name or the password of the mail account is wrong.", _TECHNICIAN_EN,
    ),
    "538": Advice(
        "Máy chủ gửi thư đòi đường truyền có bảo mật.", _TECHNICIAN,
        "Our mail server asks for an encrypted connection.", _TECHNICIAN_EN,
    ),
    "550": Advice(
        "Hộp thư không tồn tại hoặc không nhận thư.", _LIST,
        "The mailbox does not exist or takes no mail.", _LIST_EN,
    ),
    "552": Advice(
        "Hộp thư đã đầy, hoặc thư quá lớn.", _SHORTER,
        "The mailbox is full, or the message is too big.", _SHORTER_EN,
    ),
    "553": Advice(
        "Địa chỉ thư điện tử không được chấp nhận.", _LIST,
        "The e-mail address is not allowed.", _LIST_EN,
    ),
    "554": Advice(
        "Máy chủ nhận thư từ chối, thường vì coi là thư rác.", _TECHNICIAN,
        "The server refuses the message, mostly as spam.", _TECHNICIAN_EN,
    ),
}  # fmt: skip


def advice(code: str) -> Advice | None:
    """The words of a code, else of its class and subject, else of its class; None for what is no mail server's."""
    kind, _, rest = code.partition(".")
    if found := ADVICE.get(code):
        return found
    if rest and kind in ("4", "5"):
        return ADVICE.get(f"{kind}.{rest.split('.')[0]}.x") or ADVICE[f"{kind}.x"]
    if len(code) == 3 and code.isascii() and code.isdigit() and code[0] in "45":
        return ADVICE[f"{code[0]}.x"]
    return None
