"""Plain tables of a scheme told as rule text, as two CSV files or as a workbook of the 3.0 kind.

Written from the description of both layouts; shares no line with `tongchou.payment`.
"""
from __future__ import annotations

import csv
import re
import shutil
from functools import cache
from pathlib import Path

from plain_grouper import rows_of
from xlsxwriter import Workbook

WHO = {"principal": "ZYZD", "any": "{ZYZD, QTZD}"}
SEVERITY = {"any": "", "mcc": "QTZD in MCC", "mcc_or_cc": "QTZD in {MCC, CC}"}
Rows = list[dict[str, str]]


def rules_of(folder: Path) -> Rows:
    """`rules.csv` of a scheme in tables, its xQY groups included."""
    found: Rows = []
    for row in rows_of(folder, "mdc"):
        found.append(row_of("mdc", row["mdc"], "", int(row["order"]), _class_rule(folder, row)))
    bases = rows_of(folder, "adrg")
    for row in bases:
        found.append(row_of("adrg", row["adrg"], row["mdc"], 10 * int(row["order"]),
                          _base_rule(row)))
    misfits = {row["mdc"] for row in rows_of(folder, "ambiguous")} \
        if (folder / "ambiguous.csv").is_file() else \
        {row["mdc"] for row in rows_of(folder, "mdc") if row["dx_rule"] == "principal"}
    for row in rows_of(folder, "mdc"):
        if row["mdc"] in misfits:
            last = max((int(base["order"]) for base in bases if base["mdc"] == row["mdc"]
                        and base["px_rule"] != "none"), default=0)
            found.append({**row_of("adrg", f"{row['mdc']}QY", row["mdc"], 10 * last + 5,
                                 "ZYSS in OP_ALL"), "kind": "ambiguous"})
    groups = {row["drg"]: row for row in rows_of(folder, "drg")}
    for base in bases:
        for order, code in enumerate(base["drgs"].split("|"), start=1):
            found.append({**row_of("drg", code, base["adrg"], order,
                                 SEVERITY[groups[code]["severity"]]), "name": groups[code]["name"]})
    return found


def sets_of(folder: Path) -> Rows:
    """`sets.csv` of a scheme in tables."""
    pairs = [(f"DI_{row['mdc']}00", row["dx"]) for row in rows_of(folder, "mdc_dx")]
    pairs += [(_sites(folder, row["mdc"])[row["site"]], row["dx"])
              for row in rows_of(folder, "mdc_dx") if row["site"]]
    pairs += [(f"DI_{row['adrg']}", row["dx"]) for row in rows_of(folder, "adrg_dx")]
    pairs += [(f"OP{row['slot']}_{row['adrg']}", row["px"]) for row in rows_of(folder, "adrg_px")]
    pairs += [("OP_ALL", row["px"]) for row in rows_of(folder, "valid_px")]
    return [{"set": name, "code": code} for name, code in pairs]


