"""`tongchou audit replay`: settlements of the past made again and compared (审计重放)."""
from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from . import output
from .database_options import DATA, AsJson, Data, Url
from .ledger_options import opened

if TYPE_CHECKING:
    from ..settlement.audit import Audit

app = audit = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None,
                          help="Prove settlements of the past 审计.")
DIFFERENT = 1
SHOWN = 20


@app.callback()
def _group() -> None:
    """Prove settlements of the past 审计."""


@app.command()
def replay(region: Annotated[str | None, typer.Option(help="Only this region 统筹区.")] = None,
           psn_no: Annotated[str | None, typer.Option(help="Only this person 人员.")] = None,
           setl_id: Annotated[str | None, typer.Option(help="Only this settlement 结算.")] = None,
           sample: Annotated[int | None, typer.Option(min=1, metavar="N", help="N settlements by "
                                                      "chance 随机抽查.")] = None,
           seed: Annotated[str | None, typer.Option(help="Repeats a sample 抽样种子.")] = None,
           everything: Annotated[bool, typer.Option("--all", help="Every one 全部.")] = False,
           database: Url = None, data: Data = DATA, json: AsJson = False) -> None:
    """Settles the past again from stored inputs and stored packs 审计重放; exit code 1 if any
    outcome differs by a fen."""
    from ..settlement.audit import Auditor
    from ..settlement.audit_store import Wanted, count
    from ..settlement import Regimes
    wanted = Wanted(region, psn_no, setl_id)
    if not (everything or sample or any(wanted)):
        raise typer.BadParameter("say what: --region, --psn-no, --setl-id, --sample N or --all")
    seed = seed or secrets.token_hex(4)
    with opened(database, data) as store:
        auditor = Auditor(Regimes(store.connection))
        with store.connection() as connection:
            total = count(connection, wanted)
            connection.commit()
            started = time.monotonic()
            with _progress(min(total, sample or total), json) as progress:
                found = auditor.run(connection, wanted, sample, seed, progress)
    milliseconds = int((time.monotonic() - started) * 1000)
    if setl_id and not found.settlements:
        _unknown(setl_id)
    if json:
        output.json_object({**found.as_dict(), "seed": seed if sample else None,
                            "milliseconds": milliseconds})
    else:
        _say(found, milliseconds, seed if sample else "")
    if not found.sound:
        raise typer.Exit(DIFFERENT)


def _unknown(setl_id: str) -> None:
    from ..errors import Refusal
    raise Refusal("unknown-settlement", f"there is no settlement {setl_id!r} 查无此结算",
                  f"setl_id {setl_id}", hint="Check the number, --region and --psn-no.")


@contextmanager
def _progress(total: int, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on standard error of a terminal, else silence."""
    if quiet or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replaying 重放", total=total)
        yield lambda done: bar.update(task, completed=done)


def _say(found: Audit, milliseconds: int, seed: str) -> None:
    rate = found.settlements * 1000 // max(milliseconds, 1)
    output.line(f"replayed 重放 {found.settlements:,} settlements 笔结算, {found.revisions:,} "
                f"outcomes 次结果, {rate:,} a second 每秒"
                + (f", sample 抽样种子 {seed}" if seed else ""))
    output.line(f"equal 一致 {found.equal:,}   different 不一致 "
                f"{len({row['setl_id'] for row in found.different}):,}   unreadable 无法重放 "
                f"{len(found.unreadable):,}")
    for row in found.different[:SHOWN]:
        output.line(f"DIFFERS 不一致 {_place(row)} revision 第 {row['revision']} 次")
        stored, again = row["stored"], row["replayed"]
        for name in ("fund_pay_sumamt", "psn_part_amt", "hosp_part_amt"):
            if stored[name] != again[name]:
                output.line(f"  {name}: stored 原值 {stored[name]}, replayed 重放 {again[name]}")
        if not row["statement_equal"]:
            output.line("  the statement was changed 结算明细被改动")
    for row in found.unreadable[:SHOWN]:
        output.line(f"UNREADABLE 无法重放 {_place(row)}: {row['why']} [{row['code']}]")
    hidden = len(found.different[SHOWN:]) + len(found.unreadable[SHOWN:])
    if hidden:
        output.line(f"... and {hidden:,} more: --json names all of them 其余见 --json")
    output.line("sound 全部一致" if found.sound
                else "the past is not as it was settled 与原结算不符")


def _place(row: dict[str, object]) -> str:
    return f"{row['region']} psn_no {row['psn_no']} setl_id {row['setl_id']}"
