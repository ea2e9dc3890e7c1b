"""The books over HTTP (账簿): close a day, its trial balance, verify, export."""
from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import PlainTextResponse, Response

from ..errors import Refusal
from ..ledger import balances_of, beancount_lines, close_day, last_close, verify
from ..money import yuan_text
from .fields import Day
from .gate import Caller, may
from .refusals import json_reply
from .repeats import Key, once

router = APIRouter(prefix="/api/v1/regions/{region}/ledger", tags=["账簿 ledger"])
ClosedDay = Annotated[Day, Path(description="日结日 day closed")]


@router.post("/closes/{day}", status_code=201, summary="日结 Close a day")
def close(request: Request, caller: Annotated[Caller, Depends(may("ledger.close"))],
          day: ClosedDay, key: Key) -> Response:
    """试算平衡、累计额与账簿相符才可日结；再次日结返回原结果。 Refused unless the books agree."""
    platform = request.app.state.platform

    def work() -> object:
        with platform.database.connection() as connection:
            made = close_day(connection, caller.who.region, date.fromisoformat(day),
                             platform.clock(), caller.who.user_id)
            return {"day": day, "hash": made.hash.hex(), "prev_hash": made.prev_hash.hex()}
    return once(request, caller, key, {}, work)


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
    with request.app.state.platform.database.connection() as connection:
        report = verify(connection, caller.who.region)
    return json_reply({"sound": report.sound, "chains": report.chains, "entries": report.entries,
                       "postings": report.postings, "closes": report.closes,
                       "findings": [one.as_dict() for one in report.findings],
                       "accumulators": [one._asdict() for one in report.accumulators]})
