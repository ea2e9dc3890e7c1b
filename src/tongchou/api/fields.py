"""What fields of requests look like (字段): strict, bounded, with the national names.

Amounts are text with two decimals, days are yyyy-mm-dd; unknown keys are refused.
"""
from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ..enrolment import entry
from ..ledger import CHINA_TIME
from ..terms import INSURANCE, LEVELS, PLACES

YEAR_MIN, YEAR_MAX = 1900, 2200
IN_ORDER = (("first", "last"), ("first", "benefits_from"), ("benefits_from", "last"),
            ("day", "valid_until"), ("brdy", "died"), ("begndate", "enddate"), ("since", "until"))
# Inside days are `first` and `last`; outside they are `from` and `to`.
OUTSIDE = {"first": "from", "last": "to", "since": "from", "until": "to"}


class Body(BaseModel):
    """A request body: nothing is converted, nothing unknown passes."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True,
                              str_strip_whitespace=False, hide_input_in_errors=True)

    def plain(self) -> dict[str, object]:
        """As plain objects, without what was not given."""
        return self.model_dump(exclude_unset=True, exclude_none=True, by_alias=True)


class Spanned(Body):
    """A body with days that follow one another; see `IN_ORDER`."""

    @model_validator(mode="after")
    def days_in_order(self) -> Spanned:
        """The earlier day is not after the later one; a day left out says nothing."""
        given = self.__dict__                # a model looks long for what it has not
        for earlier, later in IN_ORDER:
            before, after = given.get(earlier), given.get(later)
            if before and after and before > after:
                raise ValueError(f"the days are out of order: {OUTSIDE.get(earlier, earlier)} is "
                                 f"after {OUTSIDE.get(later, later)}")
        return self


def _a_day(text: str) -> str:
    if not YEAR_MIN <= date.fromisoformat(text).year <= YEAR_MAX:
        raise ValueError(f"the year is outside {YEAR_MIN} to {YEAR_MAX}")
    return text


def _a_moment(text: str) -> str:
    _a_day(text[:10])
    datetime.fromisoformat(text)
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("it is blank")
    return text


def _known_area(text: str) -> str:
    try:
        entry.area_of("area", text)
    except entry.Fault as fault:
        raise ValueError(f"{fault.en} ({fault.zh})") from None
    return text


# Text without control characters: a NUL has no place in a database, a line end none in a log.
PLAIN = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"

Region = Annotated[str, Field(pattern=r"^[0-9]{6}$", description="统筹区 pooling area, six digits",
                              examples=["520500"])]
PersonNumber = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,30}$",
                                    description="人员编号 psn_no", examples=["P1"])]
Identifier = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,64}$", description="编号 id")]
Code = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,50}$", description="编码 code")]
InstitutionCode = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,30}$",
                                       description="定点医药机构编号 fixmedins_code",
                                       examples=["H001"])]
Yuan = Annotated[str, Field(pattern=r"^-?[0-9]{1,9}\.[0-9]{2}$",
                            description="金额（元），两位小数 yuan, two decimals",
                            examples=["86420.00"])]
AmountYuan = Annotated[str, Field(pattern=r"^[0-9]{1,9}\.[0-9]{2}$",
                                  description="金额（元），不得为负 yuan, not negative",
                                  examples=["86420.00"])]
Count = Annotated[str, Field(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,4})?$",
                             description="数量 count, at most four decimals", examples=["1"])]
Price = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,6})?$",
                             description="单价 price, at most six decimals", examples=["12.50"])]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", json_schema_extra={
    "format": "date"}, description="日期 day", examples=["2023-03-18"]), AfterValidator(_a_day)]
Moment = Annotated[str, Field(
    pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}$",
    description="时间（北京时间）civil time in China", examples=["2023-03-18T10:00:00"]),
    AfterValidator(_a_moment)]
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="月份 month",
                             examples=["2023-03"])]
Year = Annotated[str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}-[0-9]{2}:[a-z_]+)?$",
                            description="政策年度 policy year", examples=["2023"])]
AreaCode = Annotated[str, Field(pattern="^(([0-9]{2}){1,3})?$", examples=["330100"],
                                description="行政区划代码 area code, 2, 4 or 6 digits"),
                     AfterValidator(_known_area)]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=PLAIN),
                 AfterValidator(_not_blank)]
Text = Annotated[str, Field(max_length=500, pattern=PLAIN)]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=PLAIN,
                              description="原因 why; it stays in the books"),
                   AfterValidator(_not_blank)]
Insurance = Annotated[Literal[tuple(term.national for term in INSURANCE.values())],
                      Field(description="险种类型 insutype")]
Level = Annotated[Literal[tuple(LEVELS)], Field(description="医院等级 hosp_lev")]
Place = Annotated[Literal[tuple(PLACES)], Field(description="就医地 place of care")]
Sex = Annotated[Literal["1", "2", "9"], Field(description="性别 gend: 1 男 male, 2 女 female")]
Phone = Annotated[str, Field(pattern=r"^[0-9+() -]{5,20}$", description="电话 phone")]
Evidence = Annotated[str, Field(max_length=500, pattern=PLAIN, description="依据 evidence")]


def today(request: Request) -> str:
    """The day it is in China by the platform's clock."""
    return request.app.state.platform.clock().astimezone(CHINA_TIME).date().isoformat()
