"""Signing in and out, and whose request this is (登录与会话).

A token is 256 random bits. A session ends after IDLE without use, after ABSOLUTE in any case, at
sign-out, and with its operator. A request finds its account in a small memory of this process for
KNOWN seconds; sign-out clears it here at once, in other processes after that time.
"""
from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from psycopg import Connection

from ..errors import CaseError, Refusal
from . import passwords, store
from .log import AccessLog
from .operators import Account, checked

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
KNOWN = timedelta(seconds=5)
SEEN_EVERY = timedelta(seconds=60)       # how often the use of a session is written down
WINDOW = timedelta(minutes=15)           # failed sign-ins count this long
FAILED_PAIR_MAX, FAILED_USER_MAX, FAILED_ADDRESS_MAX = 5, 30, 50
KNOWN_MAX = 10_000


@dataclass(frozen=True)
class SignedIn:
    """A session: its account, how the token travels, the token's hash, and when it ends."""

    account: Account
    kind: str
    token_hash: bytes
    ends_at: datetime

    @property
    def csrf(self) -> str:
        """What a page must send back beside the cookie; another site cannot know it."""
        return sha256(b"csrf|" + self.token_hash).hexdigest()


def token_hash(token: str) -> bytes:
    """What is stored of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


class AccessService:
    """Operators and sessions against a database; safe for several threads."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]],
                 clock: Callable[[], datetime], new_id: Callable[[], str],
                 new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32)) -> None:
        self._connect, self._clock = connect, clock
        self._new_id, self._new_token = new_id, new_token
        self._known: dict[bytes, tuple[SignedIn, datetime]] = {}
        self._lock = threading.Lock()
        # Two at a time: a flood of tries is counted before the next ones are let in.
        self._signing = threading.BoundedSemaphore(2)
        self.log = AccessLog(connect, clock, new_id)

    # --- signing in ----------------------------------------------------------------------------
    def sign_in(self, user_id: str, password: str, address: str, kind: str = "cookie",
                ) -> tuple[str, SignedIn]:
        """The token and its session. Raises Refusal `too-many-sign-ins`, `wrong-password` (also
        for somebody unknown or disabled: nobody learns which)."""
        with self._signing:
            return self._sign_in(user_id, password, address, kind)

    def _sign_in(self, user_id: str, password: str, address: str, kind: str,
                 ) -> tuple[str, SignedIn]:
        now = self._clock()
        with self._connect() as connection:
            failed = store.failures(connection, user_id, address, now - WINDOW)
            if any(count >= most for count, most in zip(
                    failed, (FAILED_PAIR_MAX, FAILED_USER_MAX, FAILED_ADDRESS_MAX))):
                raise Refusal("too-many-sign-ins", "too many failed sign-ins", "user_id", "",
                              f"Wait {WINDOW.seconds // 60} minutes, or ask an administrator.")
            found = store.operator(connection, user_id)
        account, stored = found or (None, None)
        right = passwords.matches(stored, password) and not account.disabled
        token = self._new_token()
        signed = SignedIn(account, kind, token_hash(token), now + ABSOLUTE)
        with self._connect() as connection:
            store.add_sign_in(connection, self._new_id(), now, user_id, address, right)
            if right:
                store.add_session(connection, signed.token_hash, user_id, kind, now,
                                  signed.ends_at, address)
        if not right:
            raise Refusal("wrong-password", "user id and password do not match an operator",
                          "password", "", "Check both; an administrator can give a new one.")
        return token, signed

    def known(self, hashed: bytes) -> SignedIn | None:
        """The session if this process has seen it just now: no database."""
        found = self._known.get(hashed)
        now = self._clock()
        return found[0] if found and now < found[1] and now < found[0].ends_at else None

    def session(self, hashed: bytes) -> SignedIn:
        """The session of a token. Raises Refusal `session-ended`."""
        if found := self.known(hashed):
            return found
        now = self._clock()
        with self._connect() as connection:
            row = store.session(connection, hashed)
            if row is None or row[0].disabled or now >= row[3] or now >= row[2] + IDLE:
                raise Refusal("session-ended", "this session has ended or never was", "", "",
                              "Sign in again.")
            account, kind, seen_at, ends_at = row
            if now >= seen_at + SEEN_EVERY:
                store.see_session(connection, hashed, now)
        signed = SignedIn(account, kind, hashed, ends_at)
        with self._lock:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[hashed] = signed, now + KNOWN
        return signed

    def sign_out(self, hashed: bytes) -> None:
        """Ends the session; a second time is fine."""
        with self._connect() as connection:
            store.end_session(connection, hashed, self._clock())
        with self._lock:
            self._known.pop(hashed, None)

    # --- operators -----------------------------------------------------------------------------
    def create(self, account: Account, by: str, password: str | None = None,
               hashed: str | None = None) -> str:
        """Makes an operator; gives the password, a one-time one unless it was given.

        `hashed`: what `passwords.hashed` made of a password given to many at once.

        Raises CaseError (see operators.checked), Refusal `operator-exists`.
        """
        checked(account.user_id, account.role, account.regions, account.institution)
        given = password or passwords.one_time_password()
        account = replace(account, must_change=password is None)
        hashed = hashed or passwords.hashed(given)
        now = self._clock()
        with self._connect() as connection:
            if not store.add_operator(connection, account, hashed, now, by):
                raise Refusal("operator-exists", f"there is an operator {account.user_id!r}",
                              "user_id", "", "Choose another user id.")
            store.add_change(connection, self._new_id(), account.user_id, now, by, "made",
                             {"role": account.role, "regions": list(account.regions)})
        return given

    def change(self, user_id: str, by: str, *, regions: Collection[str] | None = None,
               disabled: bool | None = None) -> Account:
        """Gives an operator other regions, or disables him; ends his sessions.

        Raises Refusal `unknown-operator`, `own-account`, CaseError as create() does.
        """
        account = self._account(user_id)
        if user_id == by:
            raise Refusal("own-account", "nobody changes his own rights", "user_id", "",
                          "Another administrator does it.")
        changes: dict[str, object] = {}
        if regions is not None:
            checked(user_id, account.role, regions, account.institution)
            changes["regions"] = list(regions)
        if disabled is not None:
            changes["disabled"] = disabled
        if not changes:
            raise CaseError("nothing-to-change", "no change is given", "body",
                            hint="Give `regions` or `disabled`.")
        self._change(user_id, by, "changed", changes, changes)
        return self._account(user_id)

    def reset_password(self, user_id: str, by: str) -> str:
        """A new one-time password; ends the operator's sessions. Raises `unknown-operator`."""
        self._account(user_id)
        given = passwords.one_time_password()
        self._change(user_id, by, "password reset", {
            "password_hash": passwords.hashed(given), "must_change": True,
            "demonstration": False}, {})
        return given

    def change_password(self, signed: SignedIn, old: str, new: str) -> None:
        """The operator's own new password; ends all his sessions, this one too.

        Raises Refusal `wrong-password`, CaseError `weak-password`.
        """
        user_id = signed.account.user_id
        with self._connect() as connection:
            found = store.operator(connection, user_id)
        if not passwords.matches(found[1], old):
            raise Refusal("wrong-password", "the old password is another one", "old", "",
                          "Give the password you signed in with.")
        passwords.check_new(new, user_id)
        if new == old:
            raise CaseError("weak-password", "the new password is the old one", "new",
                            hint="Choose another one.")
        self._change(user_id, user_id, "password changed", {
            "password_hash": passwords.hashed(new), "must_change": False,
            "demonstration": False}, {})

    def operators(self) -> list[Account]:
        """All operators, by user id."""
        with self._connect() as connection:
            return store.operators(connection)

    def demonstration_operators(self) -> int:
        """How many can sign in with a password that everybody knows."""
        with self._connect() as connection:
            return store.count_demonstration(connection)

    def _account(self, user_id: str) -> Account:
        with self._connect() as connection:
            found = store.operator(connection, user_id)
        if found is None:
            raise Refusal("unknown-operator", f"there is no operator {user_id[:40]!r}", "user_id",
                          "", "See the list of operators.")
        return found[0]

    def _change(self, user_id: str, by: str, what: str, changes: dict[str, object],
                detail: dict[str, object]) -> None:
        now = self._clock()
        with self._connect() as connection:
            store.change_operator(connection, user_id, changes)
            store.end_sessions_of(connection, user_id, now)
            store.add_change(connection, self._new_id(), user_id, now, by, what, detail)
        with self._lock:
            for hashed, (signed, _) in list(self._known.items()):
                if signed.account.user_id == user_id:
                    del self._known[hashed]
