"""Charts of a simulation as options that ECharts draws without any code (图表).

Amounts stand in yuan: they are made here, once, from the fen of the tables, because a chart takes
numbers and a browser computes nothing. Titles are 中文 first.
"""
from __future__ import annotations

import pyarrow as pa

from ...money import PPM, yuan_text
from .comparing import NONE, Simulation

BARS_MAX, FLOWS_MAX = 40, 40
OTHERS = "其他 others"
WON, LOST = "#389e0d", "#cf1322"


def charts(made: Simulation) -> dict[str, dict[str, object]]:
    """Name -> option: `hospitals` (bars of winners and losers), `mix_and_cost` (case mix against
    cost index), `moves` (cases from group to group)."""
    return {"hospitals": _bars(made), "mix_and_cost": _scatter(made), "moves": _sankey(made)}


def _titled(text: str, made: Simulation, note: str = "") -> dict[str, object]:
    between = f"{made.before.name} → {made.after.name}"
    return {"title": {"text": text, "subtext": f"{between}  {note}".rstrip(), "left": "center"},
            "aria": {"enabled": True}}


def _yuan(fen: int) -> float:
    """For drawing only; tables and statements keep fen."""
    return float(yuan_text(fen))


def _index(ppm: int | None) -> float | None:
    return None if ppm is None else ppm / PPM


def _bars(made: Simulation) -> dict[str, object]:
    """One bar a hospital, largest winner first; beyond BARS_MAX the ends of the list."""
    rows = made.hospitals.select(["hospital", "delta_fen"]).to_pylist()
    hidden = max(len(rows) - BARS_MAX, 0)
    if hidden:
        rows = rows[:BARS_MAX // 2] + rows[-(BARS_MAX // 2):]
    note = f"{hidden} 家居中未显示 hospitals in between not shown" if hidden else ""
    return _titled("医疗机构增减（元）Winners and losers (yuan)", made, note) | {
        "tooltip": {"trigger": "axis"}, "grid": {"containLabel": True, "top": 80},
        "xAxis": {"type": "category", "data": [row["hospital"] for row in rows],
                  "axisLabel": {"rotate": 45}},
        "yAxis": {"type": "value", "name": "元 yuan"},
        "series": [{"type": "bar", "name": "增减 change", "data": [
            {"value": _yuan(row["delta_fen"]),
             "itemStyle": {"color": WON if row["delta_fen"] >= 0 else LOST}} for row in rows]}]}


def _scatter(made: Simulation) -> dict[str, object]:
    """A point a hospital and side; beyond 1 in cost index it is dearer than its case mix says."""
    return _titled("病例组合与费用消耗 Case mix and cost", made) | {
        "legend": {"top": 68, "data": ["前 before", "后 after"]},
        "tooltip": {"trigger": "item", "formatter": "{a} {b}<br/>{c}"},
        "grid": {"containLabel": True, "top": 110},
        "xAxis": {"type": "value", "name": "CMI", "scale": True},
        "yAxis": {"type": "value", "name": "费用指数 cost index", "scale": True},
        "series": [_points(made.hospitals, "before", "前 before"),
                   _points(made.hospitals, "after", "后 after")]}


def _points(hospitals: pa.Table, side: str, name: str) -> dict[str, object]:
    rows = hospitals.select(["hospital", f"cmi_{side}_ppm", f"cost_index_{side}_ppm"]).to_pylist()
    data = [{"name": row["hospital"], "value": [_index(row[f"cmi_{side}_ppm"]),
                                                _index(row[f"cost_index_{side}_ppm"])]}
            for row in rows if row[f"cmi_{side}_ppm"] is not None]
    one = {"silent": True, "symbol": "none", "data": [{"xAxis": 1}, {"yAxis": 1}]}
    return {"type": "scatter", "name": name, "data": data, "markLine": one}


def _sankey(made: Simulation) -> dict[str, object]:
    """The largest moves between groups; a flow is as wide as its cases. Unmoved cases are left out.

    Names of either side carry the side, so that a group may stand on both.
    """
    rows = [row for row in made.moves.select(["group_before", "group_after", "cases", "delta_fen"]
                                             ).to_pylist()
            if row["group_before"] != row["group_after"]]
    moved = sum(row["cases"] for row in rows)
    rows.sort(key=lambda row: (-row["cases"], row["group_before"], row["group_after"]))
    links: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        pair = (_group(row["group_before"]), _group(row["group_after"])) \
            if place < FLOWS_MAX else (OTHERS, OTHERS)
        sums = links.setdefault(pair, [0, 0])
        sums[0] += row["cases"]
        sums[1] += row["delta_fen"]
    names = sorted({f"前 {source}" for source, _ in links} | {f"后 {aim}" for _, aim in links})
    note = f"{moved} / {made.cases.num_rows} 例换组 cases change their group"
    return _titled("病组流向 Moves between groups", made, note) | {
        "tooltip": {"trigger": "item"},
        "series": [{"type": "sankey", "top": 80, "emphasis": {"focus": "adjacency"},
                    "data": [{"name": name} for name in names],
                    "links": [{"source": f"前 {source}", "target": f"后 {aim}", "value": cases,
                               "delta_yuan": _yuan(delta)}
                              for (source, aim), (cases, delta) in links.items()]}]}


def _group(code: str) -> str:
    return "未入组 no group" if code == NONE else code
