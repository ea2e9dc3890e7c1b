"""`tongchou ledger ...`: the books verified, closed, exported, reconciled and cleared (账簿)."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CaseError
from . import ledger_clearing, output
from .database_options import DATA, AsJson, Data, Region, Url
from .ledger_options import (SOMEBODY, By, CalendarFolder, Day, connected, day_of, key_ring, now,
                             public_keys_of)

if TYPE_CHECKING:
    from ..ledger import Comparison, Report, StoredClose

app = ledger = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None,
                           help="The books: verify, close, export, reconcile, clear.")
ledger_clearing.register(app)
DIFFERENT = 1


@app.command()
def verify(region: Annotated[str | None, typer.Option(help="Only this region 统筹区.")] = None,
           key: Annotated[list[str] | None, typer.Option("--public-key", metavar="HEX", help=(
               "A key whose signatures count; without it those of the key file. May be given "
               "several times."))] = None,
           kept: Annotated[list[Path] | None, typer.Option("--close", metavar="FILE.json", help=(
               "A close that was exported and kept elsewhere: must be the database's. May be "
               "given several times."))] = None,
           database: Url = None, data: Data = DATA, json: AsJson = False) -> None:
    """Rebuilds every chain from zero; names the first bad entry of each. Exit code 1 when bad."""
    from ..ledger import check_file, check_signatures
    from ..ledger import verify as verify_books
    keys = public_keys_of(key or [], data)
    with connected(database, data) as connection:
        report = verify_books(connection, region)
        signed = check_signatures(connection, keys, region)
        report.findings += signed.findings
        for path in kept or ():
            report.findings += check_file(path, keys, connection)
    if json:
        output.json_object({**report.as_dict(), **signed.as_dict(),
                            "signatures_checked": bool(keys)})
    else:
        _say(report)
        output.line(f"{signed.signed} day closes signed 已签名, {signed.unsigned} not"
                    + ("" if keys else "; no key to check them with 无公钥，未核对"))
    if not report.sound:
        raise typer.Exit(DIFFERENT)


@app.command("public-key")
def public_key(data: Data = DATA, json: AsJson = False) -> None:
    """The public halves of the keys that sign day closes 公钥: for whoever checks them."""
    keys = public_keys_of([], data)
    if not keys:
        raise CaseError("no-signing-key", "the key file has no signing key (没有签名密钥)",
                        str(data), hint="`tongchou people new-key KEYS.json --signing` adds one.")
    if json:
        output.json_object([{"public_key": one.public.hex(), "made": one.made} for one in keys])
    for one in keys if not json else ():
        output.line(f"{one.public.hex()}  {one.made}")


def _say(report: Report) -> None:
    output.line(f"{report.entries:,} entries and {report.postings:,} postings in {report.chains} "
                f"chains, {report.closes} day closes")
    for found in report.findings:
        output.line(f"BAD 有误 {found}")
    for row in report.accumulators:
        output.line(f"BAD 有误 accumulator of psn_no {row.psn_no} {row.year} {row.fund}: journal "
                    f"{row.journal}, person_year {row.stored} fen")
    output.line("sound 账簿完好" if report.sound
                else "the books are not as they were written 账簿被改动")


@app.command()
def close(region: Region, day: Day, out: Annotated[Path | None, typer.Option(
              help="Also write the sealed close as JSON.")] = None,
          by: By = SOMEBODY, database: Url = None, data: Data = DATA, json: AsJson = False) -> None:
    """Closes a day 日结: trial balance, control totals, accumulators, heads of all chains."""
    from ..ledger import close_day, close_file, close_signature, write_close
    ring = key_ring(data)
    with connected(database, data) as connection:
        sealed = close_day(connection, region, day_of(day), now(), by,
                           ring.signer if ring else None)
        signature = close_signature(connection, sealed)
    if out is not None:
        write_close(sealed, out, signature)
    if json:
        output.json_object(close_file(sealed, signature))
        return
    totals = sealed.found["totals"]
    output.line(f"{region} {sealed.day} closed 已日结: {totals['entries']:,} entries, hash "
                f"{sealed.hash.hex()}, " + (f"signed with key {signature.key_id} 已签名"
                                            if signature else "not signed 未签名"))
    _print_balances(sealed)


def _print_balances(sealed: StoredClose) -> None:
    from rich.table import Table
    from ..ledger import ACCOUNTS, balances_of
    from ..money import yuan_grouped
    table = Table(box=None, pad_edge=False)
    for name in ("account 科目", "fund 基金", "institution 机构"):
        table.add_column(name)
    for name in ("opening 期初", "debit 借方", "credit 贷方", "closing 期末"):
        table.add_column(name, justify="right")
    for row in balances_of(sealed):
        amounts = (row.opening_fen, row.debit_fen, row.credit_fen, row.closing_fen)
        table.add_row(f"{row.account} {ACCOUNTS[row.account].zh}", row.fund, row.institution,
                      *map(yuan_grouped, amounts))
    output.table(table)


@app.command()
def export(region: Region, day: Day, out: Annotated[Path, typer.Option(
               help="FILE.beancount (journal of the day) or FILE.xlsx (trial balance).")],
           database: Url = None, data: Data = DATA) -> None:
    """A closed day for other programs: its journal for beancount, its trial balance as Excel."""
    from ..ledger import beancount_lines, closed_day, write_beside, write_trial_balance
    if out.suffix not in (".beancount", ".xlsx"):
        raise typer.BadParameter(f"{out.name!r}: end it in .beancount or .xlsx")
    with connected(database, data) as connection:
        if out.suffix == ".xlsx":
            write_trial_balance(closed_day(connection, region, day_of(day))[1], out)
        else:
            write_beside(out, (f"{line}\n" for line in
                               beancount_lines(connection, region, day_of(day))))
    output.line(f"{out} written")


@app.command()
def reconcile(region: Region, day: Day,
              institution: Annotated[str, typer.Option(help="fixmedins_code 定点医药机构编号.")],
              theirs: Annotated[Path, typer.Option(help="Their day as CSV: setl_id, amounts in "
                                                   "yuan under national names or funds.")],
              database: Url = None, data: Data = DATA, json: AsJson = False) -> None:
    """Compares a closed day with an institution's file 对账; exit code 1 when they differ."""
    from ..ledger import compare, day_of as lines_of_day, read_lines
    lines = read_lines(theirs)
    with connected(database, data) as connection:
        found = compare(lines_of_day(connection, region, institution, day_of(day)), lines)
    if json:
        output.json_object(found.as_dict())
    else:
        _say_comparison(found)
    if not found.equal:
        raise typer.Exit(DIFFERENT)


