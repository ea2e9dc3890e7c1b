"""SQL of visits (就诊存储). No commit here: the caller's transaction also keeps his reply."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from psycopg import Connection

from ..database import shard_of
from .model import NewLine, NewVisit, Visit

VISIT = ("region = %(region)s and shard = %(shard)s and psn_no = %(psn_no)s "
         "and mdtrt_id = %(mdtrt_id)s")
MOVED_ON = "TC012"                     # SQLSTATE of gateway_noted, migration 0017
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


COLUMNS = ("psn_no, mdtrt_id, institution, kind, state, med_type, insutype, to_char(begin_at, "
           "'YYYY-MM-DD\"T\"HH24:MI:SS'), coalesce(to_char(end_at, 'YYYY-MM-DD\"T\"HH24:MI:SS'), ''"
           "), case_no, disease, diagnoses, facts, person")


def visits_of(connection: Connection, region: str, institution: str, since: str, until: str,
              psn_no: str = "", only: Mapping[str, object] | None = None) -> list[Visit]:
    """Visits at an institution that began in [since, until], without what they were charged: of a
    person, or of everybody; `only` are equal columns (kind, state, med_type)."""
    only = dict(only or {})
    assert only.keys() <= {"kind", "state", "med_type"}, only
    who = "region = %(region)s"
    if psn_no:
        who += " and shard = %(shard)s and psn_no = %(psn_no)s"
    more = "".join(f" and {name} = %({name})s" for name in only)
    rows = connection.execute(
        f"select {COLUMNS} from visit where {who} and institution = %(institution)s and begin_at "
        f"between %(since)s::timestamp and %(until)s::timestamp{more} order by begin_at, mdtrt_id",
        {"region": region, "shard": shard_of(region, psn_no), "psn_no": psn_no,
         "institution": institution, "since": since, "until": until, **only})
    return [Visit(*row[:11], tuple(row[11]), row[12], bytes(row[13])) for row in rows]


def lines_of_person(connection: Connection, region: str, psn_no: str, med_types: Sequence[str],
                    since: str, until: str) -> list[tuple[object, ...]]:
    """(institution, med_type, sent, split) of a person's standing lines of some kinds of visit,
    wherever they were charged, from day to day, oldest first."""
    return connection.execute(
        "select v.institution, v.med_type, l.sent, l.split from visit_line l join visit v "
        "using (region, shard, psn_no, mdtrt_id) where l.region = %s and l.shard = %s "
        "and l.psn_no = %s and v.med_type = any(%s) and l.day between %s::date and %s::date "
        "and l.voided_at is null order by l.day, l.known_at, l.line_id",
        (region, shard_of(region, psn_no), psn_no, list(med_types), since, until)).fetchall()


def named_by(connection: Connection, institution: str, since: str, fields: Sequence[str],
             ) -> list[tuple[object, ...]]:
    """Different values of `facts` fields in the visits an institution registered since a day, with
    the day they were first named: its departments, its doctors."""
    columns = ", ".join("facts->>%s" for _ in fields)
    numbers = ", ".join(str(place) for place in range(1, len(fields) + 1))
    return connection.execute(
        f"select {columns}, min(begin_at)::date::text from visit where institution = %s "
        f"and registered_at >= %s::timestamptz and coalesce(facts->>%s, '') <> '' "
        f"group by {numbers} order by {numbers}",
        (*fields, institution, since, fields[0])).fetchall()


def settled_with_prescription(connection: Connection, region: str, psn_no: str, rx_no: str,
                              ) -> list[str]:
    """Moments (ISO) of standing settlements that took a line of this prescription."""
    return [row[0].isoformat() for row in connection.execute(
        "select distinct s.setl_at from visit_line l join visit_settlement s using (region, shard, "
        "psn_no, setl_id) where l.region = %s and l.shard = %s and l.psn_no = %s "
        "and l.sent->>'rxno' = %s and l.voided_at is null and s.reversed_at is null order by 1",
        (region, shard_of(region, psn_no), psn_no, rx_no))]


def replace_lines(connection: Connection, where: Mapping[str, object], lines: Sequence[NewLine],
                  at: object) -> bool:
    """Splits put anew: every unsettled line is voided and comes back with its new split. False when
    others are there than were read."""
    done = void_lines(connection, where, "feedetl_sn", None, at)
    if done != len(lines):
        return False
    add_lines(connection, where, lines, at)
    return True
