"""SQL of visits (就诊存储). No commit here: the caller's transaction also keeps his reply."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from psycopg import Connection

from ..database import shard_of
from .model import NewLine, NewVisit

VISIT = ("region = %(region)s and shard = %(shard)s and psn_no = %(psn_no)s "
         "and mdtrt_id = %(mdtrt_id)s")
ADD_VISIT = """
insert into visit (region, shard, psn_no, mdtrt_id, institution, kind, state, med_type, insutype,
  begin_at, case_no, disease, diagnoses, facts, person, registered_at, registered_by)
values (%s, %s, %s, %s, %s, %s, 'open', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict do nothing"""
ADD_LINES = """
insert into visit_line (region, shard, psn_no, mdtrt_id, line_id, feedetl_sn, chrg_bchno, day,
  med_list_codg, sent, split, out_fen, over_fen, first_fen, in_fen, known_at)
select %(region)s, %(shard)s, %(psn_no)s, %(mdtrt_id)s, l->>0, l->>1, l->>2, (l->>3)::date, l->>4,
  l->5, l->6, (l->7->>0)::bigint, (l->7->>1)::bigint, (l->7->>2)::bigint, (l->7->>3)::bigint,
  %(at)s from jsonb_array_elements(%(lines)s::jsonb) as l"""


def place(region: str, psn_no: str, mdtrt_id: str) -> dict[str, object]:
    """Where the rows of a visit lie."""
    return {"region": region, "shard": shard_of(region, psn_no), "psn_no": psn_no,
            "mdtrt_id": mdtrt_id}


def as_json(found: object) -> str:
    """Text of a jsonb value."""
    return orjson.dumps(found).decode()


def add_visit(connection: Connection, new: NewVisit, at: object) -> bool:
    """Registers a visit; False where its number is there already."""
    return connection.execute(ADD_VISIT, (
        new.region, shard_of(new.region, new.psn_no), new.psn_no, new.mdtrt_id, new.institution,
        new.kind, new.med_type, new.insutype, new.begin_at, new.case_no, new.disease,
        as_json(list(new.diagnoses)), as_json(dict(new.facts)), new.person, at, new.by,
    )).rowcount == 1


def change_visit(connection: Connection, where: Mapping[str, object], states: Sequence[str],
                 changes: Mapping[str, object]) -> bool:
    """Sets columns of a visit that is in one of the states; `facts` are added to those there."""
    known = {"state", "med_type", "begin_at", "end_at", "case_no", "disease", "diagnoses", "facts"}
    assert changes.keys() <= known, changes
    parts = [f"{name} = facts || %({name})s::jsonb" if name == "facts" else f"{name} = %({name})s"
             for name in changes]
    values = {name: as_json(value) if name in ("facts", "diagnoses") else value
              for name, value in changes.items()}
    return connection.execute(
        f"update visit set {', '.join(parts)} where {VISIT} and state = any(%(states)s)",
        {**where, **values, "states": list(states)}).rowcount == 1


def context(connection: Connection, where: Mapping[str, object]) -> Mapping[str, object] | None:
    """A visit with its batches and settlements, None when there is none."""
    return connection.execute("select visit_context(%(region)s, %(shard)s::smallint, %(psn_no)s, "
                              "%(mdtrt_id)s)", where).fetchone()[0]


def add_lines(connection: Connection, where: Mapping[str, object], lines: Sequence[NewLine],
              at: object) -> None:
    """Adds lines; UniqueViolation where a serial number is in use."""
    connection.execute(ADD_LINES, {**where, "lines": as_json([list(one) for one in lines]),
                                   "at": at})


def lines(connection: Connection, where: Mapping[str, object], *, settled: bool | None = None,
          ) -> list[tuple[str, str, str | None, Mapping[str, object], Mapping[str, object]]]:
    """(feedetl_sn, chrg_bchno, setl_id, sent, split) of the lines that stand, oldest first."""
    only = {None: "", True: " and setl_id is not null", False: " and setl_id is null"}[settled]
    return connection.execute(
        f"select feedetl_sn, chrg_bchno, setl_id, sent, split from visit_line where {VISIT} "
        f"and voided_at is null{only} order by known_at, line_id", where).fetchall()


def void_lines(connection: Connection, where: Mapping[str, object], column: str,
               wanted: Sequence[str] | None, at: object) -> int:
    """Takes back unsettled lines: those of batches or serial numbers, or all (None)."""
    assert column in ("chrg_bchno", "feedetl_sn"), column
    only = "" if wanted is None else f" and {column} = any(%(wanted)s)"
    return connection.execute(
        f"update visit_line set voided_at = %(at)s where {VISIT} and setl_id is null "
        f"and voided_at is null{only}",
        {**where, "wanted": list(wanted or ()), "at": at}).rowcount


def mark_settled(connection: Connection, where: Mapping[str, object], setl_id: str,
                 chrg_bchno: str) -> int:
    """Gives the unsettled lines of a batch ("": of all) to a settlement; how many there were."""
    only = " and chrg_bchno = %(batch)s" if chrg_bchno else ""
    return connection.execute(
        f"update visit_line set setl_id = %(setl_id)s where {VISIT} and setl_id is null "
        f"and voided_at is null{only}",
        {**where, "setl_id": setl_id, "batch": chrg_bchno}).rowcount


def add_settlement(connection: Connection, where: Mapping[str, object],
                   row: Mapping[str, object]) -> bool:
    """Keeps what a hospital was answered; False where that settlement is there already."""
    return connection.execute(
        "insert into visit_settlement (region, shard, psn_no, setl_id, mdtrt_id, chrg_bchno, "
        "institution, infno, msgid, answer, setl_at) values (%(region)s, %(shard)s, %(psn_no)s, "
        "%(setl_id)s, %(mdtrt_id)s, %(chrg_bchno)s, %(institution)s, %(infno)s, %(msgid)s, "
        "%(answer)s, %(setl_at)s) on conflict do nothing",
        {**where, **row, "answer": as_json(row["answer"])}).rowcount == 1


def mark_reversed(connection: Connection, where: Mapping[str, object], setl_id: str,
                  reversal_id: str, msgid: str, at: object) -> bool:
    """Notes that a settlement was taken back and frees its lines; False when it was before."""
    done = connection.execute(
        f"update visit_settlement set reversed_at = %(at)s, reversal_id = %(reversal_id)s, "
        f"reversal_msgid = %(msgid)s where {VISIT} and setl_id = %(setl_id)s "
        "and reversed_at is null",
        {**where, "setl_id": setl_id, "reversal_id": reversal_id, "msgid": msgid, "at": at})
    connection.execute(f"update visit_line set setl_id = null where {VISIT} "
                       "and setl_id = %(setl_id)s and voided_at is null",
                       {**where, "setl_id": setl_id})
    return done.rowcount == 1


def settlements_of(connection: Connection, institution: str, since: object, until: object,
                   ) -> list[tuple[object, ...]]:
    """(psn_no, setl_id, mdtrt_id, infno, msgid, answer, setl_at, reversed_at, reversal_id,
    reversal_msgid) of an institution's settlements and cancellations in [since, until): 对账."""
    return connection.execute(
        "select psn_no, setl_id, mdtrt_id, infno, msgid, answer, setl_at, reversed_at, "
        "reversal_id, reversal_msgid from visit_settlement where institution = %(code)s "
        "and (setl_at >= %(since)s and setl_at < %(until)s or reversed_at >= %(since)s "
        "and reversed_at < %(until)s) order by setl_at, setl_id",
        {"code": institution, "since": since, "until": until}).fetchall()
