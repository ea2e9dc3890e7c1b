"""The part of a row's check that no pack changes: ids, days and the split of the bill (核对).

`read_bills` gives whole numbers and marks every row that cannot be settled; it never raises for a
value, only for a file that lacks a column.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import CaseError
from ..terms import PARTS
from . import scan, table
from .rejects import Faults, fault_of

REQUIRED = ("psn_no", "mdtrt_id", "insutype", "med_type", "begndate", "medfee_sumamt")
OPTIONAL = ("family_id", "brdy", "gend", "psn_type", "statuses", "hosp_lev", "hosp_tags", "place",
            "referred", "fixmedins_code", "episode", "dise_codg", "enddate", "setl_time",
            *(part.national for part in PARTS.values()))
FIELDS = (*REQUIRED, *OPTIONAL)
FACT = "fact_"
SELF_PAID = tuple(part.national for part in PARTS.values())[:3]
NO_DAY = -(1 << 40)
CODES = {scan.MISSING: "missing-field", scan.NOT_A_NUMBER: "bad-amount",
         scan.TOO_FINE: "too-many-decimals", scan.TOO_LARGE: "amount-too-large",
         scan.NEGATIVE: "negative-amount", scan.BAD_DATE: "bad-date"}

Columns = Mapping[str, pa.Array]


@dataclass
class Bills:
    """n rows: ids as Arrow arrays; `begin`, `end`, `born` int64 days (NO_DAY: unknown), `settled`
    int64 microseconds, `parts` int64[4, n] fen in the order of terms.PART_NAMES."""

    person: pa.Array
    claim: pa.Array
    family: pa.Array | None
    begin: np.ndarray
    end: np.ndarray
    settled: np.ndarray
    born: np.ndarray
    parts: np.ndarray


def require(names: set[str], where: str) -> None:
    """Raises CaseError when a field that every claim needs is neither a column nor mapped."""
    lacking = [name for name in REQUIRED if name not in names]
    if lacking:
        raise CaseError("missing-column", f"no column {', '.join(lacking)}", where, hint="Rename "
                        "or fix it in a mapping file (`--mapping`), see docs/claims-files.md. "
                        f"The columns are {', '.join(sorted(names))[:400]}.")


def read_bills(columns: Columns, shown: Columns, faults: Faults, text_ids: bool) -> Bills:
    """Ids, days and parts of all rows; `shown` are the columns to quote in rejects."""
    person = _id(columns, shown, "psn_no", faults, text_ids)
    claim = _id(columns, shown, "mdtrt_id", faults, text_ids)
    family = table.ids(columns["family_id"], text_ids) if "family_id" in columns else None
    begin, end, settled = _days(columns, shown, faults)
    born = _optional(columns, shown, faults, "brdy", table.days, None)
    return Bills(person, claim, family, begin, end, settled, born,
                 _parts(columns, shown, faults))


def _id(columns: Columns, shown: Columns, name: str, faults: Faults, text_ids: bool) -> pa.Array:
    array = table.ids(columns[name], text_ids)
    missing = table.nulls(array)
    if text_ids:
        offsets = table.texts(array)[0]
        lengths = np.diff(offsets)
        if len(lengths) and lengths.min() == 0:
            missing = missing | (lengths == 0)
        if len(lengths) and lengths.max() > table.ID_BYTES_MAX:
            faults.mark(lengths > table.ID_BYTES_MAX,
                        fault_of("field-too-long", name, shown.get(name)))
    faults.mark(missing, fault_of("missing-field", name))
    return array


def mark_codes(faults: Faults, found: table.Numbers, name: str, shown: pa.Array | None,
               words: Mapping[int, str] = CODES) -> None:
    """Marks the rows whose code is not FINE, each kind with its own words."""
    if found.code is None:
        return
    for code, word in words.items():
        faults.mark(found.code == code, fault_of(word, name, shown))


def _optional(columns: Columns, shown: Columns, faults: Faults, name: str, read,  # noqa: ANN001
              otherwise: np.ndarray | None) -> np.ndarray:
    """A day or moment that may be missing: `otherwise`, or NO_DAY, stands for it."""
    if name not in columns:
        return np.full(len(faults.of_row), NO_DAY, np.int64) if otherwise is None else otherwise
    found = read(columns[name])
    if found.code is None:
        return found.values
    faults.mark(found.code == scan.BAD_DATE, fault_of("bad-date", name, shown.get(name)))
    return np.where(found.code == scan.MISSING, NO_DAY if otherwise is None else otherwise,
                    found.values)


def _days(columns: Columns, shown: Columns, faults: Faults,
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """begndate, enddate (the same day when left out), setl_time (noon of the last day)."""
    found = table.days(columns["begndate"])
    mark_codes(faults, found, "begndate", shown.get("begndate"))
    begin = found.values
    end = _optional(columns, shown, faults, "enddate", table.days, begin)
    noon = end * table.DAY_MICROSECONDS + table.NOON
    settled = _optional(columns, shown, faults, "setl_time", table.moments, noon)
    for name, day in (("enddate", end), ("setl_time", settled // table.DAY_MICROSECONDS)):
        if name in columns:
            faults.mark(day < begin, fault_of("dates-out-of-order", name, shown.get(name)))
    return begin, end, settled


def _amount(columns: Columns, shown: Columns, faults: Faults, name: str,
            ) -> tuple[np.ndarray, np.ndarray | None]:
    """Fen of an amount field and the mask of rows that leave it out (None: nobody does)."""
    found = table.amount_limits(table.amounts(columns[name]))
    if found.code is None:
        return found.values, None
    for code, word in CODES.items():
        if code != scan.MISSING or name == "medfee_sumamt":
            faults.mark(found.code == code, fault_of(word, name, shown.get(name)))
    return found.values, found.code == scan.MISSING


def _parts(columns: Columns, shown: Columns, faults: Faults) -> np.ndarray:
    """The four parts in fen; inscp_scp_amt is the rest, and checked where it is given."""
    parts = np.zeros((4, len(faults.of_row)), np.int64)
    total, _ = _amount(columns, shown, faults, "medfee_sumamt")
    rest = parts[3]
    rest[:] = total
    for index, name in enumerate(SELF_PAID):
        if name in columns:
            parts[index], _ = _amount(columns, shown, faults, name)
            rest -= parts[index]
    wrong = rest < 0
    if "inscp_scp_amt" in columns:
        given, missing = _amount(columns, shown, faults, "inscp_scp_amt")
        differs = given != rest
        wrong |= differs if missing is None else differs & ~missing
    faults.mark(wrong, fault_of("split-does-not-add-up", "medfee_sumamt",
                                shown.get("medfee_sumamt")))
    if faults.count:
        parts[:, faults.of_row != 0] = 0
    return parts


def episode_hash(columns: Columns, size: int) -> np.ndarray:
    """int64[n]: a 64-bit hash of `episode`, 0 where there is none."""
    if "episode" not in columns:
        return np.zeros(size, np.int64)
    array = table.ids(columns["episode"], True) if not pa.types.is_floating(
        columns["episode"].type) else pc.cast(columns["episode"], pa.string())
    offsets, data, missing = table.texts(array)
    found = np.empty(size, np.int64)
    scan.hash_texts(offsets, data, 3, found)
    found[missing | (np.diff(offsets) == 0)] = 0
    return found
