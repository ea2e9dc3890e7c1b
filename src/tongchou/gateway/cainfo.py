"""The envelope's own signature `cainfo` (报文签名): SM2, SM3 or SM4 over `input`, where configured.

Never by default: production clients send constants there (README 2, S3), and the standard says no
more than that input is signed, SM2 or SM3 suggested. What is signed is the text of `input` as it
was sent, or the same without blanks between its values:

    SM2   signature of the text under the institution's public key (SM3, user id of the profile),
          DER or r||s, hexadecimal or Base64
    SM3   digest of the text; where the profile has a key, its HMAC
    SM4   SM3 digest of the text enciphered under the shared key (ECB, PKCS7)

SM2 comes from gmssl_pyx (GmSSL 3.2), SM3 and SM4 from cryptography (OpenSSL).
"""
from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.hmac import HMAC

from ..errors import CaseError
from .refusals import Declined, declined

if TYPE_CHECKING:
    from .profiles import Profile

CAINFO_OFF = "off"
CAINFOS = (CAINFO_OFF, "SM2", "SM3", "SM4")
CAINFO_MAX = 1024              # characters, table 2 of the standard
SM4_KEY_BYTES, SM4_BLOCK_BITS = 16, 128
NUMBER_BYTES, DIGEST_BYTES = 32, 32
_BLANKS = re.compile(r'("(?:[^"\\]|\\.)*")|\s+')
_SPACES = " \t\r\n"


def check(profile: Profile, body: bytes) -> None:
    """The signature of a message against its profile; nothing where the profile asks for none.

    Raises Declined `bad-cainfo`."""
    if profile.cainfo == CAINFO_OFF:
        return
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = body.decode("gb18030", "replace")
    fields = top_level(text)
    given, stated = (_said(fields.get(name, "")) for name in ("cainfo", "signtype"))
    if stated and stated.upper() != profile.cainfo:
        raise declined("bad-cainfo", f"本机构约定用 {profile.cainfo} 签名，报文为 {stated[:10]}",
                       "signtype")
    if not given or len(given) > CAINFO_MAX:
        raise _wrong(profile, "缺少签名，或超过 1024 位")
    value = fields.get("input", "")
    proves = PROVES[profile.cainfo]
    if not any(proves(profile, one.encode(), given) for one in {value, compact(value)}):
        raise _wrong(profile, "签名与 input 的内容不符")


def check_key(profile: Profile) -> None:
    """The key of a profile before it is kept. Raises CaseError `bad-profile`."""
    try:
        KEYS[profile.cainfo](profile.cainfo_key)
    except ValueError:
        raise CaseError("bad-profile", f"cainfo_key is no key for {profile.cainfo}", "cainfo_key",
                        hint="SM2: a public key, hexadecimal; SM4: 16 bytes, hexadecimal; SM3: "
                        "any text, or none.") from None


def _wrong(profile: Profile, zh: str) -> Declined:
    return declined("bad-cainfo", f"报文签名（{profile.cainfo}）未通过：{zh}", "cainfo")


# --- what is signed -------------------------------------------------------------------------------
def top_level(text: str) -> dict[str, str]:
    """The keys of a JSON object with the text of their values, as written. {} for anything else."""
    decoder, found = json.JSONDecoder(), {}
    try:
        place = _past(text, 0, "{")
        while text[place] != "}":
            name, place = decoder.raw_decode(text, place)
            start = _past(text, place, ":")
            _, place = decoder.raw_decode(text, start)
            found[str(name)] = text[start:place]
            place = _skip(text, place)
            if text[place] == ",":
                place = _skip(text, place + 1)
    except (ValueError, IndexError, RecursionError):
        return {}
    return found


def _skip(text: str, place: int) -> int:
    while text[place] in _SPACES:
        place += 1
    return place


def _past(text: str, place: int, sign: str) -> int:
    """The place after a sign and the blanks around it."""
    place = _skip(text, place)
    if text[place] != sign:
        raise ValueError(place)
    return _skip(text, place + 1)


def compact(value: str) -> str:
    """A JSON text without blanks outside its strings."""
    return _BLANKS.sub(lambda found: found.group(1) or "", value)


def _said(value: str) -> str:
    """The text of a field; "" for what is none."""
    found = json.loads(value) if value.startswith('"') else ""
    return found.strip()


def decoded(given: str) -> bytes:
    """Bytes written in hexadecimal or Base64; b"" for neither."""
    try:
        return bytes.fromhex(given)
    except ValueError:
        pass
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return b""


# --- the three ways -------------------------------------------------------------------------------
def sm3(text: bytes) -> bytes:
    """The SM3 digest of a text, 32 bytes."""
    made = hashes.Hash(hashes.SM3())
    made.update(text)
    return made.finalize()


def _mark(profile: Profile, text: bytes) -> bytes:
    """Digest of a text, with the profile's key its HMAC."""
    if not profile.cainfo_key:
        return sm3(text)
    made = HMAC(profile.cainfo_key.encode(), hashes.SM3())
    made.update(text)
    return made.finalize()


def _proves_sm3(profile: Profile, text: bytes, given: str) -> bool:
    return hmac.compare_digest(decoded(given), _mark(profile, text))


def _proves_sm4(profile: Profile, text: bytes, given: str) -> bool:
    """The digest inside may stand as its 32 bytes or as their hexadecimal text."""
    try:
        work = Cipher(SM4(_sm4_key(profile.cainfo_key)), modes.ECB()).decryptor()
        strip = padding.PKCS7(SM4_BLOCK_BITS).unpadder()
        found = strip.update(work.update(decoded(given)) + work.finalize()) + strip.finalize()
    except (ValueError, UnsupportedAlgorithm):
        return False
    digest = sm3(text)
    return hmac.compare_digest(found, digest) \
        or hmac.compare_digest(found.lower(), digest.hex().encode())


def _proves_sm2(profile: Profile, text: bytes, given: str) -> bool:
    from gmssl_pyx import sm2_verify
    signature = decoded(given)
    if len(signature) == 2 * NUMBER_BYTES:       # r||s, as libraries for browsers write it
        signature = encode_dss_signature(*(int.from_bytes(half) for half in (
            signature[:NUMBER_BYTES], signature[NUMBER_BYTES:])))
    return signature[:1] == b"0" and sm2_verify(
        _sm2_key(profile.cainfo_key), text, signature, profile.cainfo_user.encode())


def _sm2_key(text: str) -> bytes:
    """A public key of 64 bytes. Raises ValueError."""
    from gmssl_pyx import InvalidValueError, normalize_sm2_public_key
    try:
        return normalize_sm2_public_key(bytes.fromhex(text))
    except InvalidValueError as fault:
        raise ValueError(text) from fault


def _sm4_key(text: str) -> bytes:
    """A key of 16 bytes. Raises ValueError."""
    found = bytes.fromhex(text)
    if len(found) != SM4_KEY_BYTES:
        raise ValueError(len(found))
    return found


PROVES: dict[str, Callable[[Profile, bytes, str], bool]] = {
    "SM2": _proves_sm2, "SM3": _proves_sm3, "SM4": _proves_sm4}
KEYS: dict[str, Callable[[str], object]] = {CAINFO_OFF: str, "SM2": _sm2_key, "SM3": str,
                                            "SM4": _sm4_key}
