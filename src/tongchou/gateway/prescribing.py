"""Electronic prescriptions (电子处方, ZB-02): numbers, states, signature, and who may see one.

A hospital checks and uploads a prescription (7101 to 7103); a drugstore that its patient shows a
credential to (7201) gets a token for it, reads, reviews and dispenses it (7204 to 7207). Everything
a prescription says of a person is sealed. The signature is ours (Ed25519, the key that closes the
books too): it proves that a file is the one signed here, it is no certificate of an authority.
"""
from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from ..database import shard_of
from ..privacy import KeyRing, is_signed
from ..settlement import local_time
from . import prescription_store as store
from .call import Call
from .prescription_store import Prescription, Use
from .reading import Row
from .refusals import declined

GIVEN = "given"              # prescribed code -> quantity, in the sealed part of a dispensing
SEALED_AS, TOKEN = "prescription", "prescription token"
VALID, EXPIRED, WITHDRAWN = ("1", "有效"), ("2", "已失效"), ("3", "已撤销")      # rxStasCodg
UNUSED, USED = ("1", "未使用"), ("2", "已使用")                                 # rxUsedStasCodg
TOKEN_SECONDS = 2 * 3600
DISPENSES = "pharmacy"         # the kind of visit a drugstore is designated for


def rx_number(call: Call, psn_no: str) -> str:
    """hiRxno of the prescription a message makes; the person's shard is in it."""
    day = local_time(call.at)[:10].replace("-", "")
    return f"RX{day}{shard_of(call.region, psn_no):02d}{call.slot.digest.hex()[:16]}"


def sealed(call: Call, said: Mapping[str, object]) -> bytes:
    """What is kept of a prescription."""
    return call.desk.platform.enrolment.keys.seal(json.dumps(said, ensure_ascii=False), SEALED_AS)


def opened(call: Call, kept: bytes | None) -> dict[str, object]:
    """The sealed part of a prescription; empty where nothing is kept."""
    if kept is None:
        return {}
    return json.loads(call.desk.platform.enrolment.keys.unseal(kept, SEALED_AS))


def civil_now(call: Call) -> datetime:
    """Now, as prescriptions carry time."""
    return datetime.fromisoformat(call.now)


# --- which one ------------------------------------------------------------------------------------
def read(call: Call, rx_no: str) -> tuple[Prescription, list[Use]]:
    """A prescription that was uploaded, and its uses. Raises Declined `unknown-prescription`."""
    with call.desk.platform.database.connection() as connection:
        one = store.read(connection, call.region, rx_no)
        uses = store.uses(connection, call.region, rx_no) if one else []
    if one is None:
        raise declined("unknown-prescription", "查无此电子处方", f"hiRxno {rx_no[:30]}")
    return one, uses


def own(call: Call, row: Row) -> tuple[Prescription, list[Use], dict[str, object]]:
    """The hospital's own prescription of a message, with what it says.

    Raises Declined `unknown-prescription`, `not-own-institution`, `person-differs`."""
    own_code(call, row)
    one, uses = read(call, row.need("hiRxno"))
    if one.institution != call.profile.code:
        raise declined("not-own-institution", "该处方不是本机构开具的", f"hiRxno {one.rx_no}")
    said = opened(call, one.content)
    check_person(row, said["mdtrtinfo"])
    return one, uses, said


def own_code(call: Call, row: Row) -> None:
    """fixmedinsCode is the sender's. Raises Declined `not-own-institution`."""
    if row.text("fixmedinsCode", call.profile.code) != call.profile.code:
        raise declined("not-own-institution", "机构编号与接入机构不一致", "fixmedinsCode")


def check_person(row: Row, visit: Mapping[str, object]) -> None:
    """Name and document of a message against the prescription's. Raises Declined
    `person-differs`."""
    for names, kept in ((("patnName", "psnName"), "patnName"), (("certno",), "certno")):
        for name in names:
            given = row.text(name)
            if given and given.upper() != str(visit[kept]).upper():
                raise declined("person-differs", "与处方上的人员信息不一致", name)


def status(call: Call, one: Prescription) -> tuple[str, str]:
    """rxStasCodg and its name. Raises Declined `not-uploaded`."""
    if one.state == "withdrawn":
        return WITHDRAWN
    if one.state == "checked":
        raise declined("not-uploaded", "处方已预核验，尚未上传（7103）", f"hiRxno {one.rx_no}")
    return VALID if civil_now(call) <= one.valid_until else EXPIRED


# --- what is handed out ---------------------------------------------------------------------------
class Progress(NamedTuple):
    """How far a prescription is handed out: how often as a whole, and what of each drug may be
    handed out now (quantity in the unit of the prescription, 0 once it is used up)."""

    times: int
    left: Mapping[str, Decimal]
    is_begun: bool             # part of the time at hand is handed out

    def taken(self, code: str) -> bool:
        """Whether nothing is left of a drug."""
        return not self.left.get(code)


