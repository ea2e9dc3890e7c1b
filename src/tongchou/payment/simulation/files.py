"""A simulation from files to a folder (测算结果文件夹)."""
from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import CaseError, Refusal
from ...money import yuan_text
from ..cases import CasesRead, TableFile, read_cases
from .charts import charts
from .comparing import Progress, Simulation, simulate
from .scenario import read_scenario
from .scoring import NEEDS

TABLES = ("hospitals", "shares", "groups", "moves", "pools", "ungrouped", "cases")
KINDS = ("csv", "parquet", "xlsx")
SHOWN = 5


def simulate_file(cases: Path, before: Path, after: Path, out: Path, *, year: int | None = None,
                  kind: str = "csv", progress: Progress = lambda *_: None) -> dict[str, object]:
    """Writes the tables of a simulation, `charts.json` and `summary.json` into `out`.

    Raises CaseError (a file) and Refusal (a scenario that says too little, several years). Refused
    rows go to `out`/rejects.
    """
    begun = time.monotonic()
    if kind not in KINDS:
        raise CaseError("unknown-kind", f"{kind!r} is no kind of table", "--kind",
                        hint=f"One of {', '.join(KINDS)}.")
    scenarios = read_scenario(before), read_scenario(after)
    progress("reading", 0, 1)
    read = read_cases(cases, NEEDS)
    progress("reading", 1, 1)
    table = _of_year(read.table, year, cases)
    made = simulate(table, *scenarios, progress)
    out.mkdir(parents=True, exist_ok=True)
    files = _write_tables(made, out, kind, progress)
    (out / "charts.json").write_text(_json(charts(made)), encoding="utf-8")
    rejects = _write_rejects(read, out, kind)
    told = summary(made) | {"rejected": read.refused, "rejects": rejects, "out": str(out),
                            "files": [*files, "charts.json", "summary.json"],
                            "seconds": round(time.monotonic() - begun, 2)}
    (out / "summary.json").write_text(_json({key: value for key, value in told.items()
                                             if key != "seconds"}), encoding="utf-8")
    return told


def summary(made: Simulation) -> dict[str, object]:
    """What a page of a simulation says first; amounts in yuan as text, indices in ppm."""
    rows = made.hospitals.to_pylist()
    whole = made.whole.to_pylist()[0]
    won = [row for row in rows if row["delta_fen"] > 0]
    lost = [row for row in rows if row["delta_fen"] < 0]
    return {
        "before": made.before.name, "after": made.after.name, "cases": made.cases.num_rows,
        "hospitals": len(rows), "winners": len(won), "losers": len(lost),
        "amount_before": yuan_text(whole["amount_before_fen"]),
        "amount_after": yuan_text(whole["amount_after_fen"]),
        "delta": yuan_text(whole["delta_fen"]),
        "won": yuan_text(sum(row["delta_fen"] for row in won)),
        "lost": yuan_text(sum(row["delta_fen"] for row in lost)),
        "moved_cases": _moved(made),
        "indices": {name: whole[name] for name in made.whole.column_names
                    if name.startswith(("cmi_", "time_", "cost_index"))},
        "pools": made.pools.to_pylist(), "ungrouped": made.ungrouped.to_pylist(),
        "largest_winners": [_hospital(row) for row in won[:SHOWN]],
        "largest_losers": [_hospital(row) for row in lost[:-SHOWN - 1:-1]]}


def _hospital(row: dict[str, object]) -> dict[str, object]:
    return {"hospital": row["hospital"], "cases": row["cases"],
            "before": yuan_text(row["amount_before_fen"]),
            "after": yuan_text(row["amount_after_fen"]), "delta": yuan_text(row["delta_fen"]),
            "delta_ppm": row["delta_ppm"]}


def _moved(made: Simulation) -> int:
    return sum(row["cases"] for row in made.moves.select(
        ["group_before", "group_after", "cases"]).to_pylist()
        if row["group_before"] != row["group_after"])


def _of_year(table: pa.Table, year: int | None, path: Path) -> pa.Table:
    """The cases of one year; `simulate` refuses several."""
    if year is None:
        return table
    found = table.filter(pc.equal(table.column("year"), year))
    if not found.num_rows:
        years = sorted(one for one in set(table.column("year").to_pylist()) if one is not None)
        raise Refusal("no-cases", f"no case is of {year}; the file has {years}", str(path),
                      hint="Choose one of them: --year.")
    return found


def _write_tables(made: Simulation, out: Path, kind: str, progress: Progress) -> list[str]:
    names = []
    for place, name in enumerate(TABLES):
        progress("writing", place, len(TABLES))
        table = getattr(made, name)
        with TableFile(out / f"{name}.{kind}", table.schema) as file:
            file.write(table)
        names.append(f"{name}.{kind}")
    progress("writing", len(TABLES), len(TABLES))
    return names


def _write_rejects(read: CasesRead, out: Path, kind: str) -> str:
    if not read.rejects.num_rows:
        return ""
    path = out / f"rejects.{kind}"
    with TableFile(path, read.rejects.schema) as file:
        file.write(read.rejects)
    return str(path)


def _json(found: object) -> str:
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"
