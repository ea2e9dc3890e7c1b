"""From files to files: a catalogue from three years of cases, scores of a year (成批运行)."""
from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import CaseError
from ...money import yuan_text
from ..cases import REJECTS, Needs, TableFile, needs_of, read_cases, rejects_path
from .build import build_catalogue
from .catalogue_file import read_catalogue
from .catalogue_write import milli_text
from .indices import indices
from .match import REASONS, Matcher
from .model import Catalogue
from .monitoring import flagged, monitoring
from .region import read_region
from .score import score_cases
from .terms_file import read_terms, terms_of, write_region_catalogue
from .trace import trace_case

Progress = Callable[[str, int, int], None]
BUILDING = needs_of("dx", "cost_fen", "year", "hospital_level")
SCORING = needs_of("dx", "cost_fen", "hospital", "hospital_level", "insurance")


def make_catalogue(files: list[Path], national: Path | None, region_file: Path, out: Path,
                   progress: Progress) -> dict[str, object]:
    """Builds a region's catalogue folder and gives what a report says about it.

    Raises CaseError (a file) and Refusal (an open parameter, too few years). Rows that are refused
    go to `out`/rejects.csv.
    """
    begun = time.monotonic()
    region = read_region(region_file)
    base = read_catalogue(national) if national else Catalogue(region.version, ())
    table, rejects = _read(files, BUILDING, progress)
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
        "ungrouped": _reasons(built.matched.reason), "candidates": region.unsure(),
        "rejected": _refused(rejects), "reported": rejects.num_rows, "rejects": kept,
        "seconds": round(time.monotonic() - begun, 2)}


def score_file(file: Path, folder: Path, region_file: Path, out: Path, progress: Progress,
               value_fen: int = 0, reports: Path | None = None,
               traced: tuple[str, ...] = ()) -> dict[str, object]:
    """Scores a file of cases by a region's catalogue folder into `out` and gives the figures.

    `reports` is a folder for hospital indices and monitoring indicators; `traced` names cases.
    Raises CaseError and Refusal.
    """
    begun = time.monotonic()
    region, catalogue = read_region(region_file), read_catalogue(folder)
    terms = read_terms(folder, catalogue, value_fen)
    table, rejects = _read([file], SCORING, progress)
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
        "traces": _traces(matcher, table, traced), "rejected": _refused(rejects), "reported": rejects.num_rows, "rejects": kept,
        "seconds": round(time.monotonic() - begun, 2)}


def _read(files: list[Path], needs: Needs, progress: Progress) -> tuple[pa.Table, pa.Table]:
    tables, rejects = [], []
    for number, file in enumerate(files):
        progress("reading", number, len(files))
        read = read_cases(file, needs)
        tables.append(read.table)
        rejects.append(read.rejects)
    progress("reading", len(files), len(files))
    table = pa.concat_tables(tables)
    if not table.num_rows:
        raise CaseError("no-cases", "no row of the files can be used", str(files[0]),
                        hint="Their faults: "
                        f"{Counter(pa.concat_tables(rejects)['code'].to_pylist())}.")
    return table, pa.concat_tables(rejects)


def _write_rejects(path: Path, rejects: pa.Table) -> str:
    if not rejects.num_rows:
        return ""
    assert rejects.schema == REJECTS
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


def _refused(rejects: pa.Table) -> int:
    """Rows that could not be used; other faults emptied one value of a row that was."""
    return len(set(rejects.filter(rejects.column("refused")).column("row").to_pylist()))


def _write_reports(folder: Path, table: pa.Table, flags: dict[str, np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
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
