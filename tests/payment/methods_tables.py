"""Small cases and rules for the tests of payment methods, made without files where possible."""
from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from tongchou.payment.cases import SCHEMA
from tongchou.payment.methods import (CaseColumns, Groups, Priced, Rules, columns_of, price_cases,
                                      read_rules)

FROM = "source: an invented paper, grade: X"
HEAD = f"""region: 测试区
year: 2025
currency: {{mean: 10000, points: 1000, {FROM}}}
methods:
"""
BY_ITEM = f"  - {{name: item, method: by_item, takes: {{all: yes}}, {FROM}}}\n"


def case(**changes: object) -> dict[str, object]:
    """One stay: 10,000 yuan, 3,000 of it the patient's, in group G1 unless changed."""
    row = {"case": "1", "hospital": "H1", "hospital_level": "2", "insurance": "residents",
           "discharged": date(2025, 3, 31), "stay_days": 8, "dx": ["I10"], "px": [],
           "cost_fen": 1_000_000, "person_fen": 300_000, "fund_fen": 700_000, "group": "G1"}
    row.update(changes)
    if "cost_fen" in changes and "fund_fen" not in changes:
        row["person_fen"] = row["cost_fen"] * 3 // 10
        row["fund_fen"] = row["cost_fen"] - row["person_fen"]
    return row


def columns(*rows: dict[str, object]) -> CaseColumns:
    """Cases numbered 1, 2, 3 ... in the order given, with their groups (and `score_milli`)."""
    rows = [{**row, "case": str(number)} for number, row in enumerate(rows, 1)]
    plain = [{name: value for name, value in row.items() if name not in ("group", "score_milli")}
             for row in rows]
    score = None if all("score_milli" not in row for row in rows) else np.array(
        [row.get("score_milli", -1) for row in rows], np.int64)
    groups = Groups(pa.array([row["case"] for row in rows], pa.string()),
                    pa.array([row.get("group") for row in rows], pa.string()), score)
    return columns_of(pa.Table.from_pylist(plain, schema=SCHEMA), groups)


def rules_of(folder: Path, methods: str, weights: str = "group,weight\nG1,1\n") -> Rules:
    """Rules whose methods are these lines of YAML; `weights` stands in weights.csv."""
    (folder / "weights.csv").write_text(weights, encoding="utf-8")
    path = folder / "methods.yaml"
    path.write_text(HEAD + methods, encoding="utf-8")
    return read_rules(path)


def priced(folder: Path, methods: str, *rows: dict[str, object],
           weights: str = "group,weight\nG1,1\n") -> Priced:
    """The cases priced by these rules."""
    return price_cases(columns(*rows), rules_of(folder, methods, weights))


def lines(state: Priced) -> list[dict[str, object]]:
    """The result, a dict a case; rules and methods are shown by number."""
    numbers = tuple(str(number) for number in range(20))
    return state.table(numbers, numbers).to_pylist()


def drg(outliers: str = "", rate: str = "kind: fixed, residents: {yuan: 10000}, employees: "
        "{yuan: 12000}", coefficient: str = "none", more: str = "",
        weights: str = "weights: weights.csv", method: str = "drg") -> str:
    """A rule with groups; `more` are further lines, indented by four."""
    factor = coefficient if coefficient == "none" else f"{{{coefficient}, {FROM}}}"
    money = rate if rate == "clearing" else f"{{{rate}, {FROM}}}"
    return (f"  - name: groups\n    method: {method}\n    takes: {{all: yes}}\n    {weights}\n"
            f"    rate: {money}\n    coefficient: {factor}\n    source: an invented paper\n"
            f"    grade: X\n{outliers}{more}")


def bands(against: str, *rows: str) -> str:
    """`outliers` of a rule; each row is `name, when, pay`, all in YAML's flow form."""
    found = "".join(f"        - {{{row}, {FROM}}}\n" for row in rows)
    return f"    outliers:\n      against: {against}\n      bands:\n{found}"
