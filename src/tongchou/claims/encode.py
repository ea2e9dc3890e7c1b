"""From checked rows to the classes of a pack, row by row equal to `engine.situate` (编码).

`Encoder` holds what depends on the pack only (tables by day, by age, by code). Every batch
becomes whole numbers, ready for the records of `records`.
"""
from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa

from ..engine import plan as plans
from ..engine import situation
from ..errors import Refusal
from ..policy import Pack
from ..terms import LEVELS, PLACES
from . import codes, scan, table
from .check import FACT, NO_DAY, Bills, Columns, episode_hash, mark_codes
from .records import FIXED, KEY_BITS, Encoded, Layout
from .rejects import Fault, Faults, fault_of

AGE_MAX = 400
EPOCH_YEAR = 1970


class Encoder:
    """Everything about a plan that rows are looked up in. Safe to use from several threads."""

    def __init__(self, plan: plans.Plan, text_ids: bool) -> None:
        self.plan, self.pack = plan, plan.pack
        self.layout = Layout.of(plan, text_ids)
        self.tables = codes.plain_tables()
        self.tags = codes.TagTable()
        attributes = tuple(entry.name for entry in self.pack.attributes)
        self.status_names = (*plan.statuses, *attributes)
        assert len(self.status_names) < 63 and plan.cells < 1 << KEY_BITS
        self.statuses = codes.StatusTable(self.pack, self.status_names)
        disease_names = (*(rule.name for rule in self.pack.diseases), "other")
        self.diseases = codes.CodeTable(codes.of_names(
            disease_names, lambda text: situation.disease_class(self.pack.diseases, text)),
            len(disease_names) - 1)
        self.classes = _class_names(self.pack)
        self._by_day()
        self._by_age()

    def _by_day(self) -> None:
        """Tables over all days from scan.FIRST_YEAR on: yyyymmdd, policy year, class, in force."""
        pack = self.pack
        days = np.arange(table.FIRST_DAY, table.LAST_DAY + 1).astype("datetime64[D]")
        months = days.astype("datetime64[M]")
        year = days.astype("datetime64[Y]").astype(np.int64) + EPOCH_YEAR
        month_of, day_of = months.astype(np.int64) % 12 + 1, (days - months).astype(np.int64) + 1
        starts = pack.settings.policy_year_starts
        month, day = int(starts[:2]), int(starts[3:])
        self.written = (year * 10_000 + month_of * 100 + day_of).astype(np.int32)
        self.year_starts = month * 100 + day
        early = month_of * 100 + day_of < self.year_starts
        self.year_of_day = (year - early).astype(np.int16)
        self.in_force = days >= np.datetime64(pack.force_from)
        if pack.force_to:
            self.in_force &= days <= np.datetime64(pack.force_to)
        names = self.classes["date"]
        edges = np.array([_ordinal(edge) for edge in names[1:]], np.int64)
        self.date_class = np.searchsorted(edges, np.arange(table.FIRST_DAY, table.LAST_DAY + 1),
                                          side="right").astype(np.int16)
        assert names[self.date_class[-1]] == situation.date_class(pack, str(days[-1]))

    def _by_age(self) -> None:
        names = self.classes["age"]
        self.age_class = np.array([names.index(situation.age_class(self.pack.ages, age))
                                   for age in range(AGE_MAX + 1)], np.int16)

    def encode(self, bills: Bills, columns: Columns, shown: Columns, faults: Faults,
               rows: np.ndarray) -> Encoded:
        """A batch looked up; rows that cannot be settled are marked. `rows` are their numbers."""
        return _Batch(self, bills, columns, shown, faults).encoded(rows)


