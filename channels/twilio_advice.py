"""Twilio's error codes in words for people: what happened and what to do. Plain data: correct it here.

Which error each code is stands in `twilio_codes`. Source: Twilio's error dictionary; the words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.abilities import Advice

_LIST = "Kiểm tra lại số điện thoại trong danh sách, sửa rồi nhập lại."
_LIST_EN = "Check the phone number in the list, correct it and import the list again."
_TECHNICIAN = "Báo người quản trị hệ thống sửa thông tin tài khoản, rồi cho tài khoản chạy lại."
_TECHNICIAN_EN = "Ask the operator to mend the account's settings, then to put the account back into service."
_BY_ITSELF = "Không cần làm gì: hệ thống tự gửi lại."
_BY_ITSELF_EN = "Nothing to do: it is sent again by itself."
_ANOTHER_WAY = "Liên hệ người này bằng kênh khác."
_ANOTHER_WAY_EN = "Use another channel for this person."
_ACCOUNT = "Liên hệ Twilio để tài khoản được mở lại."
_ACCOUNT_EN = "Ask Twilio to open the account again."

ADVICE: Final[Mapping[str, Advice]] = {
    # the account
    "20003": Advice(
        "Twilio không nhận tên hoặc mật khẩu của tài khoản.", _TECHNICIAN,
        "Twilio does not know the account's name or secret.", _TECHNICIAN_EN,
    ),
    "20005": Advice(
        "Tài khoản Twilio chưa được mở hoặc đã bị khoá.", _ACCOUNT,
        "The Twilio account is not active.", _ACCOUNT_EN,
    ),
    "20404": Advice(
        "Không tìm thấy tài khoản này ở Twilio.", _TECHNICIAN,
        "Twilio has no such account.", _TECHNICIAN_EN,
    ),
    "20429": Advice(
        "Gửi nhanh hơn mức Twilio cho phép nên phải chờ.", _BY_ITSELF,
        "More was sent at once than Twilio allows, so it waits.", _BY_ITSELF_EN,
    ),
    "21212": Advice(
        "Số gửi đi của đơn vị không đúng.", _TECHNICIAN,
        "The number messages are sent from is not valid.", _TECHNICIAN_EN,
    ),
    "21603": Advice(
        "Tài khoản chưa có số gửi đi.", _TECHNICIAN,
        "The account has no number to send from.", _TECHNICIAN_EN,
    ),
    "21606": Advice(
        "Số gửi đi không gửi được SMS hoặc không thuộc tài khoản này.", _TECHNICIAN,
        "The number messages are sent from cannot send SMS, or is not this account's.", _TECHNICIAN_EN,
    ),
    "21611": Advice(
        "Số gửi đi đang có quá nhiều tin chờ.", _BY_ITSELF,
        "Too many messages wait at the number they are sent from.", _BY_ITSELF_EN,
    ),
    "21659": Advice(
        "Số gửi đi không phải là số của Twilio.", _TECHNICIAN,
        "The number messages are sent from is not one of Twilio's.", _TECHNICIAN_EN,
    ),
    "21660": Advice(
        "Số gửi đi không thuộc tài khoản này.", _TECHNICIAN,
        "The number messages are sent from is not this account's.", _TECHNICIAN_EN,
    ),
    "21701": Advice(
        "Không tìm thấy dịch vụ gửi tin đã khai báo.", _TECHNICIAN,
        "The messaging service of the account does not exist.", _TECHNICIAN_EN,
    ),
    "21703": Advice(
        "Dịch vụ gửi tin chưa có số gửi đi nào.", _TECHNICIAN,
        "The messaging service has no number to send from.", _TECHNICIAN_EN,
    ),
    "30002": Advice(
        "Tài khoản Twilio đang bị đình chỉ.", _ACCOUNT,
        "The Twilio account is suspended.", _ACCOUNT_EN,
    ),
    # the recipient
    "21211": Advice(
        "Số điện thoại không đúng.", _LIST,
        "The phone number is not valid.", _LIST_EN,
    ),
    "21408": Advice(
        "Tài khoản chưa được phép gửi tin tới nước của số điện thoại này.",
        "Nếu là số nước ngoài, dùng kênh khác; nếu là số Việt Nam, đề nghị Twilio mở gửi tin tới Việt Nam.",
        "The account may not send to the country of this number.",
        "For a foreign number use another channel; for one of Viet Nam ask Twilio to allow it.",
    ),
    "21610": Advice(
        "Người nhận đã từ chối nhận tin.", "Tôn trọng: không gửi nữa, trừ khi chính người đó đồng ý lại.",
        "The recipient has refused messages.", "Respect it: only they themselves can agree again.",
    ),
    "21612": Advice(
        "Không gửi được từ số của đơn vị tới số điện thoại này.", _ANOTHER_WAY,
        "This number cannot be reached from the number messages are sent from.", _ANOTHER_WAY_EN,
    ),
    "21614": Advice(
        "Đây không phải số di động nên không nhận được SMS.", _LIST,
        "This is not a mobile number, so it takes no SMS.", _LIST_EN,
    ),
    "30004": Advice(
        "Tin bị chặn: người nhận hoặc nhà mạng không nhận tin từ số này.", _ANOTHER_WAY,
        "The message was blocked by the recipient or the network.", _ANOTHER_WAY_EN,
    ),
    "30005": Advice(
        "Số điện thoại không tồn tại hoặc không còn dùng.", "Hỏi số mới rồi cập nhật danh sách.",
        "The number does not exist or is out of use.", "Ask for the new number and update the list.",
    ),
    "30006": Advice(
        "Đây là số cố định, hoặc nhà mạng của số này không nhận được tin.", _LIST,
        "This is a landline, or its network cannot be reached.", _LIST_EN,
    ),
    # the text
    "21602": Advice(
        "Tin không có nội dung.", "Viết nội dung rồi gửi lại.",
        "The message has no text.", "Write one and send it again.",
    ),
    "21617": Advice(
        "Tin quá dài.", "Rút ngắn nội dung (dưới 1600 ký tự) rồi gửi lại.",
        "The message is too long.", "Shorten it (below 1600 characters) and send it again.",
    ),
    "30007": Advice(
        "Nhà mạng coi nội dung là tin rác nên không chuyển.",
        "Viết lại nội dung, bớt đường dẫn và chữ viết hoa, rồi gửi lại.",
        "The network took the text for spam and did not pass it on.",
        "Write it anew with fewer links and capitals, and send it again.",
    ),
    # the moment
    "30001": Advice(
        "Có quá nhiều tin chờ gửi.", _BY_ITSELF,
        "Too many messages were waiting.", _BY_ITSELF_EN,
    ),
    "30003": Advice(
        "Điện thoại tắt máy hoặc ngoài vùng phủ sóng.", "Gửi lại vào lúc khác, hoặc dùng kênh khác.",
        "The phone is switched off or out of reach.", "Send it again at another time, or use another channel.",
    ),
    "30008": Advice(
        "Nhà mạng không chuyển được tin và không nói lý do.", "Gửi lại vào lúc khác, hoặc dùng kênh khác.",
        "The network could not deliver it and does not say why.",
        "Send it again at another time, or use another channel.",
    ),
    "30017": Advice(
        "Mạng điện thoại đang quá tải.", "Gửi lại vào lúc khác.",
        "The network is congested.", "Send it again at another time.",
    ),
}  # fmt: skip
