"""The benchmark's workload as a pack gives the Decimal answers on every claim, to the fen."""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).resolve().parent.parent / "bench"
sys.path.insert(0, str(BENCH))

from peers import decimal_reference, hand_written, tongchou_kernel  # noqa: E402
from workload import PACK, RESULTS, Claims, digest, generate, wrong_claims  # noqa: E402

from tongchou.engine import Claim, Person, StatusSpan, settle_year  # noqa: E402
from tongchou.policy import load_pack  # noqa: E402

PERSONS = 4000
REFERENCE_PERSONS = 400


@pytest.fixture(scope="module")
def claims() -> Claims:
    return generate(PERSONS)


@pytest.fixture(scope="module")
def wanted(claims: Claims) -> Claims:
    return decimal_reference.settle(decimal_reference.prepare(claims), claims)


def test_the_claims_are_the_published_ones(claims: Claims) -> None:
    """Other digits mean that figures can no longer be compared with those of bench/README.md."""
    assert digest(generate(1000)) == "926f8c2a80e643c0"
    assert len(claims["total"]) > 3 * PERSONS


def test_every_rule_is_reached(wanted: Claims) -> None:
    for name in RESULTS:
        assert (wanted[name] > 0).sum() > 20, name


@pytest.mark.parametrize(("threads", "specialised"), [(1, False), (1, True), (2, True)])
def test_kernels(claims: Claims, wanted: Claims, threads: int, specialised: bool) -> None:
    ready = tongchou_kernel.prepare(claims, threads, specialised)
    assert wrong_claims(tongchou_kernel.settle(ready, claims), wanted) == 0


def test_hand_written_loop(claims: Claims, wanted: Claims) -> None:
    out = hand_written.prepare(claims)
    assert wrong_claims(hand_written.settle(out, claims), wanted) == 0


def test_reference(claims: Claims, wanted: Claims) -> None:
    """The plain reference, from persons and bills, on the first few hundred person-years."""
    pack = load_pack(PACK)
    names = {name: [] for name in RESULTS}
    for unit in range(REFERENCE_PERSONS):
        rows = range(claims["first"][unit], claims["first"][unit + 1])
        person = _person(unit, int(claims["category"][rows[0]]))
        settled = settle_year(pack, {person.person_id: person},
                              [_claim(claims, row) for row in rows])
        for settlement in settled:
            paid = {trace.rule.layer: trace.paid for trace in settlement.layers}
            for name, layer in zip(RESULTS, (layer.name for layer in pack.layers), strict=False):
                names[name].append(paid.get(layer, 0))
            names["personal"].append(settlement.person_part)
    count = int(claims["first"][REFERENCE_PERSONS])
    got = {name: np.array(column) for name, column in names.items()}
    assert wrong_claims(got, {name: wanted[name][:count] for name in RESULTS}) == 0


def _person(number: int, category: int) -> Person:
    name = (None, "allowance", "borderline")[category]
    held = (StatusSpan(name, "2020-01-01"),) if name else ()
    return Person(f"P{number}", "residents", statuses=held)


def _claim(claims: Claims, row: int) -> Claim:
    number, total, own, advance = (int(claims[name][row])
                                   for name in ("number", "total", "own", "advance"))
    day = f"2023-03-{number:02d}"
    return Claim(f"C{row}", f"P{claims['person'][row]}", "inpatient", str(claims["level"][row]),
                 "local", "not_needed", day, day, f"{day}T10:00:00",
                 (own, 0, advance, total - own - advance))
