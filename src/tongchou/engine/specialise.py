"""A kernel written for one pack: the short path with its structure folded in (专用内核).

The tables stay as they are: numbers (rates, limits, schedules, tiers) are still read from them.
What is folded into source is structure: which part a layer draws on, which accumulator it keeps,
whether it has a deductible, tiers, a cap. Parts and accumulators become local variables.

Only common rules are written out. A unit (one owner group in one policy year) with a claim that
needs more (statuses that compete, a general rule) is deferred to `kernel.settle_units`, which
settles it from the start, so both always give the same.
"""
from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np

from . import plan as p
from .plan import ROW, Plan

PLANS_MAX = 1 << 11    # looking through more costs longer than a written kernel saves
_HEAD = '''"""Written by tongchou.engine.specialise for one pack structure; safe to delete."""
import numpy as np
from numba import njit
from tongchou.engine.kernel import common_tiers
from tongchou.engine.kernel_rules import cut_cost, rounded
U = np.uint64


@njit(cache=True, nogil=True, _nrt=False)
def settle(t, place, key, statuses, parts, offsets, first, last, paid_out, person_out,
           deductible_out, status_out, capped_out, deferred):
    rows, schedule, tiers, route = t.rows, t.schedule, t.tiers, t.route
    late = 0
    for unit in range(first, last):
'''


@dataclass(frozen=True)
class _Structure:
    """What of a row is folded into source; rows that differ only in numbers share one."""

    drawn: tuple[int, ...]
    outs: tuple[int, ...]
    merged: bool
    deductible: int
    deductible_slot: int
    counter_slot: int
    counted: bool
    method: int
    tier_slot: int
    cap_slot: int
    shows: bool
    person_pays: bool


