"""From a request with national names to what settlement needs (请求解析).

The bill's four parts come from its fee lines where they are given; stated parts are compared.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ..claims import read_claim
from ..engine import Claim
from ..enrolment import Institution, PersonContext, chronic_on, insured, referral_of
from ..errors import Refusal
from ..money import parse_yuan
from ..policy import as_node
from ..settlement import (Asked, SplitBill, SplitLine, SplitRules, Visit, bill_row, body_hash,
                          compare_parts, fee_line, local_time, split_bill)
from ..settlement.catalogue import Catalogue
from ..terms import INSURANCE_OF_CODE, PARTS, SEXES, visit_of
from .places import Places

PART_FIELDS = tuple(part.national for part in PARTS.values())
CLAIM_FIELDS = ("mdtrt_id", "psn_no", "med_type", "fixmedins_code", "episode", "dise_codg",
                "begndate", "enddate", "setl_time", "medfee_sumamt", *PART_FIELDS)
UNSPLIT = dict.fromkeys(PART_FIELDS[:3], "0.00")


@dataclass(frozen=True)
class Known:
    """What was read before: the person as known now, and the catalogue for fee lines."""

    region: str
    psn_no: str
    context: Mapping[str, object] | None
    catalogue: Catalogue | None
    earlier: tuple[SplitLine, ...] = ()     # lines of portions of the stay settled before

    def person(self) -> PersonContext:
        """The person. Raises Refusal `unknown-person`."""
        if self.context is None:
            raise Refusal("unknown-person", f"nobody is known as {self.psn_no!r} in region "
                          f"{self.region} (查无此人)", "psn_no", "", "Register the person, or "
                          "check the number and the region.")
        return PersonContext.of(self.context)


class Requests:
    """Reads settlement requests of a platform."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def asked(self, request: Mapping[str, object], who: str, key: str | None, now: datetime,
              known: Known | None = None) -> Asked:
        """What is asked of settlement.

        A request that states its insurance and its four parts needs nothing `known`: the person is
        read, and all of it checked, where the year is read. Raises CaseError (a malformed field)
        and Refusal (unknown codes, institutions, people, lines that do not add up).
        """
        region, kind = str(request["region"]), str(request.get("kind") or "on_the_spot")
        institution = self._institution(region, request, kind)
        frame = self._frame(request, institution, now)
        bill = None
        if known is None:
            insurance = _scheme(str(request["insutype"]))
        else:
            insurance = self._insurance(request, known.person(), frame)
            if known.catalogue is not None:
                bill = _split(request, known, frame, insurance,
                              self._places.split_rules(region, frame.begin))
                frame = replace(frame, parts=bill.parts)

        def finish(context: Mapping[str, object]) -> Claim:
            person = PersonContext.of(context)
            self._insurance(request, person, frame)
            _may_use(person, frame)
            return self._finished(request, frame, institution, person)

        return Asked(region, frame, insurance, kind, institution.code, who, key,
                     body_hash(request), finish, bill_row(bill) if bill is not None else None)

    def _institution(self, region: str, request: Mapping[str, object], kind: str) -> Institution:
        code, day = str(request["fixmedins_code"]), str(request["begndate"])
        if kind == "manual":
            return self._places.institution(region, code, day)[0]
        visit = visit_of(str(request["med_type"])) or ""
        return self._places.designated(region, code, visit, day)

    def _frame(self, request: Mapping[str, object], institution: Institution, now: datetime,
               ) -> Claim:
        """The claim without what depends on the person's referrals."""
        found = {name: request[name] for name in CLAIM_FIELDS if request.get(name) is not None}
        if request.get("feedetail"):
            found = {**{name: value for name, value in found.items() if name not in PART_FIELDS},
                     **UNSPLIT}
        found |= {"hosp_lev": institution.level, "hosp_tags": list(institution.tags),
                  "place": institution.place, "setl_time": request.get("setl_time")
                  or local_time(now)}
        return read_claim(as_node(found, "request"), str(request["psn_no"]))

    def _insurance(self, request: Mapping[str, object], person: PersonContext, frame: Claim,
                   ) -> str:
        """The scheme that insures the person on the first day; compared where it is stated."""
        coverage = insured(person, frame.begin)
        stated = request.get("insutype")
        if stated and stated != coverage.insutype:
            raise Refusal("other-insurance", f"insutype is {stated}, but on {frame.begin} the "
                          f"person is insured under {coverage.insutype} (险种不符)", "insutype", "",
                          "Settle under the insurance of that day.")
        return _scheme(coverage.insutype)

    def _finished(self, request: Mapping[str, object], frame: Claim, institution: Institution,
                  person: PersonContext) -> Claim:
        """The claim with its referral and episode as registered; a stated answer is kept."""
        stated = request.get("referred")
        if stated is not None:
            return replace(frame, referral="due" if stated else "missing")
        rules = self._places.rules(person.region, frame.begin)
        answer = referral_of(person, institution, frame.begin, frame.end, rules)
        return replace(frame, referral=answer.answer, episode=frame.episode or answer.episode)


def _scheme(insutype: str) -> str:
    """Our name of an insurance type."""
    if insutype not in INSURANCE_OF_CODE:
        raise Refusal("unknown-code", f"insutype {insutype!r} is settled by no pack (险种不支持)",
                      "insutype", "", f"Settled here: {', '.join(INSURANCE_OF_CODE)}.")
    return INSURANCE_OF_CODE[insutype]


def _split(request: Mapping[str, object], known: Known, frame: Claim, insurance: str,
           rules: SplitRules) -> SplitBill:
    """The bill's lines in four parts; stated parts and the total are compared."""
    person, catalogue = known.person(), known.catalogue
    assert catalogue is not None
    diagnoses = tuple(request.get("diagnoses") or ()) or (
        (frame.disease,) if frame.disease else ())
    visit = Visit(insurance, frame.level, frame.visit, frame.begin, frame.end, person.born,
                  SEXES.get(person.sex, "unknown"), diagnoses)
    bill = split_bill([fee_line(row) for row in request["feedetail"]], catalogue, visit,
                      rules, parse_yuan(str(request["medfee_sumamt"])), known.earlier)
    compare_parts(bill, {name: parse_yuan(str(request[name])) for name in PART_FIELDS
                         if request.get(name) is not None})
    return bill


def _may_use(person: PersonContext, frame: Claim) -> None:
    """Chronic care needs a certificate of that day and disease (LF-24, LF-37)."""
    if frame.visit == "chronic_outpatient" \
            and chronic_on(person, frame.disease, frame.begin) is None:
        held = ", ".join(sorted({one.disease for one in person.chronic})) or "none"
        raise Refusal("no-chronic-certificate", "no certificate for chronic care covers disease "
                      f"{frame.disease or '(not stated)'} on {frame.begin} (无门诊慢特病资格)",
                      "dise_codg", "LF-24", f"Held: {held}.")
