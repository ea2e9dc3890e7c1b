"""Any sequence of settling, reversing, retrying, late bills and backdated identities leaves what
the plain model has: to the fen, in the answers, the accumulators and the journal."""
from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from plain_model import FIELDS, Bill, PlainModel
from settling import Window

from tongchou.database import Database, shard_of
from tongchou.engine import Claim, Person, StatusSpan
from tongchou.errors import Refusal
from tongchou.money import parse_yuan
from tongchou.settlement import REFUNDS, body_hash
from tongchou.terms import FUNDS

REGIMES = {"520000": ("guizhou/2024", "candidate", "2024-01-01"),
           "370300": ("zibo/2023", "candidate", "2023-01-01")}
YEAR = {"520000": "2024", "370300": "2023"}
STATUSES = ("allowance", "borderline", "extreme_poverty")
NUMBERS = itertools.count()
COUNTS = {"sequences": 0, "steps": 0, "recomputed": 0, "refused": 0}


class Sequence(RuleBasedStateMachine):
    """One or two people of a region, in a random life of claims."""

    window: Window

    @initialize(region=st.sampled_from(sorted(REGIMES)), family=st.booleans())
    def begin(self, region: str, family: bool) -> None:
        number = next(NUMBERS)
        COUNTS["sequences"] += 1
        self.region, self.mdtrt, self.keys = region, itertools.count(), itertools.count()
        names = [f"S{number}a", f"S{number}b"] if family else [f"S{number}a"]
        persons = {name: Person(name, "residents", f"F{number}" if family else "", "1958-03-01",
                                "male") for name in names}
        self.window.enrol(region, *persons.values())
        self.model = PlainModel(self.window.regimes.packs(region)[0], persons)
        self.asked: list[tuple] = []

    def claim(self, person: int, day: int, total: int, cut: int, mdtrt: str = "") -> Claim:
        names = sorted(self.model.persons)
        date = f"{YEAR[self.region]}-{day // 28 + 1:02d}-{day % 28 + 1:02d}"
        own = total * cut // 100
        number = mdtrt or f"{names[0]}M{next(self.mdtrt)}"
        return Claim(number, names[person % len(names)], "inpatient", str(1 + cut % 3), "local",
                     "due", date, date, f"{date}T10:00:00", (own, 0, own // 2, total - own
                                                            - own // 2), hospital_id=f"H{cut % 3}")

    def settle(self, claim: Claim, kind: str) -> None:
        COUNTS["steps"] += 1
        key = f"{claim.claim_id}.{next(self.keys)}"
        asked = self.window.asked(self.region, claim, key, kind)
        known = [bill for bill in self.model.bills if bill.claim.claim_id == claim.claim_id]
        if known and not all(bill.open_stay for bill in known):
            with pytest.raises(Refusal, match="settled already"):
                self.window.service.settle(asked)
            COUNTS["refused"] += 1
            return
        before = self.model.money()
        shown = self.window.service.presettle(asked)
        text = self.window.service.settle(asked)
        answer = json.loads(text)
        assert {**shown, "setl_id": answer["setl_id"]} == answer
        self.model.bills.append(Bill(answer["setl_id"], claim, kind == "mid_stay"))
        self.asked.append((asked, text))
        self.moved(before, [answer["this_settlement"],
                            *(one["difference"] for one in answer["changed"])])

    def moved(self, before: dict[str, int], rows: list[dict]) -> None:
        """The answer's amounts are exactly what the model moved by."""
        after = self.model.money()
        COUNTS["recomputed"] += len(rows) > 1
        for name in ("fund_pay_sumamt", "psn_part_amt", "hosp_part_amt"):
            assert sum(signed(row[name]) for row in rows) == after[name] - before[name], name

    @rule(person=st.integers(0, 1), day=st.integers(0, 335), cut=st.integers(0, 12),
          total=st.integers(1, 30_000_000))
    def one_bill(self, person: int, day: int, total: int, cut: int) -> None:
        self.settle(self.claim(person, day, total, cut), "on_the_spot")

    @rule(day=st.integers(0, 330), total=st.integers(1, 9_000_000), days=st.integers(0, 5),
          last=st.booleans(), more=st.integers(1, 9_000_000))
    def stay_in_portions(self, day: int, total: int, more: int, days: int, last: bool) -> None:
        first = self.claim(0, day, total, 3)
        self.settle(first, "mid_stay")
        second = self.claim(0, day + days, more, 3, first.claim_id)
        second = replace(second, begin=first.begin, settled=second.settled.replace("T10", "T11"))
        self.settle(second, "on_the_spot" if last else "mid_stay")

    @rule(data=st.data())
    def bill_again(self, data: st.DataObject) -> None:
        if self.model.bills:
            bill = data.draw(st.sampled_from(self.model.bills))
            if not bill.open_stay:
                self.settle(bill.claim, "on_the_spot")

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        if self.asked:
            asked, text = data.draw(st.sampled_from(self.asked))
            assert self.window.service.settle(asked) == text
            with pytest.raises(Refusal, match="another request"):
                self.window.service.settle(replace(asked, body_hash=body_hash({"other": 1})))

    @rule(data=st.data(), refund=st.sampled_from(REFUNDS))
    def reverse(self, data: st.DataObject, refund: str) -> None:
        if not self.model.bills:
            return
        COUNTS["steps"] += 1
        bill = data.draw(st.sampled_from(self.model.bills))
        later = self.model.later(bill.setl_id)
        stopping = later if refund == "refuse_unless_last" else [
            one for one in later if one.claim.claim_id == bill.claim.claim_id]
        call = (self.region, bill.claim.person_id, bill.setl_id, refund, "tester",
                f"R{bill.setl_id}.{next(self.keys)}", "00")
        if stopping:
            COUNTS["refused"] += 1
            with pytest.raises(Refusal, match="not the last"):
                self.window.service.reverse(*call)
            return
        before = self.model.money()
        self.model.bills.remove(bill)
        text = self.window.service.reverse(*call)
        self.moved(before, [one["difference"] for one in json.loads(text)["changed"]])
        assert self.window.service.reverse(*call) == text
        with pytest.raises(Refusal, match="reversed already"):
            self.window.service.reverse(*call[:5], f"{call[5]}x", "00")

    @rule(person=st.integers(0, 1), code=st.sampled_from(STATUSES), month=st.integers(1, 12),
          months=st.integers(0, 12))
    def recognise(self, person: int, code: str, month: int, months: int) -> None:
        COUNTS["steps"] += 1
        names = sorted(self.model.persons)
        known = self.model.persons[names[person % len(names)]]
        last = f"{YEAR[self.region]}-{min(month + months, 12):02d}-28" if months else ""
        span = StatusSpan(code, f"{YEAR[self.region]}-{month:02d}-01", last)
        before = self.model.money()
        now = replace(known, statuses=(*known.statuses, span))
        self.model.persons[known.person_id] = self.window.people.known[known.person_id] = now
        if not any(bill.claim.person_id == known.person_id for bill in self.model.bills):
            if not any(one for one in self.model.bills):
                return
        text = self.window.service.recompute(self.region, known.person_id, "status", "tester",
                                             f"K{known.person_id}.{next(self.keys)}", "00")
        self.moved(before, [one["difference"] for one in json.loads(text)["changed"]])

    def teardown(self) -> None:
        if hasattr(self, "model"):
            books_agree(self.window.database, self.region, self.model)


def signed(yuan: str) -> int:
    return -parse_yuan(yuan[1:]) if yuan.startswith("-") else parse_yuan(yuan)


def books_agree(database: Database, region: str, model: PlainModel) -> None:
    """Accumulators, newest outcomes and journal of the people are the model's money."""
    wanted = model.money()
    paid: dict[str, int] = {}
    booked: dict[str, int] = {}
    with database.connection() as connection:
        for name in model.persons:
            place = (region, shard_of(region, name), name)
            for (found,) in connection.execute(
                    "select paid from person_year where region = %s and shard = %s and "
                    "psn_no = %s", place):
                for fund, fen in found.items():
                    paid[fund] = paid.get(fund, 0) + fen
            for fund, fen in connection.execute(
                    "select p.account || '/' || p.fund, sum(p.amount_fen)::bigint "
                    "from journal_entry e join posting p using (region, shard, seq) "
                    "where e.region = %s and e.shard = %s and e.psn_no = %s group by 1", place):
                booked[fund] = booked.get(fund, 0) + fen
    for field in FIELDS[:4]:
        funds = [fund for fund in paid if FUNDS[fund].field == field]
        assert sum(paid[fund] for fund in funds) == wanted[field], field
    assert {f"expense/{fund}": fen for fund, fen in paid.items()} == {
        name: fen for name, fen in booked.items() if name.startswith("expense/") and fen}
    assert booked.get("cash/", 0) == wanted["psn_part_amt"]
    assert sum(booked.values()) == 0


def run_sequences(database: Database, count: int) -> None:
    COUNTS.update(dict.fromkeys(COUNTS, 0))
    Sequence.window = Window(database, REGIMES)
    run_state_machine_as_test(Sequence, settings=settings(
        max_examples=count, stateful_step_count=10, deadline=None, database=None,
        phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck)))
    print(f"{COUNTS['sequences']:,} sequences, {COUNTS['steps']:,} steps, "
          f"{COUNTS['recomputed']:,} with recomputation, {COUNTS['refused']:,} refused: "
          "0 differences")
    assert COUNTS["sequences"] >= count


def test_any_sequence_leaves_what_the_plain_model_has(database: Database) -> None:
    run_sequences(database, 2_000)


@pytest.mark.long
def test_ten_thousand_sequences(database: Database) -> None:
    run_sequences(database, 10_000)
