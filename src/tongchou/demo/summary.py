"""Sums over a settled sample: by scheme and kind of visit, and by layer (汇总).

Everything is read back from the Parquet that was written, so the tables cannot say anything the
files do not. Amounts are whole fen.
"""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

from ..claims import mapping as mappings
from ..claims import rejects
from ..money import FEN, divide_rounded, parse_yuan
from ..policy import Pack
from ..terms import AMOUNT_FIELDS, INSURANCE_OF_CODE, PARTS, visit_of

AMOUNTS = (*AMOUNT_FIELDS, PARTS["in_policy"].national)
PER_MILLE = 1000


@dataclass
class SchemeSums:
    """Bills of one insurance type under one pack; `fen` by national amount field.

    `visits` has the same sums for every kind of visit.
    """

    scheme: str
    claims: int = 0
    persons: int = 0
    fen: Counter[str] = field(default_factory=Counter)
    visits: dict[str, "SchemeSums"] = field(default_factory=dict)

    def share(self, of: str) -> str:
        """What all funds paid, in percent of an amount field, with one decimal; "-" of nothing."""
        if not self.fen[of]:
            return "-"
        tenths = divide_rounded(self.fen["fund_pay_sumamt"] * PER_MILLE, self.fen[of], "half_up")
        return f"{tenths // 10}.{tenths % 10}%"


@dataclass(frozen=True)
class LayerSums:
    """How far one layer reached: persons and bills it paid for, and bills a cap of it cut."""

    layer: str
    title: dict[str, str]
    persons: int
    claims: int
    fen: int
    capped_persons: int
    capped_claims: int


def scheme_sums(pack: Pack, claims: Path, mapping: Path, settled: Path) -> list[SchemeSums]:
    """Sums by insurance type, in the order of the pack's `insurance`."""
    bills = _mapped(pack, claims, mapping)
    found = pq.read_table(settled)
    at = pc.index_in(found["mdtrt_id"].combine_chunks(), bills["mdtrt_id"]).to_numpy()
    amounts = {name: fen_of(found[name]) for name in AMOUNT_FIELDS}
    amounts[PARTS["in_policy"].national] = bills["in_policy"][at]
    person = found["psn_no"].combine_chunks()
    insured, visit = bills["insurance"][at], bills["visit"][at]
    made = []
    for scheme in pack.insurance:
        mask = insured == scheme
        if mask.any():
            sums = _sums(scheme, amounts, person, mask)
            sums.visits = {kind: _sums(scheme, amounts, person, mask & (visit == kind))
                           for kind in sorted(set(visit[mask]))}
            made.append(sums)
    return made


def total_of(schemes: list[SchemeSums]) -> SchemeSums:
    """The schemes of a pack together; nobody is in two of them."""
    found = SchemeSums("", sum(one.claims for one in schemes), sum(one.persons for one in schemes))
    for one in schemes:
        found.fen.update(one.fen)
        for kind, sums in one.visits.items():
            both = [found.visits[kind], sums] if kind in found.visits else [sums]
            found.visits[kind] = SchemeSums("", sum(s.claims for s in both),
                                            sum(s.persons for s in both),
                                            sum((s.fen for s in both), Counter()))
    return found


def _sums(scheme: str, amounts: dict[str, np.ndarray], person: pa.Array,
          mask: np.ndarray) -> SchemeSums:
    people = pc.count_distinct(person.filter(pa.array(mask))).as_py()
    fen = Counter({name: int(values[mask].sum()) for name, values in amounts.items()})
    return SchemeSums(scheme, int(mask.sum()), people, fen)


def _mapped(pack: Pack, claims: Path, mapping: Path) -> dict[str, object]:
    """What the mapping makes of the sample: mdtrt_id, insurance, visit, in-policy fen."""
    types = csv.ConvertOptions(column_types=dict.fromkeys(_header(claims), pa.string()))
    batch = csv.read_csv(claims, convert_options=types).combine_chunks().to_batches()[0]
    faults = rejects.Faults(np.zeros(batch.num_rows, np.int16))
    fields, _ = mappings.read_mapping(mapping).apply(batch, np.arange(batch.num_rows), pack,
                                                     faults)
    parts = [fen_of(fields[name]) for name in ("medfee_sumamt", *_SELF_PAID)]
    return {"mdtrt_id": fields["mdtrt_id"], "in_policy": parts[0] - sum(parts[1:]),
            "insurance": _named(fields["insutype"], INSURANCE_OF_CODE.get),
            "visit": _named(fields["med_type"], visit_of)}


_SELF_PAID = tuple(part.national for part in PARTS.values())[:3]


def _header(claims: Path) -> list[str]:
    with claims.open(encoding="utf-8") as file:
        return file.readline().strip().split(",")


def _named(codes: pa.Array, meaning) -> np.ndarray:  # noqa: ANN001
    """The name of every row's code; the codes stand in a dictionary of a few words."""
    names = np.array([meaning(code) for code in codes.dictionary.to_pylist()])
    return names[codes.indices.to_numpy()]


def fen_of(amounts: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Fen (int64) of a column of yuan with two decimals."""
    if isinstance(amounts, pa.ChunkedArray):
        amounts = amounts.combine_chunks()
    narrow = amounts.cast(pa.decimal128(18, 2))
    return pc.multiply(narrow, Decimal(FEN)).cast(pa.int64()).to_numpy()


def layer_sums(pack: Pack, settled: Path) -> list[LayerSums]:
    """How far every layer of the chain reached, in chain order."""
    found = pq.read_table(settled)
    person = found["psn_no"].combine_chunks()
    capped = _capped(found["capped"])
    return [_layer(layer, person, fen_of(found[f"paid_{layer.name}"]),
                   capped(layer.name)) for layer in pack.layers]


def _layer(layer, person: pa.Array, paid: np.ndarray,  # noqa: ANN001
           capped: np.ndarray) -> LayerSums:
    def people(mask: np.ndarray) -> int:
        return pc.count_distinct(person.filter(pa.array(mask))).as_py()

    return LayerSums(layer.name, dict(layer.title), people(paid > 0), int((paid > 0).sum()),
                     int(paid.sum()), people(capped), int(capped.sum()))


def _capped(column: pa.ChunkedArray):  # noqa: ANN202
    """layer -> bool[n]: the layers whose cap cut the claim stand as names with `;` between."""
    words = column.combine_chunks().cast(pa.string()).dictionary_encode()
    sets = [set(text.split(";")) for text in words.dictionary.to_pylist()]
    codes = words.indices.to_numpy()
    return lambda layer: np.array([layer in one for one in sets])[codes]


def check_against(totals: dict[str, str], schemes: list[SchemeSums]) -> None:
    """The tables and the run must agree to the fen; a difference is a fault of ours."""
    summed = total_of(schemes)
    for name, yuan in totals.items():
        assert summed.fen[name] == parse_yuan(yuan), (name, summed.fen[name], yuan)
