"""Institutions, what they are designated for, and the area's rules (定点机构、统筹区规则)."""
from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from starlette.responses import Response

from ..enrolment import RULES, Designation, Institution, area_store
from .fields import (OUTSIDE, PLAIN, AreaCode, Code, Day, InstitutionCode, Level, Name, Place,
                     Reason, Spanned, today)
from .gate import Caller, may
from .people_models import From, To
from .fact_routes import Service
from .refusals import json_reply
from .repeats import Key, once

DesignatedFor = Literal["general", "chronic", "dispensing", "day_treatment", "inpatient",
                        "special_drug"]
PAGE, PAGE_MAX = 100, 1000

router = APIRouter(prefix="/api/v1/regions/{region}", tags=["机构 institutions"])


class NewInstitution(Spanned):
    """医药机构 an institution with class and place."""

    code: InstitutionCode
    name: Name
    level: Level
    tags: Annotated[list[Code], Field(max_length=20)] = []
    place: Place = "local"
    county: Annotated[AreaCode, Field(pattern="^([0-9]{6})?$")] = ""
    first: From
    last: To = None
    why: Reason


class NewDesignation(Spanned):
    """定点 what it is designated for, and whether it settles on the spot."""

    kind: DesignatedFor
    networked: bool
    first: From
    last: To = None
    why: Reason


class AreaRule(Spanned):
    """统筹区规则 a rule of the area for a time."""

    value: Annotated[dict[Annotated[str, Field(pattern="^[a-z_]{1,40}$")],
                          str | int | list[Annotated[str, Field(max_length=60)]]],
                     Field(max_length=20)]
    first: From
    last: To = None
    source: Name
    why: Reason


@router.post("/institutions", status_code=201, summary="登记机构 Register an institution")
def add_institution(request: Request,
                    caller: Annotated[Caller, Depends(may("institution.change"))],
                    body: NewInstitution, key: Key, service: Service) -> Response:
    """等级与所在地决定支付档次。 Level and place decide how it is paid."""
    fact = Institution(body.code, body.name, body.level, tuple(body.tags), body.place,
                       body.county, body.first, body.last or "")
    return _added(request, caller, key, body, fact, service)


@router.post("/institutions/{code}/designations", status_code=201, summary="定点 Designate it")
def designate(request: Request, caller: Annotated[Caller, Depends(may("institution.change"))],
              code: Annotated[InstitutionCode, Path()], body: NewDesignation, key: Key,
              service: Service) -> Response:
    """未定点的费用不予支付（BJ-28）。 What is not designated is not paid."""
    fact = Designation(code, body.kind, body.networked, body.first, body.last or "")
    return _added(request, caller, key, body, fact, service)


@router.get("/institutions", summary="机构名单 Institutions of a day")
def institutions(request: Request, caller: Annotated[Caller, Depends(may("institution.read"))],
                 service: Service, day: Annotated[Day | None, Query()] = None,
                 level: Annotated[Level | None, Query()] = None,
                 kind: Annotated[DesignatedFor | None, Query(description="定点类型")] = None,
                 name: Annotated[str, Query(max_length=100, pattern=PLAIN)] = "",
                 place: Annotated[Place | None, Query()] = None,
                 after: Annotated[str, Query(pattern="^[0-9A-Za-z_-]{0,30}$")] = "",
                 limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE) -> Response:
    """按级别、定点类型、名称、所在地筛选；`next` 作为下一页的 `after`。

    By level, designation, part of the name, place; `next` is the `after` of the next page.
    """
    wanted = area_store.Wanted(day or today(request), level or "", kind or "", name, place or "",
                               after)
    found = service.institutions(caller.who.region, wanted, limit + 1)
    page = found[:limit]
    return json_reply({
        "day": wanted.day, "institutions": [{**_shown(one), "designated_for": list(kinds)}
                                            for one, kinds in page],
        "next": page[-1][0].code if len(found) > limit else None})


@router.get("/institutions/{code}", summary="机构信息 An institution on a day")
def institution(caller: Annotated[Caller, Depends(may("institution.read"))],
                code: Annotated[InstitutionCode, Path()], day: Annotated[Day, Query()],
                service: Service) -> Response:
    """含当日有效的定点资格。 With the designations in force."""
    found, designations = service.institution(caller.who.region, code, day)
    return json_reply({**_shown(found), "designations": [_shown(one) for one in designations]})


@router.put("/rules/{name}", summary="设定统筹区规则 Set a rule of the area")
def set_rule(request: Request, caller: Annotated[Caller, Depends(may("institution.change"))],
             name: Annotated[Literal[tuple(RULES)], Path()], body: AreaRule, key: Key,
             service: Service) -> Response:
    """政策留给统筹区的：集中缴费期、等待期等。 What the policy leaves to the area."""
    def work() -> object:
        service.set_rule(caller.who.region, name, body.value, body.first, body.last or "",
                         source=body.source, by=caller.who.user_id, why=body.why)
        _forget(request)
        return {"rule": name, "from": body.first}
    return once(request, caller, key, body.plain(), work, 200)


@router.get("/rules", summary="统筹区规则 The area's rules on a day")
def rules(caller: Annotated[Caller, Depends(may("institution.read"))],
          day: Annotated[Day, Query()], service: Service) -> Response:
    """每条附条款。 Each with its clause."""
    found = service.rules(caller.who.region, day)
    return json_reply({"rules": {name: {"value": value, "clause": clause} for name, (value, clause)
                                 in found.values.items()}})


def _added(request: Request, caller: Caller, key: str, body: NewInstitution | NewDesignation,
           fact: Institution | Designation, service: Service) -> Response:
    def work() -> object:
        row_id = service.add_institution(caller.who.region, fact, by=caller.who.user_id,
                                         why=body.why)
        _forget(request)
        return {"row_id": row_id}
    return once(request, caller, key, body.plain(), work)


def _forget(request: Request) -> None:
    request.app.state.platform.places.forget()


def _shown(fact: Institution | Designation) -> dict[str, object]:
    return {OUTSIDE.get(name, name): value for name, value in asdict(fact).items()}
