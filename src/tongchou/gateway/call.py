"""One message on its way (一次调用): what a handler is given and what it gives back.

A handler reads `call.input`, asks `call.desk` (platform, visits, access) and gives an Answer. What
it wants to write into the gateway's own tables it hands over as `writes`: they are carried out in
the transaction that keeps the reply, so a visit is written with its answer or not at all.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from psycopg import Connection

from ..access import AccessService, Look, Operator
from ..platform import Platform
from ..settlement import local_time
from ..supervision import Rulebooks
from ..visits import Visit, Visits
from .envelope import Envelope
from .message_store import Slot
from .nodes import Transaction
from .profiles import Profile, Profiles
from .reading import Input
from .refusals import declined

PERSON = "visit person"
Write = Callable[[Connection], None]


@dataclass(frozen=True)
class Desk:
    """What every handler may ask. `sentences`: code -> 中文 of the platform's refusals."""

    platform: Platform
    access: AccessService
    profiles: Profiles
    visits: Visits
    sentences: Mapping[str, str]
    rulebooks: Rulebooks = field(default_factory=Rulebooks)


@dataclass(frozen=True)
class Noting:
    """The write that notes a settlement on its visit. Where it is the only one, it is carried out
    with keeping the reply in the transaction that settles (`message_store.noted`)."""

    visits: Visits
    region: str
    visit: Visit
    batch: str
    row: Mapping[str, object]
    lines: int

    def __call__(self, connection: Connection) -> None:
        """Raises Refusal `already-settled`, `visit-moved-on`."""
        self.visits.settled(connection, self.region, self.visit, self.batch, self.row, self.lines)


@dataclass(frozen=True)
class Answer:
    """Output by node; `writes` are done together with keeping the reply; `undo` is called when one
    of them is refused after money has moved; `warning` goes to warn_msg. `file`: the reply is this
    file itself (9102), which is not kept with the message."""

    output: Mapping[str, object]
    writes: tuple[Write, ...] = ()
    undo: Callable[[], None] | None = None
    warning: str = ""
    file: bytes | None = None


@dataclass(frozen=True)
class Asking:
    """A settlement wanted of the platform: several that wait are settled together. `then` makes the
    answer of what the platform said, or raises what it refused."""

    request: Mapping[str, object]
    key: str
    who: Operator
    then: Callable[[str | Exception], Answer]


@dataclass(frozen=True)
class Call:
    """A message taken in. `region` is the person's pooling area; `at` the moment it first arrived,
    the same for every repeat; `visit` the visit it names, as it stood then."""

    desk: Desk
    profile: Profile
    envelope: Envelope
    model: Transaction
    input: Input
    region: str
    at: datetime
    slot: Slot
    visit: Visit | None = None

    def taken_in(self, at: datetime, visit: Visit | None) -> Call:
        """The same call, once it is known when it first arrived and what its visit is."""
        return Call(self.desk, self.profile, self.envelope, self.model, self.input, self.region, at,
                    self.slot, visit)

    @property
    def who(self) -> Operator:
        """Who acts: the institution's own operator, named by the message."""
        return Operator(f"{self.profile.code}/{self.envelope.opter}", "institution", self.region,
                        self.profile.code)

    @property
    def today(self) -> str:
        """The civil day in China on which the message arrived."""
        return local_time(self.at)[:10]

    @property
    def now(self) -> str:
        """The civil moment in China at which the message arrived."""
        return local_time(self.at)

    def own_visit(self, kind: str = "", states: tuple[str, ...] = ("open", "discharged")) -> Visit:
        """The visit of the message. Raises Declined `unknown-visit`, `not-own-institution`,
        `visit-state`."""
        visit = self.visit
        if visit is None or (kind and visit.kind != kind):
            raise declined("unknown-visit", "查无此就诊登记，请核对就诊编号和人员编号",
                           f"mdtrt_id {self.input.first('mdtrt_id')[:30]}")
        if visit.institution != self.profile.code:
            raise declined("not-own-institution", "该就诊不属于本机构",
                           f"mdtrt_id {visit.mdtrt_id}")
        if visit.state not in states:
            raise declined("visit-state", _STATES[visit.state], f"mdtrt_id {visit.mdtrt_id}")
        return visit

    def person_of(self, visit: Visit) -> dict[str, str]:
        """How the person was shown when the visit was registered."""
        return orjson.loads(self.desk.platform.enrolment.keys.unseal(visit.person, PERSON))

    def sealed(self, person: Mapping[str, str]) -> bytes:
        """The person block for a new visit."""
        return self.desk.platform.enrolment.keys.seal(
            orjson.dumps(dict(person)).decode(), PERSON)

    def looked_at(self, psn_no: str, fields: tuple[str, ...]) -> None:
        """Writes into the access log that a person was read in full."""
        self.desk.access.log.write(Look(self.who, psn_no, "settlement", fields,
                                        f"gateway {self.envelope.infno}", True,
                                        self.envelope.msgid))


_STATES = {"open": "尚未办理出院", "discharged": "已办理出院，请先撤销出院",
           "cancelled": "该就诊登记已撤销"}
Handler = Callable[[Call], Answer | Asking]
