"""What a batch writes: the table of results, its metadata and its sums (结算结果表).

Amounts are decimal(18,2) in Parquet's whole-number form; see docs/claims-files.md for the columns.
"""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .. import __version__
from ..engine.columns import Columns, Results
from ..engine.plan import Plan
from ..policy import Pack
from ..terms import AMOUNT_FIELDS, FUND_FIELDS

MONEY = pa.decimal64(18, 2)
SUM_ROWS = 1 << 18            # so many bills of at most 10^13 fen sum inside int64
SEPARATOR = ";"
PARTITION_HASH = "psn_no (or family_id) x 0x9E3779B97F4A7C15 mod 2^64, ascending"


def result_schema(plan: Plan, text_ids: bool, metadata: dict[bytes, bytes]) -> pa.Schema:
    """The columns of results: ids, national amounts, the status, then what each layer paid."""
    kind = pa.string() if text_ids else pa.int64()
    words = pa.dictionary(pa.int32(), pa.string())
    columns = [("psn_no", kind), ("mdtrt_id", kind), *((name, MONEY) for name in AMOUNT_FIELDS),
               ("chosen_status", words), *((f"paid_{layer}", MONEY) for layer in plan.layers),
               ("capped", words)]
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns],
                     metadata=metadata)


def amounts_of(plan: Plan, columns: Columns, results: Results) -> dict[str, np.ndarray]:
    """National amount fields, int64[n] fen each; they add up to the bill, which is asserted."""
    total = columns.parts.sum(axis=0)
    zeros = np.zeros(columns.claims, np.int64)
    found = {"medfee_sumamt": total, "act_pay_dedc": results.deductible}
    paid: dict[str, np.ndarray] = {}
    for field, layer in zip(plan.fields, results.paid, strict=True):
        paid[field] = paid[field] + layer if field in paid else layer
    funds = [paid[name] for name in FUND_FIELDS if name in paid]
    for name in FUND_FIELDS:
        found[name] = paid.get(name, zeros)
    found["fund_pay_sumamt"] = np.sum(funds, axis=0) if funds else zeros
    found["hosp_part_amt"] = paid.get("hosp_part_amt", zeros)
    found["psn_part_amt"] = results.person
    assert (total == found["fund_pay_sumamt"] + found["hosp_part_amt"] + results.person).all()
    return {name: found[name] for name in AMOUNT_FIELDS}


def result_table(plan: Plan, schema: pa.Schema, person: pa.Array, claim: pa.Array,
                 amounts: dict[str, np.ndarray], results: Results) -> pa.Table:
    """The results of one partition in the order of its rows."""
    status = pa.DictionaryArray.from_arrays(pa.array(results.status.astype(np.int32)),
                                            pa.array(["none", *plan.statuses]))
    columns = [person, claim, *map(_money, amounts.values()), status,
               *map(_money, results.paid), _capped(plan, results.capped)]
    return pa.table(columns, schema=schema)


def _money(fen: np.ndarray) -> pa.Array:
    fen = np.ascontiguousarray(fen)
    return pa.Array.from_buffers(MONEY, len(fen), [None, pa.py_buffer(fen)])


def _capped(plan: Plan, bits: np.ndarray) -> pa.Array:
    """Names of the layers a cap cut, `;` between them; the empty text where none did."""
    if not bits.any():
        return pa.DictionaryArray.from_arrays(np.zeros(len(bits), np.int32), pa.array([""]))
    if len(plan.layers) <= 16:
        seen = np.flatnonzero(np.bincount(bits, minlength=1 << len(plan.layers)))
        lut = np.zeros(1 << len(plan.layers), np.int32)
        lut[seen] = np.arange(len(seen), dtype=np.int32)
        codes = lut[bits]
    else:
        seen, codes = np.unique(bits, return_inverse=True)
    names = [SEPARATOR.join(layer for index, layer in enumerate(plan.layers) if mask >> index & 1)
             for mask in map(int, seen)]
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), pa.array(names, pa.string()))


def sums(values: np.ndarray) -> int:
    """The exact sum of any number of amounts (a province's year leaves int64 behind)."""
    return sum(int(values[start:start + SUM_ROWS].sum())
               for start in range(0, len(values), SUM_ROWS))


def run_metadata(pack: Pack, mapping_hash: str, assumptions: list[str]) -> dict[bytes, bytes]:
    """What a reader of the file must know to make it again: pack, profile, mapping, version."""
    found = {"pack": pack.name, "pack_hash": pack.pack_hash, "profile": pack.profile or "",
             "candidates": json.dumps(candidates(pack), ensure_ascii=False),
             "mapping_hash": mapping_hash,
             "assumptions": json.dumps(assumptions, ensure_ascii=False),
             "engine_version": __version__, "claim_order": pack.settings.order,
             "partition_hash": PARTITION_HASH}
    return {f"tongchou.{key}".encode(): value.encode() for key, value in found.items()}


def candidates(pack: Pack) -> list[dict[str, str]]:
    """The candidate values a run rests on, as every output must say."""
    return [{"parameter": found.parameter, "value": found.text, "grade": found.grade,
             "source": found.source, "clause": found.clause} for found in pack.candidates]


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer of results: packed whole numbers without a codec beat any codec's speed here.

    The Arrow schema is left out so that readers see plain decimals.
    """
    words = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    packed = {field.name: "DELTA_BINARY_PACKED" for field in schema
              if field.name not in (*words, *texts)}
    writer = pq.ParquetWriter(
        path, schema, use_dictionary=words, column_encoding=packed, store_schema=False,
        store_decimal_as_integer=True, write_statistics=["psn_no"],
        compression={field.name: "zstd" if field.name in texts else "none" for field in schema})
    writer.add_key_value_metadata(schema.metadata)
    return writer
