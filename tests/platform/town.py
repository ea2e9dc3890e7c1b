"""A small pooling area on a test database: hospitals, rules, people, and a platform over it."""
from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from tongchou.database import Database
from tongchou.enrolment import Coverage, Designation, Institution, NewPerson
from tongchou.errors import Refusal
from tongchou.platform import Platform
from tongchou.policy import pack_document
from tongchou.privacy import open_keys

REGION, YEAR = "520500", "2024"
NOTE = {"by": "tester", "why": "test"}
HOSPITALS = {"H1": "1", "H2": "2", "H3": "3"}


@dataclass(frozen=True)
class Clerk:
    """Who asks."""

    user_id: str = "clerk"
    region: str = REGION


CLERK = Clerk()


class Town:
    """A platform with three hospitals, one rule on referrals and nobody insured yet."""

    def __init__(self, database: Database, folder: Path, pack: str = "guizhou/2024",
                 profile: str | None = "candidate", region: str = REGION) -> None:
        self.now = datetime(2024, 12, 30, 2, 0, tzinfo=timezone.utc)
        numbers, run = itertools.count(), uuid.uuid4().hex[:10]
        self.region = region
        self.platform = Platform(database, open_keys(folder), self.tick,
                                 lambda: f"{run}{next(numbers):08d}")
        people = self.platform.enrolment
        people.open_region(region, "town")
        self.platform.regimes.add(region, pack_document(pack, profile), f"{YEAR}-01-01")
        people.set_rule(region, "referral_needed", {"places": ["outside"]}, "2020-01-01",
                        source="test", **NOTE)
        for code, level in HOSPITALS.items():
            people.add_institution(region, Institution(code, f"hospital {level}", level, (),
                                                       "local", region, "2020-01-01", ""), **NOTE)
            for kind in ("general", "chronic"):
                people.add_institution(region, Designation(code, kind, True, "2020-01-01", ""),
                                       **NOTE)

    def tick(self) -> datetime:
        """A clock that never stands still."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def person(self, covered: bool = True, **changes: object) -> str:
        """A new person, insured for the year unless told otherwise."""
        person = NewPerson(**{"name": "张三", "born": "1958-03-01", "sex": "1", "psn_type": "15",
                              **changes})
        number = self.platform.enrolment.register(self.region, None, person, **NOTE)
        if covered:
            self.cover(number)
        return number

    def cover(self, psn_no: str, first: str = f"{YEAR}-01-01", last: str = f"{YEAR}-12-31",
              benefits_from: str = "") -> None:
        """Insures somebody as a resident."""
        self.platform.enrolment.add(self.region, psn_no, Coverage(
            "390", first, last, benefits_from or first), **NOTE)

    def settle(self, request: Mapping[str, object], key: str = "") -> str:
        """Settles under a key of its own."""
        return self.platform.settle(request, key or f"key-{request['mdtrt_id']}",
                                    who=Clerk(region=self.region))


def stay(psn_no: str, mdtrt_id: str, total: str = "10000.00", **changes: object,
         ) -> dict[str, object]:
    """A stay in March at the second-level hospital, split by the hospital itself."""
    return {"psn_no": psn_no, "mdtrt_id": mdtrt_id, "med_type": "21", "fixmedins_code": "H2",
            "begndate": "2024-03-01", "enddate": "2024-03-09",
            "setl_time": "2024-03-09T10:00:00", "medfee_sumamt": total,
            "fulamt_ownpay_amt": "300.00", "overlmt_selfpay": "0.00",
            "preselfpay_amt": "200.00", **changes}


def code_of(call: object, *arguments: object, **named: object) -> str:
    """The code of the refusal a call ends in; it must say what to do."""
    try:
        call(*arguments, **named)
    except Refusal as refusal:
        assert refusal.message and refusal.hint, refusal
        return refusal.code
    raise AssertionError("it was not refused")
