"""The city in a database: complete, sound, loaded once, and every special person as described."""
from __future__ import annotations

from datetime import date, timedelta

import pytest

from tongchou.access import DEMONSTRATION_PASSWORD, AccessService, Operator
from tongchou.database import Database
from tongchou.demo_city import REGION, describe, load, made_on
from tongchou.errors import Refusal
from tongchou.ledger import verify
from tongchou.platform import Platform
from tongchou.privacy import open_keys

TABLES = ("person", "certificate", "coverage", "status", "family_member", "institution",
          "designation", "enrolment_rule", "settlement", "journal_entry", "operator", "regime",
          "catalogue_item")
WHO = Operator("clerk", "clerk", REGION)


def counts(database: Database) -> dict[str, int]:
    with database.connection() as connection:
        return {name: connection.execute(f"select count(*) from {name}").fetchone()[0]
                for name in TABLES}


def special(city: object, word: str) -> str:
    found = [one for one in described(city)["people"] if word in one["why_en"]]
    assert found, word
    return found[0]["psn_no"]


def described(city: object) -> dict[str, object]:
    return describe(made_on(city.platform.database), True)


def bill(city: object, psn_no: str, place: str = "H52990100004", **more: object,
         ) -> dict[str, object]:
    day = (made_on(city.platform.database) - timedelta(days=1)).isoformat()
    return {"psn_no": psn_no, "mdtrt_id": f"T{psn_no}", "med_type": "21",
            "fixmedins_code": place, "begndate": day, "enddate": day,
            "medfee_sumamt": "5000.00", "fulamt_ownpay_amt": "100.00",
            "overlmt_selfpay": "0.00", "preselfpay_amt": "100.00", **more}


def presettled(city: object, *arguments: object, **more: object) -> dict[str, object]:
    return city.platform.presettle(bill(city, *arguments, **more), who=WHO)


def test_nothing_is_refused_and_the_books_are_sound(city: object) -> None:
    assert city.loaded.refused == [] and city.loaded.settled > 20
    with city.platform.database.connection() as connection:
        report = verify(connection).as_dict()
    assert report["sound"] and report["entries"] == city.loaded.settled


def test_a_second_load_changes_nothing(city: object) -> None:
    before = counts(city.platform.database)
    again = city.load()
    assert again.refused == [] and counts(city.platform.database) == before


def test_bills_are_booked_in_the_past_year(city: object) -> None:
    with city.platform.database.connection() as connection:
        first, last, future = connection.execute(
            "select min(booked_at)::date, max(booked_at)::date, "
            "count(*) filter (where booked_at > now()) from journal_entry").fetchone()
    assert first < date.today() - timedelta(days=90) < last and future == 0


def test_everybody_signs_in_with_the_known_password(city: object) -> None:
    found = described(city)
    for one in (*found["operators"][:2], found["operators"][-1]):
        _, signed = city.access.sign_in(one["user_id"], DEMONSTRATION_PASSWORD, "test")
        assert signed.account.role == one["role"]
    assert city.access.demonstration_operators() == len(found["operators"])


@pytest.mark.parametrize(("word", "code"), [
    ("waiting period", "waiting-period"), ("cover has ended", "no-coverage"),
    ("dead", "person-dead"), ("not enrolled", "no-coverage")])
def test_who_has_no_benefits_is_refused(city: object, word: str, code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        presettled(city, special(city, word))
    assert refusal.value.code == code


@pytest.mark.parametrize(("word", "code"), [
    ("not networked", "not-networked"), ("not designated", "not-designated"),
    ("designation has ended", "not-designated")])
def test_institutions_that_cannot_settle_are_refused(city: object, word: str, code: str) -> None:
    place = next(one["fixmedins_code"] for one in described(city)["institutions"]
                 if word in one["why_en"])
    with pytest.raises(Refusal) as refusal:
        presettled(city, "D000001", place)
    assert refusal.value.code == code


def test_a_status_pays_more_and_a_missing_referral_less(city: object) -> None:
    def person_part(*arguments: str) -> float:
        return float(presettled(city, *arguments)["psn_part_amt"])

    assert person_part(special(city, "low-income allowance")) < person_part("D000001")
    outside = "H33990100001"
    assert person_part(special(city, "to another province"), outside) \
        < person_part("D000001", outside)


def test_chronic_care_needs_the_certificate(city: object) -> None:
    chronic = {"med_type": "14", "dise_codg": "M03900"}
    assert presettled(city, special(city, "three chronic"), **chronic)["fund_pay_sumamt"]
    with pytest.raises(Refusal, match="certificate"):
        presettled(city, special(city, "has expired"), **chronic)


def test_a_newborn_without_a_number_is_settled(city: object) -> None:
    assert presettled(city, special(city, "without a number"))["fund_pay_sumamt"] != "0.00"


def test_another_use_of_the_region_is_not_touched(fresh_database: Database, tmp_path: object,
                                                  ) -> None:
    platform = Platform(fresh_database, open_keys(tmp_path))
    platform.enrolment.open_region(REGION, "another")
    platform.enrolment.set_rule(REGION, "referral_needed",
                                {"places": ["outside"]}, "2020-01-01", source="test", by="test",
                                why="test")
    before = counts(fresh_database)
    access = AccessService(fresh_database.connection, platform.clock, platform.ids)
    with pytest.raises(Refusal) as refusal:
        load(platform, access)
    assert refusal.value.code == "not-demonstration" and counts(fresh_database) == before
