"""The key ring: which keys seal and index personal data, and where they come from (密钥环).

A key file is JSON: `{"suite": "national", "seal_with": 2, "index_with": 1, "keys": [{"id": 1,
"suite": "national", "secret": "<32 bytes in base64>"}, ...], "signing": [{"id": 1, "secret": "<32
bytes>", "made": "<UTC>"}]}`. A new key seals from the day it is added; the older ones stay to open
what they sealed. Stored values begin with suite and key id. The newest signing key signs; a file
without one signs nothing.
"""
from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import TongchouError
from .signing import SigningKey
from .suites import NONCE_BYTES, SECRET_BYTES, SUITES, Damaged, Secret

KEY_FILE_VARIABLE = "TONGCHOU_KEY_FILE"
DEMO_FILE = "keys.json"
KEY_IDS = range(1, 256)
_HEAD = 2


class KeyFault(TongchouError):
    """Keys are missing, unreadable, or not those a value was sealed with."""


@dataclass(frozen=True)
class KeyRing:
    """Keys by id; `seal_with` and `index_with` are those in use for new values; keys that sign, the
    newest last.

    `noise` gives random bytes (nonces); tests pass their own.
    """

    keys: Mapping[int, Secret]
    seal_with: int
    index_with: int
    noise: Callable[[int], bytes] = secrets.token_bytes
    signing: tuple[SigningKey, ...] = ()

    @property
    def signer(self) -> SigningKey | None:
        """The key that signs now, None when the file has none."""
        return self.signing[-1] if self.signing else None

    def seal(self, text: str, field: str) -> bytes:
        """`text` sealed for a field such as `name`: it cannot be opened as another field."""
        head = self._head(self.seal_with)
        nonce = self.noise(NONCE_BYTES)
        bound = head + field.encode()
        return head + nonce + self.keys[self.seal_with].seal(nonce, text.encode(), bound)

    def unseal(self, sealed: bytes, field: str) -> str:
        """The text of a sealed value. Raises KeyFault `unknown-key`, `damaged-value`."""
        sealed = bytes(sealed)
        head, key_id = sealed[:_HEAD], sealed[1] if len(sealed) >= _HEAD else 0
        key = self.keys.get(key_id)
        if key is None or head != self._head(key_id):
            raise KeyFault("unknown-key", f"a {field} was sealed with key {key_id}, which the "
                           "key file does not have (密钥文件缺少该密钥)", "key file",
                           hint="Put the older keys back into the key file.")
        start = _HEAD + NONCE_BYTES
        try:
            plain = key.unseal(sealed[_HEAD:start], sealed[start:], head + field.encode())
        except Damaged:
            raise KeyFault("damaged-value", f"a sealed {field} does not verify: it was changed, or "
                           f"key {key_id} has another secret now (密文校验失败)", "database",
                           hint="Restore the row or the key file from a backup.") from None
        return plain.decode()

    def index(self, text: str, field: str) -> bytes:
        """The blind index of a value, 34 bytes: equal for equal values of one field."""
        return self._index(self.index_with, text, field)

    def indexes(self, text: str, field: str) -> list[bytes]:
        """The index under every key, the present one first: what a look-up searches."""
        others = [key_id for key_id in sorted(self.keys) if key_id != self.index_with]
        return [self._index(key_id, text, field) for key_id in (self.index_with, *others)]

    def _index(self, key_id: int, text: str, field: str) -> bytes:
        plain = field.encode() + b"\0" + text.encode()
        return self._head(key_id) + self.keys[key_id].digest(plain)

    def _head(self, key_id: int) -> bytes:
        return bytes([self.keys[key_id].suite, key_id])


def open_keys(data: Path, environment: Mapping[str, str] | None = None,
              suite: str = "national") -> KeyRing:
    """The keys of the file that TONGCHOU_KEY_FILE names, else of the data folder.

    A data folder without keys gets some of its own (0600): right for a demonstration, while in
    production the file lies apart from the database. Raises KeyFault.
    """
    named = (os.environ if environment is None else environment).get(KEY_FILE_VARIABLE, "")
    if named:
        return read_keys(Path(named))
    path = data / DEMO_FILE
    if not path.exists():
        make_key_file(path, suite)
    return read_keys(path)


