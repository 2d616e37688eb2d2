"""Why a delivery stands where it stands, in words for people, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from outreach.domain.states import DeliveryState, Reason
from outreach.domain.words import Channel


@dataclass(frozen=True, slots=True)
class Said:
    """One language's words: `what` happened, and what to `do` (may be nothing)."""

    what: str
    do: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The same in Vietnamese and English."""

    vi: Said
    en: Said

    def to_json(self) -> dict[str, dict[str, str]]:
        """Plain data."""
        return {"vi": {"what": self.vi.what, "do": self.vi.do}, "en": {"what": self.en.what, "do": self.en.do}}

    def text(self, language: str) -> str:
        """What happened and what to do, in `vi` or (for anything else) English."""
        said = self.vi if language == "vi" else self.en
        return f"{said.what} {said.do}"


Meaning = Callable[[str, str], Explanation | None]
"""What a code means that an account (its name) got from its provider; None for a code nobody has words for."""


def no_meaning(account: str, code: str) -> Explanation | None:
    """Of an installation whose providers explain nothing."""
    return None


def _e(vi: str, vi_do: str, en: str, en_do: str) -> Explanation:
    return Explanation(Said(vi, vi_do), Said(en, en_do))


_WAIT_VI: Final = "Không cần làm gì."
_WAIT_EN: Final = "Nothing to do."

STATES: Final[Mapping[DeliveryState, Explanation]] = {
    DeliveryState.PLANNED: _e(
        "Đang chờ đến giờ gửi.", _WAIT_VI,
        "Waiting for its time to leave.", _WAIT_EN,
    ),
    DeliveryState.SENDING: _e(
        "Đang gửi.", _WAIT_VI,
        "Being sent right now.", _WAIT_EN,
    ),
    DeliveryState.ACCEPTED: _e(
        "Nhà cung cấp đã nhận, chưa có báo nhận cuối cùng.", "Chờ báo nhận, chậm nhất 72 giờ.",
        "The provider took it; its last word is still to come.", "Wait for the receipt, 72 hours at most.",
    ),
    DeliveryState.UNKNOWN: _e(
        "Không rõ tin đã đi hay chưa: mất liên lạc đúng lúc đang gửi.",
        "Chờ báo nhận; hoặc gửi lại bằng `outreach deliveries retry`, khi đó người nhận có thể nhận hai lần.",
        "It is not known whether it left: contact was lost while it was being sent.",
        "Wait for a receipt, or send it again with `outreach deliveries retry`; the person may then get it twice.",
    ),
    DeliveryState.FAILED: _e(
        "Không gửi được.", "Xem mã lỗi, sửa nguyên nhân rồi gửi lại bằng `outreach deliveries retry`.",
        "It could not be delivered.",
        "Look at the code, mend the cause and send it again with `outreach deliveries retry`.",
    ),
    DeliveryState.DELIVERED: _e(
        "Đã tới người nhận.", _WAIT_VI,
        "It arrived.", _WAIT_EN,
    ),
    DeliveryState.READ: _e(
        "Người nhận đã đọc.", _WAIT_VI,
        "The recipient has read it.", _WAIT_EN,
    ),
    DeliveryState.SUPPRESSED: _e(
        "Không gửi, theo quy định hoặc vì thiếu điều kiện.", "Xem lý do đi kèm.",
        "Not sent, because of a rule or because something is missing.", "See the reason beside it.",
    ),
    DeliveryState.EXPIRED: _e(
        "Quá hạn nên không gửi.", "Lên lịch một đợt gửi mới nếu nội dung còn giá trị.",
        "It was too late, so it was not sent.", "Schedule another run if the text still holds.",
    ),
    DeliveryState.CANCELLED: _e(
        "Đã hủy trước khi gửi.", "Tạo chiến dịch mới nếu vẫn cần gửi.",
        "Cancelled before it was sent.", "Make another campaign if it is still wanted.",
    ),
}  # fmt: skip
"""What each state means by itself."""

ON_CHANNEL: Final[Mapping[tuple[DeliveryState, Channel], Explanation]] = {
    (DeliveryState.ACCEPTED, Channel.EMAIL): _e(
        "Máy chủ thư đã nhận; được tính là đã tiếp cận.", _WAIT_VI,
        "The mail server took it; it counts as reached.", _WAIT_EN,
    ),
    (DeliveryState.ACCEPTED, Channel.LOUDSPEAKER): _e(
        "Bài phát đã giao cho đài, chưa có xác nhận đã phát.", "Nhắc cán bộ xác nhận lượt phát.",
        "The station has the script; nobody has confirmed the broadcast yet.",
        "Remind the officer to confirm the broadcast.",
    ),
    (DeliveryState.DELIVERED, Channel.LOUDSPEAKER): _e(
        "Cán bộ đã xác nhận phát.", _WAIT_VI,
        "An officer confirmed the broadcast.", _WAIT_EN,
    ),
}  # fmt: skip
"""What a state means where a channel has its own meaning of it."""

_JOIN: Final = _e(
    "Không có địa chỉ nhận cho kênh này.", "Mời người này tham gia: outreach audience invite.",
    "There is no address for this channel.", "Invite this person to join: outreach audience invite.",
)  # fmt: skip

REASONS: Final[Mapping[Reason, Explanation]] = {
    Reason.NO_ADDRESS: _e(
        "Không có địa chỉ nhận cho kênh này.", "Bổ sung số điện thoại hoặc thư điện tử rồi nhập lại danh sách.",
        "There is no address for this channel.", "Add a phone number or an e-mail address and import the list again.",
    ),
    Reason.NO_ACCOUNT: _e(
        "Chưa có tài khoản kênh nào phục vụ đơn vị của người nhận.", "Khai báo tài khoản trong accounts.toml.",
        "No account serves this channel for the recipient's unit.", "Describe one in accounts.toml.",
    ),
    Reason.NO_STATION: _e(
        "Nơi ở không có đài truyền thanh nào.", "Khai báo đài hoặc cụm loa của đơn vị, hoặc dùng kênh khác.",
        "No loudspeaker station covers where they live.", "Enter the unit's stations, or use another channel.",
    ),
    Reason.OPTED_OUT: _e(
        "Người nhận đã từ chối nhận tin.", "Tôn trọng: chỉ gửi lại khi chính người đó đồng ý.",
        "The recipient has refused further messages.", "Respect it: only they themselves can agree again.",
    ),
    Reason.HARD_BOUNCE: _e(
        "Địa chỉ không tồn tại hoặc đã ngừng dùng.",
        "Hỏi người nhận địa chỉ mới rồi cập nhật; nếu vẫn dùng được: `outreach suppression lift`.",
        "The address does not exist or is out of use.",
        "Ask for the new address and update it; if it is in use after all: `outreach suppression lift`.",
    ),
    Reason.DO_NOT_CALL: _e(
        "Số thuộc Danh sách không quảng cáo quốc gia.", "Không gửi quảng cáo tới số này.",
        "The number is on the national Do-Not-Call list.", "Send no advertising to it.",
    ),
    Reason.NO_CONSENT: _e(
        "Chưa có sự đồng ý nhận tin quảng cáo.", "Thu thập sự đồng ý trước rồi nhập vào danh sách.",
        "There is no consent to advertising.", "Collect the consent first and import it.",
    ),
    Reason.UNDER_AGE: _e(
        "Dưới 18 tuổi và chưa có người giám hộ trong danh sách.", "Khai báo người giám hộ.",
        "Under 18 and without a guardian in the list.", "Enter the guardian.",
    ),
    Reason.CAPPED: _e(
        "Địa chỉ đã nhận đủ số tin cho phép trong 24 giờ.", "Giãn lịch gửi các thông điệp.",
        "The address has had as many messages as are allowed in 24 hours.", "Spread the messages over more days.",
    ),
    Reason.SHARED_ADDRESS: _e(
        "Người khác cùng địa chỉ nhận chung một tin; được tính là đã tiếp cận cùng người đó.", _WAIT_VI,
        "Somebody at the same address gets the one message; this person counts as reached with them.", _WAIT_EN,
    ),
    Reason.BY_STATION: _e(
        "Được đài truyền thanh nơi ở phục vụ; tính vào số ước tính.", "Nhắc cán bộ xác nhận lượt phát.",
        "Covered by the station where they live; counted in the estimate.",
        "Remind the officer to confirm the broadcast.",
    ),
    Reason.CASE_CLOSED: _e(
        "Hồ sơ đã giải quyết xong trước giờ nhắc.", _WAIT_VI,
        "The case was closed before the reminder left.", _WAIT_EN,
    ),
    Reason.CASE_MOVED: _e(
        "Ngày hẹn đã dời; lời nhắc theo ngày mới sẽ thay thế.", _WAIT_VI,
        "The date was moved; a reminder of the new date takes its place.", _WAIT_EN,
    ),
    Reason.ERASED: _e(
        "Dữ liệu cá nhân đã được xóa theo yêu cầu.", _WAIT_VI,
        "The person's data was erased on request.", _WAIT_EN,
    ),
    Reason.CONTENT: _e(
        "Không tạo được nội dung cho người nhận này.", "Sửa mẫu tin hoặc bổ sung dữ liệu còn thiếu rồi gửi lại.",
        "The text could not be made for this recipient.",
        "Mend the template or fill in what is missing, then send again.",
    ),
    Reason.LATE: _e(
        "Quá thời hạn gửi của thông điệp.", "Lên lịch đợt mới, hoặc nới `not_after` của thông điệp.",
        "It was past the time the message may still leave.",
        "Schedule another run, or widen the message's `not_after`.",
    ),
    Reason.CAMPAIGN_CANCELLED: _e(
        "Chiến dịch đã bị hủy.", "Tạo chiến dịch mới nếu vẫn cần gửi.",
        "The campaign was cancelled.", "Make another campaign if it is still wanted.",
    ),
    Reason.REJECTED: _e(
        "Nhà cung cấp từ chối.", "Tra mã lỗi của nhà cung cấp; sửa địa chỉ hoặc nội dung rồi gửi lại.",
        "The provider refused it.", "Look the provider's code up; mend the address or the text, then send again.",
    ),
    Reason.TRANSIENT: _e(
        "Nhà cung cấp tạm thời không phục vụ được.", "Hệ thống tự thử lại; nếu đã thất bại thì gửi lại khi ổn định.",
        "The provider could not serve it for a while.",
        "It is tried again by itself; where it has failed, send again when the provider is back.",
    ),
    Reason.THROTTLED: _e(
        "Nhà cung cấp yêu cầu gửi chậm lại.", "Hệ thống tự gửi tiếp; nếu lặp lại thì giảm `rate` của tài khoản.",
        "The provider asked to slow down.", "It goes on by itself; if it recurs, lower the account's `rate`.",
    ),
    Reason.WINDOW_CLOSED: _e(
        "Ngoài khung thời gian kênh cho phép nhắn người này.", "Kênh kế tiếp trong chuỗi sẽ gửi, nếu có.",
        "The channel's window for writing to this person is closed.", "The next channel takes over, if there is one.",
    ),
    Reason.MISCONFIGURED: _e(
        "Tài khoản kênh cấu hình sai nên đã tạm dừng.", "Sửa tài khoản trong accounts.toml rồi cho chạy lại.",
        "The account is set up wrongly and was paused.", "Mend it in accounts.toml and put it back into service.",
    ),
    Reason.UNCERTAIN: _e(
        "Nhà cung cấp không trả lời sau khi đã nhận yêu cầu.",
        "Chờ báo nhận, nếu kênh có báo nhận; hoặc gửi lại và chấp nhận có thể trùng.",
        "The provider gave no answer to a request that may have reached it.",
        "Wait for a receipt, where there are any; or send again and accept that it may arrive twice.",
    ),
    Reason.LEASE_LOST: _e(
        "Tiến trình gửi dừng giữa chừng.", "Hệ thống tự xử lý; nếu vẫn «không rõ» thì người phụ trách quyết định.",
        "The sending process stopped in the middle.",
        "It is settled by itself; what stays unknown is for a person to decide.",
    ),
    Reason.RETRIED: _e(
        "Được người phụ trách cho gửi lại.", _WAIT_VI,
        "A person had it sent again.", _WAIT_EN,
    ),
    Reason.MOVED: _e(
        "Tài khoản kênh trước không gửi được; chuyển sang tài khoản khác, chưa gửi lần nào.", _WAIT_VI,
        "Its account could not send; it moved to another one and has not left yet.", _WAIT_EN,
    ),
    Reason.TRIAL: _e(
        "Chế độ thử: địa chỉ này không có trong danh sách địa chỉ thử.",
        "Thêm vào danh sách bằng `outreach account trial add`, hoặc tắt chế độ thử rồi trình duyệt lại.",
        "Trial mode: this address is not on the list of test addresses.",
        "Add it with `outreach account trial add`, or switch trial mode off and have that approved.",
    ),
    Reason.CLOSED_HOURS: _e(
        "Ngoài giờ được gửi.", "Hệ thống tự gửi khi tới giờ.",
        "It is outside the hours in which it may be sent.", "It leaves by itself when they open.",
    ),
}  # fmt: skip
"""What each reason means."""

_BY_WORD: Final = {str(reason): words for reason, words in REASONS.items()}


_TAKEN: Final = _e(
    "Nhà cung cấp đã nhận; được tính là đã tiếp cận, vì tài khoản này không có báo nhận.", _WAIT_VI,
    "The provider took it; it counts as reached, as this account has no receipts.", _WAIT_EN,
)  # fmt: skip
"""`accepted` where that is the proof: nobody is to wait for a receipt that never comes."""


def explain(
    state: DeliveryState, reason: str | None, channel: Channel | None = None, *, proved: bool = False
) -> Explanation:
    """The reason's words where there is a known one, else the state's, as the channel means it.

    `proved`: the state is the proof of reach of the account that sent it.
    """
    if reason == Reason.NO_ADDRESS and channel is not None and channel.account_bound:
        return _JOIN
    known = _BY_WORD.get(reason or "")
    if known is not None:
        return known
    if state is DeliveryState.ACCEPTED and proved and (state, channel) not in ON_CHANNEL:
        return _TAKEN
    return STATES[state] if channel is None else ON_CHANNEL.get((state, channel), STATES[state])
