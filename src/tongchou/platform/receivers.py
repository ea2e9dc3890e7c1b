"""Whoever is told of settlements (消息接收方): a system that takes HTTP posts, or a file.

    receiver = receiver_of("http://10.0.0.7:8080/tongchou", token="...")
    receiver(message)             # returns when it has taken the message, else raises

A message is one JSON object: `outbox_id` (unique in its region: whoever has seen it drops it),
`region`, `topic`, `created_at` (UTC) and `body`. It names no person.
"""
from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import re
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from ..errors import CaseError
from ..settlement import outbox

SECONDS_MAX = 5                 # to connect, and to wait for an answer
REPLY_MAX_BYTES = 64 << 10
TAIL_BYTES = 64 << 10
# The receiver has understood the message and does not want it; every other status means that it
# cannot be talked to now.
UNWANTED = frozenset({400, 409, 413, 415, 422})
Receiver = Callable[[outbox.Message], None]
_TOKEN = re.compile(r"[\x21-\x7e]*\Z")


class ReceiverAway(Exception):
    """Nobody takes messages now: the next one would fare no better."""


class MessageRefused(Exception):
    """This message is not wanted; others of other shards may be."""


def receiver_of(address: str, token: str = "") -> Receiver:
    """The receiver of an address: http://, https:// or file:///.

    `token` goes along as a bearer token. Raises CaseError `bad-receiver`.
    """
    try:
        parts = urlsplit(address)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise _wrong(address, "it is no address") from None
    if parts.username or parts.password or parts.fragment:
        raise _wrong(address, "it holds a user, a password or a fragment")
    if not _TOKEN.match(token):
        raise _wrong(address, "its token has signs that no header carries")
    if parts.scheme == "file" and not host and parts.path.startswith("/") and not parts.query:
        return FileReceiver(Path(unquote(parts.path)))
    if parts.scheme in ("http", "https") and host and port != 0 and address.isascii():
        return HttpReceiver(parts, token)
    raise _wrong(address, "it is neither http(s)://HOST/PATH nor file:///PATH")


def _wrong(address: str, what: str) -> CaseError:
    shown = re.sub(r"//[^/]*@", "//...@", address)
    return CaseError("bad-receiver", f"the receiver of messages cannot be used: {what} "
                     "(消息接收地址有误)", f"TONGCHOU_OUTBOX_URL {shown[:60]}",
                     hint="Write http://10.0.0.7:8080/path, https://host/path or "
                     "file:///var/lib/tongchou/outbox.jsonl.")


def message_text(message: outbox.Message) -> bytes:
    """A message as it leaves: one JSON object, UTF-8, no line end."""
    return json.dumps({
        "outbox_id": message.outbox_id, "region": message.region, "topic": message.topic,
        "created_at": message.created_at.isoformat(), "body": json.loads(message.body)},
        ensure_ascii=False, separators=(",", ":")).encode()


class HttpReceiver:
    """Posts messages over one connection. Any 2xx takes a message; redirects are not followed.

    Plain HTTP stays on this machine and its own network: the address that answered is looked at,
    not its name. Proxies of the environment are not used.
    """

    def __init__(self, address: SplitResult, token: str = "") -> None:
        self._plain = address.scheme == "http"
        self._host, self._port = str(address.hostname), address.port
        self._path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        self._headers = {"Content-Type": "application/json", "User-Agent": "tongchou"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._connection: HTTPConnection | None = None

    def __call__(self, message: outbox.Message) -> None:
        """Posts it. Raises ReceiverAway or MessageRefused."""
        key = f"{message.region}-{message.outbox_id}"
        try:
            status = self._posted(message_text(message), key)
        except (OSError, HTTPException) as fault:
            self.close()
            raise ReceiverAway(f"{type(fault).__name__}: {fault}"[:200]) from None
        if status in UNWANTED:
            raise MessageRefused(f"HTTP {status}")
        if not 200 <= status < 300:
            raise ReceiverAway(f"HTTP {status}")

    def close(self) -> None:
        """Ends the connection; the next message opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _posted(self, body: bytes, key: str) -> int:
        kept = self._connection is not None
        try:
            return self._exchange(body, key)
        except (ConnectionError, HTTPException):
            if not kept:                # an idle connection may have been closed by the other side
                raise
            self.close()
            return self._exchange(body, key)

    def _exchange(self, body: bytes, key: str) -> int:
        connection = self._connection = self._connection or self._connected()
        connection.request("POST", self._path, body, {**self._headers, "Idempotency-Key": key})
        reply = connection.getresponse()
        left = len(reply.read(REPLY_MAX_BYTES)) == REPLY_MAX_BYTES
        if left or reply.will_close:
            self.close()
        return reply.status

    def _connected(self) -> HTTPConnection:
        kind = HTTPConnection if self._plain else HTTPSConnection
        made = kind(self._host, self._port, timeout=SECONDS_MAX)
        made.connect()
        other = ipaddress.ip_address(made.sock.getpeername()[0].partition("%")[0])
        if self._plain and not (other.is_private or other.is_loopback or other.is_link_local):
            made.close()
            raise ConnectionError(f"{other} lies outside this network: use https")
        return made


class FileReceiver:
    """Appends messages to a file, a line each, on disk before it returns. Several processes may."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, message: outbox.Message) -> None:
        """Writes it whole or not at all. Raises ReceiverAway."""
        try:
            handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                _append(handle, message_text(message) + b"\n")
            finally:
                os.close(handle)
        except OSError as fault:
            raise ReceiverAway(f"{fault.strerror}: {self._path}") from None


def _append(handle: int, line: bytes) -> None:
    start = _whole_lines(handle)
    os.ftruncate(handle, start)
    try:
        written = 0
        while written < len(line):
            written += os.pwrite(handle, line[written:], start + written)
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, start)
        raise


def _whole_lines(handle: int) -> int:
    """Where the last whole line ends: what follows was cut off by a crash, and was never marked as
    sent."""
    size = os.fstat(handle).st_size
    first = max(0, size - TAIL_BYTES)
    tail = os.pread(handle, size - first, first)
    return first + tail.rfind(b"\n") + 1 if tail and not tail.endswith(b"\n") else size
