"""Whether cases prove the clauses they name: the pack is changed under each, clause by clause.

A promise holds when some change of what the pack says under the clause makes the case fail. See
docs/case-files.md and `policy.mutation`.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..policy import Pack, mutation, pack_file, packs_folder, read_tree
from .casefile import CaseEntry, read_case_file, run_case


@dataclass(frozen=True)
class Promise:
    """A clause that a case names. `differences`: what already fails with the pack as it is.
    `killed_by`: the change that the case noticed, "" when none of them matters to it."""

    case: str
    where: str
    clause: str
    differences: tuple[str, ...]
    killed_by: str

    @property
    def holds(self) -> bool:
        """True when the case passes, and fails when the clause is changed."""
        return not self.differences and bool(self.killed_by)


def case_files() -> list[Path]:
    """The case files that ship beside the packs."""
    return sorted(packs_folder().glob("*/cases/*.yaml"))


def check_promises(paths: Iterable[Path] | None = None,
                   killer: mutation.Killer | None = None) -> Iterator[Promise]:
    """All promises of case files (the shipped ones by default), in their order.

    Raises CaseError for a file that is no case file, PackError for a pack that cannot be read.
    """
    killer = killer or mutation.Killer()
    for path in case_files() if paths is None else paths:
        for entry in read_case_file(path):
            yield from promises_of(entry, killer)


def promises_of(entry: CaseEntry, killer: mutation.Killer) -> Iterator[Promise]:
    """The promises of one case."""
    document = entry.document
    differences = tuple(run_case(entry))
    for clause in entry.clauses:
        killed_by = ""
        if not differences:
            root = read_tree(pack_file(document.pack, document.folder))
            killed_by = killer.kill(root, document.profile, clause,
                                    lambda pack: _notices(entry, pack))
        yield Promise(entry.name, entry.where, clause, differences, killed_by)


def _notices(entry: CaseEntry, pack: Pack) -> bool:
    return bool(run_case(entry, pack))
