"""The catalogue over HTTP (医保目录): import a file, look an item up."""
from __future__ import annotations

from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Path, Query, Request, UploadFile
from starlette.responses import Response

from ..errors import CaseError
from ..money import percent_text, yuan_text
from ..settlement.catalogue import (Catalogue, Deed, Item, import_rows, joined, read_items,
                                    read_rules)
from .fields import PLAIN, Code, Day, Reason, today
from .gate import Caller, may
from .refusals import json_reply
from .repeats import Key, once
from .uploads import digest, stored

router = APIRouter(prefix="/api/v1/regions/{region}/catalogue", tags=["目录 catalogue"])
FAULTS_MAX = 1000
PAGE, PAGE_MAX = 100, 1000
SOME_CODE = r"^[0-9A-Za-z._-]{0,50}$"


@router.post("/imports", status_code=201, summary="导入目录 Import a catalogue file")
def import_catalogue(request: Request,
                     caller: Annotated[Caller, Depends(may("catalogue.import"))], key: Key,
                     file: UploadFile, why: Annotated[Reason, Form()],
                     rules: UploadFile | None = None) -> Response:
    """有误的行逐条说明原因与改法，其余成为新版目录。

    Wrong rows are told, the rest is a new edition.
    """
    platform = request.app.state.platform

    def work() -> object:
        with stored(file) as path:
            reading = read_items(path)
        if rules is not None:
            with stored(rules) as path:
                reading = joined(reading, read_rules(path))
        with platform.database.connection() as connection:
            made = import_rows(connection, reading, Deed(
                caller.who.region, platform.clock(), caller.who.user_id, why))
        return {**made.as_dict(), "rows_taken": len(reading.records),
                "rows_refused": reading.wrong_rows, "empty_rows": reading.empty_rows,
                "columns_ignored": list(reading.ignored),
                "faults": [one.as_dict() for one in reading.faults[:FAULTS_MAX]]}
    return once(request, caller, key, {"file": digest(file), "why": why}, work)


@router.get("/items", summary="目录清单 Items of a day")
def items(request: Request, caller: Annotated[Caller, Depends(may("catalogue.read"))],
          day: Annotated[Day | None, Query()] = None,
          code: Annotated[str, Query(pattern=SOME_CODE, description="编码开头")] = "",
          name: Annotated[str, Query(max_length=100, pattern=PLAIN, description="名称含")] = "",
          item_class: Annotated[Literal["A", "B", "C"] | None, Query(alias="class")] = None,
          after: Annotated[str, Query(pattern=SOME_CODE)] = "",
          limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE) -> Response:
    """按编码开头、名称、甲乙丙类筛选；`next` 作为下一页的 `after`。

    By first signs of the code, part of the name, class; `next` is the `after` of the next page.
    """
    catalogue, on = _catalogue(request, caller), day or today(request)
    found = list(islice((one for one in catalogue.in_force(on) if one.code > after
                         and one.code.startswith(code) and name.lower() in one.name.lower()
                         and one.item_class == (item_class or one.item_class)), limit + 1))
    return json_reply({"day": on, "edition": catalogue.version,
                       "items": [_shown(one) for one in found[:limit]],
                       "next": found[limit - 1].code if len(found) > limit else None})


@router.get("/items/{code}", summary="查询目录 An item")
def item(request: Request, caller: Annotated[Caller, Depends(may("catalogue.read"))],
         code: Annotated[Code, Path()], day: Annotated[Day, Query()]) -> Response:
    """甲乙丙类、先行自付比例、限价与限制使用。

    Class, first self-pay, price limits, restrictions.
    """
    catalogue = _catalogue(request, caller)
    found = catalogue.item(code, day)
    if found is None:
        raise CaseError("unknown-item", "the catalogue has no such item on that day", "code",
                        hint="Check the code; items come and go with editions.")
    return json_reply({**_shown(found), "edition": catalogue.version})


def _catalogue(request: Request, caller: Caller) -> Catalogue:
    """The newest edition of the region. Raises Refusal `no-catalogue`."""
    platform = request.app.state.platform
    with platform.database.connection() as connection:
        return platform.catalogues.of(connection, caller.who.region)


def _shown(found: Item) -> dict[str, object]:
    return {"code": found.code, "name": found.name, "class": found.item_class,
            "category": found.category, "kind": found.kind, "from": found.since,
            "to": found.until, "unit": found.unit, "negotiated": found.negotiated,
            "note": found.note, "clause": found.clause,
            "first_self_pay": {scheme: percent_text(ppm) for scheme, ppm
                               in found.first_self_pay_ppm.items()},
            "price_limits": {level: yuan_text(fen) for level, fen
                             in found.price_limits_fen.items()}}
