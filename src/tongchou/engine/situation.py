"""Persons and claims as the engine sees them, and the situation a claim is in (就诊情形).

`situate` turns a claim into a *cell* (its class in every dimension of the pack), the statuses
that compete for it, its policy year and the numbers rules ask for. Dates are ISO text: they
compare as they stand.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import Refusal
from ..policy import Cell, ClassRule, Pack, Value

LOOKBACK = "@lookback"
KEPT_ENTRIES = 1 << 16             # what a memory of days or cells may hold before it starts anew


@dataclass(frozen=True)
class StatusSpan:
    """An identity in force from a day to a day, both included; no `to` means until further."""

    name: str
    first: str
    last: str = ""


@dataclass(frozen=True)
class Person:
    """An insured person: insurance type, birth, sex, class, identities and numbers."""

    person_id: str
    insurance: str
    family_id: str = ""
    born: str = ""
    sex: str = "unknown"
    person_class: str = "other"
    statuses: tuple[StatusSpan, ...] = ()
    facts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """One bill, split into the four national parts (fen); `parts` sum to the total."""

    claim_id: str
    person_id: str
    visit: str
    level: str
    place: str
    referral: str
    begin: str
    end: str
    settled: str
    parts: tuple[int, int, int, int]
    tags: frozenset[str] = frozenset()
    disease: str = ""
    episode: str = ""
    hospital_id: str = ""

    @property
    def total_fen(self) -> int:
        """医疗费总额: everything on the bill."""
        return sum(self.parts)


@dataclass(frozen=True)
class Situation:
    """A claim's cell without status, the competing statuses (best first on ties), and more."""

    cell: Cell
    statuses: tuple[str, ...]
    rule_date: str
    policy_year: str
    facts: Mapping[str, int]


def situate(pack: Pack, person: Person, claim: Claim) -> Situation:
    """The situation of a claim under a pack.

    Raises Refusal: `no-coverage`, `not-in-force`, `across-the-year`.
    """
    if person.insurance not in pack.insurance:
        raise Refusal("no-coverage", f"{pack.name} does not cover insurance {person.insurance!r}",
                      f"claim {claim.claim_id}", "",
                      f"It covers {', '.join(pack.insurance)} (insutype).")
    rule_date = _chosen_date(pack.settings.rule_date, claim)
    if rule_date < pack.force_from or (pack.force_to and rule_date > pack.force_to):
        raise Refusal("not-in-force", f"{pack.name} is not in force on {rule_date}",
                      f"claim {claim.claim_id}", "", f"It is in force from {pack.force_from}"
                      + (f" to {pack.force_to}." if pack.force_to else "."))
    age = age_years(person.born, _age_date(pack, claim))
    cell = {
        "insurance": person.insurance, "visit": claim.visit,
        "hospital": hospital_class(pack.hospitals, claim.level, claim.place, claim.tags),
        "place": claim.place, "referral": claim.referral, "sex": person.sex,
        "disease": disease_class(pack.diseases, claim.disease),
        "age": age_class(pack.ages, age), "date": date_class(pack, rule_date),
        "person": person_class(pack.persons, person.person_class),
    }
    held = _held(_lookbacks(pack), person, rule_date)
    for attribute in pack.attributes:
        cell[attribute.name] = "yes" if attribute.name in held else "no"
    if cell["referral"] == "missing" and needs_no_referral(pack, cell):
        cell["referral"] = "not_needed"
    facts = {**person.facts, **({"age": age} if age is not None else {})}
    return Situation(cell, competing(pack, held), rule_date, policy_year(pack, claim), facts)


def _chosen_date(which: str, claim: Claim) -> str:
    return {"admission": claim.begin, "discharge": claim.end,
            "settlement": claim.settled[:10]}[which]


def _age_date(pack: Pack, claim: Claim) -> str:
    if pack.settings.age_at == "year_start":
        return policy_year(pack, claim)
    return claim.begin if pack.settings.age_at == "admission" else claim.end


def policy_year(pack: Pack, claim: Claim) -> str:
    """First day of the policy year that carries the claim's accumulators."""
    settings = pack.settings
    if settings.year_by == "refuse":
        year = year_start(claim.begin, settings.policy_year_starts)
        if year != year_start(claim.end, settings.policy_year_starts):
            raise Refusal("across-the-year", "the stay crosses the end of the policy year",
                          f"claim {claim.claim_id}", "",
                          "This regime settles the two years apart: bill the stay in two pieces.")
        return year
    return year_start(_chosen_date(settings.year_by, claim), settings.policy_year_starts)


