"""From files to files: a catalogue from three years of cases, scores of a year (成批运行)."""
from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import CaseError
from ...money import yuan_text
from ..cases import (REJECTS, SCHEMA, CasesRead, Needs, TableFile, iter_cases, needs_of,
                     rejects_path)
from ..cases.files import open_case_file
from .build import build_catalogue
from .catalogue_file import read_catalogue
from .catalogue_write import make_folder, milli_text
from .indicators import flagged, indices, monitoring
from .match import REASONS, Matcher
from .model import Catalogue
from .region import read_region
from .score import score_cases
from .terms_file import ALL, read_terms, terms_of, value_text, write_region_catalogue
from .trace import trace_case

Progress = Callable[[str, int, int], None]
BUILDING = needs_of("dx", "cost_fen", "year", "hospital_level")
SCORING = needs_of("dx", "cost_fen", "hospital", "hospital_level", "insurance")


def make_catalogue(files: list[Path], national: Path | None, region_file: Path, out: Path,
                   progress: Progress) -> dict[str, object]:
    """Builds a region's catalogue folder and gives what a report says about it.

    Raises CaseError (a file) and Refusal (an open parameter, too few years). Rows that are refused
    go to `out`/rejects.csv with their file; a case that an earlier file has too is refused.
    """
    begun = time.monotonic()
    region = read_region(region_file)
    base = read_catalogue(national) if national else Catalogue(region.version, ())
    table, rejects, refused = _read(files, BUILDING, progress)
    progress("building", 1, 3)
    built = build_catalogue(table, base, region, region.version)
    progress("building", 2, 3)
    terms = terms_of(table, built, region)
    write_region_catalogue(out, built, terms)
    kept = _write_rejects(out / "rejects.csv", rejects)
    progress("building", 3, 3)
    groups = built.priced.catalogue.groups
    return {
        "out": str(out), "cases": table.num_rows, "years": list(built.priced.years),
        "groups": dict(Counter(group.layer for group in groups)),
        "core_share_ppm": built.core_share_ppm, "threshold_cases": built.threshold_cases,
        "base": yuan_text(built.priced.base_fen), "trimmed": built.priced.trimmed,
        "splits_weighed": len(built.splits), "splits": sum(one.splits for one in built.splits),
        "dropped": built.dropped, "coefficients": len(terms.factors.factors),
        "auxiliary": len(terms.triggers),
        "values": {name or ALL: value_text(value) for name, value in terms.values.items()},
        "bonus_unused": sorted(set(region.bonuses) - {one.hospital for one in
                                                      terms.factors.factors}),
        "ungrouped": _reasons(built.matched.reason), "candidates": region.unsure(),
        "rejected": refused, "reported": rejects.num_rows, "rejects": kept,
        "seconds": round(time.monotonic() - begun, 2)}


def score_file(file: Path, folder: Path, region_file: Path, out: Path, progress: Progress,
               value: int = 0, reports: Path | None = None,
               traced: tuple[str, ...] = ()) -> dict[str, object]:
    """Scores a file of cases by a region's catalogue folder into `out` and gives the figures.

    `value` is that of a point in millionths of a yuan, 0 to take the folder's; `reports` is a
    folder for hospital indices and monitoring indicators; `traced` names cases.
    Raises CaseError and Refusal.
    """
    begun = time.monotonic()
    region, catalogue = read_region(region_file), read_catalogue(folder)
    terms = read_terms(folder, catalogue, value)
    table, rejects, refused = _read([file], SCORING, progress)
    progress("matching", 0, 2)
    matcher = Matcher(catalogue, region)
    matched = matcher.match(table)
    progress("matching", 1, 2)
    scored = score_cases(table, matched, region, terms)
    _write(out, scored.table)
    kept = _write_rejects(rejects_path(out), rejects)
    progress("matching", 2, 2)
    if reports:
        _write_reports(reports, scored.table, flagged(region, catalogue, scored.encoded))
    total = int(scored.score_milli.sum())
    return {
        "out": str(out), "cases": table.num_rows, "grouped": int((matched.group >= 0).sum()),
        "score": milli_text(total), "by_insurance": _by_insurance(scored.table),
        "layers": _counted(scored.table, "layer"), "deviation": _counted(scored.table, "deviation"),
        "review": int(np.count_nonzero(scored.table.column("review"))),
        "ungrouped": _reasons(matched.reason), "candidates": region.unsure(),
        "traces": _traces(matcher, table, traced), "rejected": refused,
        "reported": rejects.num_rows, "rejects": kept,
        "seconds": round(time.monotonic() - begun, 2)}


