"""From files to files: weights from cases, prices of cases (成批运行)."""
from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...errors import CaseError
from ...money import yuan_text
from ..cases import Needs, TableFile, iter_cases, rejects_path
from ..cases.files import open_case_file
from ..clearing.exact import total
from .columns import BATCH_ROWS, PRICING, WEIGHING, CaseColumns, columns_of, read_groups
from .priced import ACCOUNTS, REASONS, Priced
from .price import price_cases
from .rules import Rules, read_rules
from .weighing import check_digits, read_weighing, total_weight, weigh, weight_table

Progress = Callable[[str, int, int], None]
RULES_USED = pa.schema([("rule", pa.string()), ("method", pa.string()), ("source", pa.string()),
                        ("grade", pa.string()), ("cases", pa.int64()), ("points_milli",
                        pa.int64()), ("amount_fen", pa.int64()), ("cost_fen", pa.int64()),
                        ("due_fen", pa.int64())])


def price_file(file: Path, grouped: Path, region: Path, out: Path,
               progress: Progress = lambda *_: None) -> dict[str, object]:
    """Writes OUT (a row a case), OUT.rules, OUT.accounts and OUT.rejects; what it came to.

    Raises CaseError for a file, Refusal for a rule that is not set; then no file is written.
    """
    begun = time.monotonic()
    rules, groups = read_rules(region), read_groups(grouped)
    table, rejects, refused = _read(file, PRICING, progress)
    cases = columns_of(table, groups)
    progress("pricing", 0, 1)
    priced = price_cases(cases, rules)
    progress("pricing", 1, 1)
    made = priced.table(tuple(rule.name for rule in rules.rules),
                        tuple(rule.method for rule in rules.rules))
    beside = {"rules": _rules_used(priced, rules), "accounts": pa.Table.from_pylist(
        priced.accounts, schema=ACCOUNTS), "rejects": rejects}
    paths = {name: _beside(out, name, one) for name, one in beside.items()}
    _write(out, made)
    return {"out": str(out), **paths, "cases": cases.size, "refused": refused,
            "reported": rejects.num_rows,
            "unknown_cases": len(groups.case) - int(cases.listed.sum()),
            **_figures(priced, beside["rules"]), "seconds": round(time.monotonic() - begun, 2)}


def weigh_file(file: Path, grouped: Path, region: Path, out: Path,
               progress: Progress = lambda *_: None) -> dict[str, object]:
    """Writes the table of weights that `weighing` of the region asks for; what it came to."""
    begun = time.monotonic()
    how, groups = read_weighing(region), read_groups(grouped)
    table, rejects, refused = _read(file, WEIGHING, progress)
    progress("weighing", 0, 1)
    found = weigh(columns_of(table, groups), how)
    progress("weighing", 1, 1)
    check_digits(found, how)
    made = weight_table(found, how.digits)
    _write(out, made)
    whole = total_weight(found)
    return {"out": str(out), "rejects": _beside(out, "rejects", rejects),
            "cases": table.num_rows, "refused": refused, "weights": len(found),
            "groups": len({one.group for one in found}),
            "trimmed": sum(one.trimmed for one in found),
            "total_weight_milli": int(whole * 1000), "adjusted": len(how.adjusted),
            "seconds": round(time.monotonic() - begun, 2)}


def _read(file: Path, needs: Needs, progress: Progress) -> tuple[pa.Table, pa.Table, int]:
    """(cases, what was wrong, refused rows). CaseError `no-cases` when nothing is left."""
    about, parts, rows = open_case_file(file).rows, [], 0
    for read in iter_cases(file, BATCH_ROWS, needs):
        parts.append(read)
        rows += read.rows
        progress("reading", rows, max(rows, about))
    rejects = pa.concat_tables([read.rejects for read in parts]) if parts else None
    if not parts or not sum(read.table.num_rows for read in parts):
        faults = sorted(set(rejects.column("code").to_pylist())) if rejects else []
        raise CaseError("no-cases", "no row of the file can be used", str(file),
                        hint=f"Their faults: {', '.join(faults) or 'the file has no rows'}.")
    table = pa.concat_tables([read.table for read in parts])
    return table, rejects, rows - table.num_rows


def _beside(out: Path, name: str, table: pa.Table) -> str | None:
    """Writes a table beside the result and says where; an empty one takes an older run's away."""
    path = rejects_path(out)
    path = path.with_name(path.name.replace(".rejects.", f".{name}."))
    path.unlink(missing_ok=True)
    if not table.num_rows:
        return None
    _write(path, table)
    return str(path)


def _write(path: Path, table: pa.Table) -> None:
    with TableFile(path, table.schema) as target:
        target.write(table)


def _rules_used(priced: Priced, rules: Rules) -> pa.Table:
    """Every rule with its source and what it paid."""
    cases, due, lines = priced.cases, priced.due_fen, []
    for number, rule in enumerate(rules.rules):
        own = (priced.rule == number) & (priced.reason < 0)
        lines.append({
            "rule": rule.name, "method": rule.method, "source": rule.basis.source,
            "grade": rule.basis.grade, "cases": int(own.sum()),
            "points_milli": _sum(priced.points_milli[own]), "amount_fen":
            _sum(priced.amount_fen[own]), "cost_fen": total(cases.cost_fen[own]),
            "due_fen": _sum(due[own])})
    return pa.Table.from_pylist(lines, schema=RULES_USED)


def _sum(column: np.ndarray) -> int:
    """The sum of what is there."""
    return total(np.maximum(column, 0))


def _figures(priced: Priced, used: pa.Table) -> dict[str, object]:
    reasons = np.bincount(priced.reason[priced.reason >= 0], minlength=len(REASONS))
    bands = np.bincount(priced.price[priced.price >= 0], minlength=len(priced.prices))
    return {"by_rule": used.to_pylist(),
            "unpriced": {name: int(count) for name, count in zip(REASONS, reasons, strict=True)
                         if count},
            "by_price": {name: int(count) for name, count in
                         zip(priced.prices, bands, strict=True) if count},
            "rates": _rates(priced), "review": priced.figures.get("review", {})}


def _rates(priced: Priced) -> dict[str, dict[str, str]]:
    """Rates as people read them, to the fen; the fraction itself was used."""
    found: dict[str, dict[str, str]] = {}
    for rule, rates in priced.rates.items():
        common = {insurance for insurance, hospital in rates if not hospital}
        found[rule] = {
            " ".join(filter(None, key)): yuan_text(round(rate)) for key, rate in rates.items()
            if not key[1] or key[0] not in common}
    return found


def cases_of(file: Path, grouped: Path) -> CaseColumns:
    """Cases and groups of two files, for notebooks. Refused rows are left out."""
    table, _, _ = _read(file, PRICING, lambda *_: None)
    return columns_of(table, read_groups(grouped))
