"""Dialect profiles (方言配置): how an institution's system signs, names and reads.

All of them are kept in memory: a message costs no read of its profile. What another process changed
is seen after `KEPT_SECONDS`, and a message never waits for the reading of a profile that is only a
little older; beyond `OLD_SECONDS` it does, so that a key that was withdrawn opens nothing.
"""
from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ..database import Database
from ..errors import CaseError
from ..privacy import KeyRing
from . import profile_store
from .cainfo import CAINFO_OFF, CAINFOS, check_key
from .nodes import DIALECTS

FAMILIES = ("A", "B", "C", "E")
STRICTNESS = ("off", "warn", "reject")
INFCODES = ("number", "text")
SEALED_AS = "gateway secret"
SM2_USER = "1234567812345678"  # the user id that GM/T 0009 sets where nothing is agreed
KEPT_SECONDS, OLD_SECONDS = 5.0, 10.0


@dataclass(frozen=True)
class Profile:
    """How one institution speaks. `wrapped`: replies inside {"code", "type", "message", "data"};
    `cainfo`: how `input` is signed, with `cainfo_key` (see `cainfo`), off where nothing is agreed.
    """

    code: str
    region: str
    family: str
    access_key: str = ""
    secret: str = field(default="", repr=False)
    dialect: str = "standard"
    infcode: str = "number"
    wrapped: bool = False
    strictness: str = "warn"
    demonstration: bool = False
    cainfo: str = CAINFO_OFF
    cainfo_key: str = field(default="", repr=False)
    cainfo_user: str = SM2_USER


class Profiles:
    """Profiles of a database. Safe between threads."""

    def __init__(self, database: Database, keys: KeyRing,
                 monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database, self._keys, self._monotonic = database, keys, monotonic
        self._by_code: Mapping[str, Profile] = {}
        self._by_key: Mapping[tuple[str, str], tuple[str, ...]] = {}
        self._rows: Mapping[str, Mapping[str, object]] = {}      # as they were read, sealed
        self._read_at = -math.inf
        self._lock = threading.Lock()

    @property
    def due(self) -> bool:
        """Whether they are to be read again."""
        return self._monotonic() - self._read_at > KEPT_SECONDS

    @property
    def old(self) -> bool:
        """Whether a message has to wait until they were read."""
        return self._monotonic() - self._read_at > OLD_SECONDS

    def renew(self) -> None:
        """Reads all profiles where that is due: once for all who find it so."""
        with self._lock:
            if self.due:
                self._read()

    def refresh(self) -> None:
        """Reads all profiles."""
        with self._lock:
            self._read()

    def _read(self) -> None:
        begun = self._monotonic()
        with self._database.connection() as connection:
            rows = {row["code"]: row for row in profile_store.profiles(connection)}
        found = {code: self._by_code[code] if self._rows.get(code) == row else self._opened(row)
                 for code, row in rows.items()}
        by_key: dict[tuple[str, str], list[str]] = {}
        for one in found.values():
            by_key.setdefault((one.family, _key_of(one)), []).append(one.code)
        self._by_code, self._rows = found, rows
        self._by_key = {key: tuple(codes) for key, codes in by_key.items()}
        self._read_at = begun

    def of(self, code: str) -> Profile | None:
        """The profile of an institution."""
        return self._by_code.get(code)

    def holders(self, family: str, key: str) -> tuple[Profile, ...]:
        """Who signs with a key: one institution, or a group that shares a vendor's."""
        return tuple(self._by_code[code] for code in self._by_key.get((family, key), ()))

    def put(self, profile: Profile, by: str, at: object) -> None:
        """Sets an institution's profile. Raises CaseError `bad-profile`."""
        for name, known in (("family", FAMILIES), ("dialect", DIALECTS), ("infcode", INFCODES),
                            ("strictness", STRICTNESS), ("cainfo", CAINFOS)):
            if getattr(profile, name) not in known:
                raise CaseError("bad-profile", f"{name} is {getattr(profile, name)!r}", name,
                                hint=f"One of {', '.join(known)}.")
        if (profile.family != "E") != bool(profile.secret):
            raise CaseError("bad-profile", "families A, B and C have a secret, E has none",
                            "secret", hint="Give it, or leave it out.")
        check_key(profile)
        sealed = {name: self._keys.seal(text, SEALED_AS) if text else None for name, text in (
            ("secret", profile.secret), ("cainfo_key", profile.cainfo_key))}
        with self._database.connection() as connection:
            profile_store.put(connection, {**profile_store.row_of(profile), **sealed}, by, at)
        with self._lock:                  # after a reading that began before the change
            self._read_at = -math.inf

    def _opened(self, row: Mapping[str, object]) -> Profile:
        opened = {name: self._keys.unseal(row[name], SEALED_AS) if row[name] else ""
                  for name in ("secret", "cainfo_key")}
        return Profile(**{**row, **opened})


def _key_of(profile: Profile) -> str:
    """What a message shows of the key: of family C it is the secret itself."""
    return profile.secret if profile.family == "C" else profile.access_key
