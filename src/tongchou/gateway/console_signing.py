"""The signature debugger (签名调试): what is to be signed, what came, what we make of it, and which
known mistake explains the difference.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .console_masking import HIDDEN
from .signing import (A_HEADERS, B_HEADERS, WINDOW_MS, BadSignature, claimed, signature,
                      string_to_sign, verify)

SIGNATURE_OF = {"A": "_api_signature", "B": "x-tif-signature", "C": "apikey", "E": ""}
TIMESTAMP_OF = {"A": ("_api_timestamp", 1, 13), "B": ("x-tif-timestamp", 1000, 10)}
SHOWN = 6                              # how much of a digest made with a kept secret is shown


class Checked(NamedTuple):
    """What the debugger found; `refusal` is "" where the message would be let in."""

    family: str
    headers: Mapping[str, str]         # those the family reads
    string_to_sign: str
    received: str
    expected: str
    equal: bool
    refusal: str
    advice: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """As the console shows it."""
        return {**self._asdict(), "headers": dict(self.headers), "advice": list(self.advice)}


def checked(family: str, given: Mapping[str, str], secret: str, infno: str, now_ms: int,
            open_secret: bool) -> Checked:
    """Checks the headers of a message against the family and secret of an institution.

    `open_secret`: the caller gave the secret himself, or everybody knows it (demonstration): only
    then are the secret and the whole digest shown, so that nobody signs by means of this page.
    """
    headers = {name.lower().strip(): value.strip() for name, value in given.items()}
    received = headers.get(SIGNATURE_OF[family], "")
    expected = signature(family, headers, secret) if family != "E" else ""
    equal = hmac.compare_digest(received.encode(), expected.encode())
    try:
        verify(family, headers, secret, infno, now_ms)
        refusal = ""
    except BadSignature as bad:
        refusal = bad.zh
    advice = tuple(_advice(family, headers, secret, received, equal, now_ms))
    read = {name: value for name, value in headers.items()
            if name in (*A_HEADERS, *B_HEADERS, SIGNATURE_OF["A"], "content-type")}
    if family == "C" and "apikey" in headers:
        read["apikey"] = received if open_secret else HIDDEN
    return Checked(family, read,
                   string_to_sign(family, headers, secret if open_secret else HIDDEN),
                   HIDDEN if family == "C" and not open_secret else received,
                   expected if open_secret else _part(expected), equal, refusal, advice)


def _part(digest: str) -> str:
    return f"{digest[:SHOWN]}…" if digest else ""


def _advice(family: str, headers: Mapping[str, str], secret: str, received: str, equal: bool,
            now_ms: int) -> Iterator[str]:
    """What to change, in 中文."""
    claim = claimed(headers).family
    if claim != family:
        yield f"请求头属于签名方式 {claim}，本机构配置为 {family}"
    yield from _missing(family, headers)
    yield from _clock(family, headers, now_ms)
    if not equal and received:
        yield next((zh for zh, made in _mistakes(family, headers, secret) if made == received),
                   "签名与任何已知的错误都不符：请核对密钥与参与签名的各个请求头")


def _missing(family: str, headers: Mapping[str, str]) -> Iterator[str]:
    wanted = {"A": (*A_HEADERS, "_api_signature"), "B": B_HEADERS, "C": ("apikey",)}
    for name in wanted.get(family, ()):
        if headers.get(name):
            continue
        dashed = name.strip("_").replace("_", "-")
        other = next((one for one in headers if one.strip("_-").replace("_", "-") == dashed), "")
        yield f"缺少请求头 {name}" + (f"：收到的是 {other}" if other else "") + (
            "；带下划线的请求头常被反向代理丢弃（nginx：underscores_in_headers on）"
            if name.startswith("_") and not other else "")


def _clock(family: str, headers: Mapping[str, str], now_ms: int) -> Iterator[str]:
    if family not in TIMESTAMP_OF:
        return
    name, unit_ms, digits = TIMESTAMP_OF[family]
    stamp = headers.get(name, "")
    if not stamp:
        return
    if not (stamp.isascii() and stamp.isdigit()) or len(stamp) != digits:
        unit = "毫秒" if unit_ms == 1 else "秒"
        yield f"{name} 应为 {digits} 位数字（{unit}），收到 {len(stamp)} 位"
        return
    off_ms = int(stamp) * unit_ms - now_ms
    if abs(off_ms) > WINDOW_MS:
        yield f"{name} 与服务器时间相差 {off_ms // 1000} 秒，至多 {WINDOW_MS // 1000} 秒"


def _mistakes(family: str, headers: Mapping[str, str], secret: str,
              ) -> Iterator[tuple[str, str]]:
    """(what was done, the signature it gives): mistakes seen in clients."""
    if family == "A":
        yield from _mistakes_a(headers, secret)
    elif family == "B":
        yield from _mistakes_b(headers, secret)


def _mistakes_a(headers: Mapping[str, str], secret: str) -> Iterator[tuple[str, str]]:
    text = string_to_sign("A", headers)
    right = hmac.new(secret.encode(), text.encode(), hashlib.sha1)
    yield "签名应为 Base64，收到的是十六进制", right.hexdigest()
    yield "签名应为 Base64，收到的是大写十六进制", right.hexdigest().upper()
    yield "应对摘要的字节作 Base64，而不是对十六进制文本", _base64(right.hexdigest().encode())
    pairs = [f"{name}={headers.get(name, '')}" for name in sorted(A_HEADERS)]
    for zh, key, said, digest in (
            ("应用 HMAC-SHA1，收到的是 HMAC-SHA256", secret, text, "sha256"),
            ("应用 HMAC-SHA1，收到的是 HMAC-MD5", secret, text, "md5"),
            ("待签名串末尾多了换行", secret, f"{text}\n", "sha1"),
            ("待签名串中不应有 URL 编码以外的 &amp;", secret, "&amp;".join(pairs), "sha1"),
            ("密钥前后有空白或换行", f"{secret}\n", text, "sha1"),
            ("密钥与访问标识（AK）用反了", headers.get("_api_access_key", ""), text, "sha1"),
            ("各参数之间应有 &", secret, "".join(pairs), "sha1")):
        yield zh, _base64(hmac.new(key.encode(), said.encode(), digest).digest())
    for zh, order in (
            ("参数应按名称排序，收到的是 name、version、timestamp、access_key 的次序",
             ("_api_name", "_api_version", "_api_timestamp", "_api_access_key")),
            ("参数应按名称排序，收到的是 name、timestamp、version、access_key 的次序",
             ("_api_name", "_api_timestamp", "_api_version", "_api_access_key"))):
        said = "&".join(f"{name}={headers.get(name, '')}" for name in order)
        yield zh, _base64(hmac.new(secret.encode(), said.encode(), hashlib.sha1).digest())


def _mistakes_b(headers: Mapping[str, str], secret: str) -> Iterator[tuple[str, str]]:
    moment, nonce = headers.get("x-tif-timestamp", ""), headers.get("x-tif-nonce", "")
    right = hashlib.sha256(f"{moment}{secret}{nonce}{moment}".encode())
    yield "签名应为十六进制，收到的是 Base64", _base64(right.digest())
    yield "签名应为小写十六进制；大写也受理，其他请求头另有错误", right.hexdigest().upper()
    for zh, text in (("末尾应再接一次时间戳", f"{moment}{secret}{nonce}"),
                     ("次序应为 时间戳、密钥、随机串、时间戳", f"{moment}{nonce}{secret}{moment}"),
                     ("次序应为 时间戳、密钥、随机串、时间戳", f"{secret}{moment}{nonce}{moment}"),
                     ("缺少密钥", f"{moment}{nonce}{moment}"),
                     ("缺少随机串", f"{moment}{secret}{moment}"),
                     ("密钥前后有空白或换行", f"{moment}{secret}\n{nonce}{moment}")):
        yield zh, hashlib.sha256(text.encode()).hexdigest()
    text = f"{moment}{secret}{nonce}{moment}".encode()
    yield "应用 SHA-256，收到的是 SHA-1", hashlib.sha1(text).hexdigest()
    yield "应用 SHA-256，收到的是 MD5", hashlib.md5(text).hexdigest()


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
