"""An area's rules of manual reimbursement (手工报销规则): the term's start, its end, documents.

A CSV of name, value, clause, note beside the area's pack (`manual.csv`), or any other file. The
number of working days stands with the other terms, in the clearing rules (`manual_days`).
"""
from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import CaseError
from ...policy import packs_folder, suggest
from ...terms import VISITS
from .model import REASONS

CHOICES = {"start": ("received", "registered", "complete"), "documents_wait": ("yes", "no"),
           "until": ("paid", "reviewed")}
DOCUMENT, ALL = "document.", "all"


@dataclass(frozen=True)
class ManualRules:
    """Terms and documents of a manual reimbursement (BJ-50, BJ-51).

    days: working days of the term
    start: received, registered, or complete (the last document that was asked for came in)
    documents_wait: the clock waits while a document is missing
    until: the term is kept when the person is paid, or when the second review is done
    documents: name -> kinds of visit and reasons it is needed for (`all`: every case)
    titles: name -> what the counter calls it
    """

    days: int
    start: str
    documents_wait: bool
    until: str
    documents: Mapping[str, tuple[str, ...]]
    titles: Mapping[str, str]

    def needed(self, visit: str, reason: str) -> tuple[str, ...]:
        """Documents a case needs, in the order of the table."""
        return tuple(name for name, kinds in self.documents.items()
                     if ALL in kinds or visit in kinds or reason in kinds)

    def as_dict(self) -> dict[str, object]:
        """The form that is stored with a case; documents in their order."""
        return {**vars(self), "documents": [[name, list(kinds)]
                                            for name, kinds in self.documents.items()],
                "titles": dict(self.titles)}

    @classmethod
    def of(cls, found: Mapping[str, object]) -> "ManualRules":
        """Back from the stored form."""
        documents = {name: tuple(kinds) for name, kinds in found["documents"]}
        return cls(**{**found, "documents": documents})


def manual_file(city: str) -> Path:
    """The rules beside a shipped city's packs. Raises CaseError when it has none."""
    path = packs_folder().joinpath(city, "manual.csv")
    if not path.is_file():
        raise CaseError("no-manual-rules", f"{city} ships without rules of manual reimbursement "
                        "无手工报销规则", city, hint="Give a file of your own.")
    return path


def read_manual_rules(path: Path, days: int) -> ManualRules:
    """The rules of a file; `days` are the working days of the term (`manual_days` of the clearing
    rules). Raises CaseError with the line of what is missing, unknown or wrong."""
    values: dict[str, tuple[str, str, str]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            if not {"name", "value", "note"} <= set(rows.fieldnames or ()):
                raise _bad(str(path), "no columns name, value and note",
                           "The first line is name,value,clause,note.")
            for row in rows:
                name, where = (row["name"] or "").strip(), f"{path}:{rows.line_num}"
                if name in values:
                    raise _bad(where, f"{name} stands twice", "Keep one of the two lines.")
                values[name] = (row["value"] or "").strip(), (row["note"] or "").strip(), where
    except (UnicodeDecodeError, csv.Error) as fault:
        raise _bad(str(path), f"cannot be read as text: {fault}", "Save it as CSV in UTF-8.") \
            from None
    except OSError as fault:
        raise _bad(str(path), f"cannot be opened: {fault.strerror}", "Check the path.") from None
    return _rules(values, str(path), days)


def _rules(values: dict[str, tuple[str, str, str]], where: str, days: int) -> ManualRules:
    chosen: dict[str, str] = {}
    for name, choices in CHOICES.items():
        if name not in values:
            raise _bad(where, f"no value for {name}", f"Add a line {name},{choices[0]},...")
        value, _, place = values.pop(name)
        if value not in choices:
            raise _bad(place, f"{value!r} is not known", f"Write {' or '.join(choices)}.")
        chosen[name] = value
    documents, titles = {}, {}
    for name, (value, note, place) in values.items():
        if not name.startswith(DOCUMENT):
            raise _bad(place, f"unknown rule {name!r}", suggest(name, [*CHOICES, DOCUMENT]))
        kinds = tuple(part.strip() for part in value.split(";"))
        unknown = [kind for kind in kinds if kind not in (ALL, *VISITS, *REASONS)]
        if unknown:
            raise _bad(place, f"{unknown[0]!r} is no kind of visit or reason",
                       suggest(unknown[0], [ALL, *VISITS, *REASONS]))
        documents[name.removeprefix(DOCUMENT)] = kinds
        titles[name.removeprefix(DOCUMENT)] = note or name.removeprefix(DOCUMENT)
    if not documents:
        raise _bad(where, "no document is named", f"Add lines such as {DOCUMENT}identity,all,...")
    return ManualRules(days, chosen["start"], chosen["documents_wait"] == "yes", chosen["until"],
                       documents, titles)


def _bad(where: str, message: str, hint: str) -> CaseError:
    return CaseError("bad-manual-rules", message, where, hint=hint)
