"""People in the database: what is refused, what stays known, and what a settlement reads."""
import threading
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from enrolled import REGION, Clock

from tongchou.database import Database
from tongchou.enrolment import (AwayFiling, ChronicCertificate, Coverage, Designation, Document,
                                Enrolment, Institution, Membership, NewPerson, NotEnrolled,
                                Referral, Status, check_digit, insured, read_document,
                                referral_of)
from tongchou.errors import Refusal

NOTE = {"by": "clerk 7", "why": "test"}
YEAR = Coverage("390", "2024-01-01", "2024-12-31", "2024-01-01")
POOR = Status("registered_poor", "2024-01-01", "", "2024-01-01", "rural affairs", "list 3")


def document(order: int, born: str = "19800215") -> Document:
    body = f"522401{born}{order:03d}"
    return read_document("01", body + check_digit(body))


_orders = iter(range(1, 999, 2))


def someone(enrolment: Enrolment, **changes: object) -> str:
    person = NewPerson(**{"name": "王小明", "born": "1980-02-15", "sex": "1", "psn_type": "15",
                          "phone": "13800001234", **changes})
    return enrolment.register(REGION, document(next(_orders)), person, **NOTE)


def code_of(call: object, *arguments: object, **named: object) -> str:
    with pytest.raises(Refusal) as caught:
        call(*arguments, **named)
    assert caught.value.hint and caught.value.message
    return caught.value.code


@pytest.mark.both_servers
def test_one_call_gives_a_settlement_everything(enrolment: Enrolment) -> None:
    number, mate = someone(enrolment, facts={"years_insured": 6}), someone(enrolment)
    for fact in (YEAR, POOR, ChronicCertificate("M03900", "2024-01-01", "", "T1"),
                 ChronicCertificate("M01600", "2024-01-01", "", "T1"),
                 Referral("E1", "H2", "H3", "up", "2024-03-05", "2024-04-05"),
                 AwayFiling("outside", "3301", "working", "2024-01-01", ""),
                 Membership("F1", "head", "2024-01-01", "")):
        enrolment.add(REGION, number, fact, **NOTE)
    enrolment.add(REGION, mate, Membership("F1", "spouse", "2024-02-01", ""), **NOTE)
    found = enrolment.context(REGION, number)
    assert (found.born, found.sex, found.psn_type) == ("1980-02-15", "1", "15")
    assert found.facts == {"years_insured": 6} and found.coverages == (YEAR,)
    assert found.statuses == (replace(POOR, source="", evidence=""),)
    assert [one.disease for one in found.chronic] == ["M01600", "M03900"]
    assert not found.referrals[0].registered_by and found.filings[0].area == "3301"
    members = found.families[0][1]
    assert {one[0] for one in members} == {number, mate}, "the mate joined later and is seen"
    assert found == enrolment.context(REGION, number, datetime(9999, 1, 1, tzinfo=UTC))


@pytest.mark.both_servers
def test_insured_twice_is_refused(enrolment: Enrolment) -> None:
    number = someone(enrolment)
    enrolment.add(REGION, number, YEAR, **NOTE)
    for other in (YEAR, replace(YEAR, insutype="310"),
                  Coverage("310", "2024-12-31", "", "2024-12-31")):
        assert code_of(enrolment.add, REGION, number, other, **NOTE) == "insured-twice"
    enrolment.add(REGION, number, Coverage("310", "2025-01-01", "", "2025-01-01"), **NOTE)
    assert insured(enrolment.context(REGION, number), "2025-06-01").insutype == "310"


def test_other_overlaps_are_refused(enrolment: Enrolment) -> None:
    number = someone(enrolment)
    for fact, code in ((POOR, "status-overlaps"),
                       (ChronicCertificate("I10", "2024-01-01", "", "T1"), "certificate-overlaps"),
                       (AwayFiling("outside", "", "working", "2024-01-01", ""),
                        "filing-overlaps"),
                       (Membership("F2", "", "2024-01-01", ""), "two-families"),
                       (NotEnrolled("army", "unit 7", "2024-01-01", ""), "ledger-overlaps"),
                       (Referral("E1", "H2", "H3", "up", "2024-03-05", "2024-04-05"),
                        "referral-known")):
        enrolment.add(REGION, number, fact, **NOTE)
        assert code_of(enrolment.add, REGION, number, fact, **NOTE) == code
    enrolment.add(REGION, number, replace(POOR, code="veteran"), **NOTE)


