"""How a message travels (传输): the address, the signature of each family, one POST.

A  HMAC-SHA1 over four sorted `_api_*` headers, Base64.    B  SHA-256 of timestamp, secret, nonce,
timestamp (`x-tif-*`).    C  a constant `apikey`.    E  nothing: an inner front signs.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

Post = Callable[[str, Mapping[str, str], bytes], bytes]
TIMEOUT_SECONDS = 30
ALL_IN_ONE = "/fsi/api/rsfComIfsService/callService"


@dataclass(frozen=True)
class Access:
    """What an institution was given: `code` is its fixmedins_code, `area` its 统筹区 (6 digits).

    `base` as in http://centre:8000/gateway. `dialect`: "standard" or "guangzhou" (names of nodes).
    """

    base: str
    code: str
    area: str
    family: str = "E"
    key: str = ""
    secret: str = field(default="", repr=False)
    dialect: str = "standard"
    one_path: bool = False


@dataclass(frozen=True)
class Message:
    """A message as it was sent: to be sent again, byte for byte, until a reply comes."""

    infno: str
    msgid: str
    psn_no: str
    body: bytes


def signature(access: Access, headers: Mapping[str, str]) -> str:
    """What the headers of a message are signed with; for C the key itself."""
    if access.family == "A":
        names = sorted(name for name in headers if name.startswith("_api_")
                       and name != "_api_signature")
        text = "&".join(f"{name}={headers[name]}" for name in names)
        made = hmac.new(access.secret.encode(), text.encode(), hashlib.sha1).digest()
        return base64.b64encode(made).decode()
    if access.family == "B":
        moment = headers["x-tif-timestamp"]
        text = f"{moment}{access.secret}{headers['x-tif-nonce']}{moment}"
        return hashlib.sha256(text.encode()).hexdigest()
    return access.secret


def signed_headers(access: Access, infno: str, now: float | None = None) -> dict[str, str]:
    """The headers of a message sent now (seconds since 1970)."""
    moment = time.time() if now is None else now
    if access.family == "A":
        made = {"_api_name": infno, "_api_version": "1.0.0", "_api_access_key": access.key,
                "_api_timestamp": str(int(moment * 1000))}
        return made | {"_api_signature": signature(access, made), "content-type": "text/plain"}
    plain = {"content-type": "application/json"}
    if access.family == "B":
        made = {"x-tif-paasid": access.key, "x-tif-timestamp": str(int(moment)),
                "x-tif-nonce": secrets.token_hex(4)}
        return plain | made | {"x-tif-signature": signature(access, made)}
    return plain | ({"apikey": access.secret} if access.family == "C" else {})


def path_of(access: Access, infno: str) -> str:
    """Where a message goes."""
    return urlsplit(access.base).path.rstrip("/") + (
        ALL_IN_ONE if access.one_path else f"/{infno}")


def over_http(base: str, timeout: float = TIMEOUT_SECONDS) -> Post:
    """A function that posts over one connection that is kept open: for one thread.

    It raises OSError when nothing (whole) came back, and for an HTTP status of 500 and above.
    """
    where = urlsplit(base)
    kind = http.client.HTTPSConnection if where.scheme == "https" else http.client.HTTPConnection
    connection = kind(where.hostname or "", where.port, timeout=timeout)

    def post(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        try:
            connection.request("POST", path, body, dict(headers))
            reply = connection.getresponse()
            found = reply.read()
        except (OSError, http.client.HTTPException) as fault:
            connection.close()
            raise OSError(type(fault).__name__) from fault
        if reply.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise OSError(f"HTTP {reply.status}")
        return found

    return post
