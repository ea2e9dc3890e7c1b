"""Why a settlement is what it is (结算解释), and its slip (结算单)."""
from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import PlainTextResponse, Response

from .fact_routes import Number
from .gate import Caller, may
from .refusals import json_reply
from .settlement_routes import SettlementNumber, own_settlement

router = APIRouter(prefix="/api/v1/regions/{region}/persons/{psn_no}/settlements/{setl_id}",
                   tags=["结算 settlement"])
Reader = Annotated[Caller, Depends(may("settlement.read"))]
Language = Annotated[Literal["zh", "en"], Query(description="语言 language of the text")]
Revision = Annotated[int | None, Query(ge=1, le=1_000_000, description="第几次结果 revision")]


@router.get("/explanation", summary="结算解释（数据） Explanation as data")
def explanation(request: Request, caller: Reader, psn_no: Number, setl_id: SettlementNumber,
                lang: Language = "zh", revision: Revision = None) -> Response:
    """每层的基数、起付线、比例、封顶与条款，及历次变化的起因。

    Every layer with its clauses, every change with its cause.
    """
    return json_reply(_explained(request, caller, psn_no, setl_id, lang, revision))


@router.get("/explanation/text", response_class=PlainTextResponse,
            summary="结算解释（文字） Explanation in words")
def explanation_text(request: Request, caller: Reader, psn_no: Number, setl_id: SettlementNumber,
                     lang: Language = "zh", revision: Revision = None) -> Response:
    """可直接给参保人看。 May be handed to the person."""
    found = _explained(request, caller, psn_no, setl_id, lang, revision)
    return Response(str(found["text"]), media_type="text/plain; charset=utf-8")


@router.get("/slip", summary="结算单 The slip as data")
def slip(request: Request, caller: Reader, psn_no: Number, setl_id: SettlementNumber) -> Response:
    """结算单所列各项，供打印。 What the printed slip carries."""
    caller.looked_at(psn_no, fields=())
    own_settlement(request, caller, psn_no, setl_id)
    return json_reply(request.app.state.platform.slip(caller.who.region, psn_no, setl_id,
                                                      who=caller.who))


def _explained(request: Request, caller: Caller, psn_no: str, setl_id: str, lang: str,
               revision: int | None) -> dict[str, object]:
    caller.looked_at(psn_no, fields=())
    own_settlement(request, caller, psn_no, setl_id)
    return request.app.state.platform.explanation(caller.who.region, psn_no, setl_id, lang,
                                                  revision, who=caller.who)