class _Batch:
    """One batch on its way to records."""

    def __init__(self, encoder: Encoder, bills: Bills, columns: Columns, shown: Columns,
                 faults: Faults) -> None:
        self.of, self.bills, self.columns = encoder, bills, columns
        self.shown, self.faults = shown, faults
        self.size = len(faults.of_row)
        self.codes = {name: self._field(name) for name in encoder.tables}
        self.rule_day = self._date(encoder.pack.settings.rule_date)
        self.year = self._policy_year()
        self._coverage()
        self.age = self._age()
        self.held = self._held()

    def encoded(self, rows: np.ndarray) -> Encoded:
        encoder, bills, layout = self.of, self.bills, self.of.layout
        key = self._key()
        competing = self.held & ((1 << len(encoder.plan.statuses)) - 1)
        self._refusals(key, competing)
        extra = np.empty((layout.width - FIXED, self.size), np.int64)
        owner, claim = np.empty((2, self.size), np.int64)
        self._owners(owner, claim, extra)
        if layout.end_day >= 0:
            extra[layout.end_day - FIXED] = bills.end
        if layout.episode >= 0:
            extra[layout.episode - FIXED] = episode_hash(self.columns, self.size)
        self._facts(extra, key, competing)
        return Encoded(owner, claim, bills.settled, bills.parts, key, self.year, self.rule_day,
                       competing, rows, bills.born, self.codes["gend"], extra)

    def _field(self, name: str) -> np.ndarray:
        """Numbers of a coded field; rows with a fault are marked and count as code 0."""
        lookup, _ = self.of.tables[name]
        if name not in self.columns:
            return np.full(self.size, lookup._known[None], np.int64)
        return self._marked(name, lookup.of(self.columns[name]))

    def _marked(self, name: str, found: np.ndarray) -> np.ndarray:
        if len(found) and found.min() < 0:
            for number, code in codes.FAULT_CODES.items():
                self.faults.mark(found == number, fault_of(code, name, self.shown.get(name)))
            return found.clip(0)
        return found

    def _date(self, which: str) -> np.ndarray:
        bills = self.bills
        found = {"admission": bills.begin, "discharge": bills.end,
                 "settlement": bills.settled}[which]
        return found // table.DAY_MICROSECONDS if which == "settlement" else found

    def _at_day(self, lut: np.ndarray, days: np.ndarray) -> np.ndarray:
        return lut[np.clip(days - table.FIRST_DAY, 0, len(lut) - 1)]

    def _policy_year(self) -> np.ndarray:
        encoder, year_by = self.of, self.of.pack.settings.year_by
        if year_by != "refuse":
            return self._at_day(encoder.year_of_day, self._date(year_by))
        first = self._at_day(encoder.year_of_day, self.bills.begin)
        last = self._at_day(encoder.year_of_day, self.bills.end)
        self.faults.mark(first != last, Fault(
            "across-the-year", "enddate", "the stay crosses the end of the policy year", "This "
            "regime settles the two years apart: bill the stay in two pieces.", "",
            self.shown.get("enddate")))
        return first

    def _coverage(self) -> None:
        encoder, pack = self.of, self.of.pack
        names = encoder.tables["insutype"][1]
        covered = np.array([name in pack.insurance for name in names])
        if not covered.all():
            self.faults.mark(~covered[self.codes["insutype"]], Fault(
                "no-coverage", "insutype", f"{pack.name} does not cover this insurance",
                f"It covers {', '.join(pack.insurance)}.", "", self.shown.get("insutype")))
        inside = self._at_day(encoder.in_force, self.rule_day)
        if not inside.all():
            until = f" to {pack.force_to}" if pack.force_to else ""
            name = {"admission": "begndate", "settlement": "setl_time"}.get(
                pack.settings.rule_date, "enddate")
            self.faults.mark(~inside, Fault(
                "not-in-force", name, f"{pack.name} is not in force on the day that picks the "
                "rule", f"It is in force from {pack.force_from}{until}.", "",
                self.shown.get(name, self.shown.get("begndate"))))

    def _age(self) -> np.ndarray:
        """Full years on the pack's day, -1 without a birth date."""
        encoder, age_at = self.of, self.of.pack.settings.age_at
        if age_at == "year_start":
            day = self.year.astype(np.int64) * 10_000 + encoder.year_starts
        else:
            day = self._at_day(encoder.written, self._date(age_at))
        born = self.bills.born
        if len(born) == 0 or born.max() == NO_DAY:
            return np.full(self.size, -1, np.int64)
        age = np.maximum((day - self._at_day(encoder.written, born)) // 10_000, 0)
        return np.where(born == NO_DAY, -1, age)

    def _held(self) -> np.ndarray:
        """int64[n]: bit k set where the k-th of `status_names` is held on the rule date."""
        found = np.zeros(self.size, np.int64)
        if "statuses" in self.columns:
            numbers = self._marked("statuses", self.of.statuses.codes.of(self.columns["statuses"]))
            refused = np.zeros(self.size, np.int64)
            scan.status_bits(numbers, self.rule_day, *self.of.statuses.spans(), found, refused)
            for number, said in enumerate(self.of.statuses.refusals, start=1):
                self.faults.mark(refused == number, _refusal(said))
        return found

    def _key(self) -> np.ndarray:
        """The cell: class index x stride, summed over the dimensions the rules use."""
        key = np.zeros(self.size, np.int64)
        self._waive_referral()
        for name, classes in self.of.plan.dimensions:
            stride, other = self.of.plan.strides[name], len(classes) - 1
            names, found = self.dimension(name)
            lut = np.array([classes.index(entry) if entry in classes else other
                            for entry in names], np.int64) * stride
            key += lut[found]
        return key

    def dimension(self, name: str) -> tuple[tuple[str, ...], np.ndarray]:
        """Class names of a dimension and every row's place among them."""
        encoder = self.of
        field = {"insurance": "insutype", "visit": "med_type", "place": "place",
                 "referral": "referred", "sex": "gend"}.get(name)
        if field:
            return encoder.tables[field][1], self.codes[field]
        names = encoder.classes.get(name)
        if name == "hospital":
            return names, self._hospital(names)
        if name == "person":
            lut = np.array([names.index(situation.person_class(encoder.pack.persons, entry))
                            for entry in codes.PERSON_NAMES], np.int64)
            return names, lut[self.codes["psn_type"]]
        if name == "disease":
            found = encoder.diseases.of(self.columns["dise_codg"]) \
                if "dise_codg" in self.columns else np.full(self.size, len(names) - 1)
            return names, self._marked("dise_codg", found)
        if name == "age":
            found = encoder.age_class[np.minimum(self.age, AGE_MAX)]
            return names, np.where(self.age < 0, len(names) - 1, found)
        if name == "date":
            return names, self._at_day(encoder.date_class, self.rule_day)
        return ("no", "yes"), self.held >> encoder.status_names.index(name) & 1

    def _hospital(self, names: tuple[str, ...]) -> np.ndarray:
        encoder = self.of
        tags = self._marked("hosp_tags", encoder.tags.codes.of(self.columns["hosp_tags"])) \
            if "hosp_tags" in self.columns else 0
        rules = encoder.pack.hospitals
        sets = encoder.tags.sets if "hosp_tags" in self.columns else [frozenset()]
        lut = np.array([names.index(situation.hospital_class(rules, level, place, tag))
                        for tag in list(sets) for level in LEVELS for place in PLACES], np.int64)
        at = self.codes["hosp_lev"] * len(PLACES) + self.codes["place"]
        return lut[tags * (len(LEVELS) * len(PLACES)) + at]

    def _waive_referral(self) -> None:
        """BJ-24: where the pack asks for no referral, `missing` is read as `not_needed`."""
        names = self.of.tables["referred"][1]
        missing = self.codes["referred"] == names.index("missing")
        if not self.of.pack.no_referral or not missing.any():
            return
        waived = np.zeros(self.size, np.bool_)
        for conditions, _ in self.of.pack.no_referral:
            waived |= self._holds(conditions)
        self.codes["referred"] = np.where(waived & missing, names.index("not_needed"),
                                          self.codes["referred"])

    def _holds(self, conditions: dict[str, tuple[str, ...]]) -> np.ndarray:
        found = np.ones(self.size, np.bool_)
        for name, admitted in conditions.items():
            if name == "status":
                found &= "other" in admitted
                continue
            names, classes = self.dimension(name)
            found &= np.array([entry in admitted for entry in names])[classes]
        return found

    def _refusals(self, key: np.ndarray, competing: np.ndarray) -> None:
        plan = self.of.plan
        if not plan.refusals:
            return
        refused = plan.refusal(key, competing)
        for number in np.unique(refused[refused >= 0]):
            self.faults.mark(refused == number, _refusal(plan.refusals[number]))

    def _owners(self, owner: np.ndarray, claim: np.ndarray, extra: np.ndarray) -> None:
        layout, bills = self.of.layout, self.bills
        if layout.family:
            self._families(owner, extra)
        elif layout.text_ids:
            _hash_both(bills.person, owner, extra[layout.check - FIXED], 1)
        else:
            np.multiply(_int_ids(bills.person), np.int64(scan.HASH_ODD), out=owner)
        if layout.text_ids:
            scan.hash_texts(*table.texts(bills.claim)[:2], 5, claim)
        else:
            claim[:] = _int_ids(bills.claim)

    def _families(self, owner: np.ndarray, extra: np.ndarray) -> None:
        """The family owns what it shares; a person without one is a family of one."""
        layout, bills = self.of.layout, self.bills
        person, check = extra[layout.person - FIXED], extra[layout.check - FIXED]
        _hash_both(table.ids(bills.person, True), owner, check, 1)
        person[:] = owner if layout.text_ids else _int_ids(bills.person)
        if bills.family is not None:
            family = table.ids(bills.family, True)
            offsets, data, missing = table.texts(family)
            there = ~missing & (np.diff(offsets) > 0)
            hashes = np.empty((2, self.size), np.int64)
            _hash_both(family, hashes[0], hashes[1], 11)
            owner[there], check[there] = hashes[0][there], hashes[1][there]

    def _facts(self, extra: np.ndarray, key: np.ndarray, competing: np.ndarray) -> None:
        """The numbers the rules ask for; a row is refused only if a rule of its own needs one."""
        plan, layout = self.of.plan, self.of.layout
        for index, name in enumerate(plan.facts):
            values, missing = self._fact(name)
            extra[layout.facts - FIXED + index] = np.where(missing, 0, values)
            if missing.any():
                needed = self._needs(index, key, competing)
                field = "brdy" if name == "age" else FACT + name
                self.faults.mark(missing & needed, fault_of("missing-fact", field))

    def _fact(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        if name == "age":
            return self.age, self.age < 0
        if FACT + name not in self.columns:
            return np.zeros(self.size, np.int64), np.ones(self.size, np.bool_)
        numbers = table.whole_numbers(self.columns[FACT + name])
        mark_codes(self.faults, numbers, FACT + name, self.shown.get(FACT + name),
                   {scan.NOT_A_NUMBER: "bad-number", scan.TOO_FINE: "bad-number",
                    scan.TOO_LARGE: "bad-number"})
        missing = np.zeros(self.size, np.bool_) if numbers.code is None \
            else numbers.code == scan.MISSING
        return numbers.values, missing

    def _needs(self, fact: int, key: np.ndarray, competing: np.ndarray) -> np.ndarray:
        """bool[n]: some rule that may apply to the row, under some status, uses the number."""
        tables, name = self.of.plan.tables, self.of.plan.facts[fact]
        by_rule = np.array([rule.slope is not None and rule.slope.fact == name
                            for rule in self.of.plan.rules])
        uses = by_rule[tables.plan_rows // len(plans.ROW_FIELDS)]
        before = np.concatenate([[0], np.cumsum(uses)])
        by_plan = before[tables.plan_from[1:]] > before[tables.plan_from[:-1]]
        held_only = tables.sizes[6] == 1
        none = (competing == 0) | (not held_only)
        found = none & by_plan[tables.route[key, 0].clip(0)]
        for bit in range(len(self.of.plan.statuses)):
            found |= (competing >> bit & 1 == 1) & by_plan[tables.route[key, bit + 1].clip(0)]
        return found


def _class_names(pack: Pack) -> dict[str, tuple[str, ...]]:
    """Names of the classes of dimensions that a pack defines, in the order of our numbers."""
    found = {kind: (*(rule.name for rule in rules), "other") for kind, rules in
             (("hospital", pack.hospitals), ("disease", pack.diseases), ("age", pack.ages))}
    found["person"] = (*(rule.name for rule in pack.persons), "other") if pack.persons \
        else codes.PERSON_NAMES
    found["date"] = ("0001-01-01", *pack.date_edges)
    return found


def _refusal(said: Refusal) -> Fault:
    """A refusal of the pack as the fault of a row."""
    message = f"{said.where}: {said.message}" if said.where else said.message
    return Fault(said.code, "", message, said.hint, said.clause)


def _ordinal(day: str) -> int:
    return date.fromisoformat(day).toordinal() - date(1970, 1, 1).toordinal()


def _int_ids(array: pa.Array) -> np.ndarray:
    return array.fill_null(0).to_numpy(zero_copy_only=False)


def _hash_both(array: pa.Array, first: np.ndarray, second: np.ndarray, seed: int) -> None:
    """Two independent hashes: together they tell texts apart for good (128 bits)."""
    offsets, data, _ = table.texts(array)
    scan.hash_texts(offsets, data, seed, first)
    scan.hash_texts(offsets, data, seed + 6, second)
