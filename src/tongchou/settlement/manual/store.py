"""SQL of manual reimbursement (手工报销存取): cases, events, invoices, what is owed to a person."""
from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from psycopg import Connection

from ...database import shard_of
from .model import Case, Event, NewCase
from .rules import ManualRules

CASES = """
select c.psn_no, c.case_id, c.reason, c.institution, c.mdtrt_id, c.applied_on, c.invoices, c.bill,
       c.advanced, c.rules, c.registered_by, c.known_at,
       coalesce((select jsonb_agg(jsonb_build_object('number', e.number, 'what', e.what,
          'happened_on', e.happened_on, 'body', e.body, 'why', e.why, 'done_by', e.done_by,
          'known_at', e.known_at) order by e.number)
        from manual_event e where e.region = c.region and e.shard = c.shard
          and e.psn_no = c.psn_no and e.case_id = c.case_id), '[]')
from manual_case c where c.region = %(region)s"""
ENDED = """ and not exists (select from manual_event e where e.region = c.region
  and e.shard = c.shard and e.psn_no = c.psn_no and e.case_id = c.case_id
  and e.what in ('paid', 'refused', 'withdrawn'))"""
OWED = """
select p.fund, (-sum(p.amount_fen))::bigint from posting p
where p.region = %(region)s and p.shard = %(shard)s and p.psn_no = %(psn_no)s
  and p.reference = %(setl_id)s and p.account = 'payable' and p.institution = %(payee)s
group by p.fund having sum(p.amount_fen) <> 0 order by p.fund"""


def lock(connection: Connection, region: str, name: str) -> None:
    """One at a time works on a case, until its transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))",
                       (f"manual {region} {name}",))


def add_case(connection: Connection, region: str, case_id: str, new: NewCase, rules: ManualRules,
             who: str, now: datetime) -> None:
    """Stores a case."""
    bill = new.bill
    connection.execute(
        "insert into manual_case values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, "
        "%s, %s)",
        (region, shard_of(region, new.psn_no), new.psn_no, case_id, new.reason, new.institution,
         bill["mdtrt_id"], bill["begndate"], bill["enddate"], new.applied_on, list(new.invoices),
         _json(bill), _json(new.advanced), _json(rules.as_dict()), who, now))


def add_event(connection: Connection, case: Case, event: Event) -> None:
    """Stores an event; the caller holds the lock of the case."""
    connection.execute(
        "insert into manual_event values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (case.region, shard_of(case.region, case.psn_no), case.psn_no, case.case_id, event.number,
         event.what, event.happened_on, _json(event.body), event.why, event.done_by,
         event.known_at))


def case(connection: Connection, region: str, psn_no: str, case_id: str) -> Case | None:
    """One case with its events, or None."""
    row = connection.execute(
        CASES + " and c.shard = %(shard)s and c.psn_no = %(psn_no)s and c.case_id = %(case_id)s",
        {"region": region, "shard": shard_of(region, psn_no), "psn_no": psn_no,
         "case_id": case_id}).fetchone()
    return _case(region, row) if row else None


def cases(connection: Connection, region: str, open_only: bool = True) -> list[Case]:
    """Cases of a region, the oldest application first; those not ended, unless all are asked."""
    rows = connection.execute(CASES + (ENDED if open_only else "")
                              + " order by c.applied_on, c.case_id", {"region": region})
    return [_case(region, row) for row in rows]


def claim_invoices(connection: Connection, region: str, psn_no: str, case_id: str,
                   invoices: Sequence[str], now: datetime) -> str | None:
    """Takes invoice numbers for a case; one that another case holds, or None when all are free."""
    for invoice in sorted(invoices):
        taken = connection.execute(
            "insert into manual_invoice values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
            (region, shard_of(region, invoice), invoice, psn_no, case_id, now)).rowcount
        if not taken:
            return invoice
    return None


def release_invoices(connection: Connection, case: Case, now: datetime) -> None:
    """Lets the invoices of a refused or withdrawn case go."""
    for invoice in sorted(case.invoices):
        connection.execute(
            "update manual_invoice set released_at = %s where region = %s and shard = %s "
            "and invoice = %s and case_id = %s and released_at is null",
            (now, case.region, shard_of(case.region, invoice), invoice, case.case_id))


def owed(connection: Connection, region: str, psn_no: str, setl_id: str, payee: str,
         ) -> dict[str, int]:
    """fund -> fen that the books owe a payee of a settlement; negative is to come back."""
    return dict(connection.execute(OWED, {
        "region": region, "shard": shard_of(region, psn_no), "psn_no": psn_no,
        "setl_id": setl_id, "payee": payee}).fetchall())


def answered(connection: Connection, region: str, psn_no: str, key: str,
             ) -> tuple[str, str] | None:
    """(body hash in hex, reply) of a key used before, or None."""
    return connection.execute(
        "select encode(body_hash, 'hex'), reply from idempotency where region = %s and shard = %s "
        "and key = %s", (region, shard_of(region, psn_no), key)).fetchone()


def remember(connection: Connection, region: str, psn_no: str, key: str, body_hash: str,
             reply: str, now: datetime) -> bool:
    """Keeps the answer of a key; False when somebody was faster."""
    return connection.execute(
        "insert into idempotency values (%s, %s, %s, decode(%s, 'hex'), %s, %s) "
        "on conflict do nothing", (region, shard_of(region, psn_no), key, body_hash, reply, now),
    ).rowcount == 1


def _json(found: object) -> str:
    return json.dumps(found, ensure_ascii=False)


def _case(region: str, row: Sequence[object]) -> Case:
    (psn_no, case_id, reason, institution, mdtrt_id, applied_on, invoices, bill, advanced, rules,
     registered_by, known_at, events) = row
    return Case(region, psn_no, case_id, reason, institution, mdtrt_id, applied_on,
                tuple(invoices), bill, advanced, ManualRules.of(rules), registered_by, known_at,
                tuple(_event(one) for one in events))


def _event(row: Mapping[str, object]) -> Event:
    return Event(row["number"], row["what"], date.fromisoformat(row["happened_on"]), row["body"],
                 row["why"], row["done_by"], datetime.fromisoformat(row["known_at"]))
