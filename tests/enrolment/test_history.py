"""Any history of additions, corrections and retractions: old answers stay, the present is exact."""
from collections.abc import Callable
from datetime import datetime

from enrolled import REGION, Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import pytest

from tongchou.database import Database, shard_of
from tongchou.engine import Claim, situate
from tongchou.enrolment import (AreaRules, ChronicCertificate, Coverage, Enrolment, Membership,
                                NewPerson, Status, engine_person)
from tongchou.errors import Refusal
from tongchou.policy import load_pack

NOTE = {"by": "clerk", "why": "test"}
MONTHS = [f"2024-{month:02d}-01" for month in range(1, 13)]
ENDS = [f"2024-{month:02d}-28" for month in range(1, 13)]
PEOPLE = 3

spans = st.tuples(st.integers(0, 11), st.integers(0, 11)).map(sorted)
facts = st.one_of(
    st.builds(lambda kind, span: Coverage(kind, MONTHS[span[0]], ENDS[span[1]], MONTHS[span[0]]),
              st.sampled_from(["310", "390"]), spans),
    st.builds(lambda code, span: Status(code, MONTHS[span[0]], ENDS[span[1]], MONTHS[span[0]], "x"),
              st.sampled_from(["allowance", "veteran"]), spans),
    st.builds(lambda code, span: ChronicCertificate(code, MONTHS[span[0]], ENDS[span[1]], "H1"),
              st.sampled_from(["I10", "E11"]), spans),
    st.builds(lambda code, span: Membership(code, "", MONTHS[span[0]], ENDS[span[1]]),
              st.sampled_from(["FA", "FB"]), spans))
steps = st.lists(st.tuples(st.integers(0, PEOPLE - 1), facts,
                           st.sampled_from(["add", "add", "correct", "retract"]),
                           st.integers(0, 50)), max_size=14)


def scope(fact: object) -> tuple:
    """Two facts of one scope exclude each other in time."""
    value = {Status: "code", ChronicCertificate: "disease"}.get(type(fact))
    return (type(fact), getattr(fact, value) if value else "")


def clash(one: object, other: object) -> bool:
    return scope(one) == scope(other) and one.first <= other.last and other.first <= one.last


class Model:
    """What should be known of each person: plain Python."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = [{} for _ in range(PEOPLE)]

    def seen(self, who: int, kind: type) -> set[object]:
        return {fact for fact in self.rows[who].values() if isinstance(fact, kind)}


def apply(enrolment: Enrolment, numbers: list[str], model: Model, step: tuple) -> None:
    who, fact, action, pick = step
    rows = model.rows[who]
    same = [row for row, known in rows.items() if type(known) is type(fact)]
    target = same[pick % len(same)] if same and action != "add" else ""
    if action == "retract":
        if target:
            enrolment.retract(REGION, numbers[who], fact.TABLE, target, **NOTE)
            del rows[target]
        return
    others = [known for row, known in rows.items() if row != target]
    expected = not any(clash(known, fact) for known in others)
    try:
        row = enrolment.correct(REGION, numbers[who], target, fact, **NOTE) if target \
            else enrolment.add(REGION, numbers[who], fact, **NOTE)
    except Refusal:
        assert not expected, "refused although nothing overlaps"
        return
    assert expected, "an overlap was taken"
    rows.pop(target, None)
    rows[row] = fact


def snapshot(model: Model) -> list[tuple]:
    return [tuple(frozenset(model.seen(who, kind))
                  for kind in (Coverage, Status, ChronicCertificate, Membership))
            for who in range(PEOPLE)]


def seen(enrolment: Enrolment, numbers: list[str], moment: datetime | None) -> list[tuple]:
    found = [enrolment.context(REGION, number, moment) for number in numbers]
    return [(frozenset(one.coverages),
             frozenset(Status(s.code, s.first, s.last, s.recognised, "x") for s in one.statuses),
             frozenset(one.chronic), frozenset(family for family, _ in one.families))
            for one in found]


@settings(max_examples=25, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_every_moment_keeps_its_answer(database: Database, make_enrolment: Callable,
                                       history: list[tuple]) -> None:
    clock = Clock()
    enrolment = make_enrolment(database, clock)
    numbers = [enrolment.register(REGION, None, NewPerson("甲", "1990-01-01", "1", "15"), **NOTE)
               for _ in range(PEOPLE)]
    model, moments = Model(), []
    for step in history:
        apply(enrolment, numbers, model, step)
        moments.append((clock(), snapshot(model)))
    assert seen(enrolment, numbers, None) == snapshot(model)
    for moment, then in moments:
        assert seen(enrolment, numbers, moment) == then
    with database.connection() as connection:
        for number in numbers:
            now, made = connection.execute(
                "select person_context(%(r)s, %(s)s::smallint, %(p)s), "
                "person_context_at(%(r)s, %(s)s::smallint, %(p)s, 'infinity')",
                {"r": REGION, "s": shard_of(REGION, number), "p": number}).fetchone()
            assert now == made, "the row a settlement reads is not what the tables say"


@pytest.mark.clause("GZ-26", "GZ-20")
def test_a_status_entered_later_looks_back_and_the_old_answer_stays(
        database: Database, make_enrolment: Callable) -> None:
    clock = Clock()
    enrolment = make_enrolment(database, clock)
    number = enrolment.register(REGION, None, NewPerson("乙", "1990-01-01", "1", "15"), **NOTE)
    enrolment.add(REGION, number, Coverage("390", "2024-01-01", "2025-12-31", "2024-01-01"),
                  **NOTE)
    before = clock()
    enrolment.add(REGION, number, Status("sudden_hardship", "2025-03-01", "", "2025-03-01",
                                         "civil affairs"), **NOTE)
    pack = load_pack("guizhou/2024", "candidate")
    claim = Claim("C1", number, "inpatient", "3", "local", "due", "2024-12-01", "2024-12-09",
                  "2024-12-09T12:00:00", (0, 0, 0, 10000))

    def statuses(moment: datetime | None) -> tuple[str, ...]:
        context = enrolment.context(REGION, number, moment)
        person = engine_person(context, claim.end, AreaRules(REGION))
        return situate(pack, person, claim).statuses

    assert statuses(None) == ("sudden_hardship@lookback", "none")
    assert statuses(before) == ("none",)
