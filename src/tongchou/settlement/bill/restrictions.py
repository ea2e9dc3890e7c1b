"""Whether a line may be paid at all: class, approvals and restrictions (限定支付范围)."""
from __future__ import annotations

from datetime import date

from ...terms import INSURANCE, LEVELS, VISITS
from ..catalogue.codes import LEVEL_RANKS
from ..catalogue.model import NO_RESTRICTIONS, Age, Item, Restrictions, VisitRule
from .checks import refusal
from .model import FeeLine, Visit

Why = tuple[str, str, str]               # reason, detail, clause
NO_APPROVAL_NEEDED, APPROVED, REFUSED = "0", "1", "2"    # hosp_appr_flag
FLAGS = ("", NO_APPROVAL_NEEDED, APPROVED, REFUSED)


class Person:
    """The facts of a visit that restrictions ask for; ages are worked out once a day."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._ages: dict[str, dict[str, int]] = {}

    def age(self, day: str, unit: str, where: str) -> int:
        """Completed years, completed months or days on a day.

        Raises Refusal `missing-fact` when the day of birth is not given or later.
        """
        if day not in self._ages:
            born = self.visit.born
            if not born or born > day:
                raise refusal("missing-fact", "the item is limited by age, and the day of birth is "
                              f"{born or 'not given'}", "限年龄项目，缺少出生日期或日期有误", where,
                              "Give brdy.")
            self._ages[day] = _ages(date.fromisoformat(born), date.fromisoformat(day))
        return self._ages[day][unit]


def _ages(born: date, day: date) -> dict[str, int]:
    months = (day.year - born.year) * 12 + day.month - born.month - (day.day < born.day)
    return {"d": (day - born).days, "m": months, "y": months // 12}


def why_not(item: Item, line: FeeLine, person: Person, supply: VisitRule | None) -> Why | None:
    """(reason, detail, clause) when the whole line is for the person to pay, else None.

    Flags as in the national interface: a limited item is payable only when the hospital approved
    it (1); any item is self-paid when it refused (2). The catalogue says what is limited; a line
    may add the flag, never take it away.
    """
    if item.item_class == "C":
        return "class-c", "", item.clause
    flag, asked = line.hosp_appr_flag, item.restrictions
    if flag not in FLAGS:
        raise refusal("unknown-code", f"hosp_appr_flag is {flag!r}", "医院审批标志无法识别",
                      f"line {line.feedetl_sn}", "0 not needed, 1 approved, 2 refused.")
    if flag == REFUSED:
        return "hospital-refused", "hosp_appr_flag 2", item.clause
    if (asked.limited or line.lmt_used_flag == "1") and flag != APPROVED:
        return "limited-use", item.note or "lmt_used_flag 1", item.clause
    if asked.agency_approval and not line.agency_approval:
        return "agency-approval", "", item.clause
    if supply is not None and line.prd_days_e2 > supply.days_max * 100:
        return "supply", f"{_days_text(line.prd_days_e2)} > {supply.days_max}", supply.clause
    if asked == NO_RESTRICTIONS:
        return None
    unmet = _unmet(asked, line, person)
    return None if unmet is None else (*unmet, item.clause)


def _unmet(asked: Restrictions, line: FeeLine, person: Person) -> tuple[str, str] | None:
    visit, where = person.visit, f"line {line.feedetl_sn}"
    if asked.schemes and visit.scheme not in asked.schemes:
        return "scheme", _words(visit.scheme, asked.schemes, INSURANCE)
    if asked.visits and visit.visit not in asked.visits:
        return "visit", _words(visit.visit, asked.visits, VISITS)
    if asked.level_min and LEVEL_RANKS[visit.level] < LEVEL_RANKS[asked.level_min]:
        return "level", f"{LEVELS[visit.level].zh} < {LEVELS[asked.level_min].zh}"
    if asked.sex:
        if visit.sex not in ("male", "female"):
            raise refusal("missing-fact", "the item is limited by sex, and the person's is not "
                          "known", "限性别项目，性别未知", where, "Give gend.")
        if visit.sex != asked.sex:
            return "sex", f"{visit.sex} <> {asked.sex}"
    for bound, low in ((asked.age_from, True), (asked.age_below, False)):
        if bound is not None and (why := _age_unmet(bound, low, line, person, where)):
            return why
    if asked.diagnoses and not any(code.startswith(asked.diagnoses) for code in visit.diagnoses):
        return "diagnosis", f"{';'.join(visit.diagnoses) or '-'} <> " \
            f"{';'.join(asked.diagnoses)}"
    return None


def _age_unmet(bound: Age, low: bool, line: FeeLine, person: Person, where: str,
               ) -> tuple[str, str] | None:
    age = person.age(line.day, bound.unit, where)
    if age < bound.value if low else age >= bound.value:
        return "age", f"{age}{bound.unit} {'<' if low else '>='} {bound}"
    return None


def _words(seen: str, asked: tuple[str, ...], names: dict) -> str:
    said = names[seen].zh if seen in names else seen
    return f"{said} <> {'、'.join(names[word].zh for word in asked)}"


def _days_text(days_e2: int) -> str:
    whole, rest = divmod(days_e2, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
