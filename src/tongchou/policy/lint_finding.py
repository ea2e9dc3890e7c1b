"""What a check of a pack says: one finding, with its place and what to do about it (检查结果)."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import TongchouError
from .source import Node

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One finding of `pack lint`.

    `error`: the pack is wrong. `warning`: it may run, but says something nobody can have meant.
    `note`: worth knowing. `code` is stable, `message` and `hint` are for people.
    """

    file: str
    line: int
    column: int
    code: str
    severity: str
    message: str
    hint: str
    clause: str = ""

    def as_dict(self) -> dict[str, object]:
        """The finding of the contract (`--json`)."""
        return {"file": self.file, "line": self.line, "column": self.column, "code": self.code,
                "severity": self.severity, "message": self.message, "hint": self.hint,
                "clause": self.clause}


def place(where: str) -> tuple[str, int, int]:
    """File, line and column of `file:line:column`; 1:1 where they are not said."""
    parts = where.rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit():
        return parts[0], int(parts[1]), int(parts[2])
    return where, 1, 1


def finding(severity: str, code: str, where: str, message: str, hint: str,
            clause: str = "") -> Finding:
    """A finding at `file:line:column`."""
    assert severity in SEVERITIES and hint, (severity, code)
    return Finding(*place(where), code, severity, message, hint, clause)


def of_error(problem: TongchouError, file: str, severity: str = "error") -> Finding:
    """An error of the reader (or a refusal of the engine) as a finding."""
    return finding(severity, problem.code, problem.where or file, problem.message,
                   problem.hint or "Correct this place; see docs/pack-reference.md.",
                   problem.clause)


def key_where(node: Node, key: str) -> str:
    """Where a key of a mapping stands."""
    line, column = node.keys.get(key, (node.line, node.column))
    child = (node.items or {}).get(key)
    return f"{child.file if child is not None else node.file}:{line}:{column}"


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Without repetitions, in the order of the file."""
    unique = dict.fromkeys(findings)
    return sorted(unique, key=lambda found: (found.file, found.line, found.column,
                                             SEVERITIES.index(found.severity), found.code))
