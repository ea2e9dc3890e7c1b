"""What is known of people: facts with their days of force, and the person put together (参保模型).

Days are ISO text, first and last both included; a last day of "" is open. Facts are what is stored
and imported; a `PersonContext` is what a settlement reads, in one call of the database.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

DIRECTIONS = {"up": "上转", "down": "下转", "out": "转外"}
FILINGS = {"settled": "异地安置", "resident": "异地长期居住", "working": "常驻异地工作",
           "referred": "转外就医", "other": "其他"}
DESIGNATIONS = {"general": "定点医疗机构", "chronic": "门诊慢特病", "dispensing": "定点药店/配药",
                "day_treatment": "日间治疗", "inpatient": "住院", "special_drug": "特药"}


@dataclass(frozen=True)
class Coverage:
    """An insurance relation: one at a time, whatever its type (参保关系).

    `benefits_from` is the first day of benefits, later than `first` while somebody waits.
    """

    TABLE: ClassVar[str] = "coverage"
    KEY: ClassVar[tuple[str, ...]] = ("insutype", "first")
    insutype: str
    first: str
    last: str
    benefits_from: str
    evidence: str = ""


@dataclass(frozen=True)
class Status:
    """An identity: in force from `first`, recognised on a day by somebody (人员身份)."""

    TABLE: ClassVar[str] = "status"
    KEY: ClassVar[tuple[str, ...]] = ("code", "first")
    code: str
    first: str
    last: str
    recognised: str
    source: str
    evidence: str = ""


@dataclass(frozen=True)
class ChronicCertificate:
    """A recognised chronic or special disease; a person may hold several (门诊慢特病资格)."""

    TABLE: ClassVar[str] = "chronic_certificate"
    KEY: ClassVar[tuple[str, ...]] = ("disease", "first")
    disease: str
    first: str
    last: str
    institution: str
    evidence: str = ""


@dataclass(frozen=True)
class Referral:
    """A referral between institutions; it counts when the agency has registered it (转诊)."""

    TABLE: ClassVar[str] = "referral"
    KEY: ClassVar[tuple[str, ...]] = ("episode", "to_institution", "day")
    episode: str
    from_institution: str
    to_institution: str
    direction: str
    day: str
    valid_until: str
    disease: str = ""
    registered_by: str = ""


@dataclass(frozen=True)
class AwayFiling:
    """A filing for care away from home: where, why and from when to when (异地就医备案).

    `area` is the first digits of the destination's area code, "" for anywhere of that place.
    """

    TABLE: ClassVar[str] = "away_filing"
    KEY: ClassVar[tuple[str, ...]] = ("place", "area", "kind", "first")
    place: str
    area: str
    kind: str
    first: str
    last: str


@dataclass(frozen=True)
class Membership:
    """Belonging to a family, whose members share what a pack counts per family (家庭成员)."""

    TABLE: ClassVar[str] = "family_member"
    KEY: ClassVar[tuple[str, ...]] = ("family_id", "first")
    family_id: str
    relation: str
    first: str
    last: str


@dataclass(frozen=True)
class NotEnrolled:
    """Why somebody is not enrolled, with evidence (BJ-05: army, school) (未参保台账)."""

    TABLE: ClassVar[str] = "not_enrolled"
    KEY: ClassVar[tuple[str, ...]] = ("reason", "first")
    reason: str
    evidence: str
    first: str
    last: str


@dataclass(frozen=True)
class Institution:
    """An institution as a pooling area sees it in a time (医药机构)."""

    TABLE: ClassVar[str] = "institution"
    KEY: ClassVar[tuple[str, ...]] = ("code", "first")
    code: str
    name: str
    level: str
    tags: tuple[str, ...]
    place: str
    county: str
    first: str
    last: str


@dataclass(frozen=True)
class Designation:
    """What an institution is designated for, and whether it settles on the spot (定点)."""

    TABLE: ClassVar[str] = "designation"
    KEY: ClassVar[tuple[str, ...]] = ("code", "kind", "first")
    code: str
    kind: str
    networked: bool
    first: str
    last: str


@dataclass(frozen=True)
class SetRule:
    """A rule of the area as set for a time; see `area.RULES` (统筹区规则)."""

    TABLE: ClassVar[str] = "enrolment_rule"
    KEY: ClassVar[tuple[str, ...]] = ("code", "first")
    code: str                               # its name
    value: Mapping[str, object]
    source: str
    first: str
    last: str


PersonFact = (Coverage | Status | ChronicCertificate | Referral | AwayFiling | Membership
              | NotEnrolled)
InstitutionFact = Institution | Designation
AreaFact = InstitutionFact | SetRule
AREA_TABLES = (Institution.TABLE, Designation.TABLE, SetRule.TABLE)


@dataclass(frozen=True)
class NewPerson:
    """A person as entered, before anything is sealed. `facts` are whole numbers packs ask for."""

    name: str
    born: str
    sex: str
    psn_type: str
    phone: str = ""
    died: str = ""
    facts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PersonContext:
    """Everything known of a person that a settlement asks, as of one moment.

    `families` hold (membership, ((psn_no, shard, first, last) of every member, ...)).
    """

    region: str
    shard: int
    psn_no: str
    born: str
    sex: str
    psn_type: str
    died: str = ""
    facts: Mapping[str, int] = field(default_factory=dict)
    coverages: tuple[Coverage, ...] = ()
    statuses: tuple[Status, ...] = ()
    chronic: tuple[ChronicCertificate, ...] = ()
    referrals: tuple[Referral, ...] = ()
    filings: tuple[AwayFiling, ...] = ()
    families: tuple[tuple[Membership, tuple[tuple[str, int, str, str], ...]], ...] = ()

    @classmethod
    def of(cls, found: Mapping[str, object]) -> PersonContext:
        """The context of the database's `person_context`."""
        return cls(
            found["region"], found["shard"], found["psn_no"], found["born"], found["sex"],
            found["psn_type"], found["died"] or "", found["facts"],
            tuple(Coverage(row["insutype"], row["from"], row["to"] or "", row["benefits_from"])
                  for row in found["coverages"]),
            tuple(Status(row["code"], row["from"], row["to"] or "", row["recognised"], "")
                  for row in found["statuses"]),
            tuple(ChronicCertificate(row["disease"], row["from"], row["to"] or "",
                                     row["institution"]) for row in found["chronic"]),
            tuple(Referral(row["episode"], row["from_institution"], row["to_institution"],
                           row["direction"], row["day"], row["valid_until"], "",
                           "agency" if row["registered"] else "") for row in found["referrals"]),
            tuple(AwayFiling(row["place"], row["area"], row["kind"], row["from"], row["to"] or "")
                  for row in found["filings"]),
            tuple((Membership(row["family_id"], "", row["from"], row["to"] or ""),
                   tuple((one["psn_no"], one["shard"], one["from"], one["to"] or "")
                         for one in row["members"] or ())) for row in found["family"]))


def in_force(first: str, last: str, day: str) -> bool:
    """Whether a day lies between two others, both included; "" is open."""
    return first <= day and (not last or day <= last)
