"""Writes a synthetic, unsorted claims file of any size for the batch benchmark (合成明细).

    python bench/make_claims.py OUT.parquet --claims 10000000 [--seed 2023] [--ids text]

Rows come in row groups, never all in memory. The claims of a person are spread over the whole
file: row r belongs to person (r x odd) mod persons. The same seed gives the same file.
"""
from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq

GROUP_ROWS = 1 << 20
CLAIMS_PER_PERSON = 4
STRIDE = 2_654_435_761            # odd, so that neighbours in the file are different people
MONEY = pa.decimal128(18, 2)
LEVELS = ("1", "2", "3")
STATUSES = ("", "allowance:2020-01-01", "borderline:2022-07-01:2023-06-30", "borderline:2023-01-01")
FIRST_DAY = np.datetime64("2023-01-01")


def group(first: int, size: int, claims: int, seed: int, text_ids: bool) -> pa.Table:
    """Rows `first`.. of the file, made of their numbers and a seed of their own."""
    rng = np.random.default_rng([seed, first])
    persons = max(claims // CLAIMS_PER_PERSON, 1)
    row = np.arange(first, first + size, dtype=np.int64)
    person = (row * STRIDE) % persons
    begin = rng.integers(0, 330, size)
    end = begin + rng.integers(1, 30, size)
    total = np.minimum(rng.lognormal(13.4, 1.1, size).astype(np.int64) + 5_000, 80_000_000)
    own = total * rng.integers(0, 12, size) // 100
    first_self = total * rng.integers(0, 8, size) // 100
    held = np.where(person % 100 < 85, 0, 1 + person % 3)
    numbers = pa.array(row * 7 + 1), pa.array(person + 10_000_000)
    claim, owner = numbers if not text_ids else (_ids("M", row), _ids("3703", person))
    return pa.table({
        "psn_no": owner, "mdtrt_id": claim, "insutype": _words(np.zeros(size, int), ("390",)),
        "brdy": _days(-(person % 30_000) + 18_000 - 19_358),
        "gend": _words(person % 2, ("1", "2")), "statuses": _words(held, STATUSES),
        "med_type": _words(np.zeros(size, int), ("21",)),
        "hosp_lev": _words(rng.integers(0, 3, size), LEVELS),
        "place": _words(rng.integers(0, 10, size).clip(0, 1), ("outside", "local")),
        "begndate": _days(begin), "enddate": _days(end),
        "setl_time": pa.array((FIRST_DAY + end).astype("datetime64[us]")
                              + rng.integers(0, 86_400, size).astype("timedelta64[s]")),
        "medfee_sumamt": _money(total), "fulamt_ownpay_amt": _money(own),
        "overlmt_selfpay": _money(np.zeros(size, np.int64)),
        "preselfpay_amt": _money(first_self), "inscp_scp_amt": _money(total - own - first_self)})


def _ids(prefix: str, numbers: np.ndarray) -> pa.Array:
    text = pa.array(numbers + 10 ** 15).cast(pa.string())
    return pa.compute.binary_join_element_wise(pa.scalar(prefix), text, "")


def _words(codes: np.ndarray, words: tuple[str, ...]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), pa.array(words))


def _days(offsets: np.ndarray) -> pa.Array:
    return pa.array(FIRST_DAY + offsets).cast(pa.date32())


def _money(fen: np.ndarray) -> pa.Array:
    words = np.zeros((len(fen), 2), np.int64)
    words[:, 0] = fen
    return pa.Array.from_buffers(MONEY, len(fen), [None, pa.py_buffer(words)])


def write_claims(out: Path, claims: int, seed: int = 2023, text_ids: bool = False) -> None:
    """Writes the file, group by group."""
    writer = None
    for first in range(0, claims, GROUP_ROWS):
        table = group(first, min(GROUP_ROWS, claims - first), claims, seed, text_ids)
        if writer is None:
            writer = pq.ParquetWriter(out, table.schema, compression="zstd", compression_level=1,
                                      store_decimal_as_integer=True)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--claims", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=2023)
    parser.add_argument("--ids", choices=("number", "text"), default="number")
    asked = parser.parse_args()
    write_claims(asked.out, asked.claims, asked.seed, asked.ids == "text")


if __name__ == "__main__":
    main()
