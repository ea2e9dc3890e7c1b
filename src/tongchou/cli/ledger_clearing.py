"""`tongchou ledger file|filings|pay|review|deposit`: clearing with institutions (清算)."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import output
from .database_options import DATA, AsJson, Data, Region, Url
from .ledger_options import (SOMEBODY, By, CalendarFolder, Day, Rules, amounts_of, connected,
                             day_of, month_of, now)

if TYPE_CHECKING:
    from ..ledger import ClearingRules, Filing

Number = Annotated[str, typer.Option("--filing", help="Number of the filing 申报单号.")]
Amounts = Annotated[list[str], typer.Option("--amount", metavar="FUND=YUAN",
                                            help="Once for each fund.")]
Why = Annotated[str, typer.Option(help="The reason 理由.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module to the ledger's."""
    app.command("file")(file)
    app.command()(filings)
    app.command()(pay)
    app.command()(review)
    app.command()(deposit)


def rules_of(text: str) -> ClearingRules:
    """The clearing rules of a file, or of a shipped city."""
    from ..ledger import clearing_file, read_rules
    path = Path(text)
    return read_rules(path if path.suffix or path.is_file() else clearing_file(text))


def file(region: Region, number: Number,
         institution: Annotated[str, typer.Option(help="fixmedins_code 定点医药机构编号.")],
         month: Annotated[str, typer.Option(metavar="YYYY-MM", help="The month filed.")],
         payer: Annotated[str, typer.Option(help="agency, insurer ... as the rules name them.")],
         received: Annotated[str, typer.Option("--received", metavar="YYYY-MM-DD",
                                               help="Day of receipt.")],
         rules: Rules, amount: Amounts, by: By = SOMEBODY, database: Url = None,
         data: Data = DATA, json: AsJson = False) -> None:
    """An institution files a month's advances with one payer 月度申报 (BJ-47)."""
    from ..ledger import Act, file_month
    with connected(database, data) as connection:
        found = file_month(connection, region, number, institution, month_of(month), payer,
                           amounts_of(amount), rules_of(rules), Act(day_of(received), by, now()))
    _show(found, json)


def pay(region: Region, number: Number,
        step: Annotated[str, typer.Option(help="advance (early share, BJ-48) or rest (BJ-49).")],
        on: Day, amount: Amounts, by: By = SOMEBODY, database: Url = None, data: Data = DATA,
        json: AsJson = False) -> None:
    """Pays the early share, or after the review the rest 拨付; the exact sums only."""
    from ..ledger import Act, pay_advance, pay_rest
    if step not in ("advance", "rest"):
        raise typer.BadParameter(f"{step!r}: write advance or rest", param_hint="--step")
    with connected(database, data) as connection:
        found = (pay_advance if step == "advance" else pay_rest)(
            connection, region, number, amounts_of(amount), Act(day_of(on), by, now()))
    _show(found, json)


def review(region: Region, number: Number, on: Day,
           amount: Annotated[list[str] | None, typer.Option(
               "--deduct", metavar="FUND=YUAN", help="What is not paid back.")] = None,
           why: Why = "", by: By = SOMEBODY, database: Url = None, data: Data = DATA,
           json: AsJson = False) -> None:
    """Ends the review with its deductions 审核扣款 (BJ-49)."""
    from ..ledger import Act, review as review_filing
    with connected(database, data) as connection:
        found = review_filing(connection, region, number, amounts_of(amount or []), why,
                              Act(day_of(on), by, now()))
    _show(found, json)


def deposit(region: Region, number: Number, on: Day,
            amount: Annotated[list[str] | None, typer.Option(
                "--release", metavar="FUND=YUAN", help="What is given back.")] = None,
            why: Why = "", by: By = SOMEBODY, database: Url = None, data: Data = DATA,
            json: AsJson = False) -> None:
    """Gives the quality deposit back, or what the assessment leaves of it 质量保证金."""
    from ..ledger import Act, settle_deposit
    with connected(database, data) as connection:
        found = settle_deposit(connection, region, number, amounts_of(amount or []), why,
                               Act(day_of(on), by, now()))
    _show(found, json)


def filings(region: Region, rules: Rules, today: Annotated[str | None, typer.Option(
                metavar="YYYY-MM-DD", help="As of this day.")] = None,
            calendar: CalendarFolder = None, database: Url = None, data: Data = DATA,
            json: AsJson = False) -> None:
    """Open filings with their terms, the overdue first; their ages; advances nobody filed."""
    from ..ledger import CHINA_TIME, aging, read_calendar, standings, unfiled
    day = day_of(today) if today else now().astimezone(CHINA_TIME).date()
    terms, days = rules_of(rules), read_calendar(calendar)
    with connected(database, data) as connection:
        rows = standings(connection, region, days, day)
        missing = unfiled(connection, region, terms)
    found = {
        "filings": [{**_described(row.filing), "advance_by": row.advance_by.isoformat(),
                     "rest_by": row.rest_by.isoformat(), "owed_fen": row.owed_fen,
                     "overdue": row.overdue, "late_days": row.late_days} for row in rows],
        "aging": [{"working_days_overdue": name, "filings": count, "owed_fen": fen}
                  for name, count, fen in aging(rows, terms.aging_days)],
        "unfiled": [{"institution": row.institution, "month": f"{row.month:%Y-%m}",
                     "payer": row.payer, "file_by": row.file_by.isoformat(),
                     "overdue": day > row.file_by, "amount_fen": row.amount_fen}
                    for row in missing]}
    if json:
        output.json_object(found)
    else:
        _print_tables(found)


def _print_tables(found: dict[str, list[dict[str, object]]]) -> None:
    from rich.table import Table
    from ..money import yuan_grouped
    for title, rows in found.items():
        output.line(f"{title}: {len(rows) or 'none 无'}")
        if not rows:
            continue
        table = Table(box=None, pad_edge=False)
        names = [name for name, value in rows[0].items() if not isinstance(value, (dict, list))]
        for name in names:
            table.add_column(name.removesuffix("_fen"),
                             justify="right" if name.endswith("_fen") else "left")
        for row in rows:
            table.add_row(*(yuan_grouped(row[name]) if name.endswith("_fen") else str(row[name])
                            for name in names))
        output.table(table)


def _described(filing: Filing) -> dict[str, object]:
    from ..ledger import filed_late
    return {"filing": filing.filing_id, "institution": filing.institution,
            "month": f"{filing.month:%Y-%m}", "payer": filing.payer,
            "received_on": filing.received_on.isoformat(), "late": filed_late(filing),
            "amounts_fen": dict(filing.amounts),
            "steps": {name: {"done_on": step.done_on.isoformat(), "amounts_fen": dict(step.amounts),
                             "why": step.why, "by": step.done_by}
                      for name, step in filing.steps.items()}}


def _show(filing: Filing, as_json: bool) -> None:
    from ..ledger import advance_due, rest_due
    from ..money import yuan_text
    found = _described(filing)
    if "rest" not in filing.steps:
        found["due_fen"] = rest_due(filing) if "review" in filing.steps else advance_due(filing)
    if as_json:
        output.json_object(found)
        return
    output.line(f"{found['filing']} {found['institution']} {found['month']} {found['payer']}"
                + (" filed late 逾期申报" if found["late"] else ""))
    for title, amounts in (("filed 申报", filing.amounts),
                           *((name, step.amounts) for name, step in filing.steps.items()),
                           *([("due 应付", found["due_fen"])] if "due_fen" in found else [])):
        words = ", ".join(f"{fund} {yuan_text(fen)}" for fund, fen in amounts.items())
        output.line(f"  {title}: {words or '0.00'}")
