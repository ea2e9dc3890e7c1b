"""A region with rules and people for tests of settlement, without names or documents.

`People` stands for enrolment: persons are what the test says, the database only knows they exist.
"""
from __future__ import annotations

import itertools
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone

from tongchou.database import Database, shard_of
from tongchou.engine import Claim, Person
from tongchou.policy import pack_document
from tongchou.settlement import Asked, Regimes, SettlementService, body_hash

START = datetime(2024, 12, 1, 2, 0, tzinfo=timezone.utc)


class People:
    """Persons by number, and who is whose family."""

    def __init__(self) -> None:
        self.known: dict[str, Person] = {}

    def person(self, psn_no: str, context: Mapping[str, object], claim: Claim) -> Person:
        """As the test says."""
        assert context["psn_no"] == psn_no
        return self.known[psn_no]

    def family(self, context: Mapping[str, object]) -> Sequence[str]:
        """Everybody with the same family number."""
        own = self.known[str(context["psn_no"])]
        return [name for name, one in self.known.items() if own.family_id
                and one.family_id == own.family_id and name != own.person_id]


class Window:
    """A settlement service with people and regimes on a test database."""

    def __init__(self, database: Database, regimes: Mapping[str, tuple[str, str | None, str]],
                 ) -> None:
        self.database, self.people = database, People()
        self.now = START
        with database.connection() as connection:
            for region in regimes:
                connection.execute("insert into region values (%s, 'test') on conflict do nothing",
                                   (region,))
        self.regimes = Regimes(database.connection)
        for region, (pack, profile, first) in regimes.items():
            if not self.regimes.packs(region):
                self.regimes.add(region, pack_document(pack, profile), first)
        numbers = itertools.count()
        run = uuid.uuid4().hex[:12]
        self.service = SettlementService(database.connection, self.regimes, self.people,
                                         self.tick, lambda: f"{run}{next(numbers):08d}")

    def tick(self) -> datetime:
        """A clock that never stands still: what is written in order is known in order."""
        self.now += timedelta(milliseconds=1)
        return self.now

    def enrol(self, region: str, *persons: Person) -> None:
        """Makes persons known to the database and to the rules."""
        with self.database.connection() as connection:
            for person in persons:
                self.people.known[person.person_id] = person
                connection.execute(
                    "insert into person (region, shard, psn_no, row_id, name_sealed, name_index, "
                    "born, sex, psn_type, known_at, known_by, why) values (%s, %s, %s, %s, '', "
                    "'', '1960-01-01', '1', '11', now(), 'test', 'test')",
                    (region, shard_of(region, person.person_id), person.person_id,
                     uuid.uuid4().hex))

    def asked(self, region: str, claim: Claim, key: str | None = None,
              kind: str = "on_the_spot") -> Asked:
        """A request for a claim; the key is the claim's number unless another is given."""
        person = self.people.known[claim.person_id]
        body = {"claim": repr(claim), "kind": kind}
        return Asked(region, claim, person.insurance, kind, claim.hospital_id or "H1", "tester",
                     key, body_hash(body), lambda context: claim)