def progress(one: Prescription, uses: list[Use], said: Mapping[str, object],
             opening: Callable[[bytes | None], Mapping[str, object]]) -> Progress:
    """What was handed out and not taken back, against what was prescribed (`said`)."""
    wanted: dict[str, Decimal] = {}
    for drug in said["drugs"]:
        code = drug["medListCodg"]
        wanted[code] = wanted.get(code, Decimal(0)) + Decimal(drug["drugCnt"])
    given = dict.fromkeys(wanted, Decimal(0))
    for use in uses:
        for code, count in (opening(use.dispensing).get(GIVEN, {}) if use.counts else {}).items():
            given[code] += Decimal(count)
    times = min(one.uses, *(int(given[code] // wanted[code]) for code in wanted))
    left = {code: wanted[code] * min(times + 1, one.uses) - given[code] for code in wanted}
    return Progress(times, left, any(given[code] > wanted[code] * times for code in wanted))


def progress_of(call: Call, one: Prescription, uses: list[Use]) -> Progress:
    """The same, read from what is sealed."""
    return progress(one, uses, opened(call, one.content), lambda kept: opened(call, kept))


def use_status(one: Prescription, far: Progress) -> tuple[str, str]:
    """rxUsedStasCodg and its name: used once everything is handed out; the national table has no
    code for a part of it."""
    return USED if far.times >= one.uses else UNUSED


def used(uses: list[Use]) -> int:
    """How often something was handed out."""
    return sum(use.counts for use in uses)


def must_be_usable(call: Call, one: Prescription, uses: list[Use]) -> None:
    """Raises Declined `prescription-not-valid`, `prescription-used`, `too-soon`."""
    state = status(call, one)
    if state != VALID:
        raise declined("prescription-not-valid", f"处方{state[1]}", f"hiRxno {one.rx_no}")
    far = progress_of(call, one, uses)
    if use_status(one, far) == USED:
        raise declined("prescription-used", "处方已使用，不能再次取药", f"hiRxno {one.rx_no}")
    days = [(civil_now(call) - datetime.fromisoformat(local_time(use.dispensed_at))).days
            for use in uses if use.counts]
    if days and not far.is_begun and min(days) < one.interval_days:
        raise declined("too-soon", f"距上次取药不足 {one.interval_days} 天",
                       f"hiRxno {one.rx_no}")


def check_flow(call: Call, psn_no: str, rows: tuple[Row, ...]) -> None:
    """Lines sold on one of our prescriptions: it is this person's and stands. Raises Declined
    `person-differs`, `prescription-not-valid`, `unknown-prescription`."""
    numbers = {row.text("rxno") for row in rows}
    for number in sorted(numbers):
        if store.shard_in(number) < 0:
            continue                       # a paper prescription, or one of another centre
        one, uses = read(call, number)
        if one.psn_no != psn_no:
            raise declined("person-differs", "处方不是该参保人的", f"rxno {number}")
        state = status(call, one)
        if state == WITHDRAWN or (state == EXPIRED and not used(uses)):
            raise declined("prescription-not-valid", f"处方{state[1]}", f"rxno {number}")


# --- tokens ---------------------------------------------------------------------------------------
def _mark(keys: KeyRing, text: str) -> str:
    return keys.index(text, TOKEN).hex()


def token_for(call: Call, rx_no: str) -> tuple[str, str]:
    """epcToken of this drugstore for a prescription, and until when (civil time)."""
    until = int(call.at.timestamp()) + TOKEN_SECONDS
    text = f"{rx_no}|{call.profile.code}|{until}"
    mark = _mark(call.desk.platform.enrolment.keys, text)
    return f"{until:010x}{mark}", local_time(datetime.fromtimestamp(until, call.at.tzinfo))


def with_token(call: Call, row: Row, rx_no: str) -> tuple[Prescription, list[Use]]:
    """The prescription a drugstore's token opens. Raises Declined `bad-token`,
    `unknown-prescription`, `not-designated` and other refusals of the platform."""
    own_code(call, row)
    must_dispense(call)
    given = row.need("epcToken")
    try:
        until = int(given[:10], 16)
    except ValueError:
        until = 0
    text = f"{rx_no}|{call.profile.code}|{until}"
    keys = call.desk.platform.enrolment.keys
    right = any(hmac.compare_digest(given[10:].encode(), mark.hex().encode())
                for mark in keys.indexes(text, TOKEN))
    if not right or until < int(call.at.timestamp()):
        raise declined("bad-token", "电子处方令牌无效或已过期，请重新取得授权（7201）", "epcToken")
    return read(call, rx_no)


def must_dispense(call: Call) -> None:
    """Raises what the platform refuses of an institution that is not designated to dispense."""
    call.desk.platform.places.designated(call.region, call.profile.code, DISPENSES, call.today)


def verification_number(call: Call, rx_no: str) -> str:
    """rxSignVerifySn: what a drugstore got for having verified the file (7205)."""
    return "V" + _mark(call.desk.platform.enrolment.keys, f"{rx_no}|{call.profile.code}|file")[4:40]


# --- the signature --------------------------------------------------------------------------------
def sign(call: Call, file: str) -> dict[str, str]:
    """signDigest and the key's number of a prescription file. Raises Declined `no-signing-key`."""
    signer = call.desk.platform.enrolment.keys.signer
    if signer is None:
        raise declined("no-signing-key", "本平台密钥文件中没有签名密钥，不能签名，请联系管理员")
    return {"signDigest": base64.b64encode(signer.sign(_message(file))).decode(),
            **certificate(signer.key_id)}


def certificate(key_id: int) -> dict[str, str]:
    """signCertSn, signCertDn: our key's number; no authority stands behind it."""
    return {"signCertSn": f"TONGCHOU-{key_id}",
            "signCertDn": f"CN=Tongchou signing key {key_id}, OU=no certificate authority"}


def signed_by(call: Call, file: str, digest: str) -> int | None:
    """The number of our key that signed a file, None when none did."""
    try:
        signature = base64.b64decode(digest, validate=True)
    except (binascii.Error, ValueError):
        return None
    return next((key.key_id for key in call.desk.platform.enrolment.keys.signing
                 if is_signed(key.public, _message(file), signature)), None)


def _message(file: str) -> bytes:
    return b"prescription\0" + file.encode("utf-8", "backslashreplace")