def structures(plan: Plan) -> tuple[np.ndarray, list[list[_Structure]]]:
    """`place[plan, layer]`: offset of the row x 16 + number of its structure, -1 without a row,
    and -2 in the first column of a plan that must be deferred; structures per layer."""
    tables, width = plan.tables, len(p.ROW_FIELDS)
    plans, layers = len(tables.plan_from) - 1, len(plan.layers)
    place = np.full((plans, layers + 1), -1, np.int64)
    found: list[list[_Structure]] = [[] for _ in range(layers)]
    for number in range(plans):
        offsets = tables.plan_rows[tables.plan_from[number]:tables.plan_from[number + 1]]
        rows = [tables.rows[offset:offset + width] for offset in offsets]
        if any(row[ROW["FLAGS"]] & (p.GENERAL | p.HAS_WHEN) for row in rows):
            place[number, layers] = -2
            continue
        for offset, row in zip(offsets, rows, strict=True):
            layer = int(row[ROW["LAYER"]])
            structure = _structure(plan, int(offset) // width, row)
            if structure not in found[layer]:
                found[layer].append(structure)
            place[number, layer] = offset * 16 + found[layer].index(structure)
    crowded = [layer for layer in range(layers) if len(found[layer]) > 16]
    assert not crowded, "more structures of a layer than its number has room for"
    return place, found


def _structure(plan: Plan, index: int, row: np.ndarray) -> _Structure:
    value = {name: int(row[column]) for name, column in ROW.items()}
    flags = value["FLAGS"]
    scheduled = bool(flags & p.SCHEDULED)
    return _Structure(
        tuple(slot for _, slot, _ in plan.steps[index].drawn), plan.steps[index].outs[:3],
        plan.steps[index].merged, value["DEDUCTIBLE"], value["DEDUCTIBLE_SLOT"],
        int(plan.tables.counters[value["COUNTER"]]) if scheduled else -1,
        bool(flags & p.COUNTED), value["METHOD"], value["TIER_SLOT"],
        value["CAP_SLOT"] if flags & p.YEAR_CAPPED else -1,
        bool(flags & p.SHOWS), bool(flags & p.PERSON_PAYS))


def source(plan: Plan) -> tuple[str, np.ndarray]:
    """The kernel's source for a plan, and its `place` table."""
    place, found = structures(plan)
    slots, nparts = int(plan.tables.sizes[1]), int(plan.tables.sizes[0])
    mode, layers = int(plan.tables.sizes[5]), len(plan.layers)
    held_only = bool(plan.tables.sizes[6])
    lines = [*(f"        a{slot} = np.int64(0)" for slot in range(slots)),
             "        for i in range(offsets[unit], offsets[unit + 1]):",
             "            at = U(i)",
             "            mask = statuses[at]",
             "            status = 0",
             "            if mask != 0:",
             f"                if mask & (mask - 1) or {not held_only}:",
             "                    deferred[late] = unit",
             "                    late += 1",
             "                    break",
             "                status = 1",
             "                while mask >> (status - 1) & 1 == 0:",
             "                    status += 1",
             f"            run = U(route[U(key[at]), U(status)] * {layers + 1})",
             f"            if place[run + U({layers})] == -2:",
             "                deferred[late] = unit",
             "                late += 1",
             "                break",
             *(f"            p{k} = parts[U({k}), at]" for k in range(4)),
             *(f"            p{k} = np.int64(0)" for k in range(4, nparts)),
             "            person = p0 + p1 + p2 + p3",
             "            shown, told = np.int64(0), False",
             "            capped = np.int64(0)"]
    lines += _seen_counters(found)
    for layer, options in enumerate(found):
        lines += [f"            # {plan.layers[layer]}", "            paid = np.int64(0)"]
        if options:
            lines += [f"            word = place[run + U({layer})]", "            if word >= 0:",
                      "                q = U(word >> 4)"]
        for number, structure in enumerate(options):
            body = _block(structure, layer, mode)
            if len(options) > 1:
                lines.append(f"                {'el' if number else ''}if word & 15 == {number}:")
                body = ["    " + line for line in body]
            lines += body
        lines.append(f"            paid_out[U({layer}), at] = paid")
    lines += _count(found)
    lines += ["            person_out[at] = person", "            deductible_out[at] = shown",
              "            status_out[at] = status", "            capped_out[at] = capped",
              "    return late", ""]
    return _HEAD + "\n".join(lines), place.reshape(-1)


def _counters(found: list[list[_Structure]]) -> list[int]:
    return sorted({s.counter_slot for options in found for s in options if s.counted})


def _seen_counters(found: list[list[_Structure]]) -> list[str]:
    return [f"            seen{slot} = np.int64(0)" for slot in _counters(found)]


def _count(found: list[list[_Structure]]) -> list[str]:
    return [f"            a{slot} += seen{slot}" for slot in _counters(found)]


def _block(s: _Structure, layer: int, mode: int) -> list[str]:
    """Lines of one layer of one structure; mirrors `kernel._common_rule`."""
    lines = ["base = " + (" + ".join(f"p{slot}" for slot in s.drawn) or "np.int64(0)")]
    lines += [f"p{slot} = np.int64(0)" for slot in s.drawn]
    lines += _deductible_lines(s) + ["counted = base - deductible"]
    low = "deductible" if s.method == p.STAY_TIERS else f"a{s.tier_slot} + deductible"
    if s.method == p.RATIO:
        low = "deductible"
        lines.append(f"paid = rounded(counted * rows[q + U({ROW['RATE']})], {mode})")
    else:
        each = s.method == p.YEAR_EACH_SIDE
        lines += [f"low = {low}", "if counted > 0:",
                  f"    paid = common_tiers(tiers, rows[q + U({ROW['TIER_FROM']})], "
                  f"rows[q + U({ROW['TIER_TO']})], low, counted, {each}, {mode})"]
        if s.method != p.STAY_TIERS:
            lines.append(f"a{s.tier_slot} += base")
    lines += _cap_lines(s, layer, low)
    if s.merged:
        lines.append(f"p{s.outs[1]} = base - paid")
    else:
        over = " - over" if s.cap_slot >= 0 else ""
        lines += [f"p{s.outs[0]} = deductible", f"p{s.outs[1]} = counted - paid{over}"]
        lines += [f"p{s.outs[2]} = over"] if over else []
    if s.counted:
        lines.append(f"seen{s.counter_slot} = np.int64(1)")
    if s.shows:  # only the first layer of a basic fund that applies
        lines += ["if not told:", "    shown, told = deductible, True"]
    if not s.person_pays:
        lines.append("person -= paid")
    return ["                " + line for line in lines]


def _deductible_lines(s: _Structure) -> list[str]:
    start = f"rows[q + U({ROW['SCHEDULE_FROM']})]"
    if s.deductible == p.NO_DEDUCTIBLE:
        return ["deductible = np.int64(0)"]
    if s.deductible == p.PER_YEAR:
        return [f"deductible = min(base, max(schedule[U({start})] - a{s.deductible_slot}, 0))",
                f"a{s.deductible_slot} += deductible"]
    if s.counter_slot >= 0:
        start = f"min({start} + a{s.counter_slot}, rows[q + U({ROW['SCHEDULE_LAST']})])"
    return [f"deductible = min(base, schedule[U({start})])"]


def _cap_lines(s: _Structure, layer: int, low: str) -> list[str]:
    if s.cap_slot < 0:
        return []
    lines = [] if s.merged else ["over = np.int64(0)"]
    lines += [f"room = max(rows[q + U({ROW['CAP_LIMIT']})] - a{s.cap_slot}, 0)",
              "if paid > room:", "    paid = room", f"    capped |= {1 << layer}"]
    if not s.merged:
        start = "deductible" if low == "deductible" else "low"
        lines.append(f"    over = min(cut_cost(rows, tiers, q, 0, {start}, {start} + counted, "
                     "paid), counted - paid)")
    return [*lines, f"a{s.cap_slot} += paid"]


def cache_folder() -> Path:
    """Where written kernels and their compiled code are kept (TONGCHOU_CACHE, or the user's)."""
    wanted = os.environ.get("TONGCHOU_CACHE") or os.environ.get("XDG_CACHE_HOME")
    folder = Path(wanted) if wanted else Path.home().joinpath(".cache")
    try:
        folder.joinpath("tongchou").mkdir(parents=True, exist_ok=True)
        return folder.joinpath("tongchou")
    except OSError:
        return Path(tempfile.mkdtemp(prefix="tongchou-"))


def is_written(plan: Plan) -> bool:
    """Whether a kernel for the plan's structure was written before (and so is compiled)."""
    if plan.family or len(plan.tables.plan_from) - 1 > PLANS_MAX:
        return False
    text, _ = _text(plan)
    path = cache_folder().joinpath(f"{_name(text)}.py")
    return path.is_file() and path.read_text(encoding="utf-8") == text


def _text(plan: Plan) -> tuple[str, np.ndarray]:
    """The file's text, which names the versions of the code it calls, and the `place` table."""
    text, place = source(plan)
    own = Path(__file__).parent
    return text + "".join(
        f"# {name} {hashlib.sha256(own.joinpath(name).read_bytes()).hexdigest()[:12]}\n"
        for name in ("kernel.py", "kernel_rules.py")), place


def _name(text: str) -> str:
    return f"kernel_{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def load_kernel(plan: Plan) -> tuple[ModuleType, np.ndarray]:
    """The written kernel's module (compiled code cached by structure) and its `place` table."""
    text, place = _text(plan)
    name = _name(text)
    if name in sys.modules:
        return sys.modules[name], place
    path = cache_folder().joinpath(f"{name}.py")
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module
    return module, place
