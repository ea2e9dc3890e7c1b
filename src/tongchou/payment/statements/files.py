"""Statements into a folder: a workbook and a PDF for each hospital and insurance (对账单文件)."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from ...errors import CaseError
from ..clearing import Clearing
from .model import Statement, statements_of
from .pdf import pdf_bytes
from .workbook import workbook_bytes

WRITERS: dict[str, Callable[[Statement], bytes]] = {"xlsx": workbook_bytes, "pdf": pdf_bytes}
Progress = Callable[[str, int, int], None]


def write_statements(clearing: Clearing, folder: Path, told: pa.Table | None = None, *,
                     kinds: tuple[str, ...] = ("xlsx", "pdf"),
                     progress: Progress = lambda *_: None) -> list[str]:
    """Writes the statements and gives the names of the files.

    `told` is the table of scores or prices that the clearing was made from (group, deviation and
    cost of every case). Raises CaseError for an unknown kind, for two hospitals whose names give
    one file, and for more cases than a sheet holds; a file is whole or not there.
    """
    for kind in kinds:
        if kind not in WRITERS:
            raise CaseError("unknown-kind", f"{kind!r} is no kind of statement", "--kind",
                            hint=f"One of {', '.join(WRITERS)}.")
    folder.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    whole = len(clearing.hospitals)
    for number, made in enumerate(statements_of(clearing, told)):
        progress("statements", number, whole)
        for kind in kinds:
            name = f"{made.file_name}.{kind}"
            if name in names:
                raise CaseError("duplicate-file", f"two hospitals would be written to {name}",
                                made.hospital, hint="Give hospitals codes of letters and digits.")
            names.append(name)
            _write(folder / name, WRITERS[kind](made))
    progress("statements", whole, whole)
    return names


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
