"""Settlement (结算): settle, reverse, recognise and recompute, look back, replay.

Settling and pre-settling are answered by `hot_settlement`; their routes here document them, and
answer where the application is used without its shell.
"""
from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from .fields import Identifier, PersonNumber, Year
from .gate import Caller, may
from .hot_settlement import checked_key
from .refusals import json_reply
from .repeats import Key
from .settlement_models import Bill, Recognition, Recomputation, Reversal

router = APIRouter(prefix="/api/v1/regions/{region}", tags=["结算 settlement"])
SettlementNumber = Annotated[Identifier, Path(description="结算编号 setl_id")]
Number = Annotated[PersonNumber, Path()]


@router.post("/presettlements", summary="预结算 What settling would answer now")
def presettle(request: Request, caller: Annotated[Caller, Depends(may("settlement.presettle"))],
              body: Bill) -> Response:
    """不留痕迹。 Leaves no trace."""
    caller.own(body.fixmedins_code, body.psn_no)
    reply = request.app.state.platform.presettle({"region": caller.who.region, **body.plain()},
                                                 who=caller.who)
    caller.looked_at(body.psn_no, fields=())
    return json_reply(reply)


@router.post("/settlements", summary="结算（含中途结算） Settle a bill, at discharge or mid-stay")
def settle(request: Request, caller: Annotated[Caller, Depends(may("settlement.settle"))],
           body: Bill, key: Key) -> Response:
    """同一键与内容重发，逐字节返回首次的答复。

    The same key and body answer the same bytes again.
    """
    caller.own(body.fixmedins_code, body.psn_no)
    return json_reply(request.app.state.platform.settle(
        {"region": caller.who.region, **body.plain()}, checked_key(key, caller), who=caller.who))


@router.post("/settlements/{setl_id}/reversal", summary="冲正 Take a settlement back")
def reverse(request: Request, caller: Annotated[Caller, Depends(may("settlement.reverse"))],
            setl_id: SettlementNumber, body: Reversal, key: Key) -> Response:
    """记相反分录，原记录不动。 Posts the negative; what was there stays."""
    own_settlement(request, caller, body.psn_no, setl_id)
    return json_reply(request.app.state.platform.reverse(
        {"psn_no": body.psn_no, "setl_id": setl_id, "reason": body.reason},
        checked_key(key, caller), who=caller.who, refund=body.refund))


@router.post("/persons/{psn_no}/recognitions", summary="身份追溯认定 A status from an earlier day")
def recognise(request: Request, caller: Annotated[Caller, Depends(may("status.recognise"))],
              psn_no: Number, body: Recognition, key: Key) -> Response:
    """按追溯后的身份重算并补差（GZ-26）。 Settles again since then and posts signed differences."""
    return json_reply(request.app.state.platform.recognise(
        {"psn_no": psn_no, **body.plain()}, checked_key(key, caller), who=caller.who))


@router.post("/persons/{psn_no}/recomputation", summary="重算 Settle a person's years again")
def recompute(request: Request, caller: Annotated[Caller, Depends(may("status.recompute"))],
              psn_no: Number, body: Recomputation, key: Key) -> Response:
    """按现在所知重算，只记差额。 As known now; only differences are posted."""
    return json_reply(request.app.state.platform.recompute(
        {"psn_no": psn_no, "reason": body.reason}, checked_key(key, caller), who=caller.who))


@router.get("/persons/{psn_no}/settlements", summary="结算历史 A person's settlements")
def history(request: Request, caller: Annotated[Caller, Depends(may("settlement.read"))],
            psn_no: Number, year: Annotated[Year | None, Query()] = None) -> Response:
    """医药机构只见本机构的。 An institution sees its own only."""
    caller.looked_at(psn_no, fields=())
    rows = request.app.state.platform.history(caller.who.region, psn_no, year, who=caller.who)
    if caller.who.role == "institution":
        rows = [row for row in rows if row["institution"] == caller.who.institution]
    return json_reply({"settlements": rows})


@router.get("/persons/{psn_no}/settlements/{setl_id}", summary="一次结算 One settlement")
def settlement(request: Request, caller: Annotated[Caller, Depends(may("settlement.read"))],
               psn_no: Number, setl_id: SettlementNumber) -> Response:
    """含每次重算或冲正的结果。 With every outcome it had."""
    caller.looked_at(psn_no, fields=())
    return json_reply(own_settlement(request, caller, psn_no, setl_id))


@router.get("/persons/{psn_no}/settlements/{setl_id}/replay", summary="审计重放 Audit replay")
def replay(request: Request, caller: Annotated[Caller, Depends(may("settlement.replay"))],
           psn_no: Number, setl_id: SettlementNumber) -> Response:
    """用当时的政策包、内核版本与输入重算，逐分比对。 Settles again from what was stored then."""
    caller.looked_at(psn_no, fields=())
    return json_reply(request.app.state.platform.replay(caller.who.region, psn_no, setl_id,
                                                        who=caller.who))


def own_settlement(request: Request, caller: Caller, psn_no: str, setl_id: str,
                   ) -> dict[str, object]:
    """A settlement the caller may see. Raises Refusal `unknown-settlement`,
    `not-own-institution`."""
    found = request.app.state.platform.settlement(caller.who.region, psn_no, setl_id,
                                                  who=caller.who)
    caller.own(str(found["institution"]), psn_no)
    return found
