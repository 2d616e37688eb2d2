"""Why Telegram does not take a message, in words for people: what happened and what to do. Plain data: correct it here.

Telegram tells its reasons in English sentences; the codes are ours (`telegram_codes`), the numbers those of HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from channels.abilities import Advice

_JOIN = "Mời người này bấm “Bắt đầu” (START) lại; trong lúc chờ, dùng kênh khác."
_JOIN_EN = "Invite them to press START again; use another channel meanwhile."
_TECHNICIAN = "Báo người quản trị hệ thống sửa thông tin tài khoản, rồi cho tài khoản chạy lại."
_TECHNICIAN_EN = "Ask the operator to mend the account's settings, then to put the account back into service."
_BY_ITSELF = "Không cần làm gì: hệ thống tự gửi lại."
_BY_ITSELF_EN = "Nothing to do: it is sent again by itself."
_WAIT = "Nếu người nhận báo chưa nhận được thì gửi lại."
_WAIT_EN = "Send it again if the recipient says that nothing came."

ADVICE: Final[Mapping[str, Advice]] = {
    # the recipient
    "blocked": Advice(
        "Người nhận đã chặn tài khoản Telegram của đơn vị.", "Tôn trọng: không gửi nữa, trừ khi chính họ mở lại.",
        "The recipient has blocked the bot.", "Respect it: only they themselves can open it again.",
    ),
    "kicked": Advice(
        "Tài khoản của đơn vị đã bị đưa ra khỏi nhóm.", "Muốn gửi tiếp, nhờ quản trị nhóm thêm lại.",
        "The bot was put out of the group.", "To write there again, ask the group's owner to add it.",
    ),
    "deactivated": Advice(
        "Tài khoản Telegram của người nhận không còn.", "Dùng kênh khác.",
        "The recipient's Telegram account is gone.", "Use another channel.",
    ),
    "forbidden": Advice(
        "Người nhận chưa nhắn cho tài khoản Telegram của đơn vị, hoặc đã rời đi.", _JOIN,
        "The recipient has not written to the bot, or has left it.", _JOIN_EN,
    ),
    "chat_not_found": Advice(
        "Không tìm thấy cuộc trò chuyện với người nhận.", _JOIN,
        "There is no chat with the recipient.", _JOIN_EN,
    ),
    "no_rights": Advice(
        "Tài khoản của đơn vị không được viết trong nhóm này.", "Nhờ quản trị nhóm cho phép gửi tin.",
        "The bot may not write in this group.", "Ask the group's owner to allow it.",
    ),
    # the text
    "text": Advice(
        "Telegram không nhận nội dung: trống, quá dài hoặc có ký tự lạ.", "Sửa nội dung rồi gửi lại.",
        "Telegram refuses the text: empty, too long or not readable.", "Mend it and send it again.",
    ),
    "400": Advice(
        "Telegram không nhận tin này.", "Kiểm tra nội dung; nếu không thấy gì sai, báo người quản trị hệ thống.",
        "Telegram refuses the message.", "Look at the text; if nothing is wrong with it, tell the operator.",
    ),
    # the account
    "401": Advice(
        "Telegram không nhận mã của tài khoản.", _TECHNICIAN,
        "Telegram does not accept the bot's token.", _TECHNICIAN_EN,
    ),
    "403": Advice(
        "Nơi nhận tin không phải là Telegram.", _TECHNICIAN,
        "What answers is not Telegram.", _TECHNICIAN_EN,
    ),
    "404": Advice(
        "Telegram không biết tài khoản này.", _TECHNICIAN,
        "Telegram does not know the bot.", _TECHNICIAN_EN,
    ),
    # the moment
    "408": Advice(
        "Telegram chưa xử lý kịp.", _BY_ITSELF,
        "Telegram was too slow.", _BY_ITSELF_EN,
    ),
    "409": Advice(
        "Telegram đang bận với tài khoản này.", _BY_ITSELF,
        "Telegram is busy with this bot.", _BY_ITSELF_EN,
    ),
    "429": Advice(
        "Gửi nhanh hơn mức Telegram cho phép nên phải chờ.", _BY_ITSELF,
        "More was sent at once than Telegram allows, so it waits.", _BY_ITSELF_EN,
    ),
    "500": Advice(
        "Telegram đang gặp sự cố.", _BY_ITSELF,
        "Telegram is out of order.", _BY_ITSELF_EN,
    ),
    "502": Advice(
        "Đường tới Telegram gặp sự cố, không rõ tin đã tới chưa.", _WAIT,
        "The way to Telegram is out of order; it is not known whether the message arrived.", _WAIT_EN,
    ),
    "503": Advice(
        "Telegram tạm ngừng phục vụ.", _BY_ITSELF,
        "Telegram is out of service.", _BY_ITSELF_EN,
    ),
    "504": Advice(
        "Telegram không trả lời kịp, không rõ tin đã tới chưa.", _WAIT,
        "Telegram did not answer in time; it is not known whether the message arrived.", _WAIT_EN,
    ),
}  # fmt: skip
