"""Operators of the demonstration: one of each role, with a password everybody knows (演示账号).

They are marked, and a server started with `--production` refuses to start while one can sign in.
"""
from __future__ import annotations

from collections.abc import Collection

from ..errors import Refusal
from .operators import ROLES, Account
from .passwords import hashed
from .service import AccessService

PASSWORD = "demonstration-only"  # known on purpose: see above


def make_demonstration_operators(access: AccessService, regions: Collection[str],
                                 institutions: Collection[str] = ()) -> list[Account]:
    """One operator a role, and one for each institution (`inst-h001`); those there are kept."""
    accounts = [Account(role, f"演示 {term.zh}", role, tuple(regions), demonstration=True)
                for role, term in ROLES.items() if role != "institution"]
    accounts += [Account(f"inst-{code.lower()}", f"演示 {code}", "institution", tuple(regions),
                         code, demonstration=True) for code in institutions]
    same = hashed(PASSWORD)     # once: it takes a fifth of a second, and everybody knows it anyway
    for account in accounts:
        try:
            access.create(account, "demonstration", PASSWORD, same)
        except Refusal as refusal:
            if refusal.code != "operator-exists":
                raise
    return accounts
