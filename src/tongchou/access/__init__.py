"""Who may use the platform (访问控制, floor 5): operators, sessions, and the log of every read.

Passwords are kept as argon2id, session tokens as their SHA-256. See docs/http-api.md.
"""
from .demonstration import PASSWORD as DEMONSTRATION_PASSWORD
from .demonstration import make_demonstration_operators
from .log import AccessLog, Look
from .operators import PURPOSES, ROLES, Account, Operator
from .passwords import one_time_password
from .service import ABSOLUTE, AccessService, SignedIn, token_hash

__all__ = ["ABSOLUTE", "AccessLog", "AccessService", "Account", "DEMONSTRATION_PASSWORD", "Look",
           "Operator", "PURPOSES", "ROLES", "SignedIn", "make_demonstration_operators",
           "one_time_password", "token_hash"]
