"""eSMS's result codes in words for people: what happened and what to do. Plain data: correct it here.

Which error each code is stands in `esms_codes`. Source: eSMS's table of error codes; the words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.abilities import Advice

_LIST = "Kiểm tra lại số điện thoại trong danh sách, sửa rồi nhập lại."
_LIST_EN = "Check the phone number in the list, correct it and import the list again."
_TECHNICIAN = "Báo người quản trị hệ thống sửa thông tin tài khoản, rồi cho tài khoản chạy lại."
_TECHNICIAN_EN = "Ask the operator to mend the account's settings, then to put the account back into service."
_ASK = "Liên hệ eSMS để xử lý, rồi cho tài khoản chạy lại."
_ASK_EN = "Ask eSMS to settle it, then put the account back into service."
_DEVELOPER = "Báo người quản trị hệ thống: đây là lỗi của phần mềm hoặc của phần khai báo."
_DEVELOPER_EN = "Tell the operator: this is a fault of the program or its settings."

ADVICE: Final[Mapping[str, Advice]] = {
    # the account
    "101": Advice(
        "eSMS không nhận mã đăng nhập của tài khoản.", _TECHNICIAN,
        "eSMS does not accept the account's keys.", _TECHNICIAN_EN,
    ),
    "102": Advice(
        "Tài khoản eSMS chưa có bảng giá, hoặc đã bị khoá.", _ASK,
        "The eSMS account has no price list, or is locked.", _ASK_EN,
    ),
    "103": Advice(
        "Tài khoản eSMS đã hết tiền.", "Nạp tiền, rồi cho tài khoản chạy lại.",
        "The eSMS account's balance is used up.", "Top it up, then put the account back into service.",
    ),
    "104": Advice(
        "Tên thương hiệu (brandname) không có hoặc chưa được kích hoạt.", _ASK,
        "The brandname does not exist or is not active.", _ASK_EN,
    ),
    "105": Advice(
        "eSMS không tìm thấy tin đã hỏi.", "Chờ báo nhận; nếu lâu không có thì hỏi eSMS.",
        "eSMS does not find the message that was asked for.", "Wait for the receipt; if none comes, ask eSMS.",
    ),
    "107": Advice(
        "Tin quảng cáo qua eSMS phải gửi ít nhất 30 số hợp lệ một lần.", "Gộp người nhận hoặc dùng kênh khác.",
        "eSMS takes advertising from 30 valid numbers on.", "Gather recipients or use another channel.",
    ),
    "118": Advice(
        "Tài khoản chưa được phép gửi loại tin này.", _ASK,
        "The account may not send this kind of message.", _ASK_EN,
    ),
    "140": Advice(
        "eSMS không nhận tin từ máy chủ này.", "Đề nghị eSMS thêm địa chỉ mạng của máy chủ vào danh sách cho phép.",
        "eSMS takes no messages from this server.", "Ask eSMS to add the server's network address to its list.",
    ),
    "300": Advice(
        "Thiếu loại tin khi gửi.", _DEVELOPER,
        "The kind of message was missing.", _DEVELOPER_EN,
    ),
    # the recipient
    "99": Advice(
        "Số điện thoại đang bị chặn ở eSMS.", "Dùng kênh khác; nếu cho là nhầm thì hỏi eSMS.",
        "The number is blocked at eSMS.", "Use another channel; if it looks wrong, ask eSMS.",
    ),
    "108": Advice(
        "Số điện thoại không đúng.", _LIST,
        "The phone number is not valid.", _LIST_EN,
    ),
    "177": Advice(
        "Tên thương hiệu chưa đăng ký với nhà mạng của số này.", "Đề nghị eSMS đăng ký thêm nhà mạng đó.",
        "The brandname is not registered with the network of this number.", "Ask eSMS to register it there.",
    ),
    # the text
    "110": Advice(
        "eSMS không đọc được thông tin gửi đi.", _DEVELOPER,
        "eSMS could not read what was sent.", _DEVELOPER_EN,
    ),
    "120": Advice(
        "Có quá nhiều số điện thoại trong một lần gửi.", _DEVELOPER,
        "There were too many numbers in one request.", _DEVELOPER_EN,
    ),
    "146": Advice(
        "Nội dung không giống mẫu đã đăng ký cho tên thương hiệu.",
        "Viết lại đúng theo mẫu, hoặc đăng ký mẫu mới với eSMS rồi gửi lại.",
        "The text does not match a template registered for the brandname.",
        "Write it as the template says, or register a new one with eSMS, and send it again.",
    ),
    # what became of it
    "124": Advice(
        "eSMS đã có tin này từ trước.", "Không gửi lại; nếu người nhận báo chưa nhận được thì hỏi eSMS.",
        "eSMS has had this message before.", "Do not send it again; if it has not arrived, ask eSMS.",
    ),
    "list": Advice(
        "Tin đi trong một danh sách: eSMS chỉ báo bao nhiêu máy nhận được, không báo từng máy.",
        "Không cần làm gì; muốn biết từng số thì xem trang quản lý của eSMS.",
        "It left in a list: eSMS tells how many phones got the message, not which.",
        "Nothing to do; eSMS's own pages tell of each number.",
    ),
    "status-4": Advice(
        "eSMS từ chối tin này.", "Kiểm tra nội dung có đúng mẫu đã đăng ký không, rồi hỏi eSMS.",
        "eSMS rejected the message.", "See whether the text matches its registered template, then ask eSMS.",
    ),
    "status-5": Advice(
        "Nhà mạng không chuyển được tin tới máy.", "Gửi lại vào lúc khác, hoặc dùng kênh khác.",
        "The network did not deliver the message.", "Send it again at another time, or use another channel.",
    ),
}  # fmt: skip