def year_start(day: str, starts: str) -> str:
    """First day of the policy year that contains `day`."""
    year = int(day[:4]) - (day[5:10] < starts)
    return f"{year:04d}-{starts}"


def age_years(born: str, day: str) -> int | None:
    """Full years of age on a day; None without a birth date."""
    if not born:
        return None
    return max(int(day[:4]) - int(born[:4]) - (day[5:10] < born[5:10]), 0)


def months_before(day: str, months: int) -> str:
    """The day `months` months earlier; the last day of a shorter month."""
    count = int(day[:4]) * 12 + int(day[5:7]) - 1 - months
    year, month = divmod(count, 12)
    last = (31, 29 if year % 4 == 0 and (year % 100 or year % 400 == 0) else 28, 31, 30, 31, 30,
            31, 31, 30, 31, 30, 31)[month]
    return f"{year:04d}-{month + 1:02d}-{min(int(day[8:10]), last):02d}"


def hospital_class(rules: tuple[ClassRule, ...], level: str, place: str,
                   tags: frozenset[str]) -> str:
    """The first hospital class that level, place and tags match."""
    for rule in rules:
        match = rule.match
        if ("level" not in match or level in match["level"]) \
                and ("place" not in match or place in match["place"]) \
                and ("tag" not in match or not tags.isdisjoint(match["tag"])) \
                and ("not_tag" not in match or tags.isdisjoint(match["not_tag"])):
            return rule.name
    return "other"


def disease_class(rules: tuple[ClassRule, ...], code: str) -> str:
    """The first disease class with the code, or with its beginning where an entry ends in `*`."""
    if not code:
        return "other"
    for rule in rules:
        for entry in rule.match.get("codes", ()):
            if code == entry or (entry.endswith("*") and code.startswith(entry[:-1])):
                return rule.name
    return "other"


def age_class(rules: tuple[ClassRule, ...], age: int | None) -> str:
    """The first age class that contains the age."""
    if age is None:
        return "other"
    for rule in rules:
        first, last = rule.match.get("from", ("0",))[0], rule.match.get("to", ("999",))[0]
        if int(first) <= age <= int(last):
            return rule.name
    return "other"


def person_class(rules: tuple[ClassRule, ...], name: str) -> str:
    """The pack's class of a person class of the vocabulary (itself when the pack has none)."""
    if not rules:
        return name
    for rule in rules:
        if name in rule.match.get("person", ()):
            return rule.name
    return "other"


def date_class(pack: Pack, day: str) -> str:
    """The last day not after `day` on which some value of the pack changes."""
    usable = [edge for edge in pack.date_edges if edge <= day]
    return usable[-1] if usable else "0001-01-01"


def needs_no_referral(pack: Pack, cell: Cell) -> bool:
    """True where the pack asks for no referral (BJ-24)."""
    return any(holds(conditions, cell) for conditions, _ in pack.no_referral)


def holds(conditions: Mapping[str, tuple[str, ...]], cell: Cell) -> bool:
    """True when the cell has an admitted class in every dimension named."""
    return all(cell.get(dimension, "other") in names for dimension, names in conditions.items())


def _lookbacks(pack: Pack) -> dict[str, Value | None]:
    return {status.name: status.lookback_months for status in pack.statuses}


def _held(lookbacks: Mapping[str, Value | None], person: Person, day: str) -> list[str]:
    held = []
    for span in person.statuses:
        if span.first <= day and (not span.last or day <= span.last):
            held.append(span.name)
        elif day < span.first and lookbacks.get(span.name) is not None:
            months = lookbacks[span.name].at({})
            if months and months_before(span.first, months) <= day:
                held.append(span.name + LOOKBACK)
    return held


def competing(pack: Pack, held: list[str]) -> tuple[str, ...]:
    """Statuses between which the stay's best is chosen, in the pack's order; `none` last.

    BJ-40: several attributes never give two benefits for one cost.
    """
    order = [name for status in pack.statuses for name in (status.name, status.name + LOOKBACK)]
    found = tuple(name for name in order if name in held)
    if not found or pack.settings.status_choice == "best_or_none":
        return (*found, "none")
    return found


