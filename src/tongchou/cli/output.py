"""What commands write: JSON for scripts, tables for people, errors, and a quiet end of pipes."""
from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

READER_GONE = 141  # what a shell reports for a program that a closed pipe has stopped


def prepare() -> None:
    """Characters the terminal cannot show are escaped instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def line(text: str = "") -> None:
    """One line on standard output."""
    try:
        sys.stdout.write(text + "\n")
    except BrokenPipeError:
        raise SystemExit(reader_gone()) from None


def refused(count: int, rejects: object) -> None:
    """Where rows were refused: how many, and the file that says which and why."""
    if rejects:
        line(f"{count:,} rows refused; rows, values and reasons stand in {rejects}")


def json_object(found: object) -> None:
    """One JSON value on standard output; 中文 as it is where the stream is UTF-8."""
    plain = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    line(json.dumps(found, ensure_ascii=not plain, indent=2))


def error(described: dict[str, str], sentence: str, wants_json: bool) -> None:
    """The error object on standard output under `--json`, else a paragraph on standard error."""
    if wants_json:
        json_object({"error": described})
    else:
        sys.stderr.write(sentence.rstrip() + "\n")


def table(made: Table) -> None:
    """A rich table on standard output."""
    from rich.console import Console
    try:
        Console(highlight=False, markup=False, emoji=False).print(made)
    except BrokenPipeError:
        raise SystemExit(reader_gone()) from None


def flush() -> None:
    """Everything written out, so that a closed pipe is noticed here and not by the interpreter."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        sys.exit(reader_gone())
    except OSError as fault:
        sys.stderr.write(f"cannot write the output: {fault.strerror}\n")
        _silence()
        sys.exit(2)


def reader_gone() -> int:
    """Lets the interpreter end without a word after `| head`; gives the exit code."""
    _silence()
    return READER_GONE


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
