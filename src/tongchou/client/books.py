"""The institution's own books of settlements, and reconciliation at the end of a day (对账).

3201 compares totals by insurance and clearing class. 3202 compares rows, the file goes up by 9101
and the result comes back by 9102: for every class in which there are rows, since two faults of the
same amount (a lost reply, a row stored twice) leave the totals even.
"""
from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from .client import Client, one_of
from .sequences import Settled

EVEN = "0"
INSURANCES, CLASSES = ("310", "390"), ("11", "21", "41")
COLUMNS = ("psn_no", "mdtrt_id", "setl_id", "msgid", "stmt_rslt", "refd_setl_flag", "memo",
           "medfee_sumamt", "fund_pay_sumamt", "acct_pay")
EMPTY = "null"


class Entry(NamedTuple):
    """A row of the books; amounts in yuan, of a refund negative. `day` by the centre's time."""

    setl_id: str
    mdtrt_id: str
    psn_no: str
    refund: bool
    insutype: str
    clr_type: str
    day: str
    medfee: Decimal
    fund: Decimal
    account: Decimal
    cash: Decimal

    @classmethod
    def of(cls, settled: Settled) -> Entry:
        """The row of a settlement or a cancellation."""
        amounts = (settled.amount(name) for name in (
            "medfee_sumamt", "fund_pay_sumamt", "acct_pay", "psn_cash_pay"))
        return cls(settled.setl_id, settled.mdtrt_id, settled.psn_no, settled.refund,
                   settled.insutype, settled.clr_type, settled.at[:10], *amounts)

    def line(self) -> str:
        """The row in the file of 3202."""
        found = (self.setl_id, self.mdtrt_id, self.psn_no, self.medfee, self.fund, self.account,
                 "1" if self.refund else "0")
        return "\t".join(str(one) for one in found)


class Difference(NamedTuple):
    """A row that is not even: `setl_id` empty where only the centre has it, then `memo` names it.
    """

    setl_id: str
    psn_no: str
    msgid: str
    refund: bool
    memo: str


class Books:
    """What was settled and cancelled, in the order it was stored."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, settled: Settled) -> None:
        """Stores a settlement or a cancellation."""
        self.entries.append(Entry.of(settled))

    def between(self, first: date, last: date) -> list[Entry]:
        """Rows of these days."""
        return [one for one in self.entries if first.isoformat() <= one.day <= last.isoformat()]


def reconcile(client: Client, books: Books, first: date, last: date,
              insurances: Sequence[str] = INSURANCES, classes: Sequence[str] = CLASSES,
              ) -> list[Difference]:
    """3201 for every insurance and class; 3202 for each class that is uneven, or has rows in your
    books. Empty: the books agree.

    Ask for every class you may have settled, not only for those in your books: a settlement you
    do not know of is in none of them."""
    own = books.between(first, last)
    kinds = sorted({(insutype, kind) for insutype in insurances for kind in classes}
                   | {(one.insutype, one.clr_type) for one in own})
    uneven = {kind for insutype, kind in kinds if not _even(
        client, [one for one in own if (one.insutype, one.clr_type) == (insutype, kind)],
        insutype, kind, first, last)}
    compared = sorted(uneven | {one.clr_type for one in own})
    return [found for kind in compared for found in _details(
        client, [one for one in own if one.clr_type == kind], kind, first, last)]


def _even(client: Client, rows: Sequence[Entry], insutype: str, clr_type: str, first: date,
          last: date) -> bool:
    """3201."""
    out = client.call("3201", {"data": {
        "insutype": insutype, "clr_type": clr_type, "setl_optins": client.access.area,
        "stmt_begndate": first, "stmt_enddate": last, **_sums(rows),
        "acct_pay": sum((one.account for one in rows), Decimal()),
        "fixmedins_refd_setl_flag": "0"}})
    return str(one_of(out, "stmtinfo")["stmt_rslt"]) == EVEN


def _sums(rows: Sequence[Entry]) -> dict[str, object]:
    return {"medfee_sumamt": sum((one.medfee for one in rows), Decimal()),
            "fund_pay_sumamt": sum((one.fund for one in rows), Decimal()),
            "fixmedins_setl_cnt": len(rows)}


def _details(client: Client, rows: Sequence[Entry], clr_type: str, first: date, last: date,
             ) -> list[Difference]:
    """9101, 3202, 9102."""
    number = client.upload("detail.zip", packed("detail.txt", (one.line() for one in rows)))
    out = client.call("3202", {"data": {
        "setl_optins": client.access.area, "file_qury_no": number, "stmt_begndate": first,
        "stmt_enddate": last, **_sums(rows), "clr_type": clr_type,
        "cash_payamt": sum((one.cash for one in rows), Decimal()),
        "fixmedins_refd_setl_flag": "0"}})
    file = one_of(out, "fileinfo")
    return differences(client.download(str(file["file_qury_no"]), str(file["filename"])))


def packed(filename: str, lines: Iterable[str]) -> bytes:
    """Lines as a text in a ZIP."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(filename, "".join(f"{one}\n" for one in lines))
    return found.getvalue()


def differences(content: bytes) -> list[Difference]:
    """The rows of a result file of 3202 that are not even."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        text = archive.read(archive.namelist()[0]).decode("utf-8-sig")
    rows = (dict(zip(COLUMNS, ("" if one == EMPTY else one for one in line.split("\t")),
                     strict=False)) for line in text.splitlines())
    return [Difference(row["setl_id"], row["psn_no"], row["msgid"], row["refd_setl_flag"] == "1",
                       row["memo"]) for row in rows if row["stmt_rslt"] != EVEN]