def write_folder(folder: Path, target: Path) -> Path:
    """The scheme as a folder in rule text."""
    target.mkdir()
    for name, rows in (("rules", rules_of(folder)), ("sets", sets_of(folder))):
        with (target / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    for name in ("complication", "principal_exclusion"):
        shutil.copyfile(folder / f"{name}.csv", target / f"{name}.csv")
    return target


def write_workbook(path: Path, rules: Rows, sets: Rows, complications: Rows,
                   exclusions: Rows) -> Path:
    """The scheme as a workbook: a title over MDC, an empty first column in ADRG."""
    by_level = {level: [row for row in rules if row["level"] == level]
                for level in ("mdc", "adrg", "drg")}
    with Workbook(str(path)) as book:
        _sheet(book, "MDC", ["MDC编码", "MDC名称", "MDC规则", "排序"],
               [[f"MDC{row['code']}", row["name"], row["rule"], row["order"]]
                for row in by_level["mdc"]], title="分组方案配置信息")
        _sheet(book, "ADRG", ["", "ADRG编码", "ADRG名称", "ADRG规则", "所属MDC编码", "MDC内排序"],
               [["", row["code"], row["name"], row["rule"], f"MDC{row['parent']}", row["order"]]
                for row in by_level["adrg"]])
        _sheet(book, "DRG", ["DRG", "DRG名称", "DRG规则", "所属ADRG编码", "所属MDC编码", "排序"],
               [[row["code"], row["name"], row["rule"], row["parent"], "", row["order"]]
                for row in by_level["drg"]])
        _sheet(book, "集合", ["集合编号", "ICD编码", "ICD名称", "类型编号"],
               [[row["set"], row["code"], "", row["set"][:2]] for row in sets])
        _sheet(book, "CC", ["疾病编码", "疾病名称", "排除表", "类型"],
               [[row["dx"], "", row["exclusion_table"], row["level"]] for row in complications])
        _sheet(book, "排除表", ["集合编号", "ICD编码", "ICD名称"],
               [[row["exclusion_table"], row["dx"], ""] for row in exclusions])
    return path


def _sheet(book: Workbook, name: str, header: list[str], rows: list[list[object]],
           title: str = "") -> None:
    sheet = book.add_worksheet(name)
    for line, cells in enumerate([[title]] * bool(title) + [header] + rows):
        for place, cell in enumerate(cells):
            if cell != "":
                sheet.write(line, place, cell) if isinstance(cell, int) else \
                    sheet.write_string(line, place, str(cell))


def row_of(level: str, code: str, parent: str, order: int, rule: str) -> dict[str, object]:
    return {"level": level, "code": code, "parent": parent, "order": order, "rule": rule,
            "name": "", "kind": ""}


def _class_rule(folder: Path, row: dict[str, str]) -> str:
    parts = [] if row["dx_rule"] == "none" else [f"{WHO[row['dx_rule']]} in DI_{row['mdc']}00"]
    for condition in filter(None, row["other_conditions"].split(";")):
        if condition.startswith("sites>=2"):
            names = _sites(folder, row["mdc"]).values()
            parts.append("(" + " or\n".join(     # the form of the 3.0 workbook
                f"((ZYZD in {one}) and (QTZD in {{{', '.join(sorted(set(names) - {one}))}}}))"
                for one in names) + ")")
        else:
            parts.append({"principal_px_valid": "ZYSS in OP_ALL", "sex=1": "XB = 1",
                          "sex=2": "XB = 2", "age_years=0": "NL=0"}[condition])
    return " and ".join(parts)


@cache
def _sites(folder: Path, mdc: str) -> dict[str, str]:
    """Body site -> the set of its diagnoses: DI_Z01, DI_Z02 ..."""
    sites = sorted({line["site"] for line in rows_of(folder, "mdc_dx")
                    if line["mdc"] == mdc and line["site"]})
    return {site: f"DI_{mdc}{number:02}" for number, site in enumerate(sites, start=1)}


def _base_rule(row: dict[str, str]) -> str:
    code = row["adrg"]
    parts = [] if row["dx_rule"] == "none" else [f"{WHO[row['dx_rule']]} in DI_{code}"]
    both, rule = "{ZYSS, QTSS}", row["px_rule"]
    if rule.startswith("slots:"):
        said = re.sub(r"(\d+)|([&|])", lambda found: f"{both} in OP{found[1]}_{code}" if found[1]
                      else {"&": " and ", "|": " or "}[found[2]], rule[6:])
        parts.append(f"({said})")
    parts += {"none": [], "principal": [f"ZYSS in OP1_{code}"], "any": [f"{both} in OP1_{code}"],
              "any1_and_any2": [f"{both} in OP1_{code}", f"{both} in OP2_{code}"],
              "principal_valid": ["ZYSS in OP_ALL"],
              "no_valid_px": ["ZYSS not in OP_ALL"]}.get(rule, [])
    parts += ["XSRTL<=28"] * bool(row["newborn_28d"])
    parts += [f"CSTZ>={row['weight_ge_g']}"] * bool(row["weight_ge_g"])
    parts += [f"CSTZ<{row['weight_lt_g']}"] * bool(row["weight_lt_g"])
    return " and ".join(parts)
