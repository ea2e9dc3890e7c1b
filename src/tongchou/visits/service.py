"""What may be done with a visit, and when (就诊服务).

Every change runs on the caller's connection: the gateway keeps its reply in the same transaction,
so that a visit is never half written. Changes say what state they need; a visit that has moved on
meanwhile is refused, whatever was read before.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from psycopg import Connection
from psycopg import errors as states

from ..errors import Refusal
from . import store
from .model import ALL_LINES, KeptSettlement, NewLine, NewVisit, Visit


class Visits:
    """Visits of a database. `clock` gives the moment (UTC)."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock

    def register(self, connection: Connection, new: NewVisit) -> None:
        """挂号, 入院办理. Raises Refusal `visit-known`."""
        if not store.add_visit(connection, new, self.clock()):
            raise Refusal("visit-known", "this visit is registered already (就诊登记号已存在)",
                          f"mdtrt_id {new.mdtrt_id}", "", "Ask again; a new number is given.")

    def read(self, connection: Connection, region: str, psn_no: str, mdtrt_id: str) -> Visit | None:
        """A visit with its batches and settlements."""
        found = store.context(connection, store.place(region, psn_no, mdtrt_id))
        return Visit.of(found) if found else None

    def change(self, connection: Connection, region: str, visit: Visit,
               needs: Sequence[str] = ("open",), **changes: object) -> None:
        """Sets what is known of a visit in one of the states `needs`. Raises Refusal
        `visit-moved-on`."""
        where = store.place(region, visit.psn_no, visit.mdtrt_id)
        if not store.change_visit(connection, where, needs, changes):
            raise moved_on(visit.mdtrt_id)

    def charge(self, connection: Connection, region: str, visit: Visit,
               lines: Sequence[NewLine]) -> None:
        """费用明细上传. Raises Refusal `visit-moved-on`, `duplicate-line`."""
        self.change(connection, region, visit, facts={})     # locks the visit while it is open
        try:
            store.add_lines(connection, store.place(region, visit.psn_no, visit.mdtrt_id), lines,
                            self.clock())
        except states.UniqueViolation:
            raise Refusal("duplicate-line", "a serial number of these lines is in use (明细流水号"
                          "重复)", f"mdtrt_id {visit.mdtrt_id}", "", "Every line needs a "
                          "feedetl_sn of its own in the visit.") from None

    def split_anew(self, connection: Connection, region: str, visit: Visit,
                   lines: Sequence[NewLine], **changes: object) -> None:
        """住院信息变更 that moves the split: the changes, and every unsettled line with its new
        parts. Raises Refusal `visit-moved-on` when other lines are there now."""
        self.change(connection, region, visit, **changes)
        where = store.place(region, visit.psn_no, visit.mdtrt_id)
        if not store.replace_lines(connection, where, lines, self.clock()):
            raise moved_on(visit.mdtrt_id)

    def void(self, connection: Connection, region: str, visit: Visit, column: str,
             wanted: Sequence[str]) -> int:
        """费用明细撤销 of batches (`chrg_bchno`) or lines (`feedetl_sn`), "0000": all that are not
        settled. Raises Refusal `nothing-to-void`."""
        where = store.place(region, visit.psn_no, visit.mdtrt_id)
        chosen = None if ALL_LINES in wanted else wanted
        done = store.void_lines(connection, where, column, chosen, self.clock())
        if chosen is not None and not done:
            raise Refusal("nothing-to-void", "no unsettled line has this number (无此未结算明细)",
                          f"{column} {', '.join(wanted)[:60]}", "",
                          "Settled lines go with their settlement: cancel that first.")
        return done

    def settled(self, connection: Connection, region: str, visit: Visit, batch: str,
                row: Mapping[str, object], lines: int) -> None:
        """Notes a settlement, and whose lines it took. Raises Refusal `already-settled` when
        another message has noted it, `visit-moved-on` when other lines are there now than were
        settled."""
        where = store.place(region, visit.psn_no, visit.mdtrt_id)
        if not store.add_settlement(connection, where, row):
            raise Refusal("already-settled", "these charges are settled already (该次费用已结算，"
                          f"结算编号 {row['setl_id']})", f"mdtrt_id {visit.mdtrt_id}", "",
                          "Ask for that settlement, or cancel it first.")
        if store.mark_settled(connection, where, str(row["setl_id"]), batch) != lines:
            raise moved_on(visit.mdtrt_id)

    def taken_back(self, connection: Connection, region: str, psn_no: str, mdtrt_id: str,
                   row: Mapping[str, object], reversal_id: str, msgid: str) -> None:
        """Notes a settlement nobody was told of as taken back, so that its number is not used
        again; before it is reversed."""
        where = store.place(region, psn_no, mdtrt_id)
        store.add_settlement(connection, where, row)
        store.mark_reversed(connection, where, str(row["setl_id"]), reversal_id, msgid,
                            self.clock())

    def cancelled(self, connection: Connection, region: str, visit: Visit,
                  settlement: KeptSettlement, reversal_id: str, msgid: str,
                  at: datetime) -> None:
        """结算撤销: its lines are unsettled again; `at` is the moment the hospital is told, by
        which 对账 counts. Raises Refusal `already-reversed`."""
        where = store.place(region, visit.psn_no, visit.mdtrt_id)
        if not store.mark_reversed(connection, where, settlement.setl_id, reversal_id, msgid, at):
            raise Refusal("already-reversed", f"settlement {settlement.setl_id} is reversed "
                          "already", f"setl_id {settlement.setl_id}", "",
                          "Nothing is left to take back.")


def moved_on(mdtrt_id: str) -> Refusal:
    """The refusal where a visit is not as it was read."""
    return Refusal("visit-moved-on", "the visit has changed meanwhile (就诊状态已变化)",
                   f"mdtrt_id {mdtrt_id}", "", "Read the visit again, then repeat what is "
                   "still needed.")
