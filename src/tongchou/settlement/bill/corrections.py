"""Negative lines: what is taken back from a line comes from its own parts (冲减明细).

A correction takes its share of each part that is left of the first line (largest remainder first),
so no part goes below zero, and when all has been taken back exactly nothing is left.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...money import divide_rounded, share_out, yuan_text
from .checks import refusal
from .model import AMOUNT_UNIT, FeeLine, SplitLine


@dataclass
class _Left:
    """What is left of a line after its corrections."""

    split: SplitLine
    count_e4: int
    parts: list[int]


class Corrections:
    """Lines that may be corrected, those of portions of the stay settled earlier among them."""

    def __init__(self, earlier: Sequence[SplitLine], tolerance_fen: int) -> None:
        self._firsts: dict[str, SplitLine] = {}
        self._left: dict[str, _Left] = {}
        self._corrections: set[str] = set()
        self._tolerance_fen = tolerance_fen
        for split in earlier:
            if split.line.count_e4 > 0:
                self.remember(split)
        for split in earlier:
            if split.line.count_e4 < 0:
                left = self._left_of(split.line.init_feedetl_sn)
                left.count_e4 += split.line.count_e4
                left.parts = [have + back for have, back in
                              zip(left.parts, split.parts, strict=True)]
                self._corrections.add(split.line.feedetl_sn)

    def remember(self, split: SplitLine) -> None:
        """A line that may be taken back later."""
        self._firsts[split.line.feedetl_sn] = split

    def _left_of(self, first_sn: str) -> _Left | None:
        """What is left of a line, None when there is no such line."""
        if first_sn not in self._left and first_sn in self._firsts:
            split = self._firsts[first_sn]
            self._left[first_sn] = _Left(split, split.line.count_e4, list(split.parts))
        return self._left.get(first_sn)

    def take_back(self, line: FeeLine) -> SplitLine:
        """The parts of a correction, none above zero.

        Raises Refusal `correction-without-first`, `correction-differs`, `corrected-too-much`,
        `line-does-not-add-up`.
        """
        left = self._first(line)
        count_e4 = -line.count_e4
        if count_e4 > left.count_e4:
            raise refusal("corrected-too-much", f"takes back {_count_text(count_e4)}, of line "
                          f"{line.init_feedetl_sn} {_count_text(left.count_e4)} are left",
                          "累计冲减数量超过原数量", f"line {line.feedetl_sn}",
                          "Take back at most what is left.")
        taken_fen = self._amount(line, left)
        have_fen = sum(left.parts)
        shares = share_out(taken_fen, left.parts) if have_fen else [0] * len(left.parts)
        left.count_e4 -= count_e4
        left.parts = [have - back for have, back in zip(left.parts, shares, strict=True)]
        assert min(left.parts) >= 0 and (left.count_e4 or not any(left.parts)), left
        self._corrections.add(line.feedetl_sn)
        first = left.split
        return first._replace(line=line, parts=tuple(-fen for fen in shares))

    def _first(self, line: FeeLine) -> _Left:
        where, first_sn = f"line {line.feedetl_sn}", line.init_feedetl_sn
        if first_sn in self._corrections:
            raise refusal("correction-differs", f"line {first_sn} is a correction itself",
                          "不能冲减冲减行", where, "Refer to the line that was charged first.")
        left = self._left_of(first_sn)
        if left is None:
            raise refusal("correction-without-first", f"there is no line {first_sn!r} on this "
                          "bill", "找不到原明细", where, "Upload the first line with it; if that "
                          "was settled already, reverse its settlement.")
        first = left.split.line
        for field in ("med_list_codg", "price_e6"):
            if getattr(line, field) != getattr(first, field):
                raise refusal("correction-differs", f"{field} is {getattr(line, field)}, that of "
                              f"line {first_sn} is {getattr(first, field)}",
                              "冲减行与原明细的编码或单价不一致", where,
                              "Take back the same item at the same price.")
        return left

    def _amount(self, line: FeeLine, left: _Left) -> int:
        """What is taken back: price times count, and at the end whatever is left."""
        have_fen = sum(left.parts)
        last = -line.count_e4 == left.count_e4
        due_fen = have_fen if last else min(
            divide_rounded(-line.count_e4 * line.price_e6, AMOUNT_UNIT), have_fen)
        tolerance_fen = 0 if last else self._tolerance_fen
        if abs(line.amount_fen + due_fen) > tolerance_fen or -line.amount_fen > have_fen:
            raise refusal("line-does-not-add-up", f"the correction is {yuan_text(-due_fen)}, the "
                          f"line says {yuan_text(line.amount_fen)}", "冲减金额不符",
                          f"line {line.feedetl_sn}", "Take back price times count; the last "
                          "correction takes back what is left.")
        return -line.amount_fen


def _count_text(count_e4: int) -> str:
    whole, rest = divmod(count_e4, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")
