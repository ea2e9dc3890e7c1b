"""One institution's client (客户端): builds messages, reads replies, repeats what got no reply."""
from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from . import dialects
from .refusals import NoReply, Refused
from .transport import Access, Message, Post, over_http, path_of, signed_headers

CHINA = timezone(timedelta(hours=8))
TRIES, FIRST_PAUSE_SECONDS = 4, 0.2
CERTIFICATE, IDENTITY_CARD = "02", "01"         # mdtrt_cert_type, psn_cert_type
IN_FORCE = "1"                                  # psn_insu_stas


@dataclass(frozen=True)
class Person:
    """Whom a message is about, as 1101 answered."""

    psn_no: str
    name: str
    certno: str
    insutype: str
    psn_type: str = ""

    def fields(self) -> dict[str, object]:
        """What most messages repeat of the person."""
        return {"psn_no": self.psn_no, "mdtrt_cert_type": CERTIFICATE,
                "mdtrt_cert_no": self.certno, "card_sn": "", "psn_cert_type": IDENTITY_CARD,
                "certno": self.certno, "psn_name": self.name, "psn_type": self.psn_type,
                "insutype": self.insutype}


class Client:
    """A window of an institution. One thread uses it at a time.

    `post` sends (path, headers, body) and gives the bytes of the reply; it raises OSError when none
    came. `clock` gives the present moment.
    """

    def __init__(self, access: Access, post: Post | None = None, *,
                 clock: Callable[[], datetime] = lambda: datetime.now(CHINA)) -> None:
        self.access, self.clock = access, clock
        self._post = post or over_http(access.base)
        self.operator, self.sign_no, self.warning = "0001", "", ""
        self._serial = itertools.count(random.randrange(10_000))

    # --- messages -----------------------------------------------------------------------------
    def call(self, infno: str, given: object, psn_no: str = "") -> dict[str, object]:
        """The output of a new message. Raises Refused, NoReply."""
        return self.again(self.message(infno, given, psn_no))

    def message(self, infno: str, given: object, psn_no: str = "", msgid: str = "") -> Message:
        """A message to be sent; keep it until its reply is stored."""
        msgid, moment = msgid or self.new_msgid(), self.clock()
        envelope = {
            "infno": infno, "msgid": msgid, "mdtrtarea_admvs": self.access.area,
            "insuplc_admdvs": self.access.area, "recer_sys_code": "HIS", "dev_no": "",
            "dev_safe_info": "", "cainfo": "", "signtype": "", "infver": "V1.0",
            "opter_type": "1", "opter": self.operator, "opter_name": self.operator,
            "inf_time": moment.strftime("%Y-%m-%d %H:%M:%S"), "fixmedins_code": self.access.code,
            "fixmedins_name": self.access.code, "sign_no": self.sign_no,
            "input": dialects.sent(self.access.dialect, infno, given)}
        body = json.dumps(envelope, ensure_ascii=False, default=str).encode()
        return Message(infno, msgid, psn_no, body)

    def again(self, message: Message, tries: int = TRIES) -> dict[str, object]:
        """Sends a message as it is until a reply comes: the same message is done once.

        Raises Refused, NoReply."""
        return self._output(message.infno, self.raw(message, tries))

    def raw(self, message: Message, tries: int = TRIES) -> bytes:
        """The bytes of the reply to a message. Raises NoReply."""
        path, why = path_of(self.access, message.infno), ""
        for number in range(tries):
            if number:
                time.sleep(FIRST_PAUSE_SECONDS * 2 ** (number - 1))
            try:
                return self._post(path, signed_headers(self.access, message.infno), message.body)
            except OSError as fault:
                why = str(fault)
        raise NoReply(message, why)

    def new_msgid(self) -> str:
        """Institution 12, moment 14, serial 4."""
        return (f"{self.access.code[:12]:0<12}{self.clock():%Y%m%d%H%M%S}"
                f"{next(self._serial) % 10_000:04d}")

    def _output(self, infno: str, reply: bytes) -> dict[str, object]:
        try:
            found = json.loads(reply, parse_float=Decimal)
        except ValueError:
            raise Refused.of(f"[bad-reply] {reply[:60]!r}", infno) from None
        if "infcode" not in found and isinstance(found.get("data"), dict):
            found = found["data"]                       # wrapped by a front
        if "infcode" not in found:                      # family A was not let in
            raise Refused.of(f"[bad-signature] {found.get('message', '')}", infno)
        if str(found["infcode"]) != "0":
            raise Refused.of(str(found["err_msg"]), infno)
        self.warning = str(found.get("warn_msg") or "")
        output: dict[str, object] = dialects.received(self.access.dialect, infno,
                                                      found.get("output") or {})
        return output

    # --- sign-in, persons ---------------------------------------------------------------------
    def sign_in(self, operator: str = "0001") -> str:
        """9001: once an operator and day; the number goes along from now on."""
        self.operator = operator
        out = self.call("9001", {"signIn": {"opter_no": operator, "mac": "00-00", "ip": "0.0.0.0"}})
        self.sign_no = str(out["signinoutb"]["sign_no"])
        return self.sign_no

    def sign_out(self) -> None:
        """9002."""
        self.call("9002", {"signOut": {"sign_no": self.sign_no, "opter_no": self.operator}})
        self.sign_no = ""

    def identify(self, certno: str, name: str) -> Person:
        """1101: who it is, and the insurance in force."""
        out = self.call("1101", {"data": {
            "mdtrt_cert_type": CERTIFICATE, "mdtrt_cert_no": certno, "card_sn": "",
            "psn_cert_type": IDENTITY_CARD, "certno": certno, "psn_name": name}})
        covers = out["insuinfo"]
        cover = next((one for one in covers if str(one["psn_insu_stas"]) == IN_FORCE),
                     covers[-1] if covers else {})
        return Person(str(out["baseinfo"]["psn_no"]), name, certno,
                      str(cover.get("insutype", "")), str(cover.get("psn_type", "")))

    # --- what got no reply --------------------------------------------------------------------
    def take_back(self, lost: Message) -> None:
        """2601: the message counts as never sent, whether it arrived or not. Twice is once."""
        self.call("2601", {"data": {"psn_no": lost.psn_no, "omsgid": lost.msgid,
                                    "oinfno": lost.infno}}, lost.psn_no)

    # --- files --------------------------------------------------------------------------------
    def upload(self, filename: str, content: bytes) -> str:
        """9101: the number of the file."""
        out = self.call("9101", {"fsUploadIn": {"in": list(content), "filename": filename,
                                                "fixmedins_code": self.access.code}})
        return str(out["file_qury_no"])

    def download(self, number: str, filename: str) -> bytes:
        """9102: the bytes of a file. Raises Refused."""
        asked = self.message("9102", {"fsDownloadIn": {
            "file_qury_no": number, "filename": filename, "fixmedins_code": self.access.code}})
        reply = self.raw(asked)
        if reply[:1] == b"{":
            self._output("9102", reply)
        return reply


def one_of(output: Mapping[str, object], node: str) -> Mapping[str, object]:
    """The row of a node, where clients and centres disagree on one row and a list of one."""
    found = output.get(node) or {}
    return found[0] if isinstance(found, list) else found