def make_key_file(path: Path, suite: str = "national",
                  noise: Callable[[int], bytes] = secrets.token_bytes) -> None:
    """Writes a key file with one new key, readable by its owner only; never over another one."""
    if suite not in SUITES:
        raise KeyFault("unknown-suite", f"{suite!r} is no suite", str(path),
                       hint=f"It is one of {', '.join(SUITES)}.")
    found = {"suite": suite, "seal_with": 1, "index_with": 1, "keys": [_new_key(1, suite, noise)],
             "signing": [_new_signing_key(1, noise)]}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + f".{secrets.token_hex(4)}")
    _write(beside, found)
    try:
        os.link(beside, path)     # fails where a file stands already, also at the same moment
    except FileExistsError:
        pass
    finally:
        beside.unlink()


def rotate_keys(path: Path, suite: str | None = None,
                noise: Callable[[int], bytes] = secrets.token_bytes) -> int:
    """Adds a key that seals from now on, and gives its id; the older ones stay (密钥轮换).

    The index keeps its key: look-ups find older values under every key of the file anyway.
    """
    ring, found = read_keys(path), json.loads(path.read_text(encoding="utf-8"))
    free = [key_id for key_id in KEY_IDS if key_id not in ring.keys]
    if not free:
        raise KeyFault("too-many-keys", f"{len(ring.keys)} keys are all a file holds", str(path),
                       hint="Seal the oldest values again and take their key out.")
    found["suite"] = suite or found["suite"]
    found["keys"].append(_new_key(free[0], found["suite"], noise))
    found["seal_with"] = free[0]
    _replace(path, found)
    return free[0]


def add_signing_key(path: Path, noise: Callable[[int], bytes] = secrets.token_bytes) -> SigningKey:
    """Adds a key that signs day closes from now on; the older ones stay to be checked with."""
    ring, found = read_keys(path), json.loads(path.read_text(encoding="utf-8"))
    key_id = ring.signing[-1].key_id + 1 if ring.signing else 1
    found["signing"] = [*found.get("signing", []), _new_signing_key(key_id, noise)]
    _replace(path, found)
    return read_keys(path).signing[-1]


def _replace(path: Path, found: dict[str, object]) -> None:
    beside = path.with_name(path.name + ".next")
    _write(beside, found)
    os.replace(beside, path)


def read_keys(path: Path) -> KeyRing:
    """The key ring of a file. Raises KeyFault with what is wrong in it."""
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise _wrong(path, "others may read it (权限过宽)", "Run: chmod 600 on the file.")
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise _wrong(path, f"it cannot be read: {fault.strerror}", "Check the path and the "
                     "rights.") from None
    except ValueError:
        raise _wrong(path, "it is not JSON", "Restore it from a backup.") from None
    try:
        keys = {int(key["id"]): Secret(SUITES[key["suite"]], base64.b64decode(
            key["secret"], validate=True)) for key in found["keys"]}
        signing = tuple(SigningKey(int(key["id"]), base64.b64decode(key["secret"], validate=True),
                                   str(key["made"])) for key in found.get("signing", ()))
        ring = KeyRing(keys, found["seal_with"], found["index_with"], signing=signing)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise _wrong(path, "a key lacks its id, suite or secret", "Restore it from a backup; "
                     "docs/people.md shows the form.") from None
    if len(keys) != len(found["keys"]) or not {ring.seal_with, ring.index_with} <= keys.keys() \
            or not keys.keys() <= set(KEY_IDS) \
            or any(len(key.secret) != SECRET_BYTES for key in (*keys.values(), *signing)) \
            or [key.key_id for key in signing] != sorted({key.key_id for key in signing}):
        raise _wrong(path, "ids stand twice, are not 1 to 255, name no key, or a secret has not "
                     f"{SECRET_BYTES} bytes", "Restore it from a backup.")
    return ring


def _wrong(path: Path, what: str, hint: str) -> KeyFault:
    return KeyFault("bad-key-file", f"the key file cannot be used: {what}", str(path), hint=hint)


def _new_key(key_id: int, suite: str, noise: Callable[[int], bytes]) -> dict[str, object]:
    return {"id": key_id, "suite": suite,
            "secret": base64.b64encode(noise(SECRET_BYTES)).decode()}


def _new_signing_key(key_id: int, noise: Callable[[int], bytes]) -> dict[str, object]:
    return {"id": key_id, "made": datetime.now(UTC).isoformat(timespec="microseconds"),
            "secret": base64.b64encode(noise(SECRET_BYTES)).decode()}


def _write(path: Path, found: dict[str, object]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(found, indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())
