"""What a client is told when it is not answered (拒绝与无应答)."""
from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import Refusal, TongchouError

if TYPE_CHECKING:
    from .transport import Message

_CODE = re.compile(r"\[([a-z0-9-]+)\] ?(.*)\Z", re.DOTALL)


class Refused(Refusal):
    """infcode is not 0: `code` is the platform's own code ("refused" where there is none),
    `message` the sentence for the clerk. Nothing was done."""

    @classmethod
    def of(cls, err_msg: str, infno: str) -> Refused:
        """From an err_msg."""
        found = _CODE.match(err_msg)
        code, zh = found.groups() if found else ("refused", err_msg)
        return cls(code, zh, f"infno {infno}", "", "")


class NoReply(TongchouError):
    """No reply came, after repeats: whether the message was carried out is not known. `sent` is the
    message; send it again as it is (`Client.again`), or take it back (`Client.take_back`)."""

    def __init__(self, sent: Message, why: str) -> None:
        super().__init__("no-reply", f"no reply to {sent.infno}: {why}", f"msgid {sent.msgid}",
                         "", "Send the same message again, or take it back with 2601.")
        self.sent = sent
