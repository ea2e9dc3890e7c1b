"""The envelope of every message (报文头): parsed permissively, answered strictly.

Numbers come in as the text that was sent: an amount never passes through a binary fraction.
"""
from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import sha256

import orjson

from .refusals import Declined, declined

CHINA = timezone(timedelta(hours=8))
INFNO_MAX, MSGID_MAX, CODE_MAX, TEXT_MAX = 10, 60, 30, 60
# What stands around `input` beside infno, in the order of Envelope, and how long it may be.
TEXTS = {"msgid": MSGID_MAX, "fixmedins_code": CODE_MAX, "mdtrtarea_admvs": TEXT_MAX,
         "insuplc_admdvs": TEXT_MAX, "opter": TEXT_MAX, "opter_name": TEXT_MAX, "sign_no": TEXT_MAX}
UPLOAD = "9101"               # the only message that may be a stream
EMPTY_WORDS = frozenset({"null", "NULL", "undefined"})
_SIGNS = str.maketrans("", "", "-T:.")
_ESCAPED = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


@dataclass(frozen=True)
class Envelope:
    """What stands around `input`; texts are trimmed, missing ones empty."""

    infno: str
    msgid: str
    code: str                  # fixmedins_code
    mdtrtarea: str             # mdtrtarea_admvs 就医地
    insuplc: str               # insuplc_admdvs 参保地
    opter: str
    opter_name: str
    sign_no: str
    input: object              # as sent: an object, a list, or nothing
    body: bytes
    digest: bytes

    @property
    def key(self) -> tuple[str, str, str, bytes]:
        """What makes two messages the same one (README 6): code, msgid, infno and body."""
        return self.code, self.msgid, self.infno, self.digest

    @property
    def kept(self) -> str:
        """The text that is kept of it: of an upload what came, not the file, which is kept
        apart."""
        if self.infno != UPLOAD:
            try:
                return self.body.decode("utf-8-sig")
            except UnicodeDecodeError:
                return self.body.decode("gb18030", "replace")
        return json.dumps({"infno": UPLOAD, "msgid": self.msgid, "fixmedins_code": self.code,
                           "bytes": len(self.body), "sha256": self.digest.hex()})


def read_envelope(body: bytes, path_infno: str = "") -> Envelope:
    """The envelope of a body. Raises Declined `bad-envelope`.

    `path_infno` stands in where the body has no infno, as for transactions without an envelope.
    """
    found = _parsed(body)
    if not isinstance(found, dict):
        raise declined("bad-envelope", "报文应为 JSON 对象")
    infno = text_of(found.get("infno")) or path_infno
    if not infno:
        raise declined("bad-envelope", "缺少交易编号", "infno")
    given = found["input"] if "input" in found else (
        {name: value for name, value in found.items() if name != "infno"} if path_infno else None)
    texts = [infno, *(text_of(found.get(name)) for name in TEXTS)]
    for text, (name, most) in zip(texts, (("infno", INFNO_MAX), *TEXTS.items()), strict=True):
        if len(text) > most:
            raise declined("bad-envelope", f"超过 {most} 位", name)
    return Envelope(*texts, given, body, sha256(body).digest())


def is_stream(body: bytes, headers: Mapping[str, str], path_infno: str) -> bool:
    """Whether a body is a file, not a message: an upload that is no JSON object, as 9101 of the
    standard has it."""
    asked = path_infno or headers.get("_api_name", "").removeprefix("api_")
    return asked == UPLOAD and (headers.get("content-type", "") == "application/octet-stream"
                                or body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{")


def read_upload(body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> Envelope:
    """A 9101 whose body is the file itself: what the envelope says stands in the query or in
    headers of the same names; without a msgid the content is what makes it the same message."""
    digest = sha256(body).digest()
    given = {name: text_of(query.get(name) or headers.get(name)) for name in (
        "filename", "fixmedins_code", "msgid", "opter")}
    code, msgid = given["fixmedins_code"][:CODE_MAX], given["msgid"][:MSGID_MAX]
    file = {"in": body, "filename": given["filename"] or "upload.txt", "fixmedins_code": code}
    return Envelope(UPLOAD, msgid or f"STREAM{digest.hex()[:24]}", code, "", "",
                    given["opter"][:TEXT_MAX], "", "", {"fsUploadIn": file}, body, digest)


def text_of(value: object) -> str:
    """A scalar as text: trimmed, null and its spellings empty, numbers as they were written."""
    if not isinstance(value, str):         # by far the most frequent
        if value is None or isinstance(value, (dict, list)):
            return ""
        if isinstance(value, bool):
            return "1" if value else "0"
        value = str(value)
    text = value.strip()
    return "" if text in EMPTY_WORDS else text


def _parsed(body: bytes) -> object:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("gb18030", "replace")
    try:
        # Fractions stay text; whole numbers are exact anyway.
        found = json.loads(text, parse_float=str, parse_constant=str)
        if _ESCAPED.search(body):        # half a character, or NUL: no database holds them
            plain = json.dumps(found, ensure_ascii=False).encode()
            if rb"\u0000" in plain:
                raise _unreadable()
    except (ValueError, RecursionError):
        raise _unreadable() from None
    return found


def _unreadable() -> Declined:
    return declined("bad-envelope", "报文不是有效的 JSON（UTF-8）")


def moment_17(moment: datetime) -> str:
    """yyyyMMddHHmmssSSS, civil time in China."""
    return moment.astimezone(CHINA).isoformat(timespec="milliseconds")[:23].translate(_SIGNS)


def reply_number(area: str, moment: datetime, serial: int) -> str:
    """inf_refmsgid: area 6, time 14, serial 10."""
    return f"{area[:6]:0<6}{moment_17(moment)[:14]}{serial % 10 ** 10:010d}"


def reply_body(*, numeric: bool, wrapped: bool, infcode: int, refmsgid: str, at: str,
               err_msg: str = "", warn_msg: str = "", output: object = None) -> bytes:
    """The bytes of a reply, in the form the caller's profile asks for."""
    found: dict[str, object] = {
        "infcode": infcode if numeric else str(infcode), "inf_refmsgid": refmsgid,
        "refmsg_time": at, "respond_time": at, "warn_msg": warn_msg, "err_msg": err_msg,
        "cainfo": "", "signtype": "", "output": {} if output is None else output}
    if wrapped:
        found = {"code": 200 if infcode == 0 else 500, "type": "success" if infcode == 0
                 else "error", "message": err_msg or "成功", "data": found}
    return orjson.dumps(found)


def shape_of(found: object) -> Mapping[str, object]:
    """An input as an object: a bare list or nothing has no fields."""
    return found if isinstance(found, dict) else {}
