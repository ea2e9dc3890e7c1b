"""SQL of electronic prescriptions (电子处方存储). The shard is part of the number."""
from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg import Connection

from ..database import shard_of

KEY = "region = %(region)s and shard = %(shard)s and rx_no = %(rx_no)s"
PRESCRIPTION = ("rx_no, trace_no, psn_no, institution, mdtrt_id, hospital_rx, state, "
                "prescribed_at, valid_until, uses, interval_days, content, upload, checked_at")
USE = ("use_no, institution, passed, review, reviewed_at, dispensed_no, dispensed_at, dispensing, "
       "taken_back_at")


class Prescription(NamedTuple):
    """A prescription; `content` and `upload` are sealed, two moments are civil time."""

    rx_no: str
    trace_no: str
    psn_no: str
    institution: str
    mdtrt_id: str
    hospital_rx: str
    state: str
    prescribed_at: datetime
    valid_until: datetime
    uses: int
    interval_days: int
    content: bytes
    upload: bytes | None = None
    checked_at: datetime | None = None


class Use(NamedTuple):
    """A drugstore's review and what it handed out; `review` and `dispensing` are sealed."""

    use_no: str
    institution: str
    passed: bool
    review: bytes
    reviewed_at: datetime
    dispensed_no: str | None = None
    dispensed_at: datetime | None = None
    dispensing: bytes | None = None
    taken_back_at: datetime | None = None

    @property
    def counts(self) -> bool:
        """Whether drugs were handed out and not taken back."""
        return self.dispensed_no is not None and self.taken_back_at is None


def shard_in(rx_no: str) -> int:
    """The shard of a number "RX" + day + shard + ...; -1 for what is none."""
    return int(rx_no[10:12]) if rx_no[:2] == "RX" and len(rx_no) == 28 \
        and rx_no[2:12].isascii() and rx_no[2:12].isdigit() else -1


def place(region: str, rx_no: str) -> dict[str, object]:
    """Where the rows of a prescription lie."""
    return {"region": region, "shard": shard_in(rx_no), "rx_no": rx_no}


def add(connection: Connection, region: str, one: Prescription, at: datetime) -> None:
    """Keeps a prescription that was checked; a repeat changes nothing."""
    connection.execute(
        "insert into prescription (region, shard, rx_no, trace_no, psn_no, institution, mdtrt_id, "
        "hospital_rx, state, prescribed_at, valid_until, uses, interval_days, content, checked_at) "
        "values (%(region)s, %(shard)s, %(rx_no)s, %(trace_no)s, %(psn_no)s, %(institution)s, "
        "%(mdtrt_id)s, %(hospital_rx)s, %(state)s, %(prescribed_at)s, %(valid_until)s, %(uses)s, "
        "%(interval_days)s, %(content)s, %(at)s) on conflict do nothing",
        {**one._asdict(), **place(region, one.rx_no), "at": at})


def read(connection: Connection, region: str, rx_no: str) -> Prescription | None:
    """A prescription by its number."""
    row = connection.execute(f"select {PRESCRIPTION} from prescription where {KEY}",
                             place(region, rx_no)).fetchone()
    return _read(row) if row else None


def of_person(connection: Connection, region: str, psn_no: str) -> list[Prescription]:
    """Prescriptions of a person, oldest first."""
    rows = connection.execute(
        f"select {PRESCRIPTION} from prescription where region = %s and shard = %s "
        "and psn_no = %s order by prescribed_at, rx_no",
        (region, shard_of(region, psn_no), psn_no)).fetchall()
    return [_read(row) for row in rows]


def _read(row: tuple[object, ...]) -> Prescription:
    found = Prescription(*row)
    return found._replace(content=bytes(found.content),
                          upload=None if found.upload is None else bytes(found.upload))


def upload(connection: Connection, region: str, rx_no: str, sealed: bytes, at: datetime) -> bool:
    """A checked prescription becomes valid; False when it is not just checked."""
    return connection.execute(
        "update prescription set state = 'valid', upload = %(sealed)s, uploaded_at = %(at)s "
        f"where {KEY} and state = 'checked'",
        {**place(region, rx_no), "sealed": sealed, "at": at}).rowcount == 1


def withdraw(connection: Connection, region: str, rx_no: str, sealed: bytes, at: datetime) -> bool:
    """Withdraws a prescription of which nothing is handed out; False when that is not so."""
    lock(connection, region, rx_no)
    return connection.execute(
        "update prescription set state = 'withdrawn', withdrawal = %(sealed)s, "
        f"withdrawn_at = %(at)s where {KEY} and state <> 'withdrawn' and not exists (select 1 "
        "from prescription_use u where u.region = prescription.region "
        "and u.shard = prescription.shard and u.rx_no = prescription.rx_no "
        "and u.dispensed_no is not null and u.taken_back_at is null)",
        {**place(region, rx_no), "sealed": sealed, "at": at}).rowcount == 1


def lock(connection: Connection, region: str, rx_no: str) -> None:
    """One at a time from here on."""
    connection.execute(f"select 1 from prescription where {KEY} for update",
                       place(region, rx_no))


def uses(connection: Connection, region: str, rx_no: str) -> list[Use]:
    """Reviews and dispensings, oldest first."""
    rows = connection.execute(f"select {USE} from prescription_use where {KEY} "
                              "order by reviewed_at, use_no", place(region, rx_no))
    return [Use(*row)._replace(review=bytes(row[3]),
                               dispensing=None if row[7] is None else bytes(row[7]))
            for row in rows]


def add_review(connection: Connection, region: str, rx_no: str, one: Use) -> None:
    """Keeps a drugstore's review; a repeat changes nothing."""
    connection.execute(
        "insert into prescription_use (region, shard, rx_no, use_no, institution, passed, review, "
        "reviewed_at) values (%(region)s, %(shard)s, %(rx_no)s, %(use_no)s, %(institution)s, "
        "%(passed)s, %(review)s, %(reviewed_at)s) on conflict do nothing",
        {**one._asdict(), **place(region, rx_no)})


def dispense(connection: Connection, region: str, rx_no: str, use_no: str, one: Use) -> bool:
    """Notes what was handed out after a review that passed, unless the prescription is withdrawn.
    Who calls has locked it (`lock`) and looked at its uses."""
    return connection.execute(
        "update prescription_use set dispensed_no = %(dispensed_no)s, "
        "dispensed_at = %(dispensed_at)s, dispensing = %(dispensing)s "
        f"where {KEY} and use_no = %(wanted)s and dispensed_no is null and passed "
        f"and exists (select 1 from prescription where {KEY} and state = 'valid')",
        {**one._asdict(), **place(region, rx_no), "wanted": use_no}).rowcount == 1


def take_back(connection: Connection, region: str, rx_no: str, dispensed_no: str,
              at: datetime) -> None:
    """Notes that drugs came back; a second time changes nothing."""
    connection.execute(
        f"update prescription_use set taken_back_at = %(at)s where {KEY} "
        "and dispensed_no = %(dispensed_no)s and taken_back_at is null",
        {**place(region, rx_no), "dispensed_no": dispensed_no, "at": at})
