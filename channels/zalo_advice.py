"""Zalo's error codes in words for people: what happened and what to do. Plain data: correct it here.

Which error each code is stands in `zalo_codes`, with those from memory marked. Source: Zalo's tables of error codes;
the words are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.abilities import Advice

_AUTHORISE = "Báo người quản trị hệ thống nối lại ứng dụng với trang Zalo OA, rồi cho tài khoản chạy lại."
_AUTHORISE_EN = "Ask the operator to authorise the app for the OA again, then to put the account back into service."
_TECHNICIAN = "Báo người quản trị hệ thống sửa thông tin tài khoản, rồi cho tài khoản chạy lại."
_TECHNICIAN_EN = "Ask the operator to mend the account's settings, then to put the account back into service."
_BY_ITSELF = "Không cần làm gì: hệ thống tự gửi lại."
_BY_ITSELF_EN = "Nothing to do: it is sent again by itself."
_MORNING = "Không cần làm gì: hệ thống tự gửi vào sáng hôm sau."
_MORNING_EN = "Nothing to do: it is sent in the morning by itself."
_NEXT_DAY = "Hệ thống tự gửi vào ngày hôm sau; nếu gấp, dùng kênh khác hoặc đề nghị Zalo nâng hạn mức."
_NEXT_DAY_EN = "It is sent the next day by itself; if it is urgent, use another channel or ask Zalo for more."
_LIST = "Kiểm tra lại số điện thoại trong danh sách, sửa rồi nhập lại."
_LIST_EN = "Check the phone number in the list, correct it and import the list again."
_ANOTHER_WAY = "Dùng kênh khác cho người này, ví dụ SMS."
_ANOTHER_WAY_EN = "Use another channel for this person, for example SMS."
_RESPECT = "Tôn trọng: dùng kênh khác nếu tin là bắt buộc."
_RESPECT_EN = "Respect it: use another channel where the message is a duty."
_FOLLOW = "Mời người này bấm “Quan tâm” trang Zalo OA; trong lúc chờ, dùng kênh khác."
_FOLLOW_EN = "Invite them to follow the OA; use another channel meanwhile."
_WRITE_FIRST = "Hệ thống tự chuyển sang kênh tiếp theo, nếu chiến dịch có."
_WRITE_FIRST_EN = "The next channel is used by itself, where the campaign has one."
_TEMPLATE = "Mở mẫu tin ở Zalo, sửa mẫu hoặc thông tin điền vào cho khớp, rồi gửi lại."
_TEMPLATE_EN = "Look at the template at Zalo, make it and what fills it agree, and send it again."
_FILL = "Sửa thông tin của người này trong danh sách, hoặc rút ngắn trong mẫu của chiến dịch, rồi gửi lại."
_FILL_EN = "Mend what the list says of this person, or what fills the template, and send it again."
_APPROVAL = "Chờ hoặc đề nghị Zalo duyệt mẫu tin, rồi gửi lại."
_APPROVAL_EN = "Wait for Zalo's approval of the template, or ask for it, and send it again."
_TEXT = "Sửa nội dung rồi gửi lại."
_TEXT_EN = "Mend the text and send it again."
_PAY = "Nạp tiền hoặc kiểm tra tài khoản thanh toán ở Zalo, rồi cho tài khoản chạy lại."
_PAY_EN = "Top up, or look at the account that pays at Zalo, then put the account back into service."
_ASK_ZALO = "Liên hệ Zalo để được cấp quyền, rồi cho tài khoản chạy lại."
_ASK_ZALO_EN = "Ask Zalo for the right, then put the account back into service."

_TOKEN = Advice(
    "Zalo không cho trang OA của đơn vị đăng nhập nữa.", _AUTHORISE,
    "Zalo does not let the OA in any more.", _AUTHORISE_EN,
)  # fmt: skip
_DAY_USED = "Đã gửi hết số tin Zalo cho phép trong ngày."
_DAY_USED_EN = "As many messages as Zalo allows a day have been sent."
_TEMPLATE_USED = "Mẫu tin này đã gửi hết số lượng Zalo cho phép trong ngày."
_TEMPLATE_USED_EN = "As many messages of this template as Zalo allows a day have been sent."
_WRONG_FILL = "Thông tin điền vào mẫu tin không đúng."
_WRONG_FILL_EN = "What fills the template is not right."

ADVICE: Final[Mapping[str, Advice]] = {
    # the token
    "-124": _TOKEN,
    "-216": _TOKEN,
    "-220": _TOKEN,
    "-14014": _TOKEN,
    "no_token": Advice(
        "Chưa ai nối ứng dụng với trang Zalo OA của đơn vị.", _AUTHORISE,
        "Nobody has authorised the app for the OA yet.", _AUTHORISE_EN,
    ),
    "sealed_token": Advice(
        "Không đọc được khoá đăng nhập Zalo đã lưu, vì khoá bảo vệ của hệ thống đã đổi.", _AUTHORISE,
        "The stored tokens cannot be read: they were sealed with another secret key.", _AUTHORISE_EN,
    ),
    # the moment
    "-32": Advice(
        "Gửi nhanh hơn mức Zalo cho phép nên phải chờ.", _BY_ITSELF,
        "More was sent at once than Zalo allows, so it waits.", _BY_ITSELF_EN,
    ),
    "-100": Advice(
        "Zalo gặp lỗi không rõ nguyên nhân.", _BY_ITSELF,
        "Zalo has an error that it does not name.", _BY_ITSELF_EN,
    ),
    "-200": Advice(
        "Zalo chưa gửi được tin.", _BY_ITSELF,
        "Zalo could not send the message.", _BY_ITSELF_EN,
    ),
    "-133": Advice(
        "Mẫu tin này không được gửi vào ban đêm.", _MORNING,
        "This template may not be sent at night.", _MORNING_EN,
    ),
    "-234": Advice(
        "Loại tin này không được gửi từ 22 giờ đến 6 giờ sáng.", _MORNING,
        "This kind of message may not be sent between 22:00 and 06:00.", _MORNING_EN,
    ),
    # quotas
    "-144": Advice(_DAY_USED, _NEXT_DAY, _DAY_USED_EN, _NEXT_DAY_EN),
    "-211": Advice(_DAY_USED, _NEXT_DAY, _DAY_USED_EN, _NEXT_DAY_EN),
    "-147": Advice(_TEMPLATE_USED, _NEXT_DAY, _TEMPLATE_USED_EN, _NEXT_DAY_EN),
    "-160": Advice(_TEMPLATE_USED, _NEXT_DAY, _TEMPLATE_USED_EN, _NEXT_DAY_EN),
    "-1441": Advice(_TEMPLATE_USED, _NEXT_DAY, _TEMPLATE_USED_EN, _NEXT_DAY_EN),
    "-1471": Advice(_TEMPLATE_USED, _NEXT_DAY, _TEMPLATE_USED_EN, _NEXT_DAY_EN),
    "-1472": Advice(_TEMPLATE_USED, _NEXT_DAY, _TEMPLATE_USED_EN, _NEXT_DAY_EN),
    "-218": Advice(
        "Người này đã nhận đủ số tin Zalo cho phép.", "Hệ thống tự gửi vào ngày hôm sau; nên giãn lịch gửi.",
        "This person has had as many messages as Zalo allows.", "It is sent the next day; spread the messages more.",
    ),
    # the recipient
    "-108": Advice(
        "Số điện thoại không đúng.", _LIST,
        "The phone number is not valid.", _LIST_EN,
    ),
    "-110": Advice(
        "Ứng dụng Zalo của người nhận quá cũ.", _ANOTHER_WAY,
        "The recipient's Zalo is too old.", _ANOTHER_WAY_EN,
    ),
    "-114": Advice(
        "Người nhận lâu không dùng Zalo, không nhận loại tin này, hoặc dùng bản Zalo quá cũ.", _ANOTHER_WAY,
        "The recipient hardly uses Zalo, refuses such messages, or has too old a version.", _ANOTHER_WAY_EN,
    ),
    "-118": Advice(
        "Số điện thoại này không dùng Zalo.", _ANOTHER_WAY,
        "Nobody uses Zalo with this number.", _ANOTHER_WAY_EN,
    ),
    "-119": Advice(
        "Tài khoản Zalo của người này không nhận được loại tin này.", _ANOTHER_WAY,
        "The recipient's Zalo account cannot receive this kind of message.", _ANOTHER_WAY_EN,
    ),
    "-139": Advice(
        "Người nhận đã từ chối loại tin này.", _RESPECT,
        "The recipient refuses this kind of message.", _RESPECT_EN,
    ),
    "-140": Advice(
        "Trang OA không được gửi loại tin này cho người nhận.", _ANOTHER_WAY,
        "The OA may not send this kind of message to the recipient.", _ANOTHER_WAY_EN,
    ),
    "-141": Advice(
        "Người nhận đã từ chối tin của trang OA này.", _RESPECT,
        "The recipient refuses messages of this OA.", _RESPECT_EN,
    ),
    "-213": Advice(
        "Người nhận chưa bấm “Quan tâm” trang OA.", _FOLLOW,
        "The recipient does not follow the OA.", _FOLLOW_EN,
    ),
    "-217": Advice(
        "Người nhận đã chặn trang OA.", _RESPECT,
        "The recipient has blocked the OA.", _RESPECT_EN,
    ),
    "-227": Advice(
        "Tài khoản Zalo của người nhận bị khoá hoặc lâu không dùng.", _ANOTHER_WAY,
        "The recipient's Zalo account is locked or long unused.", _ANOTHER_WAY_EN,
    ),
    "-244": Advice(
        "Người nhận đã hạn chế nhận tin của trang OA.", _RESPECT,
        "The recipient has restricted messages of the OA.", _RESPECT_EN,
    ),
    # the time since the recipient last wrote to the OA
    "-230": Advice(
        "Đã quá bảy ngày người này không liên hệ với trang OA nên Zalo không cho gửi.", _WRITE_FIRST,
        "The recipient has not been in touch with the OA for seven days, so Zalo lets nothing be sent.",
        _WRITE_FIRST_EN,
    ),
    "-232": Advice(
        "Người này chưa liên hệ với trang OA, hoặc đã quá lâu, nên Zalo không cho gửi.", _WRITE_FIRST,
        "The recipient has not been in touch with the OA, or too long ago, so Zalo lets nothing be sent.",
        _WRITE_FIRST_EN,
    ),
    # the template or the text
    "-109": Advice(
        "Mã mẫu tin không đúng.", _TEMPLATE,
        "The template's number is not right.", _TEMPLATE_EN,
    ),
    "-111": Advice(
        "Thiếu thông tin điền vào mẫu tin.", _TEMPLATE,
        "What fills the template is missing.", _TEMPLATE_EN,
    ),
    "-112": Advice(_WRONG_FILL, _TEMPLATE, _WRONG_FILL_EN, _TEMPLATE_EN),
    "-1121": Advice(
        "Thiếu một thông tin mà mẫu tin cần.", _TEMPLATE,
        "Something the template needs is missing.", _TEMPLATE_EN,
    ),
    "-1122": Advice(
        "Một thông tin điền vào mẫu tin không đúng loại, ví dụ cần ngày mà lại là chữ.", _TEMPLATE,
        "Something that fills the template is not of its kind, as words where a date should be.", _TEMPLATE_EN,
    ),
    "-1124": Advice(
        "Một thông tin điền vào mẫu tin quá dài hoặc quá ngắn.", _TEMPLATE,
        "Something that fills the template is too long or too short.", _TEMPLATE_EN,
    ),
    # found here, before anything is sent: what Zalo would refuse with one of the three above
    "param_missing": Advice(
        "Thiếu một thông tin mà mẫu tin cần điền cho người này.", _FILL,
        "Something the template needs is missing for this person.", _FILL_EN,
    ),
    "param_too_long": Advice(
        "Một thông tin của người này dài hơn mức mẫu tin cho phép.", _FILL,
        "Something of this person's is longer than the template takes.", _FILL_EN,
    ),
    "param_too_short": Advice(
        "Một thông tin của người này ngắn hơn mức mẫu tin yêu cầu.", _FILL,
        "Something of this person's is shorter than the template wants.", _FILL_EN,
    ),
    "-116": Advice(
        "Zalo không nhận nội dung này.", _TEXT,
        "Zalo does not take this text.", _TEXT_EN,
    ),
    "-121": Advice(
        "Mẫu tin không có nội dung.", _TEMPLATE,
        "The template has no text.", _TEMPLATE_EN,
    ),
    "-122": Advice(
        "Zalo không đọc được thông tin gửi đi.", "Báo người quản trị hệ thống: đây là lỗi của phần mềm.",
        "Zalo could not read what was sent.", "Tell the operator: this is a fault of the program.",
    ),
    "-131": Advice(
        "Mẫu tin chưa được Zalo duyệt.", _APPROVAL,
        "Zalo has not approved the template.", _APPROVAL_EN,
    ),
    "-132": Advice(_WRONG_FILL, _TEMPLATE, _WRONG_FILL_EN, _TEMPLATE_EN),
    "-145": Advice(
        "Trang OA không được gửi loại mẫu tin này.", "Chọn loại mẫu khác, hoặc liên hệ Zalo để được cấp quyền.",
        "The OA may not send this kind of template.", "Choose another kind, or ask Zalo for the right.",
    ),
    "-146": Advice(
        "Zalo đã tắt mẫu tin này vì chất lượng thấp.", "Viết lại mẫu và đề nghị Zalo duyệt.",
        "Zalo has disabled the template because of its quality.", "Write it anew and ask Zalo to approve it.",
    ),
    "-201": Advice(_WRONG_FILL, _TEMPLATE, _WRONG_FILL_EN, _TEMPLATE_EN),
    "-210": Advice(
        "Nội dung dài hơn mức Zalo cho phép.", "Rút ngắn nội dung rồi gửi lại.",
        "The text is longer than Zalo allows.", "Shorten it and send it again.",
    ),
    "-233": Advice(
        "Zalo không cho gửi loại tin này, hoặc đã bỏ loại tin này.", _ANOTHER_WAY,
        "Zalo does not allow this kind of message, or no longer has it.", _ANOTHER_WAY_EN,
    ),
    "-248": Advice(
        "Nội dung trái quy định của Zalo.", _TEXT,
        "The text is against Zalo's rules.", _TEXT_EN,
    ),
    "-249": Advice(
        "Zalo không cho phép nội dung hoặc tệp kèm theo.", _TEXT,
        "Zalo does not allow the text or what is attached.", _TEXT_EN,
    ),
    # what a person must mend
    "-101": Advice(
        "Mã ứng dụng Zalo không đúng.", _TECHNICIAN,
        "The number of the Zalo app is not right.", _TECHNICIAN_EN,
    ),
    "-102": Advice(
        "Không có ứng dụng Zalo này.", _TECHNICIAN,
        "There is no such Zalo app.", _TECHNICIAN_EN,
    ),
    "-103": Advice(
        "Ứng dụng Zalo chưa được kích hoạt.", _TECHNICIAN,
        "The Zalo app is not switched on.", _TECHNICIAN_EN,
    ),
    "-104": Advice(
        "Khoá bí mật của ứng dụng Zalo không đúng.", _TECHNICIAN,
        "The secret of the Zalo app is wrong.", _TECHNICIAN_EN,
    ),
    "-105": Advice(
        "Ứng dụng Zalo chưa được nối với trang OA.", _AUTHORISE,
        "The Zalo app is not linked to an OA.", _AUTHORISE_EN,
    ),
    "-115": Advice(
        "Tài khoản Zalo đã hết tiền.", _PAY,
        "The Zalo account's balance is used up.", _PAY_EN,
    ),
    "-117": Advice(
        "Trang OA không được dùng mẫu tin này.", _ASK_ZALO,
        "The OA may not use this template.", _ASK_ZALO_EN,
    ),
    "-120": Advice(
        "Trang OA chưa có quyền dùng chức năng này.", _ASK_ZALO,
        "The OA may not use this function.", _ASK_ZALO_EN,
    ),
    "-125": Advice(
        "Mã trang OA không đúng.", _TECHNICIAN,
        "The number of the OA is not right.", _TECHNICIAN_EN,
    ),
    "-135": Advice(
        "Trang OA chưa được gửi tin theo mẫu.", "Xác thực trang OA và đăng ký gói dịch vụ ở Zalo.",
        "The OA may not send template messages.", "Have it verified, and register a package at Zalo.",
    ),
    "-1351": Advice(
        "Zalo đã cấm trang OA gửi tin theo mẫu.", _ASK_ZALO,
        "Zalo has barred the OA from template messages.", _ASK_ZALO_EN,
    ),
    "-136": Advice(
        "Ứng dụng chưa nối với tài khoản thanh toán của Zalo.", _PAY,
        "The app is not connected to an account that pays at Zalo.", _PAY_EN,
    ),
    "-137": Advice(
        "Zalo không trừ được tiền từ tài khoản thanh toán.", _PAY,
        "Zalo could not charge the account that pays.", _PAY_EN,
    ),
    "-138": Advice(
        "Ứng dụng Zalo chưa có quyền dùng chức năng này.", _ASK_ZALO,
        "The Zalo app may not use this function.", _ASK_ZALO_EN,
    ),
    "-209": Advice(
        "Trang OA chưa được dùng cách gửi này.", "Xác thực trang OA ở Zalo, rồi cho tài khoản chạy lại.",
        "The OA may not send in this way.", "Have it verified at Zalo, then put the account back into service.",
    ),
    "-212": Advice(
        "Ứng dụng Zalo chưa đăng ký cách gửi này.", _ASK_ZALO,
        "The Zalo app is not registered for this way of sending.", _ASK_ZALO_EN,
    ),
    "-219": Advice(
        "Ứng dụng Zalo đã bị gỡ hoặc bị tắt.", _AUTHORISE,
        "The Zalo app was removed or disabled.", _AUTHORISE_EN,
    ),
    "-221": Advice(
        "Trang OA chưa được xác thực.", "Làm thủ tục xác thực ở Zalo, rồi cho tài khoản chạy lại.",
        "The OA is not verified.", "Have it verified at Zalo, then put the account back into service.",
    ),
    "-223": Advice(
        "Gói dịch vụ của trang OA không có chức năng này, hoặc đã dùng hết.", "Nâng gói ở Zalo, rồi cho chạy lại.",
        "The OA's package does not include this, or is used up.", "Get a larger one, then resume the account.",
    ),
    "-224": Advice(
        "Trang OA chưa có gói dịch vụ.", "Mua gói ở Zalo, rồi cho tài khoản chạy lại.",
        "The OA has no package.", "Buy one at Zalo, then put the account back into service.",
    ),
    "-320": Advice(
        "Ứng dụng chưa nối với tài khoản thanh toán của Zalo.", _PAY,
        "The app is not connected to an account that pays at Zalo.", _PAY_EN,
    ),
    "-321": Advice(
        "Tài khoản thanh toán ở Zalo hết tiền hoặc không trừ được tiền.", _PAY,
        "The account that pays at Zalo has no balance or cannot be charged.", _PAY_EN,
    ),
}  # fmt: skip
