"""What the file of scores says about each case, for the statement (病例说明列)."""
from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ..cases.files import open_case_file, raw_batches
from .model import TOLD

BATCH_ROWS = 1 << 17
TRUE = ("true", "1", "yes", "是")


def read_told(path: Path) -> pa.Table:
    """`case` and what the file has of TOLD, as `points` and `price` write them.

    A value that is no number where one belongs is left empty: the clearing has refused the row
    already if it mattered. Raises CaseError when the file cannot be read.
    """
    file = open_case_file(path)
    names = [name for name in ("case", *TOLD) if name in file.names]
    if "case" not in names:
        return pa.table({"case": pa.array([], pa.string())})
    parts = [pa.table([_column(name, raw.columns.column(name)) for name in names], names)
             for raw in raw_batches(file, names, BATCH_ROWS)]
    return pa.concat_tables(parts) if parts else pa.table({"case": pa.array([], pa.string())})


def _column(name: str, values: pa.Array) -> pa.Array:
    """A raw column by the unit its name ends in."""
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if name == "review":
        return values if pa.types.is_boolean(values.type) else pc.is_in(
            pc.utf8_lower(values.cast(pa.string())), pa.array(TRUE))
    if not name.endswith(("_fen", "_ppm", "_milli")):
        return values.cast(pa.string())
    if not pa.types.is_string(values.type):
        return values.cast(pa.int64())
    whole = pc.match_substring_regex(values, r"^-?[0-9]{1,18}$")
    return pc.if_else(whole, values, None).cast(pa.int64())
