"""Drugstores (定点药店): 2101, 2102, 2103. One message registers, charges and settles."""
from __future__ import annotations

from dataclasses import replace

from ...visits import NewVisit, Visit
from .. import fee_lines, prescribing, registration, settling
from ..call import Answer, Asking, Call
from ..reading import Row
from ..settling import Bill

KIND, BATCH = "pharmacy", "1"


def _purchase(call: Call) -> tuple[Row, NewVisit, Visit, list, list, Bill]:
    row = call.input.one("druginfo")
    med_type = row.need("med_type")
    new, _ = registration.register(call, row, KIND, med_type)
    prescribing.check_flow(call, new.psn_no, call.input.rows("drugdetail"))
    visit = Visit(new.psn_no, new.mdtrt_id, new.institution, KIND, "open", med_type, new.insutype,
                  new.begin_at, "", "", new.disease, (), {}, new.person)
    lines, result = fee_lines.split_lines(call, visit, call.input.rows("drugdetail"), BATCH)
    parts = tuple(sum(column) for column in zip(*(one.parts for one in lines), strict=True))
    settling.check_stated(row, parts)
    last = max(visit.begin, *(one.day for one in lines))
    return row, new, visit, lines, result, Bill(BATCH, len(lines), parts, visit.begin, last,
                                                med_type)


def presettle(call: Call) -> Answer:
    """2101 药店预结算."""
    row, _, visit, _, result, bill = _purchase(call)
    answer = settling.presettle(call, visit, bill, row)
    return Answer({**answer.output, "detlcutinfo": result})


def settle(call: Call) -> Asking:
    """2102 药店结算: visit, lines and settlement in one."""
    row, new, visit, lines, result, bill = _purchase(call)
    asking, visits = settling.settle(call, visit, bill, row), call.desk.visits

    def then(said: str | Exception) -> Answer:
        answer = asking.then(said)
        writes = (registration.registering(call, new),
                  lambda connection: visits.charge(connection, call.region, visit, lines),
                  *answer.writes)
        return Answer({**answer.output, "detlcutinfo": result}, writes, answer.undo)

    return replace(asking, then=then)


def cancel(call: Call) -> Answer:
    """2103 药店结算撤销."""
    visit = call.own_visit(KIND)
    return settling.cancel(call, visit, call.input.one().need("setl_id"))


HANDLERS = {"2101": presettle, "2102": settle, "2103": cancel}
