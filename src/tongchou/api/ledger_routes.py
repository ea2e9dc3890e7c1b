"""The books over HTTP (账簿): close a day, its trial balance, verify, export."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, UploadFile
from starlette.responses import PlainTextResponse, Response

from ..errors import Refusal
from ..ledger import (CloseSignature, Line, balances_of, beancount_lines, check_signatures,
                      close_day, close_signature, closed_days, compare, day_of, last_close,
                      open_of, public_keys, read_lines, verify)
from ..money import yuan_text
from .fields import Day, InstitutionCode
from .gate import Caller, may
from .refusals import json_reply
from .repeats import Key, once
from .uploads import stored

router = APIRouter(prefix="/api/v1/regions/{region}/ledger", tags=["账簿 ledger"])
PAGE_MAX, LINES_MAX = 1000, 1000
Whose = Annotated[InstitutionCode, Query()]
ClosedDay = Annotated[Day, Path(description="日结日 day closed")]


@router.post("/closes/{day}", status_code=201, summary="日结 Close a day")
def close(request: Request, caller: Annotated[Caller, Depends(may("ledger.close"))],
          day: ClosedDay, key: Key) -> Response:
    """试算平衡、累计额与账簿相符才可日结；再次日结返回原结果。 Refused unless the books agree."""
    platform = request.app.state.platform

    def work() -> object:
        with platform.database.connection() as connection:
            made = close_day(connection, caller.who.region, date.fromisoformat(day),
                             platform.clock(), caller.who.user_id,
                             platform.enrolment.keys.signer)
            return {"day": day, "hash": made.hash.hex(), "prev_hash": made.prev_hash.hex(),
                    "signature": _signature(close_signature(connection, made))}
    return once(request, caller, key, {}, work)


@router.get("/closes", summary="已日结的日子 Days that are closed")
def closes(request: Request, caller: Annotated[Caller, Depends(may("ledger.read"))],
           since: Annotated[Day, Query()] = "1900-01-01",
           until: Annotated[Day, Query()] = "2200-12-31",
           limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100) -> Response:
    """自 since 至 until（含），最新在前。 Of the days since to until, newest first."""
    with request.app.state.platform.database.connection() as connection:
        found = closed_days(connection, caller.who.region, date.fromisoformat(since),
                            date.fromisoformat(until), limit)
    return json_reply({"closes": [{"day": day.isoformat(), "hash": bytes(hashed).hex()}
                                  for day, hashed in found]})


@router.get("/closes/{day}/lines", summary="机构当日明细 An institution's lines of a closed day")
def lines(request: Request, caller: Annotated[Caller, Depends(may("reconciliation.read"))],
          day: ClosedDay, institution: Whose) -> Response:
    """逐笔结算与冲正，金额单位元；医药机构只见本机构的。

    Settlements and reversals in yuan; an institution sees its own only.
    """
    caller.own(institution)
    with request.app.state.platform.database.connection() as connection:
        found = day_of(connection, caller.who.region, institution, date.fromisoformat(day))
    return json_reply({"day": day, "institution": institution,
                       "lines": [_line(one) for one in found]})


@router.get("/open/lines", summary="机构未日结明细 An institution's lines since the last close")
def open_lines(request: Request, caller: Annotated[Caller, Depends(may("reconciliation.read"))],
               institution: Whose) -> Response:
    """上次日结以来的结算与冲正，日结前可先核对；`since` 为上次日结日。

    What the next close will hold, so far; an institution sees its own only.
    """
    caller.own(institution)
    with request.app.state.platform.database.connection() as connection:
        former = last_close(connection, caller.who.region)
        found = open_of(connection, caller.who.region, institution, former)
    return json_reply({"since": former.day.isoformat() if former else None,
                       "institution": institution, "lines": [_line(one) for one in found]})


@router.post("/closes/{day}/reconciliation", summary="对账 Compare an institution's file")
def reconciliation(request: Request,
                   caller: Annotated[Caller, Depends(may("reconciliation.read"))],
                   day: ClosedDay, institution: Whose, file: UploadFile) -> Response:
    """上传 CSV（setl_id 与金额，单位元），只比对，不入账。 Compared only; nothing is written."""
    caller.own(institution)
    with stored(file) as path:
        theirs = read_lines(path)
    with request.app.state.platform.database.connection() as connection:
        ours = day_of(connection, caller.who.region, institution, date.fromisoformat(day))
    found = compare(ours, theirs)
    return json_reply({
        "equal": found.equal, "ours_count": found.ours_count, "theirs_count": found.theirs_count,
        "ours_sums": _yuan(found.ours_sums), "theirs_sums": _yuan(found.theirs_sums),
        "ours_only": [_line(one) for one in found.ours_only[:LINES_MAX]],
        "theirs_only": [_line(one) for one in found.theirs_only[:LINES_MAX]],
        "different": [{"ours": _line(one), "theirs": _line(other)}
                      for one, other in found.different[:LINES_MAX]]})


def _signature(found: CloseSignature | None) -> dict[str, object] | None:
    return {"key_id": found.key_id, "public_key": found.public_key.hex(),
            "signature": found.signature.hex()} if found else None


def _line(found: Line) -> dict[str, object]:
    return {"setl_id": found.setl_id, "refd_setl_flag": found.refund, **_yuan(found.amounts)}


def _yuan(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: yuan_text(fen) for name, fen in amounts.items()}


@router.get("/closes/{day}", summary="试算平衡表 Trial balance of a closed day")
def trial_balance(request: Request, caller: Annotated[Caller, Depends(may("ledger.read"))],
                  day: ClosedDay) -> Response:
    """金额单位元；借方为正。 Yuan; debit positive."""
    with request.app.state.platform.database.connection() as connection:
        found = last_close(connection, caller.who.region, date.fromisoformat(day))
        if found is None or found.day.isoformat() != day:
            raise Refusal("day-not-closed", f"{day} is not closed", "day", "",
                          "Close it first, or ask for another day.")
        return json_reply({
            "region": found.region, "day": day, "hash": found.hash.hex(),
            "prev_hash": found.prev_hash.hex(),
            "signature": _signature(close_signature(connection, found)),
            "heads": [{"shard": shard, "seq": seq, "hash": hashed}
                      for shard, (seq, hashed) in sorted(found.heads.items())],
            "balances": [{"account": row.account, "fund": row.fund,
                          "institution": row.institution, "opening": yuan_text(row.opening_fen),
                          "debit": yuan_text(row.debit_fen), "credit": yuan_text(row.credit_fen),
                          "closing": yuan_text(row.closing_fen)} for row in balances_of(found)]})


@router.get("/closes/{day}/beancount", response_class=PlainTextResponse,
            summary="导出（beancount） A closed day's journal as text")
def export(request: Request, caller: Annotated[Caller, Depends(may("ledger.read"))],
           day: ClosedDay) -> Response:
    """可用 bean-check 独立核对。 To be checked by bean-check."""
    with request.app.state.platform.database.connection() as connection:
        text = "\n".join(beancount_lines(connection, caller.who.region,
                                         date.fromisoformat(day))) + "\n"
    name = f"{caller.who.region}-{day}.beancount"
    return Response(text, media_type="text/plain; charset=utf-8",
                    headers={"Content-Disposition": f'attachment; filename="{name}"'})


@router.get("/verification", summary="验账 Verify the books of the region")
def verification(request: Request, caller: Annotated[Caller, Depends(may("ledger.read"))],
                 ) -> Response:
    """自零重建每条哈希链、余额与累计额；指出第一处不符。 Rebuilt from zero; names what is wrong."""
    platform = request.app.state.platform
    with platform.database.connection() as connection:
        report = verify(connection, caller.who.region)
        signed = check_signatures(connection, public_keys(platform.enrolment.keys),
                                  caller.who.region)
    report.findings += signed.findings
    return json_reply({"sound": report.sound, "chains": report.chains, "entries": report.entries,
                       "postings": report.postings, "closes": report.closes, **signed.as_dict(),
                       "findings": [one.as_dict() for one in report.findings],
                       "accumulators": [one._asdict() for one in report.accumulators]})
