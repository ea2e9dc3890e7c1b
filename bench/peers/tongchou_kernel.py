"""Tongchou itself: the workload as a pack, compiled, and the claims as columns of the kernel."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from workload import PACK, RESULTS, Claims, generate

from tongchou.engine import kernel
from tongchou.engine.columns import Columns, Results
from tongchou.engine.compile import compile_pack
from tongchou.engine.plan import Plan
from tongchou.policy import load_pack

STATUSES = np.array([0, 1, 2])     # bits of `allowance` and `borderline` by category


@dataclass
class Ready:
    """A compiled plan, and room for columns and results that is used again from run to run."""

    plan: Plan
    columns: Columns
    out: Results
    keys: np.ndarray
    threads: int
    specialised: bool


def prepare(claims: Claims, threads: int = 1, specialised: bool = True) -> Ready:
    """Compiles the pack and the kernel."""
    plan = compile_pack(load_pack(PACK))
    classes = dict(plan.dimensions)["hospital"]
    keys = np.array([0, *(classes.index(f"level{level}") for level in (1, 2, 3))],
                    np.int64) * plan.strides["hospital"]
    ready = Ready(plan, room(claims), kernel.empty_results(plan, len(claims["total"])), keys,
                  threads, specialised)
    few = generate(10)
    short = Ready(plan, room(few), kernel.empty_results(plan, len(few["total"])), keys, threads,
                  specialised)
    run(short, columns_of(short, few))
    return ready


def room(claims: Claims) -> Columns:
    """Empty columns for so many claims."""
    size = len(claims["total"])
    return Columns(np.zeros(size, np.int64), np.zeros(size, np.int64),
                   np.zeros((4, size), np.int64), claims["first"], np.zeros(size, np.int64))


def columns_of(ready: Ready, claims: Claims) -> Columns:
    """The workload's columns as the kernel reads them."""
    columns = ready.columns
    parts = columns.parts
    parts[0], parts[2] = claims["own"], claims["advance"]
    np.subtract(claims["total"], claims["own"], out=parts[3])
    np.subtract(parts[3], claims["advance"], out=parts[3])
    np.take(ready.keys, claims["level"], out=columns.key, mode="clip")
    np.take(STATUSES, claims["category"], out=columns.statuses, mode="clip")
    return columns


def run(ready: Ready, columns: Columns) -> Results:
    """The kernel alone, on columns that are ready."""
    return kernel.run(ready.plan, columns, ready.threads, ready.out, ready.specialised)


def named(ready: Ready, results: Results) -> Claims:
    """The five results of the workload."""
    paid = [results.paid[layer] for layer in range(len(ready.plan.layers))]
    return dict(zip(RESULTS, (*paid, results.person), strict=True))


def settle(ready: Ready, claims: Claims) -> Claims:
    """Columns built from the workload's, then the kernel: what the other engines are timed on."""
    return named(ready, run(ready, columns_of(ready, claims)))
