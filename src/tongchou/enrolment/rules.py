"""Who is insured, as what, on a day: pure questions about a `PersonContext` (待遇资格).

    coverage = insured(context, "2024-03-05")          # or a Refusal that says why not
    person = engine_person(context, "2024-03-05", rules)
    answer = referral_of(context, institution, "2024-03-05", "2024-03-15", rules)

Nothing here knows a city's number: what policy leaves to the area comes in as `AreaRules`.
"""
from __future__ import annotations

from dataclasses import dataclass

from ..engine import Person, StatusSpan
from ..errors import Refusal
from ..terms import INSURANCE_OF_CODE, SEXES, person_of, status_of
from .area import AreaRules, end_of_campaign
from .model import (ChronicCertificate, Coverage, Institution, PersonContext, Status, in_force)


def insured(context: PersonContext, day: str) -> Coverage:
    """The insurance relation whose benefits a person has on a day.

    Raises Refusal `before-birth`, `person-dead`, `no-coverage`, `waiting-period`,
    `insured-twice`.
    """
    where = f"person {context.psn_no}, {day}"
    if day < context.born:
        raise Refusal("before-birth", "the day is before the person's birth (早于出生日期)", where,
                      hint="Check the dates of the bill and whose bill it is.")
    if context.died and day > context.died:
        raise Refusal("person-dead", f"the person died on {context.died} (参保人已死亡)", where,
                      hint="Check the dates of the bill; a wrong report of death is corrected "
                      "with the agency.")
    found = [one for one in context.coverages if in_force(one.first, one.last, day)]
    if not found:
        raise Refusal("no-coverage", "nobody insures the person on that day (当日无参保关系)",
                      where, hint=_nearest(context, day))
    if len(found) > 1:
        kinds = ", ".join(one.insutype for one in found)
        raise Refusal("insured-twice", f"two insurance relations on one day: {kinds} (重复参保)",
                      where, hint="The agency ends one of them; only one pays.")
    if day < found[0].benefits_from:
        raise Refusal("waiting-period", f"benefits begin on {found[0].benefits_from} (等待期内)",
                      where, hint="Costs before that day are the person's own.")
    return found[0]


def _nearest(context: PersonContext, day: str) -> str:
    """What a clerk wants to know of somebody without cover: when there was or will be some."""
    before = max((one.last for one in context.coverages if one.last and one.last < day),
                 default="")
    after = min((one.first for one in context.coverages if one.first > day), default="")
    said = [f"The last cover ended on {before}." if before else "",
            f"The next begins on {after}." if after else ""]
    return " ".join(part for part in said if part) or "The person was never enrolled here."


def statuses_on(context: PersonContext, day: str, rules: AreaRules) -> tuple[Status, ...]:
    """Identities in force on a day, in the order of their beginning."""
    return tuple(one for one in context.statuses
                 if in_force(one.first, _last(one, rules), day))


def holds(context: PersonContext, code: str, day: str, rules: AreaRules) -> bool:
    """Whether a person has an identity on a day; `code` as in terms.STATUSES or national."""
    asked = status_of(code) or code
    return any((status_of(one.code) or one.code) == asked
               for one in statuses_on(context, day, rules))


def in_covered_group(context: PersonContext, day: str, rules: AreaRules) -> bool:
    """Whether a person belongs to the group the area covers (BJ-03, BJ-74, LF-43).

    Raises Refusal `unset-rule`: no list is a default.
    """
    value, _ = rules.needed("covered_group")
    return any(holds(context, code, day, rules) for code in value["statuses"])


def _last(status: Status, rules: AreaRules) -> str:
    """The last day of a status: the campaign may end it before its own (LF-34)."""
    until = end_of_campaign(rules, status_of(status.code) or status.code)
    ends = [end for end in (status.last, until) if end]
    return min(ends, default="")


def engine_person(context: PersonContext, day: str, rules: AreaRules) -> Person:
    """The person as the engine settles a claim whose rules are those of a day.

    Raises what `insured` raises, and Refusal `unknown-code` for an insurance the engine lacks.
    """
    coverage = insured(context, day)
    insurance = INSURANCE_OF_CODE.get(coverage.insutype)
    if insurance is None:
        raise Refusal("unknown-code", f"insutype {coverage.insutype} is settled by no pack "
                      "(险种不支持)", f"person {context.psn_no}", hint="Basic insurance is "
                      + ", ".join(INSURANCE_OF_CODE) + ".")
    spans = tuple(StatusSpan(status_of(one.code) or one.code, one.first, _last(one, rules))
                  for one in context.statuses
                  if not _last(one, rules) or one.first <= _last(one, rules))
    family = family_on(context, day)
    return Person(context.psn_no, insurance, family[0] if family else "", context.born,
                  SEXES.get(context.sex, "unknown"), person_of(context.psn_type) or "other",
                  spans, dict(context.facts))


def family_on(context: PersonContext, day: str) -> tuple[str, tuple[tuple[str, int], ...]] | None:
    """The family of a day: its id and (psn_no, shard) of all members in the order of the number."""
    for membership, members in context.families:
        if in_force(membership.first, membership.last, day):
            return membership.family_id, tuple((number, shard) for number, shard, first, last
                                               in members if in_force(first, last, day))
    return None


def chronic_on(context: PersonContext, disease: str, day: str) -> ChronicCertificate | None:
    """The certificate that opens chronic care for a disease on a day (LF-24, LF-37).

    A certificate's code ending in `*` stands for all codes that begin so.
    """
    for one in context.chronic:
        wide = one.disease.endswith("*") and disease.startswith(one.disease[:-1])
        if disease and (one.disease == disease or wide) and in_force(one.first, one.last, day):
            return one
    return None


@dataclass(frozen=True)
class ReferralAnswer:
    """`due`, `missing` or `not_needed` as the engine takes it; the episode; why, for the slip."""

    answer: str
    episode: str
    why: str


def referral_of(context: PersonContext, institution: Institution, begin: str, end: str,
                rules: AreaRules) -> ReferralAnswer:
    """Whether a stay came by a due referral or filing, and which chain it belongs to.

    A referral counts once the agency has registered it (BJ-61). The stay a chain begins with
    carries the episode too, so that the deductible of the next is only the difference (BJ-21..23).
    Raises Refusal `unset-rule` when the area does not say who needs a referral.
    """
    arrived = [one for one in context.referrals if one.to_institution == institution.code
               and in_force(one.day, one.valid_until, begin)]
    registered = [one for one in arrived if one.registered_by]
    if registered:
        return ReferralAnswer("due", registered[-1].episode, f"转诊 {registered[-1].day}")
    episode = next((one.episode for one in reversed(context.referrals) if one.registered_by
                    and one.from_institution == institution.code and begin <= one.day <= end), "")
    for filing in context.filings:
        if filing.place == institution.place and in_force(filing.first, filing.last, begin) \
                and institution.county.startswith(filing.area):
            return ReferralAnswer("due", episode, f"备案 {filing.first}")
    if not _needs_referral(institution, rules):
        return ReferralAnswer("not_needed", episode, "无需转诊")
    waiting = "转诊未经经办机构登记" if arrived else "无转诊或备案"
    return ReferralAnswer("missing", episode, waiting)


def _needs_referral(institution: Institution, rules: AreaRules) -> bool:
    value, _ = rules.needed("referral_needed")
    return institution.level in value.get("levels", ()) \
        or institution.place in value.get("places", ()) \
        or not set(institution.tags).isdisjoint(value.get("tags", ()))

