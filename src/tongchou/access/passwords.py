"""Passwords (口令): argon2id, one check at a time per core, and what a new one must be."""
from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ..errors import CaseError

LENGTH_MIN, LENGTH_MAX = 12, 200
DIFFERENT_MIN = 6
# No 0 O 1 l I: one-time passwords are read aloud and typed.
_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ONE_TIME_LENGTH = 20

_HASHER = PasswordHasher()
# A check takes 64 MiB: a flood of sign-ins must not take all memory.
_ROOM = threading.BoundedSemaphore(max(2, (os.cpu_count() or 2)))
_NOBODY = _HASHER.hash(secrets.token_urlsafe())


def hashed(password: str) -> str:
    """The argon2id hash that is stored."""
    with _ROOM:
        return _HASHER.hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Whether it is the password; without an account it takes as long and says no."""
    with _ROOM:
        try:
            return _HASHER.verify(stored or _NOBODY, password) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


def one_time_password(choose: Callable[[str], str] = secrets.choice) -> str:
    """A random password (114 bits) that must be changed at the first sign-in."""
    return "".join(choose(_LETTERS) for _ in range(_ONE_TIME_LENGTH))


def check_new(password: str, user_id: str) -> None:
    """Raises CaseError `weak-password`, saying why."""
    wrong = ""
    if not LENGTH_MIN <= len(password) <= LENGTH_MAX:
        wrong = f"it has {len(password)} characters, not {LENGTH_MIN} to {LENGTH_MAX}"
    elif len(set(password)) < DIFFERENT_MIN:
        wrong = f"it has fewer than {DIFFERENT_MIN} different characters"
    elif user_id and user_id in password.lower():
        wrong = "it contains the user id"
    if wrong:
        raise CaseError("weak-password", f"the new password cannot be used: {wrong}", "password",
                        hint="Several unrelated words make a long one that can be remembered.")
