"""`tongchou demo`: the main job on real spending, from sample claims to tables (演示)."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CaseError
from . import output
from .settle import Language, write_page

if TYPE_CHECKING:
    from rich.table import Table

    from ..demo import Made

SAMPLE = "claims.csv"


def demo(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where everything is written.")]
    = Path("out/demo"),
    lang: Annotated[Language, typer.Option(help="Language of tables and explanation.")]
    = Language.zh,
) -> None:
    """Settle real spending under every shipped regime: an explained bill, tables, files.

    The sample is the RAND Health Insurance Experiment; what turns it into claims stands in the
    mapping files written beside the results. Exit code 1 when some bill could not be settled.
    """
    _prepare(out)
    with _progress(lang.value) as show:
        show("", 0, 1)
        from .. import demo as demonstration
        regimes = demonstration.read_regimes()
        made = demonstration.settle_regimes(regimes, out, show)
    text, page = demonstration.explained_example(lang.value)
    write_page(out / "explanation.html", page)
    files = [out / "explanation.html",
             demonstration.workbook.write_workbook(made, out / "summary.xlsx", lang.value),
             *demonstration.workbook.write_csv(made, out)]
    _report(made, text, files, lang.value)
    if any(one.run["rejected"] for one in made):
        raise typer.Exit(1)


def _prepare(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CaseError("unwritable-output", f"cannot write there: {fault.strerror}", str(out),
                        hint="Choose another `--out`.") from None


def _report(made: "Sequence[Made]", text: str, files: list[Path], lang: str) -> None:
    """Everything the reader sees, in the order of the headings."""
    from ..demo import tables
    from ..demo.words import say
    from . import demo_tables
    output.line(say("banner", lang, count=len(made)))
    _paragraph(say("caution", lang))
    for line in tables.candidate_lines(made, lang):
        output.line(f"  {line}")
    output.line(f"  {say('grades', lang)}")
    _heading(say("example", lang))
    output.line(text)
    _heading(say("paid", lang, unit=say("wan", lang)))
    _show(demo_tables.paid_table(made, lang))
    _heading(say("kinds", lang))
    _show(demo_tables.kind_table(made, lang))
    _heading(say("layers", lang))
    _show(demo_tables.layer_table(made, lang))
    for line in demo_tables.idle_layers(made, lang):
        _paragraph(line)
    _heading(say("assumed", lang))
    for name, sentence in tables.assumption_rows(made, lang):
        _paragraph(f"- {sentence}" if name == say("every_regime", lang) else f"- {name}: {sentence}")
    _heading(say("written", lang))
    for path in [*files, *(path for one in made for path in one.written)]:
        output.line(f"  {path}")
    _heading(say("again", lang))
    from ..demo.regimes import sample_folder
    one = made[0]
    output.line(f"  tongchou batch {_short(sample_folder() / SAMPLE)} --mapping "
                f"{one.mapping} --out again.parquet")


def _short(path: Path) -> str:
    """A path as seen from here, when that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)


def _heading(text: str) -> None:
    output.line()
    output.line(text)


def _paragraph(text: str) -> None:
    from ..engine.explain import WIDTH, wrapped
    for line in wrapped(text, WIDTH - 2):
        output.line(f"  {line}")


def _show(made: "Table") -> None:
    output.table(made)


@contextmanager
def _progress(lang: str) -> Iterator:
    """A spinner on a terminal, else one line a regime on standard error."""
    from ..demo.words import say
    if not sys.stderr.isatty():
        def tell(what: str, done: int, of: int) -> None:
            note = say("settling", lang, what=what) if what else say("compiling", lang)
            if done < of:
                sys.stderr.write(f"{note}\n")
        yield tell
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    with Progress(SpinnerColumn(), TextColumn("{task.description}"), BarColumn(),
                  TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(say("reading", lang), total=None)

        def show(what: str, done: int, of: int) -> None:
            note = say("settling", lang, what=what) if what else say("reading", lang)
            if done == 0:
                note += f" ({say('compiling', lang)})"
            bar.update(task, description=note, completed=done, total=of)
        yield show
