"""A plain reading of a DIP catalogue, case by case, that shares no code with the package.

Slow and short on purpose: every group is asked about every case, straight from the file's rows.
"""
from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

LAYERS = ["tcm", "bed_day", "pre_group", "merged", "auxiliary", "basic", "comprehensive"]
NATIONAL = {"XQ": "pre_group", "BX": "merged", "FZ": "auxiliary", "JC": "basic"}
BY_ORDER = ("tcm", "bed_day", "pre_group", "auxiliary")
Case = dict[str, object]


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a groups file, layers in words and in order of testing."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["code"] = row.get("code") or row["layer"] + row["seq"]
        row["layer"] = NATIONAL.get(row["layer"], row["layer"])
    return sorted(rows, key=lambda row: (LAYERS.index(row["layer"]), int(row["seq"])))


def top_level(text: str, sign: str) -> list[str]:
    """Parts of an expression at a sign outside all brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == sign and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def ways(text: str) -> list[list[set[str]]]:
    """The ways to satisfy an expression; each a list of sets, one code of each set is needed."""
    text = text.strip()
    if text.startswith("(") and text.endswith(")"):
        text = text[1:-1]
    if len(parts := top_level(text, "|")) > 1:
        found = [way for part in parts for way in ways(part)]
        single = set().union(*(way[0] for way in found if len(way) == 1), set())
        return ([[single]] if single else []) + [way for way in found if len(way) > 1]
    if len(parts := top_level(text, "+")) > 1:
        made: list[list[set[str]]] = [[]]
        for part in parts:
            made = [one + more for one in made for more in ways(part)]
        return made
    return [[{text.upper()}]]


def begins(code: str, prefixes: str) -> bool:
    """Whether a diagnosis begins with a prefix or lies in a range written with `|`."""
    for prefix in prefixes.split("|"):
        if "-" in prefix:
            low, high = prefix.split("-")
            if low <= code[:3] <= high:
                return True
        elif prefix == "*" or code.startswith(prefix.upper()):
            return True
    return False


def test_holds(test: str, case: Case, dx: list[str], px: list[str]) -> bool:
    """One test of a condition."""
    field, sign, value = re.fullmatch(r"(\w+?)(<=|>=|<|>|=)(.+)", test).groups()
    if field == "dx_any":
        return any(begins(code, value) for code in dx)
    if field == "dx_other":
        return any(begins(code, value) for code in dx[1:])
    if field == "px_any":
        return any(begins(code, value) for code in px)
    seen = case[field]
    if seen is None:
        return False
    if sign == "=" and "-" in value:
        low, high = value.split("-")
        return int(low) <= seen <= int(high)
    number = int(value)
    return {"<": seen < number, "<=": seen <= number, ">": seen > number, ">=": seen >= number,
            "=": seen == number}[sign]


def strength(row: dict[str, str], case: Case, dx: list[str], px: list[str], main: str,
             settings: dict[str, str]) -> int | None:
    """How many procedures of the row the case has together; None when its tests do not hold."""
    condition = [part for part in row["condition"].split(";") if part]
    flags = {part for part in condition if re.fullmatch(r"[a-z_]+", part)}
    if "dx_any_position" in flags and row["dx"] != "*":
        if not any(begins(code, row["dx"]) for code in dx):
            return None
    elif not begins(dx[0], row["dx"]):
        return None
    if not all(test_holds(part, case, dx, px) for part in condition if part not in flags):
        return None
    if not row["px"]:
        conservative = row["layer"] not in BY_ORDER or "px_none" in flags
        return 0 if not (conservative and main) else None
    best = None
    for way in ways(row["px"]):
        if not all(part & set(px) for part in way):
            continue
        any_main = settings["plus_main"] == "any" and "px_main_first" not in flags
        placed = "px_any_position" in flags or any(
            main in part for part in (way if any_main else way[:1]))
        if placed:
            best = max(best or 0, len(way))
    return best


def main_of(dx: str, px: list[str], exclusions: list[dict[str, str]],
            settings: dict[str, str]) -> str:
    """Main procedure after the exclusion list."""
    for code in px:
        rules = [row for row in exclusions if row["kind"] == "px" and code.startswith(
            row["code"].upper())]
        rule = max(rules, key=lambda row: len(row["code"]), default=None)
        if rule is None or (rule["allowed_dx"] and begins(dx, rule["allowed_dx"])):
            return code
        if settings["excluded_procedure"] == "conservative":
            return ""
    return ""


def property_of(px: str, properties: dict[str, str]) -> str:
    """Property of a main procedure."""
    if not px:
        return "medical"
    return properties.get(max((code for code in properties if px.startswith(code)), key=len,
                              default=""), "")


def held(rows: list[dict[str, str]], layer: str, case: Case, dx: list[str], px: list[str],
         main: str, settings: dict[str, str],
         properties: dict[str, str]) -> Iterator[tuple[int, int, int, dict[str, str]]]:
    """(procedures matched, length of the diagnosis, order, row) of what holds in a layer."""
    for order, row in enumerate(rows):
        if row["layer"] != layer:
            continue
        if layer == "comprehensive":
            if dx[0][:3] == row["dx"] and property_of(main, properties) == row["property"]:
                yield 0, 3, order, row
            continue
        found = strength(row, case, dx, px, main, settings)
        if found is not None:
            lengths = [len(one) for one in row["dx"].split("|") if dx[0].startswith(one.upper())]
            yield found, max(lengths, default=1), order, row


def plain_group(rows: list[dict[str, str]], exclusions: list[dict[str, str]],
                properties: dict[str, str], settings: dict[str, str], case: Case) -> str:
    """Code of the group of a case, "" for none."""
    dx = [code.strip().upper() for code in case["dx"] or []]
    px = [code.strip().upper() for code in case["px"] or []]
    if not dx or not dx[0] or any(row["kind"] == "dx" and begins(dx[0], row["code"])
                                  for row in exclusions):
        return ""
    main = main_of(dx[0], px, exclusions, settings)
    for layer in LAYERS:
        found = list(held(rows, layer, case, dx, px, main, settings, properties))
        if not found:
            continue
        if layer not in BY_ORDER:
            return min(found, key=lambda one: (-one[0], -one[1], one[2]))[3]["code"]
        first = found[0][3]
        for *_, row in found[1:] if layer == "pre_group" else ():
            if narrower(row, first):
                first = row
        return first["code"]
    return ""


def narrower(row: dict[str, str], other: dict[str, str]) -> bool:
    """Whether a pair test asks for all that another asks for, and more."""
    mine = ways(row["px"]) if row["px"] else []
    its = ways(other["px"]) if other["px"] else []
    return row["dx"] == other["dx"] and row["condition"] == other["condition"] and bool(
        its) and max(map(len, mine), default=0) > max(map(len, its)) and all(
        any(all(part in way for part in one) for one in its) for way in mine)
