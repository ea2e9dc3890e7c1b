"""What is wrong with a line before any rule is asked (明细校验)."""
from __future__ import annotations

from collections.abc import Sequence

from ...errors import Refusal
from .model import FeeLine, SplitLine, Visit


def refusal(code: str, en: str, zh: str, where: str, hint: str, clause: str = "") -> Refusal:
    """A refusal that says it in both languages."""
    return Refusal(code, f"{en} ({zh})", where, clause, hint)


def check_order(lines: Sequence[FeeLine], earlier: Sequence[SplitLine]) -> None:
    """A bill has lines, and every line a serial number of its own.

    Raises Refusal `no-lines`, `duplicate-line`.
    """
    if not lines:
        raise refusal("no-lines", "the bill has no fee lines", "没有费用明细", "feedetail",
                      "Upload the fee lines first.")
    seen = {split.line.feedetl_sn for split in earlier}
    for line in lines:
        if line.feedetl_sn in seen:
            raise refusal("duplicate-line", f"serial number {line.feedetl_sn!r} stands twice",
                          "明细流水号重复", f"line {line.feedetl_sn}",
                          "Every line needs a feedetl_sn of its own; take the second one out if "
                          "it was sent twice.")
        seen.add(line.feedetl_sn)


def check_line(line: FeeLine, visit: Visit) -> None:
    """Raises Refusal `zero-count`, `correction-without-first`, `line-outside-stay`."""
    if not visit.begin <= line.day <= visit.end:
        raise refusal("line-outside-stay", f"the day {line.day} is not within {visit.begin} to "
                      f"{visit.end}", "费用日期不在就诊起止日期内", f"line {line.feedetl_sn}",
                      "Correct fee_ocur_time, or the begin and end of the visit.")
    if line.count_e4 == 0:
        raise refusal("zero-count", "the count is zero", "数量为零", f"line {line.feedetl_sn}",
                      "Leave the line out, or give its count.")
    if line.init_feedetl_sn and line.count_e4 > 0:
        raise refusal("correction-differs", f"it refers to line {line.init_feedetl_sn} but its "
                      "count is not negative", "冲减行数量应为负", f"line {line.feedetl_sn}",
                      "A correction has a negative count; any other line no init_feedetl_sn.")
    if line.count_e4 < 0 and not line.init_feedetl_sn:
        raise refusal("correction-without-first", "a negative count without init_feedetl_sn",
                      "负数量未注明原明细流水号", f"line {line.feedetl_sn}",
                      "Name the line that is taken back.")
