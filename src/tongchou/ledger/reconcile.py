"""Daily reconciliation with an institution (对账): counts and sums, then line by line.

`Line.amounts` are fen by name: a fund, or a national amount field. Only names that they
state are compared; a side that lacks a line owes an explanation for it.
"""
from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from psycopg import Connection

from ..errors import CaseError
from ..money import NumberFault, parse_yuan
from . import clearing_store, close_store
from .close_store import Heads, StoredClose
from .export import closed_day

REFUND = "refd_setl_flag"          # 退费结算标志
TOTAL, FUNDS_TOTAL, PERSON_PART = "medfee_sumamt", "fund_pay_sumamt", "psn_part_amt"
COLUMN_OF = {"cash": PERSON_PART, "absorbed": "hosp_part_amt"}
REFUND_KINDS = {"settlement": "0", "reversal": "1", "recompute": "2"}


class Line(NamedTuple):
    """One settlement, reversal or difference: its number, refund flag, fen by name."""

    setl_id: str
    refund: str
    amounts: Mapping[str, int]

    @property
    def key(self) -> tuple[str, str]:
        """What a line is known by on both sides."""
        return self.setl_id, self.refund


@dataclass
class Comparison:
    """Three lists, and the counts and sums of both sides (fen by name)."""

    ours_only: list[Line] = field(default_factory=list)
    theirs_only: list[Line] = field(default_factory=list)
    different: list[tuple[Line, Line]] = field(default_factory=list)
    ours_count: int = 0
    theirs_count: int = 0
    ours_sums: dict[str, int] = field(default_factory=dict)
    theirs_sums: dict[str, int] = field(default_factory=dict)

    @property
    def equal(self) -> bool:
        """Whether nothing is to be explained."""
        return not (self.ours_only or self.theirs_only or self.different)

    def as_dict(self) -> dict[str, object]:
        """The form of `--json`; amounts in fen."""
        return {"equal": self.equal, "ours_count": self.ours_count,
                "theirs_count": self.theirs_count, "ours_sums_fen": self.ours_sums,
                "theirs_sums_fen": self.theirs_sums,
                "ours_only": [line._asdict() for line in self.ours_only],
                "theirs_only": [line._asdict() for line in self.theirs_only],
                "different": [{"ours": one._asdict(), "theirs": other._asdict()}
                              for one, other in self.different]}


def compare(ours: Iterable[Line], theirs: Iterable[Line]) -> Comparison:
    """Compares two sides; of a line that stands twice on one side one is left over there."""
    found = Comparison()
    sides: dict[tuple[str, str], tuple[list[Line], list[Line]]] = {}
    for side, lines in enumerate((ours, theirs)):
        for line in lines:
            sides.setdefault(line.key, ([], []))[side].append(line)
    for mine, other in sides.values():
        found.ours_count, found.theirs_count = (found.ours_count + len(mine),
                                                found.theirs_count + len(other))
        for sums, lines in ((found.ours_sums, mine), (found.theirs_sums, other)):
            for line in lines:
                _add(sums, line)
        _pair(mine, other, found)
    return found


def _pair(mine: list[Line], theirs: list[Line], found: Comparison) -> None:
    """Lines of one key: equal ones first, then what differs in order, then what is left over."""
    left, waiting = [], list(mine)
    for line in theirs:
        same = next((one for one in waiting if _equal(one, line)), None)
        if same is None:
            left.append(line)
        else:
            waiting.remove(same)
    pairs = min(len(waiting), len(left))
    found.different += zip(waiting[:pairs], left[:pairs], strict=True)
    found.ours_only += waiting[pairs:]
    found.theirs_only += left[pairs:]


def _equal(one: Line, other: Line) -> bool:
    return all(one.amounts.get(name, 0) == fen for name, fen in other.amounts.items())


def _add(sums: dict[str, int], line: Line) -> None:
    for name, fen in line.amounts.items():
        sums[name] = sums.get(name, 0) + fen


def day_of(connection: Connection, region: str, institution: str, day: date) -> list[Line]:
    """Our lines of an institution on a closed day. Raises Refusal `day-not-closed`."""
    former, close = closed_day(connection, region, day)
    return _lines(connection, region, institution, former.heads if former else {}, close.heads)


def open_of(connection: Connection, region: str, institution: str, former: StoredClose | None,
            ) -> list[Line]:
    """Our lines of an institution since the last close (None: there was none): what the next one
    will hold, so far."""
    heads = {shard: (seq, hash_.hex()) for shard, (seq, hash_) in close_store.heads_before(
        connection, region, datetime.max.replace(tzinfo=UTC)).items()}
    return _lines(connection, region, institution, former.heads if former else {}, heads)


def _lines(connection: Connection, region: str, institution: str, former: Heads, heads: Heads,
           ) -> list[Line]:
    """Lines of the entries after the former heads, up to these."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for setl_id, kind, account, fund, fen in clearing_store.day_lines(
            connection, region, institution, former, heads):
        amounts = found.setdefault((setl_id, REFUND_KINDS.get(kind, kind)), {})
        names = (fund, FUNDS_TOTAL, TOTAL) if account == "expense" else \
            (COLUMN_OF[account], TOTAL) if account in COLUMN_OF else ()
        for name in names:
            amounts[name] = amounts.get(name, 0) + fen
    return [Line(*key, amounts) for key, amounts in found.items()]


def read_lines(path: Path) -> list[Line]:
    """An institution's day as CSV: setl_id, refd_setl_flag (may be left out) and amounts in yuan.

    Raises CaseError with the line of what cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = rows.fieldnames or []
            names = [name for name in columns if name not in ("setl_id", REFUND)]
            if "setl_id" not in columns or not names:
                raise CaseError("bad-reconciliation", "no column setl_id, or no amount", str(path),
                                hint=f"The first line is setl_id,{REFUND},{TOTAL},{FUNDS_TOTAL}, "
                                "and any fund's name.")
            return [_read_line(row, names, f"{path}:{rows.line_num}") for row in rows]
    except (UnicodeDecodeError, csv.Error) as fault:
        raise CaseError("bad-reconciliation", f"cannot be read as text: {fault}", str(path),
                        hint="Save it as CSV in UTF-8.") from None


def _read_line(row: Mapping[str, str | None], names: list[str], where: str) -> Line:
    setl_id = (row["setl_id"] or "").strip()
    if not setl_id or None in row or None in row.values():
        raise CaseError("bad-reconciliation", "no setl_id, or not as many values as columns",
                        where, hint="Export the file again.")
    try:
        amounts = {name: parse_yuan(row[name] or "0") for name in names}
    except NumberFault as fault:
        raise CaseError("bad-reconciliation", str(fault), where,
                        hint="Amounts are yuan with two decimals.") from None
    return Line(setl_id, (row.get(REFUND) or "0").strip(), amounts)
