"""Lists into the database: every row is stored, known already, or refused with a reason (名单导入).

Rows go in batches, each a transaction; a row is stored whole or not at all. The same file twice
changes nothing. What contradicts what is known is refused, unless corrections are asked for.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ..errors import CaseError
from .entry import Fault
from .kinds import KINDS, Column, Kind, Record, Row, shown_value
from .matching import Matcher
from .service import Enrolment
from .sheets import Sheet, SheetRow, read_list, write_workbook

BATCH_ROWS = 500
OUTCOMES = ("added", "corrected", "unchanged")
REPORT_HEADINGS = ("行 row", "列 column", "字段 field", "所见值 value seen", "代码 code", "原因",
                   "reason", "处理办法", "what to do")


@dataclass(frozen=True)
class RefusedRow:
    """One fault of one row; `value` is masked where it is personal."""

    row: int
    field: str
    heading: str
    value: str
    fault: Fault

    def as_dict(self) -> dict[str, object]:
        """The fault as an object of `--json`."""
        said = self.fault
        return {"row": self.row, "field": self.field, "heading": self.heading,
                "value": self.value, "code": said.code, "reason_zh": said.zh, "reason": said.en,
                "hint_zh": said.hint_zh, "hint": said.hint_en}

    def as_row(self) -> tuple[str, ...]:
        """The fault as a row of the report, see `REPORT_HEADINGS`."""
        said = self.fault
        return (str(self.row), self.heading, self.field, self.value, said.code, said.zh, said.en,
                said.hint_zh, said.hint_en)


@dataclass
class ImportReport:
    """What became of a list: rows by outcome, every fault, and what a reader should know."""

    kind: str
    file: str
    region: str
    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: list[RefusedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def refused(self) -> int:
        """Rows that were not taken."""
        return len({one.row for one in self.faults})

    def as_dict(self) -> dict[str, object]:
        """The object of `--json`."""
        assert self.rows == sum(self.outcomes.values()) + self.refused, "a row was lost"
        return {"kind": self.kind, "file": self.file, "region": self.region, "rows": self.rows,
                **{name: self.outcomes[name] for name in OUTCOMES}, "refused": self.refused,
                "notes": self.notes, "faults": [one.as_dict() for one in self.faults]}

    def write(self, path: Path) -> None:
        """Writes the faults as a workbook."""
        write_workbook(path, [("未导入 refused", REPORT_HEADINGS,
                               [one.as_row() for one in self.faults])])


def import_list(service: Enrolment, kind: str, path: Path, region: str, *, by: str, why: str,
                correct: bool = False, own: frozenset[str] = frozenset(),
                progress: Callable[[int, int], None] = lambda done, of: None) -> ImportReport:
    """Imports a list of a kind of `KINDS` into a region.

    `correct` takes rows that contradict what is known as corrections of it; `own` are names of
    statuses that packs declare. Raises CaseError when the file is not such a list, Refusal
    `unknown-region`.
    """
    described = kind_of(kind)
    sheet = read_list(path)
    places, notes = columns_of(described, sheet, path)
    report = ImportReport(kind, str(path), region, len(sheet.rows), notes=[*sheet.notes, *notes])
    noted = service.noted(by, why)
    service.require_region(region)
    matcher = Matcher(service, region, noted, correct)
    done = 0
    for rows in _batches(sheet.rows):
        records = list(_read(described, rows, places, own, len(sheet.headings), report))
        results = service.database.transact(
            lambda connection, records=records: matcher.store(connection, records),
            repeatable=True)        # a row that is there already is `unchanged`
        _note(report, described, rows, places, records, results)
        done += len(rows)
        progress(done, len(sheet.rows))
    order = {column.name: place for place, column in enumerate(described.columns)}
    report.faults.sort(key=lambda one: (one.row, order.get(one.field, -1)))
    return report


def kind_of(name: str) -> Kind:
    """A kind by name. Raises CaseError `unknown-kind`."""
    if name not in KINDS:
        raise CaseError("unknown-kind", f"there is no list of kind {name!r} (没有这种名单)", name,
                        hint="Kinds: " + ", ".join(f"{key} {one.zh}" for key, one
                                                   in KINDS.items()))
    return KINDS[name]


def columns_of(kind: Kind, sheet: Sheet, path: Path) -> tuple[dict[str, int], list[str]]:
    """Our column name -> its place, and notes about headings that are not read.

    Raises CaseError `missing-column`, `duplicate-column`.
    """
    known = {word: column.name for column in kind.columns
             for word in (column.zh, column.name, _heading(column))}
    places: dict[str, int] = {}
    notes = []
    for place, heading in enumerate(sheet.headings):
        name = known.get(heading) or known.get(heading.rstrip("*＊ "))
        if name in places:
            raise CaseError("duplicate-column", f"the column {heading!r} stands twice (列重复)",
                            str(path), hint="Take one of the two out.")
        if name:
            places[name] = place
        elif heading:
            notes.append(f"列“{heading}”不读取 (column {heading!r} is not read)")
    lacking = [f"{column.zh} ({column.name})" for column in kind.columns
               if column.needed and column.name not in places]
    who = {"certno", "psn_no"} & {column.name for column in kind.columns}
    if who and not who & places.keys():
        lacking.append("证件号码 (certno) / 人员编号 (psn_no)")
    if lacking:
        raise CaseError("missing-column", f"columns are missing (缺列): {', '.join(lacking)}",
                        str(path), hint="Start from a template: tongchou people template")
    return places, notes


def write_template(kind: str, path: Path) -> None:
    """A workbook to fill in: the headings (needed ones with *), and a sheet that explains them."""
    described = kind_of(kind)
    write_workbook(path, [
        (described.zh, [_heading(column) for column in described.columns], []),
        ("说明", ("列", "字段", "必填", "说明", "示例"),
         [(column.zh, column.name, "是" if column.needed else "", column.note, column.example)
          for column in described.columns])], as_text=True)


def _heading(column: Column) -> str:
    return f"{column.zh}*" if column.needed else column.zh


def _batches(rows: Sequence[SheetRow]) -> Iterator[list[SheetRow]]:
    rest = iter(rows)
    while batch := list(islice(rest, BATCH_ROWS)):
        yield batch


def _read(kind: Kind, rows: Iterable[SheetRow], places: dict[str, int], own: frozenset[str],
          width: int, report: ImportReport) -> Iterator[Record]:
    """The records of rows that can be read; faults of the others go into the report."""
    for one in rows:
        row = Row(one, places, own)
        if any(one.cells[width:]):
            row.faults.append(Fault("", "broken-row", "该行的列数多于表头",
                                    "the row has more cells than the header",
                                    "检查分隔符或引号。", "Check separators and quotes."))
        record = kind.read(row)
        if row.faults:
            _refuse(report, kind, one, places, row.faults)
        else:
            yield record


def _refuse(report: ImportReport, kind: Kind, row: SheetRow, places: dict[str, int],
            faults: Iterable[Fault]) -> None:
    headings = {column.name: column.zh for column in kind.columns}
    for fault in faults:
        place = places.get(fault.field, -1)
        seen = row.cells[place] if 0 <= place < len(row.cells) else ""
        report.faults.append(RefusedRow(row.number, fault.field,
                                        headings.get(fault.field, fault.field),
                                        shown_value(fault.field, seen), fault))


def _note(report: ImportReport, kind: Kind, rows: Sequence[SheetRow], places: dict[str, int],
          records: Sequence[Record], results: Sequence[str | Fault]) -> None:
    by_number = {row.number: row for row in rows}
    for record, result in zip(records, results, strict=True):
        if isinstance(result, Fault):
            _refuse(report, kind, by_number[record.row], places, [result])
        else:
            report.outcomes[result] += 1
