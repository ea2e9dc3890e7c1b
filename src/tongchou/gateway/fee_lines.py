"""Uploaded fee lines and their split (费用明细): split once, when they come in.

What 2204 and 2301 answer is what is settled later, whatever the catalogue says by then. A refund
is a line with a negative count that names the first line (init_feedetl_sn).
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..money import yuan_text
from ..settlement import (FeeLine, SplitBill, SplitLine, Visit as Circumstances, bill_of,
                          bill_row, fee_line, split_bill)
from ..terms import INSURANCE_OF_CODE, SEXES, visit_of
from ..visits import NewLine, Visit
from ..visits import store as visit_store
from .call import Call
from .reading import Row, plain_number
from .refusals import declined
from .settling import MED_TYPE_AS

PPM_DIGITS, SHOWN_DIGITS = 6, 4
NUMBERS = ("cnt", "pric", "det_item_fee_sumamt", "prd_days")
OPEN_END = "9999-12-31"
OUTPATIENT = "11"              # how lines are split before 2203 has told the kind of visit


def split_lines(call: Call, visit: Visit, rows: Sequence[Row], batch: str | None = None,
                ) -> tuple[list[NewLine], list[dict[str, object]]]:
    """Lines for the visit, and the rows of `result`. `batch`: of all lines, where rows have none.

    Raises Declined `no-lines` and what the split refuses.
    """
    if not rows:
        raise declined("no-lines", "没有费用明细", "feedetail")
    lines = [_line(row) for row in rows]
    platform = call.desk.platform
    with platform.database.connection() as connection:
        catalogue = platform.catalogues.of(connection, call.region)
        earlier = _earlier(call, visit, connection) if any(
            one.init_feedetl_sn or one.count_e4 < 0 for one in lines) else ()
    bill = split_bill(lines, catalogue, circumstances(call, visit),
                      platform.places.split_rules(call.region, visit.begin), None, earlier)
    stored = bill_row(bill)
    new = [_new_line(call, row, one, kept, bill,
                     batch if batch is not None else row.need("chrg_bchno"))
           for row, one, kept in zip(rows, bill.lines, stored["lines"], strict=True)]
    return new, [result_row(row, one) for row, one in zip(rows, bill.lines, strict=True)]


def split_anew(call: Call, visit: Visit) -> list[NewLine]:
    """The unsettled lines of a visit, split under what is known of it now."""
    where = visit_store.place(call.region, visit.psn_no, visit.mdtrt_id)
    with call.desk.platform.database.connection() as connection:
        kept = visit_store.lines(connection, where, settled=False)
        catalogue = call.desk.platform.catalogues.of(connection, call.region)
        earlier = tuple(kept_line(call.region, split) for *_, split in
                        visit_store.lines(connection, where, settled=True))
    rows = [_row(sent) for *_, sent, _ in kept]
    bill = split_bill([_line(row) for row in rows], catalogue, circumstances(call, visit),
                      call.desk.platform.places.split_rules(call.region, visit.begin), None,
                      earlier)
    return [_new_line(call, row, one, stored, bill, batch) for row, one, stored, (_, batch, *_)
            in zip(rows, bill.lines, bill_row(bill)["lines"], kept, strict=True)]


def _row(sent: Mapping[str, object]) -> Row:
    row = Row(sent)
    row.where = "feedetail"
    return row


def _new_line(call: Call, row: Row, one: SplitLine, stored: Mapping[str, object],
              bill: SplitBill, batch: str) -> NewLine:
    return NewLine(call.desk.platform.ids(), one.line.feedetl_sn, batch, one.line.day,
                   one.line.med_list_codg, dict(row),
                   {"version": bill.catalogue_version, "line": stored}, one.parts)


def circumstances(call: Call, visit: Visit) -> Circumstances:
    """What the split asks: insurance, hospital, kind of visit, person, diagnoses."""
    person = call.person_of(visit)
    institution = call.desk.platform.places.institution(call.region, visit.institution,
                                                        visit.begin)[0]
    med_type = visit.med_type or OUTPATIENT
    kind = visit_of(MED_TYPE_AS.get(med_type, med_type))
    if kind is None or visit.insutype not in INSURANCE_OF_CODE:
        raise declined("unknown-code", "医疗类别或险种无法识别", f"med_type {med_type}")
    return Circumstances(
        INSURANCE_OF_CODE[visit.insutype], institution.level, kind, visit.begin,
        visit.end or OPEN_END, person["brdy"], SEXES.get(person["gend"], "unknown"),
        visit.diagnosis_codes or ((visit.disease,) if visit.disease else ()))


def _line(row: Row) -> FeeLine:
    plain = {name: _plain(row, name) for name in NUMBERS}
    return fee_line({**row, **plain, "name": row.text("medins_list_name")})


def _plain(row: Row, name: str) -> str:
    value = row.text(name)
    try:
        return plain_number(value) if value else ""
    except (ArithmeticError, ValueError):
        return value                   # `fee_line` says what is wrong with it


def _earlier(call: Call, visit: Visit, connection: object) -> tuple[SplitLine, ...]:
    where = visit_store.place(call.region, visit.psn_no, visit.mdtrt_id)
    rows = visit_store.lines(connection, where)
    return tuple(kept_line(call.region, split) for *_, split in rows)


def kept_line(region: str, split: Mapping[str, object]) -> SplitLine:
    """The split line of a stored `split`."""
    bill: SplitBill = bill_of({"region": region, "catalogue_version": split["version"],
                               "parts": (0, 0, 0, 0), "lines": [split["line"]]})
    return bill.lines[0]


def result_row(row: Row, line: SplitLine) -> dict[str, object]:
    """A row of `result`, `detlcutinfo`: what of the line is paid by whom, and why (I7)."""
    found = line.as_dict()
    limit_fen = line.price_limit_fen
    ppm = 10 ** PPM_DIGITS if line.item_class == "C" else line.first_self_pay_ppm
    return {**found, "cnt": row.text("cnt"), "pric": row.text("pric"),
            "pric_uplmt_amt": "0" if limit_fen is None else yuan_text(limit_fen),
            "selfpay_prop": _ratio(ppm), "overlmt_amt": found["overlmt_selfpay"],
            "lmt_used_flag": row.text("lmt_used_flag", "0"), "memo": found["reason_zh"],
            **dict.fromkeys(("bas_medn_flag", "hi_nego_drug_flag", "chld_medc_flag",
                             "list_sp_item_flag", "drt_reim_flag"), "0")}


def _ratio(ppm: int) -> str:
    whole, rest = divmod(ppm, 10 ** PPM_DIGITS)
    return f"{whole}.{rest:0{PPM_DIGITS}d}"[:2 + SHOWN_DIGITS]
