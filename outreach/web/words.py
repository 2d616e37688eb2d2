"""Every word of our pages, in both languages: one catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outreach.web.language import Language

_VI, _EN = Language.VI, Language.EN

WORDS: Final[Mapping[str, Mapping[Language, str]]] = {
    "product": {_VI: "Truyền thông tới người dân", _EN: "Outreach to citizens"},
    "switch": {_VI: "English", _EN: "Tiếng Việt"},
    "skip": {_VI: "Tới nội dung chính", _EN: "Skip to the main content"},
    # -- the status page
    "status.title": {_VI: "Tình hình chiến dịch", _EN: "State of the campaigns"},
    "status.as_of": {
        _VI: "Cập nhật lúc {time} ngày {day}; trang tự làm mới sau mỗi {seconds} giây.",
        _EN: "As of {time} on {day}; the page renews itself every {seconds} seconds.",
    },
    "status.none": {
        _VI: "Chưa có chiến dịch nào. Nạp một chiến dịch bằng lệnh:",
        _EN: "There is no campaign yet. Load one with the command:",
    },
    "status.system": {_VI: "Hệ thống", _EN: "System"},
    "status.database": {_VI: "Cơ sở dữ liệu", _EN: "Database"},
    "status.valkey": {_VI: "Hàng đợi", _EN: "Queue"},
    "status.accounts": {_VI: "Tài khoản kênh", _EN: "Channel accounts"},
    "status.ok": {_VI: "hoạt động", _EN: "working"},
    "status.away": {_VI: "không trả lời", _EN: "does not answer"},
    "status.accounts_ok": {_VI: "{known} đang hoạt động", _EN: "{known} in service"},
    "status.accounts_paused": {
        _VI: "{paused} trong {known} tạm dừng, cần người xử lý",
        _EN: "{paused} of {known} paused; a person must look at them",
    },
    "status.figures": {_VI: "Tiến độ lượt gửi", _EN: "Progress of deliveries"},
    "status.total": {_VI: "Lượt gửi", _EN: "Deliveries"},
    "status.runs": {_VI: "{done} trong {total} đợt gửi đã xong", _EN: "{done} of {total} runs done"},
    "status.no_runs": {_VI: "Chưa có đợt gửi nào.", _EN: "No run yet."},
    "status.held": {
        _VI: "Đợt gửi bị giữ lại, chờ người cho phép: {held}",
        _EN: "Runs held, waiting for a person's release: {held}",
    },
    "status.trial": {
        _VI: "Chế độ thử: chỉ gửi tới các địa chỉ thử đã khai.",
        _EN: "Trial mode: only listed test addresses are written to.",
    },
    "status.bounces_held": {
        _VI: "{held} thư bị trả lại cùng lúc, chờ người xem xét",
        _EN: "{held} messages came back at once; a person must look at them",
    },
    "status.accounts_in_trial": {_VI: "{trial} ở chế độ thử", _EN: "{trial} in trial mode"},
    "errors.title": {_VI: "Vì sao không tới được, và cần làm gì", _EN: "What went wrong, and what to do"},
    "errors.count": {_VI: "Lượt gửi", _EN: "Deliveries"},
    "errors.what": {_VI: "Nguyên nhân", _EN: "What it means"},
    "errors.do": {_VI: "Cần làm", _EN: "What to do"},
    "errors.code": {_VI: "Kênh, mã", _EN: "Channel, code"},
    "errors.failed": {_VI: "không tới được", _EN: "failed"},
    "errors.unknown": {_VI: "chưa rõ", _EN: "unknown"},
    "errors.planned": {_VI: "chờ gửi lại", _EN: "waits to be sent again"},
    "group.waiting": {_VI: "Đang chờ gửi", _EN: "Waiting"},
    "group.handed_over": {_VI: "Nhà cung cấp đã nhận", _EN: "Taken by the provider"},
    "group.arrived": {_VI: "Đã tới nơi", _EN: "Arrived"},
    "group.failed": {_VI: "Không tới được", _EN: "Failed"},
    "group.unknown": {_VI: "Chưa rõ", _EN: "Unknown"},
    "group.not_sent": {_VI: "Không gửi", _EN: "Not sent"},
    "group.hint.waiting": {_VI: "sẽ gửi khi tới lượt", _EN: "will leave when their turn comes"},
    "group.hint.handed_over": {_VI: "chưa có hoặc không có báo nhận", _EN: "no receipt yet, or none given"},
    "group.hint.arrived": {_VI: "có báo nhận", _EN: "by the provider's receipt"},
    "group.hint.failed": {_VI: "bị từ chối hoặc không tới", _EN: "refused or undeliverable"},
    "group.hint.unknown": {_VI: "có thể đã gửi, không gửi trùng", _EN: "may have left; never doubled"},
    "group.hint.not_sent": {
        _VI: "không có địa chỉ, nhận chung với người khác, từ chối nhận, quá hạn hoặc huỷ",
        _EN: "no address, served by another's message, barred, late or cancelled",
    },
    "campaign.draft": {_VI: "bản nháp", _EN: "draft"},
    "campaign.submitted": {_VI: "chờ duyệt", _EN: "awaits approval"},
    "campaign.approved": {_VI: "đã duyệt", _EN: "approved"},
    "campaign.running": {_VI: "đang chạy", _EN: "running"},
    "campaign.paused": {_VI: "tạm dừng", _EN: "paused"},
    "campaign.finished": {_VI: "đã kết thúc", _EN: "finished"},
    "campaign.cancelled": {_VI: "đã huỷ", _EN: "cancelled"},
    # -- refusing further messages
    "refuse.title": {_VI: "Ngừng nhận tin?", _EN: "Stop these messages?"},
    "refuse.about": {
        _VI: "Bạn nhận được đường dẫn này trong một tin của chiến dịch:",
        _EN: "This link came in a message of the campaign:",
    },
    "refuse.what": {
        _VI: "Nếu bấm nút dưới đây, bạn sẽ không nhận thêm {channel} nào từ chúng tôi ở địa chỉ đã nhận tin đó.",
        _EN: "If you press the button, we send no further {channel} to the address that got that message.",
    },
    "refuse.emergency": {
        _VI: "Tin khẩn cấp, như cảnh báo thiên tai, vẫn được gửi.",
        _EN: "Emergency messages, such as storm warnings, are still sent.",
    },
    "refuse.button": {_VI: "Tôi không muốn nhận nữa", _EN: "Stop sending to me"},
    "refused.title": {_VI: "Đã ghi nhận", _EN: "It is done"},
    "refused.text": {
        _VI: "Chúng tôi sẽ không gửi {channel} tới địa chỉ này nữa, trừ tin khẩn cấp. Bạn có thể đóng trang này.",
        _EN: "We send no further {channel} to this address, except in an emergency. You may close this page.",
    },
    "no_link.title": {_VI: "Đường dẫn không đúng", _EN: "This link is not right"},
    "no_link.text": {
        _VI: "Đường dẫn này không phải của chúng tôi, bị thiếu ký tự, hoặc tin đã được xoá. Hãy mở lại đường dẫn"
        " trong tin bạn nhận được, hoặc trả lời tin nhắn bằng chữ TC để từ chối.",
        _EN: "This link is not ours, has lost some letters, or its message has been deleted. Open it again from the"
        " message you got, or answer the SMS with the letters TC to refuse.",
    },
    # -- letting the app use an account
    "oauth_done.title": {_VI: "Đã được cấp quyền", _EN: "The permission is given"},
    "oauth_done.text": {
        _VI: "Hệ thống đã nối được với tài khoản {account}. Không cần làm gì thêm, có thể đóng trang này.",
        _EN: "The app may now use the account {account}. There is nothing more to do; you may close this page.",
    },
    "oauth_resumed.title": {_VI: "Đã được cấp quyền", _EN: "The permission is given"},
    "oauth_resumed.text": {
        _VI: "Hệ thống đã nối được với tài khoản {account} và tài khoản hoạt động trở lại: tin đang chờ sẽ tự gửi."
        " Có thể đóng trang này.",
        _EN: "The app may use the account {account} again, and it is back in service: what waits leaves by itself. You"
        " may close this page.",
    },
    "oauth_still_out.title": {
        _VI: "Đã được cấp quyền, nhưng tài khoản vẫn tạm dừng",
        _EN: "The permission is given, but the account is still paused",
    },
    "oauth_still_out.text": {
        _VI: "Hệ thống đã nối được với tài khoản {account}, nhưng tài khoản tạm dừng vì lý do khác. Hãy xem lý do bằng"
        " lệnh “outreach doctor”, khắc phục, rồi chạy “outreach account resume {account}”.",
        _EN: "The app may use the account {account}, but it is paused for another cause. See which by “outreach"
        " doctor”, mend it, then run “outreach account resume {account}”.",
    },
    "oauth_not_asked.title": {_VI: "Yêu cầu này không còn hiệu lực", _EN: "This request is not open any more"},
    "oauth_not_asked.text": {
        _VI: "Đường dẫn đã được dùng, đã quá 10 phút, hoặc không phải của yêu cầu vừa tạo. Chưa có gì thay đổi. Hãy"
        " chạy lại lệnh “outreach account authorise” và mở địa chỉ mới.",
        _EN: "The link has been used, is older than ten minutes, or answers another request. Nothing has changed. Run"
        " “outreach account authorise” again and open the new address.",
    },
    "oauth_no_code.title": {_VI: "Chưa được cấp quyền", _EN: "The permission was not given"},
    "oauth_no_code.text": {
        _VI: "Trang Zalo không gửi kèm mã cấp quyền; có thể người mở chưa bấm Cho phép. Chưa có gì thay đổi. Hãy mở lại"
        " địa chỉ mà lệnh “outreach account authorise” đã in ra.",
        _EN: "The provider sent no code along; perhaps nobody pressed Allow. Nothing has changed. Open the address"
        " again that “outreach account authorise” printed.",
    },
    "oauth_not_taken.title": {_VI: "Chưa nối được", _EN: "It did not work"},
    "oauth_not_taken.text": {
        _VI: "Nhà cung cấp không nhận mã cấp quyền (mã lỗi {code}). Hãy kiểm tra đã chọn đúng trang OA, và thông tin"
        " ứng dụng trong tệp tài khoản, rồi chạy lại lệnh “outreach account authorise”.",
        _EN: "The provider did not take the code (error {code}). See whether the right account was chosen and whether"
        " the accounts file is right, then run “outreach account authorise” again.",
    },
    "oauth_not_kept.title": {_VI: "Chưa lưu được", _EN: "It could not be stored"},
    "oauth_not_kept.text": {
        _VI: "Đã được cấp quyền nhưng chưa lưu được vào cơ sở dữ liệu; hệ thống sẽ tự thử lại. Sau ít phút hãy xem bằng"
        " lệnh “outreach doctor”; nếu chưa được, chạy lại lệnh “outreach account authorise”.",
        _EN: "The permission was given but could not be stored; that is tried again by itself. See by “outreach doctor”"
        " in some minutes; if it is still out, run “outreach account authorise” again.",
    },
    # -- coming to a channel
    "join.title": {_VI: "Nhận thông báo qua {ways}", _EN: "Get notices by {ways}"},
    "join.why": {
        _VI: "Cơ quan nhà nước nơi bạn ở mời bạn nhận thông báo về hồ sơ, lịch hẹn, dịch vụ công ngay trên điện thoại."
        " Làm theo các bước dưới đây, bạn đồng ý nhận những thông báo đó.",
        _EN: "The public offices where you live invite you to get notices of your cases, appointments and public"
        " services on your phone. By the steps below you agree to get them.",
    },
    "join.free": {
        _VI: "Miễn phí.",
        _EN: "It is free.",
    },
    "join.either": {_VI: "Chỉ cần chọn một cách.", _EN: "One way is enough."},
    "join.used": {
        _VI: "Lời mời này đã được dùng. Nếu chính bạn đã dùng thì không cần làm gì thêm; nếu không phải bạn, hãy"
        " báo cho Ủy ban nhân dân xã, phường.",
        _EN: "This invitation has been used. If it was you, there is nothing more to do; if not, please tell your"
        " commune's office.",
    },
    "join.zalo_oa": {_VI: "Zalo", _EN: "Zalo"},
    "join.telegram": {_VI: "Telegram", _EN: "Telegram"},
    "join.open": {_VI: "Mở {name}", _EN: "Open {name}"},
    "join.open_here": {_VI: "Bấm nút này trên điện thoại có {name}:", _EN: "Press this on a phone with {name}:"},
    "join.press_start": {_VI: "Bấm “Bắt đầu” (START) ở cuối màn hình.", _EN: "Press START at the foot of the screen."},
    "join.called": {_VI: "Tên trên Telegram: {name}", _EN: "Its name on Telegram: {name}"},
    "join.copy": {
        _VI: "Chạm vào mã của bạn, giữ, rồi chọn “Sao chép”:",
        _EN: "Touch your code, hold it, and choose “Copy”:",
    },
    "join.open_and_follow": {
        _VI: "Mở trang của chúng tôi trên {name} rồi bấm “Quan tâm”:",
        _EN: "Open our page on {name} and press “Follow”:",
    },
    "join.send": {
        _VI: "Bấm “Nhắn tin”, dán mã vào và gửi. Vậy là xong.",
        _EN: "Press “Message”, paste the code and send it. That is all.",
    },
    "join.safe": {_VI: "Cần biết", _EN: "Good to know"},
    "join.own": {
        _VI: "Mã này của riêng bạn, dùng một lần. Đừng chuyển cho người khác.",
        _EN: "The code is yours alone and works once. Do not pass it on.",
    },
    "join.never": {
        _VI: "Chúng tôi không bao giờ hỏi mật khẩu, mã OTP, số thẻ hay yêu cầu chuyển tiền.",
        _EN: "We never ask for passwords, one-time codes, card numbers or money.",
    },
    "join.stop": {
        _VI: "Muốn ngừng: nhắn TC, hoặc bỏ quan tâm, chặn tài khoản này bất cứ lúc nào.",
        _EN: "To stop: write TC, or unfollow or block the account at any time.",
    },
    "no_doors.title": {_VI: "Chưa mở kênh này", _EN: "Not open yet"},
    "no_doors.text": {
        _VI: "Nơi bạn ở chưa có kênh Zalo hay Telegram để nhận thông báo. Hãy giữ lời mời và thử lại sau.",
        _EN: "There is no Zalo or Telegram channel for where you live yet. Keep the invitation and try again later.",
    },
    "no_invitation.title": {_VI: "Lời mời không đúng", _EN: "This invitation is not right"},
    "no_invitation.text": {
        _VI: "Đường dẫn bị thiếu hoặc sai ký tự. Hãy mở lại đường dẫn trong tin bạn nhận được, quét lại mã trên giấy"
        " mời, hoặc xin giấy mời mới ở Ủy ban nhân dân xã, phường.",
        _EN: "The link has lost or changed some letters. Open it again from the message, scan the paper again, or ask"
        " your commune's office for a new one.",
    },
    "expired_invitation.title": {_VI: "Lời mời đã hết hạn", _EN: "This invitation has expired"},
    "expired_invitation.text": {
        _VI: "Lời mời chỉ dùng được trong 90 ngày. Hãy xin lời mời mới ở Ủy ban nhân dân xã, phường.",
        _EN: "An invitation holds for 90 days. Please ask your commune's office for a new one.",
    },
    "slow_down.title": {_VI: "Bạn thử quá nhiều lần", _EN: "Too many tries"},
    "slow_down.text": {
        _VI: "Vui lòng thử lại sau ít phút.",
        _EN: "Please try again in a few minutes.",
    },
    "channel.sms": {_VI: "tin nhắn SMS", _EN: "SMS"},
    "channel.email": {_VI: "thư điện tử", _EN: "e-mail"},
    "channel.zalo_oa": {_VI: "tin Zalo", _EN: "Zalo message"},
    "channel.zalo_zns": {_VI: "tin Zalo theo số điện thoại", _EN: "Zalo message by phone number"},
    "channel.telegram": {_VI: "tin Telegram", _EN: "Telegram message"},
    "channel.loudspeaker": {_VI: "bản tin truyền thanh", _EN: "broadcast"},
    # -- when something is not there
    "missing.title": {_VI: "Không có trang này", _EN: "There is no such page"},
    "missing.text": {
        _VI: "Hãy kiểm tra lại địa chỉ trang.",
        _EN: "Please check the address of the page.",
    },
    "away.title": {_VI: "Hệ thống đang bận", _EN: "The system is not available"},
    "away.text": {
        _VI: "Yêu cầu của bạn chưa được ghi nhận. Vui lòng thử lại sau ít phút.",
        _EN: "What you asked for has not been recorded. Please try again in a few minutes.",
    },
}