def _say_comparison(found: Comparison) -> None:
    from ..money import yuan_text
    output.line(f"ours 本方 {found.ours_count:,} lines, theirs 对方 {found.theirs_count:,}")
    for name in sorted(found.theirs_sums):
        output.line(f"  {name}: {yuan_text(found.ours_sums.get(name, 0))}, "
                    f"theirs {yuan_text(found.theirs_sums[name])}")
    for title, lines in (("only ours 仅本方", found.ours_only),
                         ("only theirs 仅对方", found.theirs_only)):
        for line in lines:
            output.line(f"{title}: {line.setl_id} refund {line.refund}")
    for one, other in found.different:
        words = ", ".join(f"{name} {yuan_text(one.amounts.get(name, 0))} / {yuan_text(fen)}"
                          for name, fen in other.amounts.items()
                          if one.amounts.get(name, 0) != fen)
        output.line(f"differs 金额不符: {one.setl_id} refund {one.refund}: {words}")
    output.line("equal 一致" if found.equal else "to be explained 待核对")


@app.command()
def workdays(start: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD",
                                                help="Day of receipt; it does not count.")],
             days: Annotated[int, typer.Option(min=0, max=366,
                                               help="Working days of the term.")],
             calendar: CalendarFolder = None) -> None:
    """The last day of a term of working days 工作日期限."""
    from ..ledger import due_on, read_calendar
    output.line(due_on(day_of(start), days, read_calendar(calendar)).isoformat())
