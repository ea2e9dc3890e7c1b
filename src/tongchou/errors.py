"""What Tongchou says when it cannot go on: one tree of errors, each a sentence a person can act on.

    TongchouError
    ├── PackError      a pack file is wrong: file, line, column, what to do
    ├── CaseError      a case, claim or mapping file is wrong or unreadable
    └── Refusal        the input is well formed but asks for something the rules do not give
                       (unset parameter, no coverage, unknown code, not in force)

A broken invariant of our own is an `assert`, never one of these.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass
class TongchouError(Exception):
    """What happened, where it stands, which clause it concerns and what to do about it.

    `code` is stable (scripts may compare it); `message`, `where` and `hint` are for people.
    """

    code: str
    message: str
    where: str = ""
    clause: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """The error as one readable paragraph."""
        head = f"{self.where}: {self.message}" if self.where else self.message
        clause = f" [{self.clause}]" if self.clause else ""
        hint = f"\n  {self.hint}" if self.hint else ""
        return f"{head}{clause}{hint}"

    def as_dict(self) -> dict[str, str]:
        """The error object of the contract (`--json`)."""
        return {"code": self.code, "message": self.message, "where": self.where,
                "clause": self.clause, "hint": self.hint}


class PackError(TongchouError):
    """A pack file is malformed or contradicts itself."""


class CaseError(TongchouError):
    """A case, claims or mapping file cannot be read as one."""


class Refusal(TongchouError):
    """A well-formed request that the pack refuses; the caller answers exit code 1."""
