"""Groups a file of cases into a file of groups, with a report beside it (文件分组).

Every case of the file stands in the output: with its group, or with the reason why it has none,
which may be the fault for which its row was refused. Every fault stands in the report.
"""
from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ..cases.files import open_case_file
from ..cases.model import GROUPING, REJECTS, CasesRead
from ..cases.reading import iter_cases
from ..cases.report import REASONS as FAULTS
from ..cases.writing import TableFile, rejects_path
from .grouper import GROUPED, CodeMap, code_maps, group_cases
from .scheme import Scheme
from .sheets import read_sheet
from .trace import TRACE
from .unknown import unknown_codes

BATCH_ROWS = 1 << 16
NOT_ANSWERED = ("duplicate-case", "broken-row")       # they have no case of their own to answer
Progress = Callable[[str, int, int], None]


def group_file(cases: Path, scheme: Scheme, out: Path, *, ambiguous: bool = False,
               trace: bool = False, maps: CodeMap | None = None,
               progress: Progress = lambda *_: None) -> dict[str, object]:
    """Writes OUT and, when there is something to report, its rejects; what the run came to.

    Raises CaseError when a file cannot be read or written; then OUT is as it was before.
    """
    begun, told = time.perf_counter(), _Tally()
    beside = rejects_path(out)
    beside.unlink(missing_ok=True)
    about = open_case_file(cases).rows
    scheme.plan.branches          # compiled before the clock of the cases starts
    with TableFile(out, TRACE if trace else GROUPED) as answers:
        faults = []
        for read in iter_cases(cases, BATCH_ROWS, GROUPING):
            found = group_cases(read.table, scheme, ambiguous=ambiguous, trace=trace, maps=maps)
            strange = _strange(read, scheme, maps)
            faults += [part for part in (read.rejects, strange) if part.num_rows]
            told.add(read, found, strange)
            answers.write(_in_order(read, found))
            progress("cases", told.cases, max(told.cases, about))
        if faults:
            with TableFile(beside, REJECTS) as report:
                report.write(pa.concat_tables(faults).sort_by("row"))
    seconds = time.perf_counter() - begun
    return {"scheme": scheme.name, "scheme_sha256": scheme.digest, **told.as_dict(),
            "out": str(out), "rejects": str(beside) if faults else None,
            "seconds": round(seconds, 3), "cases_per_second": round(told.cases / seconds)}


def read_code_maps(folder: Path) -> CodeMap:
    """`dx_map.csv` and `px_map.csv` of a folder. Raises CaseError when one cannot be read."""
    def read(name: str) -> dict[str, str]:
        sheet = read_sheet(folder, name, ("from", "to"))
        sheet.unlike("from")
        return {row.code("from"): row.code("to") for row in sheet.rows}
    return code_maps(read)


def _strange(read: CasesRead, scheme: Scheme, maps: CodeMap | None) -> pa.Table:
    """Codes unknown to the scheme's list of names, as a report of rows that were grouped."""
    found = list(unknown_codes(read.table, scheme, maps))
    if not found:
        return REJECTS.empty_table()
    names = read.table.column("case")
    return pa.Table.from_pylist([
        {"row": int(read.kept[row]), "case": names[row].as_py(), "field": field, "value": value,
         "code": code, "reason": FAULTS[code].format(field=field), "refused": False}
        for row, field, code, value in found], schema=REJECTS)


def _in_order(read: CasesRead, found: pa.Table) -> pa.Table:
    """Grouped cases and refused ones together, in the order of the file."""
    refused = [line for line in read.rejects.to_pylist() if line["refused"]]
    twice = {line["row"] for line in refused if line["code"] in NOT_ANSWERED}
    reasons: dict[int, tuple[str, str]] = {}
    for line in refused:
        if line["case"] is not None and line["row"] not in twice:
            reasons.setdefault(line["row"], (line["case"], line["code"]))
    if not reasons:
        return found
    rest = pa.Table.from_pylist([{"case": case, "reason": code}
                                 for case, code in reasons.values()], schema=found.schema)
    both = pa.concat_tables([found, rest])
    rows = pa.concat_arrays([pa.array(read.kept, pa.int64()), pa.array(list(reasons), pa.int64())])
    return both.take(pc.sort_indices(rows))


class _Tally:
    """What a run came to."""

    def __init__(self) -> None:
        self.cases, self.grouped, self.refused = 0, 0, 0
        self._reasons, self._faults = Counter(), Counter()
        self._groups: set[str] = set()

    def add(self, read: CasesRead, found: pa.Table, strange: pa.Table) -> None:
        """Counts a batch."""
        self.cases += read.rows
        self.refused += read.refused
        group = found.column("group")
        self.grouped += len(group) - group.null_count
        self._groups.update(pc.unique(group.drop_null()).to_pylist())
        for entry in pc.value_counts(found.column("reason")).to_pylist():
            if entry["values"]:
                self._reasons[entry["values"]] += entry["counts"]
        for table in (read.rejects, strange):
            self._faults.update(table.column("code").to_pylist())

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {"cases": self.cases, "grouped": self.grouped, "groups": len(self._groups),
                "ungrouped": dict(self._reasons.most_common()), "refused": self.refused,
                "reported": dict(self._faults.most_common())}
