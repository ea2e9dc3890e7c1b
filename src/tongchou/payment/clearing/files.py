"""From files to files: a year cleared into a folder of tables (成批清算)."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from ...errors import CaseError, Refusal
from ...money import yuan_text
from ..cases import TableFile
from .budget import value_text
from .clear import clear_cases
from .figures import read_figures
from .model import Budget, Clearing, HospitalYear, PointValue, Step
from .rules import read_rules
from .schedule import DueOn
from .scored import ScoredRead, read_scored

Progress = Callable[[str, int, int], None]
FRACTION = "ratio"
STEPS = pa.schema([(name, pa.string()) for name in (
    "hospital", "insurance", "month", "step", "label_en", "label_zh", "formula", "operands")] + [
    ("amount_fen", pa.int64())] + [(name, pa.string()) for name in ("rule", "source", "grade")])


class Cleared(NamedTuple):
    """A clearing and what a report says about the run."""

    clearing: Clearing
    report: dict[str, object]


def clear_file(file: Path, region_file: Path, figures_file: Path, out: Path,
               due_on: DueOn | None, progress: Progress, leave_out: bool = False) -> Cleared:
    """Clears a file of scored cases into the folder `out`.

    Rows that are wrong go to `out`/rejects.csv; the run then stops, for every case moves the value
    of a point, unless `leave_out` says to clear without them. Raises CaseError and Refusal.
    """
    begun = time.monotonic()
    region, figures = read_rules(region_file), read_figures(figures_file)
    read = read_scored(file, region.year, set(figures.hospitals), progress)
    _folder(out)
    rejects = _rejects(out, read)
    if read.refused and not leave_out:
        raise Refusal("cases-refused", f"{read.refused:,} of {read.rows:,} rows cannot be cleared "
                      "病例有误，未清算", rejects, hint="Correct them, or clear without them with "
                      "--leave-out-refused.")
    made = clear_cases(read.cases, region, figures, due_on, progress)
    progress("writing", 0, 1)
    write_clearing(out, made)
    progress("writing", 1, 1)
    return Cleared(made, {**summary(made), "out": str(out), "rows": read.rows,
                          "refused": read.refused, "rejects": rejects,
                          "seconds": round(time.monotonic() - begun, 2)})


def _folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CaseError("unwritable-output", f"cannot make the folder: {fault.strerror}", str(out),
                        hint="Name a folder that can be written.") from None


def _rejects(out: Path, read: ScoredRead) -> str:
    """The report's path, "" without faults; an older one does not stay beside a clean run."""
    path = out / "rejects.csv"
    if not read.rejects.num_rows:
        path.unlink(missing_ok=True)
        return ""
    _write(path, read.rejects)
    return str(path)


def _write(path: Path, table: pa.Table) -> None:
    with TableFile(path, table.schema) as target:
        target.write(table)


def write_clearing(out: Path, made: Clearing) -> None:
    """Writes the tables of a clearing: hospitals, months, steps, payments, values, flags, cases."""
    _write(out / "hospitals.csv", _table(made.hospitals, ("months", "steps")))
    months = [(year, month) for year in made.hospitals for month in year.months]
    table = _table([month for _, month in months], ("steps",))
    if months:
        for place, name in enumerate(("hospital", "insurance")):
            table = table.add_column(place, name, pa.array([getattr(year, name)
                                                            for year, _ in months], pa.string()))
    _write(out / "months.csv", table)
    _write(out / "steps.csv", _steps(made))
    _write(out / "payments.csv", pa.table({
        **{name: [getattr(one, name) for one in made.payments]
           for name in ("hospital", "insurance", "kind", "month", "due_on", "amount_fen")},
        "source": [one.basis.source for one in made.payments]}))
    _write(out / "values.csv", _table(made.values, (FRACTION, "steps")))
    _write(out / "flags.csv", pa.table({name: pa.array([getattr(one, name) for one in made.flags],
                                                       pa.string())
                                        for name in ("code", "where", "text_en", "text_zh")}))
    _write(out / "cases.parquet", made.cases)


def _table(rows: Sequence[object], without: tuple[str, ...]) -> pa.Table:
    """Dataclasses as a table, a column a field."""
    names = [field.name for field in fields(type(rows[0])) if field.name not in without] \
        if rows else ["hospital"]
    return pa.table({name: [getattr(row, name) for row in rows] for name in names})


def _steps(made: Clearing) -> pa.Table:
    lines: list[tuple[object, ...]] = []

    def add(hospital: str, insurance: str, month: str, steps: Iterable[Step]) -> None:
        for step in steps:
            operands = "; ".join(f"{name} = {value}" for name, value in step.operands)
            lines.append((hospital, insurance, month, step.key, step.label_en, step.label_zh,
                          step.formula, operands, step.amount_fen, step.basis.place,
                          step.basis.source, step.basis.grade))
    for budget, value in zip(made.budgets, made.values, strict=True):
        add("", budget.insurance, "", (*budget.steps, *value.steps))
    for year in made.hospitals:
        for month in year.months:
            add(year.hospital, year.insurance, month.month, month.steps)
        add(year.hospital, year.insurance, "", year.steps)
    return pa.table([pa.array(list(column), kind.type) for column, kind in
                     zip(zip(*lines, strict=True), STEPS, strict=True)], schema=STEPS)


def summary(made: Clearing) -> dict[str, object]:
    """The figures of a clearing in yuan, for `--json` and reports."""
    return {
        "region": made.region, "year": made.year, "cases": made.cases.num_rows,
        "clear_by": made.clear_by.isoformat() if made.clear_by else None,
        "insurances": [_insurance(budget, value, made.hospitals) for budget, value in
                       zip(made.budgets, made.values, strict=True)],
        "hospitals": [_hospital(year) for year in made.hospitals],
        "flags": [{"code": flag.code, "where": flag.where, "en": flag.text_en, "zh": flag.text_zh}
                  for flag in made.flags],
        "unsure": list(made.unsure)}


def _insurance(budget: Budget, value: PointValue,
               hospitals: tuple[HospitalYear, ...]) -> dict[str, object]:
    own = [year for year in hospitals if year.insurance == budget.insurance]
    return {
        "insurance": budget.insurance, "kind": value.kind, "total": yuan_text(budget.total_fen),
        "reserve": yuan_text(budget.reserve_fen), "fund": yuan_text(budget.fund_fen),
        "points_milli": value.points_milli, "value": value_text(value.value_micro),
        "start_value": value_text(value.start_value_micro), "due": yuan_text(value.due_fen),
        "left": yuan_text(value.left_fen), "year": yuan_text(sum(one.year_fen for one in own)),
        "clearing": yuan_text(sum(one.clearing_fen for one in own))}


def _hospital(year: HospitalYear) -> dict[str, object]:
    amounts = {name.removesuffix("_fen"): yuan_text(getattr(year, name)) for name in (
        "cost_fen", "booked_fen", "standard_fen", "due_fen", "amounts_fen", "assessment_fen",
        "sharing_fen", "audit_fen", "year_fen", "prepayment_fen", "monthly_fen", "deposit_fen",
        "clearing_fen")}
    return {"hospital": year.hospital, "name": year.name, "insurance": year.insurance,
            "cases": year.cases, "points_milli": year.points_milli, **amounts}