def test_two_windows_insure_one_person_at_once(enrolment: Enrolment) -> None:
    number = someone(enrolment)
    barrier, outcomes = threading.Barrier(4), []

    def window(insutype: str) -> None:
        barrier.wait()
        try:
            outcomes.append(enrolment.add(REGION, number, replace(YEAR, insutype=insutype),
                                          **NOTE))
        except Refusal as refusal:
            outcomes.append(refusal.code)

    threads = [threading.Thread(target=window, args=(kind,)) for kind in ("310", "390") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count("insured-twice") == 3
    assert len(enrolment.context(REGION, number).coverages) == 1


def test_two_windows_add_different_facts_and_both_are_seen(enrolment: Enrolment) -> None:
    for _ in range(10):
        number = someone(enrolment)
        facts = [YEAR, POOR, ChronicCertificate("I10", "2024-01-01", "", "T1"),
                 AwayFiling("outside", "", "working", "2024-01-01", "")]
        barrier = threading.Barrier(len(facts))

        def window(fact: object) -> None:
            barrier.wait()
            enrolment.add(REGION, number, fact, **NOTE)

        threads = [threading.Thread(target=window, args=(fact,)) for fact in facts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen = enrolment.context(REGION, number)
        assert (len(seen.coverages), len(seen.statuses), len(seen.chronic), len(seen.filings)) \
            == (1, 1, 1, 1), "what one window wrote was lost from the present view"


@pytest.mark.both_servers
def test_what_was_known_on_a_day_stays_the_answer(enrolment: Enrolment, clock: Clock) -> None:
    number = someone(enrolment)
    row = enrolment.add(REGION, number, YEAR, **NOTE)
    before = clock()
    ended = replace(YEAR, last="2024-05-31")
    row = enrolment.correct(REGION, number, row, ended, by="clerk 8", why="left for work")
    middle = clock()
    enrolment.retract(REGION, number, "coverage", row, by="clerk 9", why="wrong person")
    assert enrolment.context(REGION, number).coverages == ()
    assert enrolment.context(REGION, number, middle).coverages == (ended,)
    assert enrolment.context(REGION, number, before).coverages == (YEAR,)
    assert code_of(enrolment.retract, REGION, number, "coverage", row, **NOTE) == "unknown-row"
    enrolment.correct_person(REGION, number, NewPerson("王小明", "1980-02-15", "1", "12",
                                                       died="2024-05-30"), **NOTE)
    assert enrolment.context(REGION, number).died == "2024-05-30"
    assert enrolment.context(REGION, number, middle).died == ""
    with pytest.raises(Refusal):
        enrolment.context(REGION, number, datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.both_servers
def test_nothing_is_changed_or_deleted(enrolment: Enrolment, database: Database) -> None:
    number = someone(enrolment)
    row = enrolment.add(REGION, number, YEAR, **NOTE)
    enrolment.retract(REGION, number, "coverage", row, **NOTE)
    enrolment.add(REGION, number, YEAR, **NOTE)
    tries = ["delete from coverage", "truncate coverage", "update coverage set insutype = '310'",
             "update coverage set retracted_at = null, retracted_by = null, retracted_why = null",
             "update coverage set retracted_at = now(), retracted_by = 'x', retracted_why = 'x' "
             "where retracted_at is not null", "update person set born = '1990-01-01'",
             "delete from certificate", "update person_now set context = '{}'",
             "update coverage set known_at = now()"]
    for statement in tries:
        for connect in (database.connection, database.admin):
            if "person_now" in statement and connect == database.admin:
                continue
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connect() as connection:
                connection.execute(statement)
    with pytest.raises(Refusal, match="who and why"):
        enrolment.add(REGION, number, POOR, by="clerk", why=" ")


def test_a_person_has_one_registration_per_document(enrolment: Enrolment) -> None:
    number = someone(enrolment)
    own = document(901)
    enrolment.add_document(REGION, number, own, **NOTE)
    person = NewPerson("李四", "1980-02-15", "1", "15")
    assert code_of(enrolment.register, REGION, own, person, **NOTE) == "certificate-taken"
    assert code_of(enrolment.register, REGION, document(903), person, psn_no=number, **NOTE) \
        == "psn-no-taken"
    assert enrolment.find(REGION, document(903)) is None, "half a registration stayed"
    assert enrolment.find(REGION, own) == number
    assert code_of(enrolment.register, "999999", document(905), person, **NOTE) \
        == "unknown-region"
    assert code_of(enrolment.add, REGION, "nobody", YEAR, **NOTE) == "unknown-person"
    assert code_of(enrolment.context, REGION, "nobody") == "unknown-person"


def test_a_newborn_without_a_number_gets_it_later(enrolment: Enrolment) -> None:
    baby = NewPerson("王宝宝", "2024-03-01", "2", "1401")
    number = enrolment.register(REGION, None, baby, **NOTE)
    enrolment.add(REGION, number, Coverage("390", "2024-03-01", "2024-12-31", "2024-03-01"),
                  **NOTE)
    shown = enrolment.views(REGION, [number], "clerk")[0]
    assert [one["certno"] for one in shown["certificates"]] == [f"NB{number}"]
    body = "52240120240301002"
    real = read_document("01", body + check_digit(body), "2024-03-01", "2")
    enrolment.add_document(REGION, number, real, **NOTE)
    shown = enrolment.views(REGION, [number], "clerk")[0]
    assert [one["certno"] for one in shown["certificates"]] == [real.number]
    assert enrolment.find(REGION, real) == number
    assert insured(enrolment.context(REGION, number), "2024-03-01").insutype == "390"


def test_people_are_found_and_shown_masked(enrolment: Enrolment) -> None:
    number = someone(enrolment, name="欧阳·测试", phone="13912345678")
    assert enrolment.find_by_name(REGION, "欧阳·测试") == [number]
    assert enrolment.find_by_name(REGION, "欧阳") == []
    assert number in enrolment.find_by_phone(REGION, "13912345678")
    seen = enrolment.views(REGION, [number, "nobody"], "auditor")
    assert len(seen) == 1 and seen[0]["psn_name"] == "欧*" and seen[0]["tel"] == "139****5678"
    assert "*" in seen[0]["certificates"][0]["certno"]
    assert enrolment.views(REGION, [number], "clerk")[0]["psn_name"] == "欧阳·测试"


@pytest.mark.both_servers
def test_no_personal_data_in_any_table(enrolment: Enrolment, database: Database,
                                       caplog: pytest.LogCaptureFixture) -> None:
    own = document(777)
    with caplog.at_level(0):
        number = enrolment.register(REGION, own, NewPerson("诸葛测试名", "1980-02-15", "1", "15",
                                                           "13977778888"), **NOTE)
        assert code_of(enrolment.register, REGION, own, NewPerson(
            "诸葛测试名", "1980-02-15", "1", "15"), **NOTE) == "certificate-taken"
    rows = 0
    with database.admin() as connection:
        tables = connection.execute(
            "select quote_ident(relname) from pg_class where relkind in ('r', 'p') "
            "and relnamespace = 'public'::regnamespace").fetchall()
        dump = caplog.text
        for table, in tables:
            for row in connection.execute(f"select * from {table}"):
                rows += 1
                dump += " ".join(repr(bytes(one) if isinstance(one, memoryview) else one)
                                 for one in row)
    assert rows > 10 and number in dump
    for secret in (own.number, "诸葛测试名", "13977778888"):
        assert secret not in dump and repr(secret.encode())[2:-1] not in dump


@pytest.mark.clause("BJ-65")
def test_a_move_transfers_the_relation_without_a_gap(enrolment: Enrolment) -> None:
    enrolment.open_region("999902", "邻区")
    number = someone(enrolment)
    enrolment.add(REGION, number, YEAR, **NOTE)
    enrolment.add(REGION, number, POOR, **NOTE)
    enrolment.add(REGION, number, ChronicCertificate("I10", "2024-01-01", "", "T1"), **NOTE)
    enrolment.relocate(REGION, number, "999902", "2024-07-01", **NOTE)
    old, new = (enrolment.context(region, number) for region in (REGION, "999902"))
    assert insured(old, "2024-06-30") and insured(new, "2024-07-01")
    assert code_of(insured, old, "2024-07-01") == "no-coverage"
    assert new.coverages[0].benefits_from == "2024-07-01", "no waiting after a move"
    assert new.statuses[0].code == "registered_poor" and new.chronic[0].disease == "I10"
    assert old.statuses[0].last == "2024-06-30"
    assert code_of(enrolment.relocate, REGION, number, "999902", "2024-07-01", **NOTE) \
        == "no-coverage"


@pytest.mark.clause("BJ-61")
def test_the_agency_registers_a_referral(enrolment: Enrolment) -> None:
    number = someone(enrolment)
    enrolment.set_rule(REGION, "referral_needed", {"levels": ["3"]}, "2000-01-01",
                       source="document 3", **NOTE)
    row = enrolment.add(REGION, number, Referral("E7", "H2", "H3", "up", "2024-03-05",
                                                 "2024-04-05"), by="hospital H2", why="sent")
    enrolment_of = Institution("H3", "市一院", "3", ("tcm",), "local", REGION, "2000-01-01", "")
    if code_of_institution(enrolment, "H3") == "unknown-institution":
        enrolment.add_institution(REGION, enrolment_of, **NOTE)
        enrolment.add_institution(REGION, Designation("H3", "general", True, "2000-01-01", ""),
                                  **NOTE)
    found, designations = enrolment.institution(REGION, "H3", "2024-03-06")
    assert found == enrolment_of and designations[0].networked
    ask = ("2024-03-06", "2024-03-09", enrolment.rules(REGION, "2024-03-09"))
    assert referral_of(enrolment.context(REGION, number), found, *ask).answer == "missing"
    row = enrolment.register_referral(REGION, number, row, by="agency 2")
    answer = referral_of(enrolment.context(REGION, number), found, *ask)
    assert (answer.answer, answer.episode) == ("due", "E7")
    assert code_of(enrolment.register_referral, REGION, number, row, by="agency 2") \
        == "referral-registered"


def code_of_institution(enrolment: Enrolment, code: str) -> str:
    return code_of(enrolment.institution, REGION, code, "2024-03-06")


def test_rules_of_the_area_are_data_with_dates(enrolment: Enrolment) -> None:
    value = {"statuses": ["left_poverty"], "until": "2020-12-31"}
    enrolment.set_rule(REGION, "campaign_end", value, "2018-01-01", "2019-12-31",
                       source="document 1", **NOTE)
    later = {**value, "until": "2021-12-31"}
    enrolment.set_rule(REGION, "campaign_end", later, "2020-01-01", source="document 2", **NOTE)
    assert enrolment.rules(REGION, "2019-05-01").values["campaign_end"] == (value, "LF-34")
    assert enrolment.rules(REGION, "2020-05-01").values["campaign_end"] == (later, "LF-34")
    for name, wrong in (("campaign_end", {"until": "2020-12-31"}), ("no_such", {}),
                        ("campaign_end", {**value, "until": "31.12.2020"}),
                        ("referral_needed", {"levels": ["9"]}),
                        ("late_payment", {"months": 3.5, "counted_from": "payment"}),
                        ("payment_period", {"from": "13-01", "to": "12-31"})):
        assert code_of(enrolment.set_rule, REGION, name, wrong, "2020-01-01", source="x", **NOTE) \
            == "bad-rule"
