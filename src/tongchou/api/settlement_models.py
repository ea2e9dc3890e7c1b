"""Bodies of settlement requests, with national names (结算请求)."""
from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..terms import STATUSES
from .fields import (AmountYuan, Body, Code, Count, Day, Evidence, Identifier, InstitutionCode,
                     Insurance, Moment, Name, PersonNumber, Price, Reason, Spanned, Text,
                     Yuan)

LINES_MAX = 5_000
DIAGNOSES_MAX = 50
PARTS = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")

VisitCode = Annotated[str, Field(pattern=r"^[0-9]{2,6}$", description="医疗类别 med_type",
                                 examples=["21"])]
Flag = Annotated[str, Field(pattern=r"^[0-9]$")]


class FeeLine(Body):
    """费用明细 a line of the bill; a negative one names the line it takes back."""

    feedetl_sn: Identifier
    med_list_codg: Code
    fee_ocur_time: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
                                        r"([T ][0-9]{2}:[0-9]{2}:[0-9]{2})?$")]
    cnt: Count
    pric: Price
    det_item_fee_sumamt: Yuan
    name: Text | None = None
    init_feedetl_sn: Identifier | None = None
    med_chrgitm_type: Annotated[str, Field(pattern=r"^[0-9]{2}$")] | None = None
    hosp_appr_flag: Flag | None = None
    lmt_used_flag: Flag | None = None
    agency_approval: Text | None = None
    prd_days: Annotated[str, Field(pattern=r"^[0-9]{1,3}(\.[0-9]{1,2})?$")] | None = None


class Bill(Spanned):
    """结算请求 a bill to settle: either its four parts, or its lines, or both (then compared).

    `kind`: on_the_spot 联网直接结算, mid_stay 中途结算. `referred`: true 已转诊备案,
    false 应转而未转; left out, the platform finds it in the referrals and filings.
    """

    psn_no: PersonNumber
    mdtrt_id: Identifier
    med_type: VisitCode
    fixmedins_code: InstitutionCode
    begndate: Day
    enddate: Day
    kind: Literal["on_the_spot", "mid_stay"] = "on_the_spot"
    setl_time: Moment | None = None
    insutype: Insurance | None = None
    dise_codg: Code | None = None
    diagnoses: Annotated[list[Code], Field(max_length=DIAGNOSES_MAX)] | None = None
    episode: Identifier | None = None
    referred: bool | None = None
    medfee_sumamt: AmountYuan
    fulamt_ownpay_amt: AmountYuan | None = None
    overlmt_selfpay: AmountYuan | None = None
    preselfpay_amt: AmountYuan | None = None
    inscp_scp_amt: AmountYuan | None = None
    feedetail: Annotated[list[FeeLine], Field(min_length=1, max_length=LINES_MAX)] | None = None

    @model_validator(mode="after")
    def parts_or_lines(self) -> Bill:
        """Either way the four parts can be known."""
        given = [getattr(self, name) is not None for name in PARTS]
        if self.feedetail is None and not all(given[:3]):
            raise ValueError("give feedetail, or the parts fulamt_ownpay_amt, overlmt_selfpay and "
                             "preselfpay_amt")
        if any(given) and not all(given[:3]):
            raise ValueError("of the parts some are given and some are not")
        return self


class Reversal(Body):
    """冲正 takes a settlement back. `refund`: refuse_unless_last refuses when later settlements of
    the year rest on it; recompute lets them follow (policy-semantics 9)."""

    psn_no: PersonNumber
    reason: Reason
    refund: Literal["refuse_unless_last", "recompute"] = "refuse_unless_last"


class Recognition(Spanned):
    """身份认定 a status in force from an earlier day; what was settled since follows (GZ-26)."""

    code: Annotated[Literal[tuple(STATUSES)], Field(description="人员身份 status, terms.STATUSES")]
    since: Annotated[Day, Field(alias="from", description="生效日 first day in force")]
    until: Annotated[Day | None, Field(alias="to", description="失效日 last day in force")] = None
    recognised: Day
    source: Name
    evidence: Evidence | None = None


class Recomputation(Body):
    """重算 settles the person's years again as known now."""

    reason: Reason
