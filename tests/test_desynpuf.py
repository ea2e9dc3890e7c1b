"""All DE-SynPUF inpatient claims: their dirt is rejected with a reason or settled by a rule.

The data are not in the repository; the tests run where they lie beside the checkout.
"""
import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
import pytest

from tongchou.claims import mapping, stream
from tongchou.demo.regimes import samples
from tongchou.policy import load_pack

DATA = Path(__file__).parents[2] / "shared" / "real-claims" / "desynpuf_inpatient.parquet"
MAPPING = samples() / "desynpuf" / "mapping.yaml"
pytestmark = pytest.mark.skipif(not DATA.is_file(), reason="the DE-SynPUF claims are not in the "
                                "repository; this test needs ../shared/real-claims")
FACTOR, FEN, STANDARD = Decimal("0.666"), Decimal("0.01"), Decimal(300)
ROWS, NEGATIVE, ZERO = 46_054, 5, 50


class Settled(NamedTuple):
    """The claims as they came and what became of them."""

    source: list[dict]
    run: dict
    bills: dict[str, dict]
    rejects: list[dict]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """Every claim of the file through the mapping that ships."""
    read, out = mapping.read_mapping(MAPPING), tmp_path_factory.mktemp("desynpuf") / "out.parquet"
    pack = load_pack(read.pack, read.profile, MAPPING.parent)
    run = stream.settle_files(pack, DATA, out, read)
    bills = pq.read_table(out).to_pylist()
    rejects = pq.read_table(run["rejects"]).to_pylist()
    return Settled(pq.read_table(DATA).to_pylist(), run, {bill["mdtrt_id"]: bill for bill in bills},
                   rejects)


def number_of(claim: dict) -> str:
    """mdtrt_id as the mapping makes it."""
    return f"{claim['claim_id']}-{claim['segment']}"


def yuan_of(claim: dict) -> Decimal:
    """The bill in yuan."""
    exact = Decimal(str(claim["total_usd"])) * FACTOR
    return exact.quantize(FEN, rounding=ROUND_HALF_UP)


def test_every_row_is_settled_or_rejected(settled: Settled) -> None:
    run = settled.run
    assert (run["rows"], run["claims"], run["rejected"]) == (ROWS, ROWS - NEGATIVE - ZERO,
                                                             NEGATIVE + ZERO)
    assert len(settled.bills) == run["claims"]
    places = {reject["row"] for reject in settled.rejects}
    assert len(places) == len(settled.rejects) == run["rejected"]
    for row, claim in enumerate(settled.source):
        assert (number_of(claim) in settled.bills) != (row in places), row


def test_reasons(settled: Settled) -> None:
    found = Counter((reject["code"], reject["reason"].split(":")[0]) for reject in settled.rejects)
    assert found == {("left-out", "negative total"): NEGATIVE, ("left-out", "total of zero"): ZERO}
    for reject in settled.rejects:
        total = settled.source[reject["row"]]["total_usd"]
        assert (total < 0) == reject["reason"].startswith("negative")
        assert reject["value"] == str(total).removesuffix(".0")
        assert reject["psn_no"] == settled.source[reject["row"]]["person"]


def test_sums_to_the_fen(settled: Settled) -> None:
    bills = [yuan_of(claim) for claim in settled.source if claim["total_usd"] > 0]
    totals = {name: Decimal(yuan) for name, yuan in settled.run["totals"].items()}
    assert totals["medfee_sumamt"] == sum(bills)
    assert totals["fund_pay_sumamt"] + totals["hosp_part_amt"] + totals["psn_part_amt"] == \
        totals["medfee_sumamt"]
    for name, yuan in totals.items():
        assert yuan == sum(bill[name] for bill in settled.bills.values()), name


def test_bill_by_bill(settled: Settled) -> None:
    for claim in settled.source:
        if claim["total_usd"] > 0:
            bill = settled.bills[number_of(claim)]
            assert bill["medfee_sumamt"] == yuan_of(claim)
            assert bill["psn_part_amt"] >= 0


def test_negative_payer_in_a_positive_bill(settled: Settled) -> None:
    odd = [claim for claim in settled.source if claim["paid_by_medicare_usd"] < 0
           and claim["total_usd"] > 0]
    assert len(odd) == 42
    assert all(number_of(claim) in settled.bills for claim in odd)


def overlapping(source: list[dict]) -> Iterator[dict]:
    """Stays that begin before an earlier stay of the same person has ended."""
    stays = defaultdict(list)
    for claim in source:
        stays[claim["person"]].append(claim)
    for claims in stays.values():
        claims.sort(key=lambda claim: (claim["admit"], claim["discharge"]))
        ends = claims[0]["discharge"]
        for claim in claims[1:]:
            if claim["admit"] < ends:
                yield claim
            ends = max(ends, claim["discharge"])


def in_policy(bill: dict) -> Decimal:
    """What the mapping leaves of a bill after its three self-paid shares, each to the fen."""
    total = bill["medfee_sumamt"]
    return total - sum((total * share).quantize(FEN, rounding=ROUND_HALF_UP) for share in
                       (Decimal("0.12"), Decimal("0.01"), Decimal("0.05")))


def basic_of(cost: Decimal, deductible: Decimal) -> Decimal:
    """75% of what lies above a deductible (the ratio and the 300 of level 2)."""
    above = max(cost - deductible, Decimal(0))
    return (above * Decimal("0.75")).quantize(FEN, rounding=ROUND_HALF_UP)


def pairs_of(source: list[dict]) -> list[str]:
    """Claims that stand in two segments."""
    counts = Counter(claim["claim_id"] for claim in source)
    return [claim_id for claim_id, count in counts.items() if count == 2]


def test_overlapping_stays_are_settled_one_by_one(settled: Settled) -> None:
    pairs, found = set(pairs_of(settled.source)), Counter()
    for claim in overlapping(settled.source):
        bill = settled.bills.get(number_of(claim))
        if bill is None:
            found["rejected"] += 1
            assert claim["total_usd"] <= 0
        elif claim["claim_id"] in pairs:
            found["two segments"] += 1
        elif "basic_inpatient" in bill["capped"]:
            found["capped"] += 1
        else:
            found["alone"] += 1
            assert bill["paid_basic_inpatient"] == basic_of(in_policy(bill), STANDARD)
    assert found == {"alone": 1_201, "two segments": 44, "rejected": 21}


def test_second_segment_shares_the_deductible(settled: Settled) -> None:
    pairs, shared = pairs_of(settled.source), 0
    assert len(pairs) == 44
    for claim_id in pairs:
        bills = [settled.bills[f"{claim_id}-{segment}"] for segment in "12"
                 if f"{claim_id}-{segment}" in settled.bills]
        assert sum(bill["act_pay_dedc"] for bill in bills) >= min(
            STANDARD, sum(map(in_policy, bills)))
        if len(bills) == 2 and all(in_policy(bill) >= STANDARD for bill in bills):
            alone = sorted(bill["paid_basic_inpatient"] - basic_of(in_policy(bill), STANDARD)
                           for bill in bills)
            assert alone == [0, Decimal("225.00")], claim_id
            shared += 1
    assert shared == 44


def test_assumptions_stand_in_the_results(settled: Settled, tmp_path: Path) -> None:
    said = " ".join(settled.run["assumptions"])
    for word in ("negative total", "total of zero", "overlap", "second segment", "synthetic"):
        assert word in said
    assert json.dumps(settled.run["candidates"])
