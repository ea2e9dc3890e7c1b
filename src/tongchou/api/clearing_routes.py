"""Clearing with institutions (清算): monthly filings, early payment, review, rest, deposit."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from psycopg import Connection
from starlette.responses import Response

from ..errors import CaseError, Refusal
from ..ledger import (Act, CHINA_TIME, ClearingRules, Filing, advance_due, aging, file_month,
                      filed_late, find_filing, pay_advance, pay_rest, rest_due, review,
                      settle_deposit, standings, unfiled)
from ..money import parse_yuan, yuan_text
from ..terms import FUNDS
from .fields import AmountYuan, Body, Day, Identifier, InstitutionCode, Month, Text, Yuan
from .gate import Caller, may
from .refusals import json_reply
from .repeats import Key, once

router = APIRouter(prefix="/api/v1/regions/{region}/filings", tags=["清算 clearing"])
FundName = Annotated[Literal[tuple(FUNDS)], Field(description="基金 terms.FUNDS")]
Amounts = Annotated[dict[FundName, Yuan], Field(max_length=40)]
FilingNumber = Annotated[Identifier, Path(description="申报单号")]


class NewFiling(Body):
    """月度申报 a month's advances with one payer; amounts must equal the books (BJ-47)."""

    filing_id: Identifier
    institution: InstitutionCode
    month: Month
    payer: Annotated[str, Field(pattern="^[a-z_]{1,30}$")]
    received_on: Day
    amounts: Annotated[dict[FundName, Yuan], Field(min_length=1, max_length=40)]


class NewStep(Body):
    """办理一步 advance 先行拨付, review 审核扣减, rest 余款, deposit 保证金 (BJ-48, BJ-49)."""

    step: Literal["advance", "review", "rest", "deposit"]
    on: Day
    amounts: Annotated[dict[FundName, AmountYuan | Yuan], Field(max_length=40)] = {}
    why: Text = ""


@router.post("", status_code=201, summary="月度申报 File a month's advances")
def file(request: Request, caller: Annotated[Caller, Depends(may("filing.make"))],
         body: NewFiling, key: Key) -> Response:
    """金额须与账簿逐基金相符。 Must equal the books, fund by fund."""
    caller.own(body.institution)
    rules = rules_of(request, caller)
    act = _act(request, caller, body.received_on)
    return _once(request, caller, key, body, lambda connection: file_month(
        connection, caller.who.region, body.filing_id, body.institution,
        date.fromisoformat(body.month + "-01"), body.payer, _fen(body.amounts), rules, act))


@router.post("/{filing_id}/steps", status_code=201, summary="拨付、审核、保证金 Take a step")
def step(request: Request, caller: Annotated[Caller, Depends(may("filing.pay"))],
         filing_id: FilingNumber, body: NewStep, key: Key) -> Response:
    """每步只办一次；多付少付均不予受理。 Each step once; over- and underpayment are refused."""
    act, region, fen = _act(request, caller, body.on), caller.who.region, _fen(body.amounts)

    def work(connection: Connection) -> Filing:
        if body.step == "advance":
            return pay_advance(connection, region, filing_id, fen, act)
        if body.step == "rest":
            return pay_rest(connection, region, filing_id, fen, act)
        ending = review if body.step == "review" else settle_deposit
        return ending(connection, region, filing_id, fen, body.why, act)
    return _once(request, caller, key, body, work)


@router.get("/{filing_id}", summary="申报单 A filing with its steps")
def filing(request: Request, caller: Annotated[Caller, Depends(may("filing.read"))],
           filing_id: FilingNumber) -> Response:
    """医药机构只见本机构的。 An institution sees its own only."""
    with request.app.state.platform.database.connection() as connection:
        found = find_filing(connection, caller.who.region, filing_id)
    caller.own(found.institution)
    return json_reply(_shown(found))


@router.get("", summary="未结清申报与逾期 Filings not paid in full, and their terms")
def filings(request: Request, caller: Annotated[Caller, Depends(may("filing.read"))],
            today: Annotated[Day | None, Query()] = None) -> Response:
    """按工作日历计算期限；并列出未申报的垫付。

    Terms by the working-day calendar; what nobody filed.
    """
    rules, calendar = rules_of(request, caller), request.app.state.settings.calendar
    if calendar is None:
        raise Refusal("no-calendar", "the server has no working-day calendar", "calendar", "",
                      "Start it with a calendar; see docs/http-api.md.")
    region, platform = caller.who.region, request.app.state.platform
    day = date.fromisoformat(today) if today else platform.clock().astimezone(CHINA_TIME).date()
    own = caller.who.institution
    with platform.database.connection() as connection:
        rows = [row for row in standings(connection, region, calendar, day)
                if not own or row.filing.institution == own]
        missing = [row for row in unfiled(connection, region, rules)
                   if not own or row.institution == own]
    return json_reply({
        "filings": [{**_shown(row.filing), "advance_by": row.advance_by.isoformat(),
                     "rest_by": row.rest_by.isoformat(), "owed": yuan_text(row.owed_fen),
                     "overdue": row.overdue, "late_days": row.late_days} for row in rows],
        "aging": [{"working_days_overdue": name, "filings": count, "owed": yuan_text(fen)}
                  for name, count, fen in aging(rows, rules.aging_days)],
        "unfiled": [{"institution": row.institution, "month": f"{row.month:%Y-%m}",
                     "payer": row.payer, "file_by": row.file_by.isoformat(),
                     "amount": yuan_text(row.amount_fen)} for row in missing]})


def _once(request: Request, caller: Caller, key: str, body: Body,
          work: Callable[[Connection], Filing]) -> Response:
    def done() -> object:
        with request.app.state.platform.database.connection() as connection:
            return _shown(work(connection))
    return once(request, caller, key, body.plain(), done)


def _act(request: Request, caller: Caller, day: str) -> Act:
    return Act(date.fromisoformat(day), caller.who.user_id, request.app.state.platform.clock())


def rules_of(request: Request, caller: Caller) -> ClearingRules:
    """The server's clearing rules of the region. Raises CaseError `no-clearing-rules`."""
    found = request.app.state.settings.clearing.get(caller.who.region)
    if found is None:
        raise CaseError("no-clearing-rules", "the server has no clearing rules of this region",
                        "region", hint="Start it with them; see docs/http-api.md.")
    return found


def _fen(amounts: Mapping[str, str]) -> dict[str, int]:
    return {fund: parse_yuan(text) for fund, text in amounts.items()}


def _yuan(amounts: Mapping[str, int]) -> dict[str, str]:
    return {fund: yuan_text(fen) for fund, fen in amounts.items()}


def _shown(found: Filing) -> dict[str, object]:
    due = {} if "rest" in found.steps else \
        rest_due(found) if "review" in found.steps else advance_due(found)
    return {"filing_id": found.filing_id, "institution": found.institution,
            "month": f"{found.month:%Y-%m}", "payer": found.payer,
            "received_on": found.received_on.isoformat(), "filed_late": filed_late(found),
            "amounts": _yuan(found.amounts), "due": _yuan(due),
            "steps": [{"step": one.step, "done_on": one.done_on.isoformat(),
                       "amounts": _yuan(one.amounts), "why": one.why, "by": one.done_by}
                      for one in found.steps.values()]}
