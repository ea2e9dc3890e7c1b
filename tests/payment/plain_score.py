"""A plain scorer for DIP, case by case, from the files of a catalogue folder and a region.

It shares no code with the package: rows of CSV, plain YAML, unbounded integers.
"""
from __future__ import annotations

import csv
import re
from fractions import Fraction
from pathlib import Path

import yaml
from plain_dip import begins, plain_group, rows_of, test_holds

PPM = 10 ** 6
Row = dict[str, str]


def table(path: Path) -> list[Row]:
    """Rows of a CSV file; none where it is not there."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def decimal(text: str, unit: int) -> int:
    """A decimal number, times a power of ten."""
    return int(Fraction(text) * unit)


def ppm(text: str) -> int:
    return int(Fraction(text.rstrip("%")) * 10_000)


def half_up(number: Fraction) -> int:
    return int((2 * number + 1) // 2)


def times(milli: int, share: int) -> int:
    return half_up(Fraction(milli * share, PPM))


def region_of(path: Path) -> dict[str, dict[str, object]]:
    """Blocks of a region's file over its base; `{value: v}` is v."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    blocks = region_of(path.parent / found["base"]) if "base" in found else {}
    for name, block in found.items():
        if isinstance(block, dict) and name != "sources":
            plain = {key: one["value"] if isinstance(one, dict) and "value" in one else one
                     for key, one in block.items()}
            blocks[name] = {**blocks.get(name, {}), **plain}
    return blocks


