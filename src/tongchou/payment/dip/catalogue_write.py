"""Writing a region's catalogue in our own layout, so that it can be read and edited (目录导出)."""
from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from ...errors import CaseError
from ...money import percent_text, yuan_text
from .catalogue_file import EXCLUSIONS, GROUPS, LISTS, OURS, PROPERTIES_FILE
from .model import POINT, Catalogue, Group


def milli_text(milli: int) -> str:
    """Thousandths as people write them: 796684 -> "796.684"."""
    assert milli >= 0
    return f"{milli // POINT}.{milli % POINT:03d}"


def make_folder(folder: Path) -> None:
    """A folder to write into; CaseError where there can be none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CaseError("unwritable-output", f"cannot make the folder: {fault.strerror}",
                        str(folder)) from None


def write_catalogue(catalogue: Catalogue, folder: Path) -> None:
    """Writes groups, exclusions, properties and lists into `folder`, which is made if need be.

    Raises CaseError `unwritable-output`.
    """
    make_folder(folder)
    write_csv(folder / GROUPS, OURS, map(_cells, catalogue.groups))
    exclusions = catalogue.exclusions
    write_csv(folder / EXCLUSIONS, ("kind", "code", "allowed_dx"), [
        *(("dx", code, "") for code in sorted(exclusions.dx)),
        *(("px", code, "|".join(allowed)) for code, allowed in sorted(exclusions.px.items()))])
    write_csv(folder / PROPERTIES_FILE, ("px", "property"), sorted(catalogue.properties.items()))
    write_csv(folder / LISTS, ("list", "code", "class", "weight"), [
        (name, code, *(catalogue.charlson.get(code, ("", "")) if name == "charlson" else ("", "")))
        for name, codes in catalogue.lists.items() for code in codes])


def write_csv(path: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """One CSV file with a header line; CaseError where the disk refuses."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)
    except OSError as fault:
        raise CaseError("unwritable-output", f"cannot write: {fault.strerror}",
                        str(path)) from None


def _cells(group: Group) -> list[object]:
    cells = {
        "layer": group.layer, "seq": group.seq, "dx": "|".join(group.dx), "px": group.px,
        "condition": group.written_condition, "code": group.code,
        "property": group.procedure_property, "name": group.name,
        "points": _milli(group.points_milli),
        "drug_points": _milli(group.drug_milli),
        "consumable_points": _milli(group.consumable_milli),
        "mean": "" if group.mean_fen is None else yuan_text(group.mean_fen),
        "mean_days": _milli(group.mean_days_milli), "cases": group.cases,
        "cv": _percent(group.cv_ppm), "death_rate": _percent(group.death_rate_ppm),
        "primary_care": "yes" if group.primary_care else "", "same_as": group.same_as,
        "day_points": "|".join(f"{band.first}:{milli_text(band.day_milli)}"
                               for band in group.days)}
    return [cells[name] for name in OURS]


def _milli(milli: int | None) -> str:
    return "" if milli is None else milli_text(milli)


def _percent(ppm: int | None) -> str:
    return "" if ppm is None else percent_text(ppm)
