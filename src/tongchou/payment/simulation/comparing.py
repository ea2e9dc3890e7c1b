"""Two scenarios side by side: who wins, who loses, to the fen (方案比较).

    made = simulate(cases, read_scenario("2025.yaml"), read_scenario("2026.yaml"))
    made.hospitals.to_pandas()

The same scenario twice gives zeros, swapped scenarios give opposite deltas, and the deltas of
hospitals, groups, moves and insurances all sum to the delta of the money.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import CaseError, Refusal
from ...money import PPM
from ..dip import indices
from .money import Pool, pay_cases
from .scenario import Scenario
from .scoring import score_scenario

NONE = ""                     # the group of a case that has none
SIDES = ("before", "after")
Progress = Callable[[str, int, int], None]
INDICES = ("cmi_ppm", "time_index_ppm", "cost_index_ppm")


@dataclass(frozen=True)
class Simulation:
    """What changes from `before` to `after`; amounts in fen, scores in thousandths, rates in ppm.

    `cases` one row a case in the input's order; `hospitals`, `groups`, `moves` (from group to
    group) and `shares` (hospital and insurance) sum it up; `pools` the money of each insurance;
    `ungrouped` counts cases without a group by reason on either side; `whole` is one row.
    """

    before: Scenario
    after: Scenario
    cases: pa.Table
    hospitals: pa.Table
    shares: pa.Table
    groups: pa.Table
    moves: pa.Table
    pools: pa.Table
    ungrouped: pa.Table
    whole: pa.Table


def simulate(cases: pa.Table, before: Scenario, after: Scenario,
             progress: Progress = lambda *_: None) -> Simulation:
    """Pays the same cases (payment.cases.SCHEMA, of one year) under two scenarios.

    Raises CaseError `missing-value` for a case without hospital, insurance or cost, Refusal
    `several-years`, and what scoring and paying raise.
    """
    _whole(cases)
    _one_year(cases)
    progress("scoring", 0, 2)
    left, left_pools = _side(cases, before)
    progress("scoring", 1, 2)
    right, right_pools = _side(cases, after)
    progress("scoring", 2, 2)
    joined = _joined(left, right)
    hospitals = _with_indices(_with_levels(_summed(joined, ["hospital"]), cases), left, right)
    every = pa.array(["all"] * cases.num_rows)
    whole = _with_indices(_summed(joined.append_column("all", every), ["all"]),
                          left.append_column("all", every), right.append_column("all", every),
                          "all")
    return Simulation(
        before, after, joined, hospitals, _summed(joined, ["hospital", "insurance"]),
        _groups(joined), _summed(joined, ["group_before", "group_after"]),
        _pools(left_pools, right_pools), _ungrouped(joined), whole)


def _whole(cases: pa.Table) -> None:
    """A table from elsewhere than `read_cases(path, NEEDS)` may lack what money goes by."""
    for name in ("case", "hospital", "insurance", "cost_fen"):
        missing = cases.column(name).null_count
        if missing:
            raise CaseError("missing-value", f"{missing} cases have no {name}", name,
                            hint="Read them with read_cases(path, payment.simulation.NEEDS).")


def _one_year(cases: pa.Table) -> None:
    if not cases.num_rows:
        raise Refusal("no-cases", "there is no case to simulate with")
    years = sorted(year for year in set(cases.column("year").to_pylist()) if year is not None)
    if len(years) > 1:
        raise Refusal("several-years", f"the cases are of {years[0]} to {years[-1]}, and a budget "
                      "is of one year", hint="Choose one: --year.")


def _side(cases: pa.Table, scenario: Scenario) -> tuple[pa.Table, list[Pool]]:
    scored = score_scenario(cases, scenario)
    paid, pools = pay_cases(scored, scenario)
    return scored.append_column("amount_fen", pa.array(paid)), pools


def _joined(left: pa.Table, right: pa.Table) -> pa.Table:
    """One row a case with both sides and the delta."""
    columns = {name: _plain(left, name) for name in ("case", "hospital", "hospital_level",
                                                     "insurance", "cost_fen")}
    for side, table in zip(SIDES, (left, right), strict=True):
        columns[f"group_{side}"] = pc.fill_null(_plain(table, "group"), NONE)
        for name in ("reason", "score_milli", "amount_fen"):
            columns[_sided(name, side)] = _plain(table, name)
    columns["delta_fen"] = pc.subtract(columns["amount_after_fen"], columns["amount_before_fen"])
    return pa.table(columns)


def _sided(name: str, side: str) -> str:
    """`amount_fen` -> `amount_before_fen`: the unit stays last."""
    head, _, unit = name.rpartition("_")
    return f"{head}_{side}_{unit}" if head else f"{name}_{side}"


def _plain(table: pa.Table, name: str) -> pa.ChunkedArray:
    column = table.column(name)
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _with_levels(table: pa.Table, cases: pa.Table) -> pa.Table:
    """The level of each hospital, of its first case: a hospital stands in one row."""
    levels: dict[str, str] = {}
    for row in cases.select(["hospital", "hospital_level"]).group_by(
            ["hospital", "hospital_level"], use_threads=False).aggregate([]).to_pylist():
        levels.setdefault(row["hospital"], row["hospital_level"])
    found = [levels[word] for word in table.column("hospital").to_pylist()]
    return table.add_column(1, "hospital_level", pa.array(found, pa.string()))


SUMMED = ("cost_fen", "score_before_milli", "score_after_milli", "amount_before_fen",
          "amount_after_fen", "delta_fen", "ungrouped_before", "ungrouped_after")


def _summed(joined: pa.Table, keys: list[str]) -> pa.Table:
    """Cases and sums by `keys`, the largest winners first."""
    for side in SIDES:
        free = pc.cast(pc.equal(joined.column(f"group_{side}"), NONE), pa.int64())
        joined = joined.append_column(f"ungrouped_{side}", free)
    made = joined.group_by(keys, use_threads=False).aggregate(
        [("case", "count"), *((name, "sum") for name in SUMMED)])
    made = made.select([*keys, "case_count", *(f"{name}_sum" for name in SUMMED)])
    made = made.rename_columns([*keys, "cases", *SUMMED])
    made = made.append_column("delta_ppm", _share(made.column("delta_fen"),
                                                  made.column("amount_before_fen")))
    order = [("delta_fen", "descending"), *((key, "ascending") for key in keys)]
    return made.sort_by(order)


def _share(deltas: pa.ChunkedArray, bases: pa.ChunkedArray) -> pa.Array:
    """delta / base in ppm, rounded half away from zero so that a swap of signs is a swap of signs;
    null where the base is 0."""
    found = []
    for delta, base in zip(deltas.to_pylist(), bases.to_pylist(), strict=True):
        size = (2 * abs(delta) * PPM + base) // (2 * base) if base else None
        found.append(size if size is None or delta >= 0 else -size)
    return pa.array(found, pa.int64())


def _with_indices(table: pa.Table, left: pa.Table, right: pa.Table,
                  key: str = "hospital") -> pa.Table:
    """CMI, time and cost index before and after, by `key`."""
    for side, scored in zip(SIDES, (left, right), strict=True):
        found = {row[key]: row for row in indices(scored, key).to_pylist()}
        for name in INDICES:
            values = [found[word][name] for word in table.column(key).to_pylist()]
            table = table.append_column(_sided(name, side), pa.array(values, pa.int64()))
    return table


def _groups(joined: pa.Table) -> pa.Table:
    """By group code: its cases and amount before, its cases and amount after."""
    parts = {side: joined.group_by(f"group_{side}", use_threads=False).aggregate(
        [("case", "count"), (f"amount_{side}_fen", "sum")]) for side in SIDES}
    found = {side: {row[f"group_{side}"]: row for row in table.to_pylist()}
             for side, table in parts.items()}
    rows = []
    for code in sorted(found["before"].keys() | found["after"].keys()):
        row: dict[str, object] = {"group": code}
        for side in SIDES:
            one = found[side].get(code, {})
            row[f"cases_{side}"] = one.get("case_count", 0)
            row[f"amount_{side}_fen"] = one.get(f"amount_{side}_fen_sum", 0)
        row["delta_fen"] = row["amount_after_fen"] - row["amount_before_fen"]
        rows.append(row)
    kinds = [("group", pa.string()), *((f"{name}", pa.int64()) for name in (
        "cases_before", "amount_before_fen", "cases_after", "amount_after_fen", "delta_fen"))]
    return pa.Table.from_pylist(rows, pa.schema(kinds)).sort_by(
        [("delta_fen", "descending"), ("group", "ascending")])


def _pools(left: list[Pool], right: list[Pool]) -> pa.Table:
    sides = [{pool.insurance: pool for pool in pools} for pools in (left, right)]
    rows = []
    for name in sorted(sides[0].keys() | sides[1].keys()):
        row: dict[str, object] = {"insurance": name}
        for side, pools in zip(SIDES, sides, strict=True):
            pool = pools.get(name, Pool(name, 0, 0))
            row |= {f"points_{side}_milli": pool.points_milli,
                    f"amount_{side}_fen": pool.amount_fen, f"value_{side}_micro": pool.value_micro}
        row["delta_fen"] = row["amount_after_fen"] - row["amount_before_fen"]
        rows.append(row)
    return pa.Table.from_pylist(rows)


def _ungrouped(joined: pa.Table) -> pa.Table:
    """Cases without a group on a side, by both reasons: `matched` means it has one there."""
    free = pc.or_(pc.equal(joined.column("group_before"), NONE),
                  pc.equal(joined.column("group_after"), NONE))
    made = joined.filter(free).group_by(["reason_before", "reason_after"], use_threads=False)
    return made.aggregate([("case", "count"), ("delta_fen", "sum")]).rename_columns(
        ["reason_before", "reason_after", "cases", "delta_fen"]).sort_by(
        [("cases", "descending"), ("reason_before", "ascending"), ("reason_after", "ascending")])


