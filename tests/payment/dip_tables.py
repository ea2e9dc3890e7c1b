"""Case tables, regions and catalogues by hand, for the tests of DIP."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from tongchou.payment.dip import Catalogue, Region, read_catalogue, read_region
from tongchou.payment.dip.bands import Band
from tongchou.payment.dip.region import Setting

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "dip"
NATIONAL = ROOT.parent / "shared" / "drg-scheme" / "dip-3.0-sample" / "core-groups.csv"
CODES = pa.list_(pa.string())
COLUMNS = {"sex": pa.string(), "age_years": pa.int16(), "age_days": pa.int32(),
           "birth_weight_g": pa.int32(), "stay_days": pa.int32(), "icu_days": pa.int32(),
           "discharge_way": pa.string(), "cost_fen": pa.int64(), "drug_fen": pa.int64(),
           "consumable_fen": pa.int64(), "year": pa.int16(), "hospital": pa.string(),
           "hospital_level": pa.string(), "insurance": pa.string(), "person": pa.string(),
           "admitted": pa.date32(), "discharged": pa.date32()}
USUAL = {"age_years": 50, "age_days": 18_300, "stay_days": 6, "icu_days": 0, "discharge_way": "1",
         "cost_fen": 1_000_000, "drug_fen": 200_000, "consumable_fen": 100_000, "year": 2025,
         "hospital": "H1", "hospital_level": "2", "insurance": "employees"}


def cases(*rows: dict[str, object]) -> pa.Table:
    """A case table of rows that name what is not usual; `dx` and `px` are lists."""
    made: dict[str, pa.Array] = {"case": pa.array([f"C{k}" for k in range(len(rows))])}
    for name in ("dx", "px"):
        made[name] = pa.array([row.get(name, []) for row in rows], CODES)
    for name, kind in COLUMNS.items():
        made[name] = pa.array([row.get(name, USUAL.get(name)) for row in rows], kind)
    return pa.table(made)


def region(bands: tuple[Band, ...] | None = None, **changes: object) -> Region:
    """The example region with settings changed; `block__key=value`, None takes one out."""
    found = read_region(EXAMPLE / "region.yaml")
    settings = dict(found.settings)
    for path, value in changes.items():
        key = path.replace("__", ".")
        settings.pop(key, None)
        if value is not None:
            settings[key] = Setting(value, "test", "A", "test")
    return replace(found, settings=settings, bands=found.bands if bands is None else bands)


def catalogue(folder: Path, groups: str, **files: str) -> Catalogue:
    """A catalogue from texts: groups and, by name, exclusions, properties and lists."""
    for name, text in {"groups": groups, **files}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return read_catalogue(folder)
