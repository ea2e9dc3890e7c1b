"""Signatures of the transport (签名): families A, B, C and E, told by their headers.

A  HMAC-SHA1 over the four sorted `_api_*` headers, Base64; a window of 30 minutes (S1).
B  hex SHA-256 of timestamp + secret + nonce + timestamp (`x-tif-*`).
C  a constant `apikey`.      E  nothing: an inner front has signed in for it.
There is no rule of "once only": production clients repeat a message with its old signature.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

WINDOW_MS = 30 * 60 * 1000
A_HEADERS = ("_api_access_key", "_api_name", "_api_timestamp", "_api_version")
B_HEADERS = ("x-tif-paasid", "x-tif-signature", "x-tif-timestamp", "x-tif-nonce")
UNAUTHORISED = 401


@dataclass(frozen=True)
class Claimed:
    """Who a message says it comes from: the family its headers belong to, and the public key."""

    family: str
    access_key: str


class BadSignature(Exception):
    """Why a message is not let in; told in the form of its family."""

    def __init__(self, family: str, zh: str) -> None:
        super().__init__(zh)
        self.family, self.zh = family, zh


def claimed(headers: Mapping[str, str]) -> Claimed:
    """The family of a message's headers; E where there are none. Names are lower case."""
    if any(name in headers for name in (*A_HEADERS, "_api_signature")):
        return Claimed("A", headers.get("_api_access_key", ""))
    if any(name in headers for name in B_HEADERS):
        return Claimed("B", headers.get("x-tif-paasid", ""))
    if "apikey" in headers:
        return Claimed("C", "")
    return Claimed("E", "")


def string_to_sign(family: str, headers: Mapping[str, str], secret: str = "") -> str:
    """What is signed, as the debugger of the console shows it (B with the secret in it)."""
    if family == "A":
        return "&".join(f"{name}={headers.get(name, '')}" for name in sorted(A_HEADERS))
    if family == "B":
        moment = headers.get("x-tif-timestamp", "")
        return f"{moment}{secret}{headers.get('x-tif-nonce', '')}{moment}"
    return ""


def signature(family: str, headers: Mapping[str, str], secret: str) -> str:
    """The signature that headers should carry."""
    text = string_to_sign(family, headers, secret)
    if family == "A":
        made = hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()
        return base64.b64encode(made).decode()
    if family == "B":
        return hashlib.sha256(text.encode()).hexdigest()
    return secret


def verify(family: str, headers: Mapping[str, str], secret: str, infno: str, now_ms: int) -> None:
    """Raises BadSignature: headers that lack, a clock too far off, a wrong signature."""
    if family == "A":
        _verify_a(headers, secret, infno, now_ms)
    elif family == "B":
        _verify_b(headers, secret, now_ms)
    elif family == "C" and not _same(headers.get("apikey", ""), secret):
        raise BadSignature("C", "apikey 不正确")


def _verify_a(headers: Mapping[str, str], secret: str, infno: str, now_ms: int) -> None:
    missing = [name for name in (*A_HEADERS, "_api_signature") if not headers.get(name)]
    if missing:
        raise BadSignature("A", f"缺少请求头 {missing[0]}")
    _within("A", headers["_api_timestamp"], now_ms, 1)
    if not _same(headers["_api_signature"], signature("A", headers, secret)):
        raise BadSignature("A", "签名不正确")
    if headers["_api_name"].removeprefix("api_") not in (infno, ""):
        raise BadSignature("A", f"_api_name 与交易编号 {infno} 不符")


def _verify_b(headers: Mapping[str, str], secret: str, now_ms: int) -> None:
    missing = [name for name in B_HEADERS if not headers.get(name)]
    if missing:
        raise BadSignature("B", f"缺少请求头 {missing[0]}")
    _within("B", headers["x-tif-timestamp"], now_ms, 1000)
    if not _same(headers["x-tif-signature"].lower(), signature("B", headers, secret)):
        raise BadSignature("B", "签名不正确")


def _within(family: str, stamp: str, now_ms: int, unit_ms: int) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 13):
        raise BadSignature(family, "时间戳格式不正确")
    if abs(int(stamp) * unit_ms - now_ms) > WINDOW_MS:
        raise BadSignature(family, "时间戳超出 30 分钟")


def _same(given: str, made: str) -> bool:
    return hmac.compare_digest(given.encode(), made.encode())
