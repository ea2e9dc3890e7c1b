"""Bodies about people (参保登记请求), and the facts of enrolment they become.

Days `from` and `to` are both included; without `to` it is open. `why` stays with the entry.
"""
from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ..enrolment import (CERTIFICATE_KINDS, AwayFiling, ChronicCertificate, Coverage, Document,
                         IdentityFault, Membership, NewPerson, NotEnrolled, Referral, Status,
                         entry, read_document, refused)
from ..terms import PERSONS, STATUSES
from .fields import (AreaCode, Body, Code, Day, Evidence, Identifier, InstitutionCode, Insurance,
                     Name, Phone, Reason, Sex, Spanned, Text)

From = Annotated[Day, Field(alias="from")]
To = Annotated[Day | None, Field(alias="to")]
PersonClass = Annotated[Literal[tuple(term.national for term in PERSONS.values())],
                        Field(description="人员类别 psn_type")]
Number = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z一-鿿 ()（）-]+$",
                              description="证件号码 certno")]


class Certificate(Body):
    """证件 a document, of a kind of psn_cert_type."""

    psn_cert_type: Annotated[Literal[tuple(CERTIFICATE_KINDS)], Field(
        description="证件类型 psn_cert_type")]
    certno: Number

    def document(self, born: str = "", sex: str = "") -> Document:
        """The document as it is compared. Raises CaseError for a number that cannot be right."""
        try:
            return read_document(self.psn_cert_type, self.certno, born, sex)
        except IdentityFault as fault:
            raise refused(fault, "certno") from None


class Search(Certificate):
    """按证件查找 find a person by a document."""


class Registration(Spanned):
    """参保登记 a new person; without a certificate only for newborns."""

    psn_name: Name
    gend: Sex
    brdy: Day
    psn_type: PersonClass
    certificate: Certificate | None = None
    tel: Phone | None = None
    facts: Annotated[dict[Annotated[str, Field(pattern="^[a-z_]{1,40}$")],
                          Annotated[int, Field(ge=0, le=1_000_000)]],
                     Field(max_length=20)] | None = None
    why: Reason

    def person(self) -> NewPerson:
        """The person as enrolment takes it."""
        return NewPerson(self.psn_name, self.brdy, self.gend, self.psn_type, self.tel or "",
                         facts=self.facts or {})


class PersonCorrection(Registration):
    """更正 replaces what is known of a person."""

    certificate: None = None
    died: Day | None = None

    def person(self) -> NewPerson:
        """The person as it stands from now on."""
        return NewPerson(self.psn_name, self.brdy, self.gend, self.psn_type, self.tel or "",
                         self.died or "", self.facts or {})


class FurtherCertificate(Certificate):
    """补录证件 another document of a person."""

    why: Reason


class Fact(Spanned):
    """What is entered about a person, with the reason."""

    why: Reason


class NewCoverage(Fact):
    """参保关系 a cover; `benefits_from` is later than `from` while somebody waits (等待期)."""

    insutype: Insurance
    first: From
    last: To = None
    benefits_from: Day | None = None
    evidence: Evidence = ""

    def fact(self) -> Coverage:
        """As enrolment takes it."""
        return Coverage(self.insutype, self.first, self.last or "",
                        self.benefits_from or self.first, self.evidence)


class NewStatus(Fact):
    """人员身份 an identity, with the day of recognition. A day in the past that settlements lie
    behind belongs into `recognitions`, which settles them again."""

    code: Annotated[Literal[tuple(STATUSES)], Field(description="terms.STATUSES")]
    first: From
    last: To = None
    recognised: Day
    source: Name
    evidence: Evidence = ""

    def fact(self) -> Status:
        """As enrolment takes it."""
        return Status(self.code, self.first, self.last or "", self.recognised, self.source,
                      self.evidence)


class NewMembership(Fact):
    """家庭成员 belonging to a family."""

    family_id: Identifier
    relation: Text = ""
    first: From
    last: To = None

    def fact(self) -> Membership:
        """As enrolment takes it."""
        return Membership(self.family_id, self.relation, self.first, self.last or "")


class NewChronic(Fact):
    """门诊慢特病资格 a recognised chronic disease; several a person (LF-37)."""

    disease: Code
    institution: InstitutionCode
    first: From
    last: To = None
    evidence: Evidence = ""

    def fact(self) -> ChronicCertificate:
        """As enrolment takes it."""
        return ChronicCertificate(self.disease, self.first, self.last or "", self.institution,
                                  self.evidence)


class NewReferral(Fact):
    """转诊 a referral as the institution sends it; it counts once it is registered (BJ-61)."""

    episode: Identifier
    from_institution: InstitutionCode
    to_institution: InstitutionCode
    direction: Literal["up", "down", "out"]
    day: Day
    valid_until: Day
    disease: Code | None = None

    def fact(self) -> Referral:
        """As enrolment takes it, not registered yet."""
        return Referral(self.episode, self.from_institution, self.to_institution, self.direction,
                        self.day, self.valid_until, self.disease or "")


class NewAwayFiling(Fact):
    """异地就医备案 a filing for care away from home (BJ-66)."""

    place: Literal["province", "outside"]
    area: AreaCode = ""
    kind: Literal["settled", "resident", "working", "referred", "other"]
    first: From
    last: To = None

    def fact(self) -> AwayFiling:
        """As enrolment takes it."""
        return AwayFiling(self.place, entry.area_of("area", self.area), self.kind, self.first,
                          self.last or "")


class NewNotEnrolled(Fact):
    """未参保台账 why somebody is not enrolled (BJ-05)."""

    reason: Name
    evidence: Name
    first: From
    last: To = None

    def fact(self) -> NotEnrolled:
        """As enrolment takes it."""
        return NotEnrolled(self.reason, self.evidence, self.first, self.last or "")


class Because(Body):
    """事由 why; it stays with the entry."""

    why: Reason


class Move(Body):
    """转移接续 moves the insurance relation to another region (BJ-65)."""

    to_region: Annotated[str, Field(pattern="^[0-9]{6}$")]
    day: Day
    why: Reason


# path of the kind -> (what it is called, its body, its fact, permission to enter it)
KINDS = {
    "coverages": ("参保关系 cover", NewCoverage, Coverage, "person.change"),
    "statuses": ("人员身份 status", NewStatus, Status, "person.change"),
    "families": ("家庭成员 family membership", NewMembership, Membership, "person.change"),
    "chronic-certificates": ("门诊慢特病资格 chronic certificate", NewChronic,
                             ChronicCertificate, "person.change"),
    "referrals": ("转诊 referral", NewReferral, Referral, "referral.send"),
    "away-filings": ("异地备案 filing for care elsewhere", NewAwayFiling, AwayFiling,
                     "person.change"),
    "not-enrolled": ("未参保登记 reason for not enrolling", NewNotEnrolled, NotEnrolled,
                     "person.change"),
}
