"""Where every clause of the fact sheets is realised: rule, parameter, assumption, test (覆盖表).

A clause is `done` when a test names it: a case file (`clauses:`), or a test function marked
`@pytest.mark.clause("XX-01")`. Citing it in a pack alone is a promise, not a proof.
"""
from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .lint_schema import section
from .lint_tree import cited_by, read_sheet
from .load import packs_folder, pack_file, read_tree, shipped_packs
from .source import Node, parse_yaml, read_text

STATES = ("done", "rule", "parameter", "assumption", "nothing yet")


@dataclass
class Row:
    """One clause and the places that realise it (each `file:line`, tests with their name)."""

    clause: str
    city: str
    part: str
    kind: str
    status: str
    rule: str
    rules: list[str] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    cases: list[str] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)

    @property
    def state(self) -> str:
        """The strongest of STATES that holds."""
        proofs = (self.cases or self.tests, self.rules, self.parameters, self.assumptions, True)
        return next(state for state, proof in zip(STATES, proofs, strict=True) if proof)

    def as_dict(self) -> dict[str, object]:
        """The row of `pack coverage --json`."""
        return {"clause": self.clause, "city": self.city, "part": self.part, "kind": self.kind,
                "status": self.status, "rule": self.rule, "state": self.state,
                "rules": self.rules, "parameters": self.parameters,
                "assumptions": self.assumptions, "cases": self.cases, "tests": self.tests}


@dataclass
class Coverage:
    """All rows, what could not be read, and the folder of tests (None in an installed package)."""

    rows: list[Row]
    tests_folder: Path | None
    faults: list[str]

    def summary(self, key: str) -> dict[str, dict[str, int]]:
        """Counts of every state by `city`, `kind` or `status`."""
        found: dict[str, dict[str, int]] = {}
        for row in self.rows:
            counts = found.setdefault(getattr(row, key), dict.fromkeys(STATES, 0))
            counts[row.state] += 1
        return found

    def done(self) -> int:
        """How many clauses a test names."""
        return sum(row.state == "done" for row in self.rows)


def percentage(part: int, whole: int) -> str:
    """A share for people, one decimal."""
    return f"{part * 1000 // whole // 10}.{part * 1000 // whole % 10}%" if whole else "-"


def find_coverage(tests_folder: Path | None = None) -> Coverage:
    """The table over the shipped fact sheets; `tests_folder` is found beside the sources."""
    folder = tests_folder or own_tests()
    rows = {row["clause"]: Row(row["clause"], sheet.parent.name, row["part"], row["kind"],
                               row["status"], row["rule"])
            for sheet in sorted(packs_folder().glob("*/clauses.csv"))
            for row in read_sheet(sheet)}
    faults: list[str] = []
    for name in shipped_packs():
        _add_pack(read_tree(pack_file(name)), rows)
    for path in sorted(packs_folder().glob("*/cases/*.yaml")):
        _add_cases(path, rows, faults)
    for path in sorted(folder.glob("**/test_*.py")) if folder else ():
        for clause, where in marked_tests(path):
            _note(rows, clause, where, "tests", faults)
    return Coverage(list(rows.values()), folder, faults)


def own_tests() -> Path | None:
    """The folder `tests` of the checkout this package runs from; None when it is installed."""
    folder = packs_folder().parent.parent.parent / "tests"
    return folder if (folder / "test_coverage.py").is_file() else None


def _note(rows: dict[str, Row], clause: str, where: str, kind: str, faults: list[str]) -> None:
    if clause in rows:
        places = getattr(rows[clause], kind)
        places += [] if where in places else [where]
    elif any(known.partition("-")[0] == clause.partition("-")[0] for known in rows):
        faults.append(f"{where}: {clause} is in no fact sheet")


def _add_pack(root: Node, rows: dict[str, Row]) -> None:
    kinds = {"parameters": "parameters", "assumptions": "assumptions", "profiles": ""}
    for name, part in (root.items or {}).items():
        kind = kinds.get(name, "rules")
        for node in part.walk() if kind else ():
            for clause, place in cited_by(node):
                label = _parameter_of(root, node) if kind == "parameters" else ""
                _note(rows, clause, f"{place.file}:{place.line}{label}", kind, [])


def _parameter_of(root: Node, node: Node) -> str:
    return next((f" ${name}" for name, child in section(root, "parameters").items()
                 if child is node), "")


def _add_cases(path: Path, rows: dict[str, Row], faults: list[str]) -> None:
    """Cases are only looked at for the clauses they name; `claims.casefile` checks the rest."""
    root = parse_yaml(read_text(path), f"{path.parent.parent.name}/cases/{path.name}")
    for node in root.elements or ():
        name = (node.items or {}).get("name")
        clauses = (node.items or {}).get("clauses")
        for part in (clauses.elements or [clauses]) if clauses is not None else ():
            _note(rows, part.text or "", f"{node.file}:{node.line} {name.text if name else ''}",
                  "cases", faults)


def marked_tests(path: Path) -> Iterator[tuple[str, str]]:
    """(clause, `file:line name`) of every test of a file that a `clause` mark names."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            for mark in node.decorator_list:
                for clause in _marked(mark):
                    yield clause, f"{path.name}:{node.lineno} {node.name}"


def _marked(mark: ast.expr) -> list[str]:
    """Clauses of one decorator `pytest.mark.clause(...)`."""
    if not isinstance(mark, ast.Call) or ast.unparse(mark.func) != "pytest.mark.clause":
        return []
    return [part.value for part in mark.args
            if isinstance(part, ast.Constant) and isinstance(part.value, str)]