class PlainScorer:
    """Everything read once; `score` answers for one case of `cases` (all of a run)."""

    def __init__(self, folder: Path, region: Path, cases: list[dict[str, object]],
                 groups: list[str] | None = None) -> None:
        self.rows = rows_of(folder / "groups.csv")
        self.by_code = {row["code"]: row for row in self.rows}
        self.exclusions = table(folder / "exclusions.csv")
        self.properties = {row["px"]: row["property"] for row in table(folder / "properties.csv")}
        self.lists: dict[str, list[str]] = {}
        for row in table(folder / "lists.csv"):
            self.lists.setdefault(row["list"], []).append(row["code"])
        self.charlson = [row for row in table(folder / "lists.csv") if row["list"] == "charlson"]
        self.means = {(row["group"], row["level"]): decimal(row["mean"], 100)
                      for row in table(folder / "standards.csv")}
        self.factors = table(folder / "coefficients.csv")
        self.triggers = {tuple(row[key] for key in ("group", "type", "class", "insurance")):
                         ppm(row["coefficient"]) for row in table(folder / "auxiliary.csv")}
        self.values = {row["insurance"]: decimal(row["value"], PPM)
                       for row in table(folder / "values.csv")}
        self.region = region_of(region)
        self.cases = cases
        self.groups = groups or [self.group_of(case) for case in cases]
        self.stays: dict[tuple[object, ...], list[int]] = {}
        for place, case in enumerate(cases):
            self.stays.setdefault((case["person"], case["hospital"], self.groups[place]),
                                  []).append(place)

    def group_of(self, case: dict[str, object]) -> str:
        return plain_group(self.rows, self.exclusions, self.properties, self.region["matching"],
                           case)

    def points(self, code: str) -> int | None:
        """Points of a group in thousandths; of the group it is priced as."""
        row = self.by_code.get(code)
        if row is None:
            return None
        text = (self.by_code[row["same_as"]] if row["same_as"] else row)["points"]
        return decimal(text, 1000) if text else None

    def factor(self, case: dict[str, object], code: str) -> int:
        """Coefficient of the most telling row: hospital, then group, level, insurance."""
        if code and self.by_code[code]["primary_care"] == "yes":
            return PPM
        asked = {"hospital": case["hospital"], "group": code, "level": case["hospital_level"],
                 "insurance": case["insurance"]}
        fitting = [row for row in self.factors
                   if all(not row[key] or row[key] == seen for key, seen in asked.items())]
        best = max(fitting, key=lambda row: [bool(row[key]) for key in asked])
        return ppm(best["coefficient"])

    def standard(self, case: dict[str, object], code: str, points: int, factor: int) -> int:
        """What the cost is compared with, in fen; 0 for none."""
        settings = self.region["deviation"]
        if settings["standard"] == "payment_standard":
            value = self.values.get(case["insurance"] or "all", self.values["all"])
            return times(points, factor) * value // 10 ** 7
        own = self.means.get((code, case["hospital_level"] or "all"), 0)
        if not own and settings["missing_standard"] == "group_mean":
            return self.means.get((code, "all"), 0)
        return own

    def facts(self, place: int, standard: int) -> dict[str, object]:
        """The case with its numbers that conditions may ask for."""
        case, code = dict(self.cases[place]), self.groups[place]
        row = self.by_code.get(code, {})

        def share(part: int | None, whole: int) -> int | None:
            return half_up(Fraction(part * PPM, whole)) if part is not None and whole else None

        case["cost_ratio"] = share(case["cost_fen"], standard)
        for name in ("drug", "consumable"):
            case[f"{name}_share"] = share(case[f"{name}_fen"], case["cost_fen"])
        days = decimal(row.get("mean_days") or "0", 1000)
        stay = case["stay_days"]
        case["stay_ratio"] = share(None if stay is None else stay * 1000, days)
        case["treatment_share"] = None
        case["death_rate"] = ppm(row["death_rate"]) if row.get("death_rate") else None
        classes = {one["class"]: int(one["weight"]) for dx in (case["dx"] or [])[1:]
                   for one in self.charlson if begins(dx.upper(), one["code"])}
        case["charlson"] = sum(classes.values())
        case["readmission_days"] = self.returned(place)
        case["discharge_way"] = int(case["discharge_way"]) if case["discharge_way"] else None
        return case

    def returned(self, place: int) -> int | None:
        """Days since the same person's stay before in the same hospital and group."""
        def key(one: int) -> tuple[object, ...]:
            return self.cases[one]["admitted"], self.cases[one]["discharged"], one
        case = self.cases[place]
        if not self.groups[place]:
            return None
        mine = self.stays[case["person"], case["hospital"], self.groups[place]]
        before = [one for one in mine if key(one) < key(place)]
        if not before:
            return None
        gap = (case["admitted"] - self.cases[max(before, key=key)]["discharged"]).days
        return gap if gap >= 0 else None

    def holds(self, when: str, case: dict[str, object]) -> bool:
        """A condition over a case; @lists are written out, percentages are parts per million."""
        text = re.sub(r"@(\w+)", lambda one: "|".join(self.lists.get(one[1], ["none"])), when)
        text = re.sub(r"([\d.]+)%", lambda one: str(ppm(one[1])), text)
        dx, px = ([code.upper() for code in case[name] or []] for name in ("dx", "px"))
        return all(test_holds(part.strip(), case, dx, px) for part in text.split(";"))

    def deviated(self, cost: int, standard: int, factor: int) -> tuple[int, int, str]:
        """(multiplier, factor still to come, kind of the band)."""
        for band in self.region["deviation"]["bands"] if standard else ():
            signs = [band[key].split() for key in ("over", "under") if key in band]
            exact = Fraction(cost, standard) * PPM
            if not all({"<": exact < ppm(bound), "<=": exact <= ppm(bound), ">": exact > ppm(bound),
                        ">=": exact >= ppm(bound)}[sign] for sign, bound in signs):
                continue
            made = half_up(exact) if band["ratio"] else 0
            made += ppm(str(band.get("plus", "0%")))
            made += factor if band["coefficient"] == "plus" else 0
            return made, factor if band["coefficient"] == "times" else PPM, band["kind"]
        return PPM, factor, ""

    def auxiliary(self, case: dict[str, object], code: str) -> int:
        """The highest coefficient among the types the case is in."""
        best = None
        for one in self.region["auxiliary"]["types"]:
            tumour = any(begins(case["dx"][0].upper(), prefix)
                         for prefix in self.lists.get("tumour", []))
            if one.get("groups", "all") not in ("all", "tumour" if tumour else "not_tumour"):
                continue
            name = next((each["name"] for each in one["classes"]
                         if self.holds(each["when"], case)), "")
            key = (code, one["name"], str(name))
            general = self.triggers.get((*key, ""))
            found = self.triggers.get((*key, case["insurance"] or ""), general)
            if found is not None:
                best = max(best or 0, found)
        return PPM if best is None else best

    def score(self, place: int) -> tuple[str, int, str]:
        """(group, score in thousandths, kind of deviation) of a case."""
        case, code = self.cases[place], self.groups[place]
        points, factor = self.points(code), self.factor(case, code)
        cost, row = case["cost_fen"], self.by_code.get(code, {})
        if row.get("day_points"):
            made, kind = self.by_day(row["day_points"], case["stay_days"]), ""
        elif points is None:
            ratio = half_up(Fraction(cost * PPM, self.means["all", "all"]))
            made = times(times(1000 * 1000, ratio), ppm(self.region["no_group"]["factor"]))
            kind = ""
            if self.region["no_group"]["coefficient"] == "times":
                made = times(made, factor)
        else:
            standard = self.standard(case, code, points, factor)
            multiplier, after, kind = self.deviated(cost, standard, factor)
            made = times(times(points, multiplier), after)
            if row["layer"] in ("pre_group", "merged", "auxiliary", "basic"):
                made = times(made, self.auxiliary(self.facts(place, standard), code))
        return code, times(made, self.kept(place, points or 0, factor)), kind

    def kept(self, place: int, points: int, factor: int) -> int:
        """What violations leave of the score."""
        taking = [one for one in self.region["monitoring"]["indicators"] if "factor" in one]
        if not taking:
            return PPM
        case = self.facts(place, self.standard(self.cases[place], self.groups[place], points,
                                               factor))
        return min([ppm(one["factor"]) for one in taking if self.holds(one["when"], case)] + [PPM])

    @staticmethod
    def by_day(bands: str, days: int | None) -> int:
        """Sum over the days of a stay."""
        firsts = [(int(first), decimal(points, 1000)) for first, points in
                  (band.split(":") for band in bands.split("|"))]
        return sum(next(points for first, points in reversed(firsts) if first <= day)
                   for day in range(1, max(days or 1, 1) + 1))
