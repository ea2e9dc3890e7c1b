"""Fee lines from the fields of the national interface (明细读入)."""
from __future__ import annotations

from decimal import Decimal

import pytest

from tongchou.errors import Refusal
from tongchou.settlement.bill import fee_line

ROW = {"feedetl_sn": "9", "med_list_codg": "A", "fee_ocur_time": "2024-03-05 08:30:00",
       "cnt": "0.5", "pric": "1.234567", "det_item_fee_sumamt": "0.62", "prd_days": ""}


def test_fee_lines_from_national_fields() -> None:
    found = fee_line(ROW)
    assert found[:6] == ("9", "A", "2024-03-05", 5_000, 1_234_567, 62)
    assert fee_line({**ROW, "pric": Decimal("1.234567"), "cnt": Decimal("0.5000")}) == found


@pytest.mark.parametrize(("field", "value", "code"), [
    ("cnt", 0.5, "bad-number"), ("cnt", "1,000", "bad-number"), ("pric", "1.2345678", "bad-number"),
    ("det_item_fee_sumamt", "１", "bad-number"), ("cnt", None, "missing-field"),
    ("cnt", True, "bad-number"),
    ("fee_ocur_time", "2024-02-30", "bad-date"), ("med_chrgitm_type", "99", "unknown-code")])
def test_fields_that_are_none(field: str, value: object, code: str) -> None:
    with pytest.raises(Refusal) as caught:
        fee_line({**ROW, field: value})
    assert caught.value.code == code
