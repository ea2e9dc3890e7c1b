"""Who may use the platform (访问控制, floor 5): operators, sessions, and the log of every read.

Passwords are kept as argon2id, session tokens as their SHA-256. See docs/http-api.md.
"""
from .log import AccessLog, Look
from .operators import PURPOSES, ROLES, Account, Operator
from .passwords import one_time_password
from .service import AccessService, SignedIn, token_hash

__all__ = ["AccessLog", "AccessService", "Account", "Look", "Operator", "PURPOSES", "ROLES",
           "SignedIn", "one_time_password", "token_hash"]