# --- many claims of one pack ----------------------------------------------------------------------
class CellEntry:
    """A cell and the statuses that compete in it, shared by all claims that lie in it (read only).

    `note` is for whoever keeps the memory: the kernel's number of the cell.
    """

    __slots__ = ("cell", "statuses", "note")

    def __init__(self, cell: Cell, statuses: tuple[str, ...]) -> None:
        self.cell, self.statuses, self.note = cell, statuses, None


class Situations:
    """`situate` for many claims of one pack, in a tenth of the time.

    Days and whole cells are kept by value; a claim out of force, or in a cell not seen before,
    goes through `situate`, which says why it cannot be settled.
    """

    def __init__(self, pack: Pack) -> None:
        settings = pack.settings
        self.pack = pack
        self._rule_date, self._year_by = settings.rule_date, settings.year_by
        self._age_at, self._refuses = settings.age_at, settings.year_by == "refuse"
        self._aged = bool(pack.ages)
        self._force_from, self._force_to = pack.force_from, pack.force_to or "9999-99-99"
        self._lookbacks = _lookbacks(pack)
        self._cells: dict[tuple, CellEntry] = {}
        self._days: dict[str, tuple[str, int, str, str]] = {}
        self._age_classes: dict[int | None, str] = {}

    def of(self, person: Person, claim: Claim) -> tuple[CellEntry, Situation]:
        """The entry of the claim's cell, and its situation. Raises Refusal as `situate` does."""
        entry, rule_date = self.place(person, claim)
        return entry, self.told(person, claim, entry, rule_date)

    def told(self, person: Person, claim: Claim, entry: CellEntry, rule_date: str) -> Situation:
        """The situation of a claim that was placed."""
        year = self._year(claim)
        age = self._age(person, claim)
        facts = {**person.facts} if age is None else {**person.facts, "age": age}
        situation = object.__new__(Situation)      # a frozen record sets field by field: slowly
        situation.__dict__.update(cell=entry.cell, statuses=entry.statuses, rule_date=rule_date,
                                  policy_year=year, facts=facts)
        return situation

    def place(self, person: Person, claim: Claim) -> tuple[CellEntry, str]:
        """The entry of the claim's cell and the date of its rules. Raises as `situate` does."""
        which = self._rule_date
        rule_date = claim.end if which == "discharge" else claim.begin if which == "admission" \
            else claim.settled[:10]
        if not self._force_from <= rule_date <= self._force_to:
            situate(self.pack, person, claim)
        if self._refuses:
            policy_year(self.pack, claim)
        held = tuple(_held(self._lookbacks, person, rule_date)) if person.statuses else ()
        aged = ""
        if self._aged:
            age = self._age(person, claim)
            aged = self._age_classes.get(age) or self._age_class(age)
        day = self._days.get(rule_date) or self._day(rule_date)
        key = (claim.visit, claim.level, claim.place, claim.referral, claim.tags, claim.disease,
               aged, day[3], held, person.insurance, person.sex, person.person_class)
        return self._cells.get(key) or self._cell(key, person, claim), rule_date

    def _year(self, claim: Claim) -> str:
        by = self._year_by
        if by == "refuse":
            return policy_year(self.pack, claim)
        day = claim.end if by == "discharge" else claim.begin if by == "admission" \
            else claim.settled[:10]
        return (self._days.get(day) or self._day(day))[0]

    def _age(self, person: Person, claim: Claim) -> int | None:
        born, which = person.born, self._age_at
        if not born:
            return None
        at = claim.end if which == "discharge" else claim.begin if which == "admission" \
            else self._year(claim)
        _, year, month_day, _ = self._days.get(at) or self._day(at)
        return max(year - int(born[:4]) - (month_day < born[5:10]), 0)

    def _day(self, day: str) -> tuple[str, int, str, str]:
        """First day of its policy year, year, month and day, class of date."""
        if len(self._days) >= KEPT_ENTRIES:
            self._days.clear()
        starts = self.pack.settings.policy_year_starts
        found = year_start(day, starts), int(day[:4]), day[5:10], date_class(self.pack, day)
        self._days[day] = found
        return found

    def _age_class(self, age: int | None) -> str:
        return self._age_classes.setdefault(age, age_class(self.pack.ages, age))

    def _cell(self, key: tuple, person: Person, claim: Claim) -> CellEntry:
        situation = situate(self.pack, person, claim)
        if len(self._cells) >= KEPT_ENTRIES:
            self._cells.clear()
        entry = self._cells[key] = CellEntry(situation.cell, situation.statuses)
        return entry
