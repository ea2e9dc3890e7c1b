"""Documents by which people are known: the 18-digit number and all others (证件).

The citizen's number (GB 11643): six digits of the place of first registration, birth date, order
of birth (odd: male), check digit. The place is history and may have gone since (522401 was a city
that is 520502 now), so only its province is looked at.
"""
from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date

from ..errors import CaseError

# psn_cert_type 人员证件类型: the codes of the national table that a person may be known by.
CERTIFICATE_KINDS: dict[str, str] = {
    "01": "居民身份证（户口簿）", "02": "中国人民解放军军官证", "03": "中国人民武装警察警官证",
    "04": "香港特区护照/港澳居民来往内地通行证", "05": "澳门特区护照/港澳居民来往内地通行证",
    "06": "台湾居民来往大陆通行证", "07": "外国人永久居留证", "08": "外国人护照",
    "09": "残疾人证", "10": "军烈属证明", "11": "外国人就业证", "12": "外国专家证",
    "13": "外国人常驻记者证", "14": "台港澳人员就业证", "15": "回国（来华）定居专家证",
    "16": "中国护照", "17": "港澳台居民居住证", "90": "社会保障卡", "99": "其他身份证件",
    "990201": "医学出生证明",
}
RESIDENT, BIRTH, OTHER = "01", "990201", "99"
PROVISIONAL_PREFIX = "NB"          # 新生儿 without any document: a number of ours until it has one
_EIGHTEEN = ("01", "07", "17")     # kinds whose number has the form of a citizen's

PROVINCES = frozenset(
    "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 "
    "71 81 82 83".split())
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_CENTENARIAN = ("996", "997", "998", "999")  # 15 digits: orders of birth kept for the 1800s
# Others by kind; what has no pattern here takes letters and digits.
_PATTERNS = {
    "04": r"[HMhm]?\d{8,10}|[A-Z]{1,2}\d{7,8}", "05": r"[HMhm]?\d{8,10}|[A-Z]{1,2}\d{7,8}",
    "06": r"\d{8}|\d{10}|[A-Z]\d{8,10}", "08": r"[A-Z0-9]{5,15}", "16": r"[A-Z]{1,2}\d{7,8}",
    "990201": r"[A-Z]\d{9}",
}
_ANY = re.compile(r"[A-Z0-9一-鿿()-]{4,30}\Z")


class IdentityFault(ValueError):
    """A number that cannot be right: `code`, what in 中文 and English, and what to do."""

    def __init__(self, code: str, zh: str, en: str, hint: str) -> None:
        super().__init__(f"{zh} ({en})")
        self.code, self.zh, self.en, self.hint = code, zh, en, hint


@dataclass(frozen=True)
class Document:
    """A document as it is stored and searched; `born` and `sex` where the number tells them.

    `sex` is the national code "1" or "2", `born` an ISO day; both "" where it does not.
    """

    kind: str
    number: str
    born: str = ""
    sex: str = ""
    upgraded: bool = False


def read_document(kind: str, text: str, born: str = "", sex: str = "") -> Document:
    """The document of a kind of `CERTIFICATE_KINDS`, in the form that is compared.

    A 15-digit citizen's number becomes its 18 digits. `born` and `sex` ("" unknown, "9" not said)
    must agree with the number. Raises IdentityFault.
    """
    if kind not in CERTIFICATE_KINDS:
        raise IdentityFault("certificate-kind", f"没有证件类型 {kind}", f"no document kind {kind}",
                            "Use a code of psn_cert_type, such as 01 for the resident card.")
    number = normalised(text)
    if not number:
        raise IdentityFault("certificate-missing", "缺证件号码", "the number is missing",
                            "A newborn without a number: leave kind and number empty, give the "
                            "birth date (新生儿可留空).")
    if kind == RESIDENT or kind in _EIGHTEEN and len(number) == 18:
        found = _read_resident(kind, number)
        _agree(found, born, sex)
        return found
    pattern = _PATTERNS.get(kind)
    if not (re.fullmatch(pattern, number) if pattern else _ANY.match(number)):
        raise IdentityFault("certificate-form", f"不像{CERTIFICATE_KINDS[kind]}的号码",
                            f"not the form of a number of kind {kind}",
                            "Compare it with the document, or choose its right kind.")
    return Document(kind, number)


def provisional(psn_no: str) -> Document:
    """The stand-in of a newborn without a number; a real document replaces it later."""
    return Document(OTHER, PROVISIONAL_PREFIX + psn_no)


def normalised(text: str) -> str:
    """Full-width characters become plain, blanks go, letters are capitals."""
    plain = unicodedata.normalize("NFKC", text)
    return re.sub(r"[\s'‘’`　]+", "", plain).upper()


def check_digit(first17: str) -> str:
    """The eighteenth character of the first seventeen digits (ISO 7064, modulus 11-2)."""
    return _CHECKS[sum(int(digit) * weight for digit, weight
                       in zip(first17, _WEIGHTS, strict=True)) % 11]


def upgraded(number15: str) -> str:
    """The 18 digits of a first-generation number: the century and the check digit added."""
    century = "18" if number15[12:] in _CENTENARIAN else "19"
    first17 = number15[:6] + century + number15[6:]
    return first17 + check_digit(first17)


def birth_of(number18: str) -> str:
    """The ISO day of birth inside a number; "" when there is no such day."""
    try:
        return date(int(number18[6:10]), int(number18[10:12]), int(number18[12:14])).isoformat()
    except ValueError:
        return ""


def _read_resident(kind: str, number: str) -> Document:
    old = len(number) == 15
    if not re.fullmatch(r"[0-9]{15}|[0-9]{17}[0-9X]", number):
        count = len(number)
        raise IdentityFault("identity-form", f"应为18位（末位可为X）或15位数字，现有{count}位",
                            f"18 characters (the last may be X) or 15 digits, not {count}",
                            "Type it again from the card; in Excel make the column text.")
    number = upgraded(number) if old else number
    if number[:2] not in PROVINCES and not (kind == "07" and number[0] == "9"):
        raise IdentityFault("identity-region", f"前两位 {number[:2]} 不是任何省份",
                            f"no province begins with {number[:2]}",
                            "Type it again from the card.")
    born = birth_of(number)
    if not born:
        raise IdentityFault("identity-birth", "号码中的出生日期不存在",
                            "the birth date in the number does not exist",
                            "Type it again from the card.")
    right = check_digit(number[:17])
    if number[17] != right:
        raise IdentityFault("identity-check-digit", f"校验位应为 {right}",
                            f"the check digit should be {right}",
                            "A digit is wrong or two are exchanged: type it again from the card.")
    return Document(kind, number, born, "1" if int(number[16]) & 1 else "2", old)


def _agree(found: Document, born: str, sex: str) -> None:
    if born and found.born != born:
        raise IdentityFault("identity-born-differs", "出生日期与证件号码不一致",
                            "the birth date is not that of the number",
                            "Correct the one that is wrong; leave the date empty to take it from "
                            "the number.")
    if sex in ("1", "2") and found.sex != sex:
        raise IdentityFault("identity-sex-differs", "性别与证件号码不一致",
                            "the sex is not that of the number",
                            "Correct the one that is wrong; leave the sex empty to take it from "
                            "the number.")


def refused(fault: IdentityFault, where: str = "") -> CaseError:
    """The fault as the error of a single entry (a window, the API); the value is not repeated."""
    return CaseError(fault.code, f"{fault.zh} ({fault.en})", where, hint=fault.hint)
