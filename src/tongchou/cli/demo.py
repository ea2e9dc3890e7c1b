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
        from ..demo import workbook
        regimes = demonstration.read_regimes()
        made = demonstration.settle_regimes(regimes, out, show)
    text, page = demonstration.explained_example(lang.value)
    write_page(out / "explanation.html", page)
    files = [out / "explanation.html",
             workbook.write_workbook(made, out / "summary.xlsx", lang.value),
             *workbook.write_csv(made, out)]
    _report(made, text, files, lang.value)
    if any(one.run["rejected"] for one in made):
        raise typer.Exit(1)


def _prepare(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CaseError("unwritable-output", f"cannot write there: {fault.strerror}", str(out),
                        hint="Choose another `--out`.") from None


def _report(made: Sequence[Made], text: str, files: list[Path], lang: str) -> None:
    """Everything the reader sees, in the order of the headings."""
    from ..demo import sample_claims, tables
    from ..demo.words import say
    from . import demo_tables
    _paragraph(say("banner", lang, count=len(made)), 0)
    _paragraph(say("caution", lang))
    for line in tables.candidate_lines(made, lang):
        output.line(f"  {line}")
    _paragraph(say("grades", lang))
    run = made[0].run
    output.line("  " + say("counted", lang, rows=run["rows"], people=run["persons"],
                          claims=_each(made, "claims"), rejected=_each(made, "rejected")))
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
        shared = name == say("every_regime", lang)
        _paragraph(f"- {sentence}" if shared else f"- {name}: {sentence}")
    _heading(say("written", lang))
    for path in [*files, *(path for one in made for path in one.written)]:
        output.line(f"  {path}")
    _heading(say("again", lang))
    output.line(f"  tongchou batch {_short(sample_claims())} --mapping {made[0].mapping} "
                "--out again.parquet")


def _each(made: Sequence[Made], what: str) -> str:
    """A count of every regime, written once when it is the same for all."""
    found = list(dict.fromkeys(f"{one.run[what]:,}" for one in made))
    return found[0] if len(found) == 1 else "/".join(f"{one.run[what]:,}" for one in made)


def _short(path: Path) -> str:
    """A path as seen from here, when that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)


def _heading(text: str) -> None:
    output.line()
    _paragraph(text, 0)


def _paragraph(text: str, indent: int = 2) -> None:
    from ..engine.explain import WIDTH, wrapped
    for line in wrapped(text, WIDTH - indent):
        output.line(" " * indent + line)


def _show(made: Table) -> None:
    """A table as wide as the explanation, however narrow the terminal: cells are never cut."""
    from rich.console import Console

    from ..engine.explain import WIDTH
    console = Console(width=WIDTH, highlight=False, markup=False, emoji=False)
    with console.capture() as seen:
        console.print(made)
    for line in seen.get().rstrip().splitlines():
        output.line(line.rstrip())


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