class _Read(NamedTuple):
    """Cases of all files; REJECTS with the file each stands in; how many rows were refused."""

    table: pa.Table
    rejects: pa.Table
    refused: int


def _read(files: list[Path], needs: Needs, progress: Progress) -> _Read:
    expected = sum(open_case_file(file).rows for file in files)
    tables, rejects, rows, refused = [SCHEMA.empty_table()], [], 0, 0
    seen = pa.array([], pa.string())
    for number, file in enumerate(files, start=1):
        own = [SCHEMA.empty_table()]
        for read in iter_cases(file, needs=needs):
            table, again = _unseen(read, seen) if len(seen) else (read.table, read.rejects[:0])
            own.append(table)
            rejects += [_of_file(one, file) for one in (read.rejects, again)]
            rows, refused = rows + read.rows, refused + read.rows - table.num_rows
            progress("reading", rows, max(expected, rows))
        tables += own
        if number < len(files):
            seen = pa.concat_arrays([seen, _stays(pa.concat_tables(own))])
    whole, faults = pa.concat_tables(tables), pa.concat_tables(
        rejects or [_of_file(REJECTS.empty_table(), files[0])])
    if not whole.num_rows:
        raise CaseError("no-cases", "no row of the files can be used", str(files[0]),
                        hint=f"Their faults: {Counter(faults['code'].to_pylist())}.")
    return _Read(whole, faults, refused)


def _stays(table: pa.Table) -> pa.Array:
    """What tells a stay from others: years may number their cases anew."""
    year = table.column("year").cast(pa.string()).fill_null("")
    return pc.binary_join_element_wise(table.column("case"), year, "\0").combine_chunks()


def _unseen(read: CasesRead, seen: pa.Array) -> tuple[pa.Table, pa.Table]:
    """The cases that no earlier file has, and the report about the others."""
    known = pc.is_in(_stays(read.table), seen)
    twice = read.table.filter(known).column("case").to_pylist()
    places = read.kept[known.to_numpy(zero_copy_only=False)].tolist()
    report = [{"row": row, "case": case, "field": "case", "value": case, "code": "duplicate-case",
               "reason": "an earlier file has this case of this year; give every stay once",
               "refused": True} for row, case in zip(places, twice, strict=True)]
    return read.table.filter(pc.invert(known)), pa.Table.from_pylist(report, REJECTS)


def _of_file(rejects: pa.Table, file: Path) -> pa.Table:
    return rejects.add_column(0, "file", pa.array([str(file)] * rejects.num_rows, pa.string()))


def _write_rejects(path: Path, rejects: pa.Table) -> str:
    """The report's path; "" without faults, and no older report stays beside a clean run."""
    if not rejects.num_rows:
        path.unlink(missing_ok=True)
        return ""
    _write(path, rejects)
    return str(path)


def _write(path: Path, table: pa.Table) -> None:
    """One table; words kept by number become text again where a format has only text."""
    if path.suffix.lower() != ".parquet":
        table = pa.table({name: column.cast(pa.string()) if pa.types.is_dictionary(column.type)
                          else column for name, column in zip(table.column_names, table.columns,
                                                              strict=True)})
    with TableFile(path, table.schema) as target:
        target.write(table)


def _write_reports(folder: Path, table: pa.Table, flags: dict[str, np.ndarray]) -> None:
    make_folder(folder)
    found = {"indices.csv": indices(table), "monitoring.csv": monitoring(table, flags)}
    for name, made in found.items():
        _write(folder / name, made)


def _reasons(reason: np.ndarray) -> dict[str, int]:
    counts = np.bincount(reason, minlength=len(REASONS))
    return {name: int(count) for name, count in zip(REASONS[1:], counts[1:], strict=True) if count}


def _counted(table: pa.Table, name: str) -> dict[str, int]:
    found = table.column(name).combine_chunks().value_counts()
    return {one["values"]: one["counts"] for one in found.to_pylist() if one["values"]}


def _by_insurance(table: pa.Table) -> dict[str, str]:
    made = table.select(["insurance", "score_milli"]).group_by("insurance").aggregate(
        [("score_milli", "sum")])
    return {row["insurance"] or "unknown": milli_text(row["score_milli_sum"])
            for row in made.to_pylist()}


def _traces(matcher: Matcher, table: pa.Table, wanted: tuple[str, ...]) -> list[list[str]]:
    names = table.column("case").to_pylist() if wanted else []
    made = []
    for case in wanted:
        if case not in names:
            raise CaseError("unknown-case", f"there is no case {case!r}", "--trace")
        made.append(trace_case(matcher, table, names.index(case)).lines())
    return made
