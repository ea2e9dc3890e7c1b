"""What a visit is: registered, described, charged, settled, ended (就诊模型).

Moments are civil time in China as ISO text; amounts are fen.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

KINDS = {"outpatient": "门诊", "inpatient": "住院", "pharmacy": "药店"}
STATES = {"open": "就诊中", "discharged": "已出院", "cancelled": "已撤销"}
ALL_BATCHES = ALL_LINES = "0000"        # the national "everything that is not settled"


class NewVisit(NamedTuple):
    """A visit to be registered; `person` is sealed by the caller."""

    region: str
    psn_no: str
    mdtrt_id: str
    institution: str
    kind: str
    insutype: str
    begin_at: str
    person: bytes
    by: str
    med_type: str = ""
    case_no: str = ""
    disease: str = ""
    diagnoses: tuple[Mapping[str, str], ...] = ()
    facts: Mapping[str, str] = {}


class NewLine(NamedTuple):
    """An uploaded fee line with its four parts (全自费, 超限价, 先行自付, 符合范围)."""

    line_id: str
    feedetl_sn: str
    chrg_bchno: str
    day: str
    med_list_codg: str
    sent: Mapping[str, object]
    split: Mapping[str, object]
    parts: tuple[int, int, int, int]


class Batch(NamedTuple):
    """Lines of a charge batch that were settled together, or (setl_id None) are not yet."""

    chrg_bchno: str
    setl_id: str | None
    lines: int
    first: str
    last: str
    parts: tuple[int, int, int, int]


class KeptSettlement(NamedTuple):
    """A settlement as the hospital was answered: `answer` has setlinfo and setldetail in yuan."""

    setl_id: str
    chrg_bchno: str
    msgid: str
    infno: str
    setl_at: str
    reversed_at: str | None
    reversal_id: str | None
    answer: Mapping[str, object]


@dataclass(frozen=True)
class Visit:
    """A visit as it stands, with what there is to settle."""

    psn_no: str
    mdtrt_id: str
    institution: str
    kind: str
    state: str
    med_type: str
    insutype: str
    begin_at: str
    end_at: str
    case_no: str
    disease: str
    diagnoses: tuple[Mapping[str, str], ...]
    facts: Mapping[str, str]
    person: bytes = field(repr=False)
    batches: tuple[Batch, ...] = ()
    settlements: tuple[KeptSettlement, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, object]) -> Visit:
        """The visit of the database's `visit_context`."""
        return cls(
            row["psn_no"], row["mdtrt_id"], row["institution"], row["kind"], row["state"],
            row["med_type"], row["insutype"], row["begin_at"], row["end_at"] or "",
            row["case_no"], row["disease"], tuple(row["diagnoses"]), row["facts"],
            bytes.fromhex(row["person"]),
            tuple(Batch(**{**one, "parts": tuple(one["parts"])}) for one in row["batches"]),
            tuple(KeptSettlement(**one) for one in row["settlements"]))

    @property
    def begin(self) -> str:
        """The day it began."""
        return self.begin_at[:10]

    @property
    def end(self) -> str:
        """The day it ended, "" while it goes on."""
        return self.end_at[:10]

    @property
    def diagnosis_codes(self) -> tuple[str, ...]:
        """Codes of its diagnoses, the first of the list first."""
        return tuple(one["diag_code"] for one in self.diagnoses)

    def unsettled(self, chrg_bchno: str = "") -> Batch | None:
        """What is charged and not settled: of one batch, or of all when none is named."""
        found = [one for one in self.batches if one.setl_id is None
                 and (not chrg_bchno or one.chrg_bchno == chrg_bchno)]
        return _joined(chrg_bchno, found) if found else None

    def standing(self, chrg_bchno: str = "") -> KeptSettlement | None:
        """The settlement of a batch that was not reversed; of any when none is named."""
        return next((one for one in reversed(self.settlements) if one.reversed_at is None
                     and (not chrg_bchno or one.chrg_bchno == chrg_bchno)), None)

    def settlement(self, setl_id: str) -> KeptSettlement | None:
        """A settlement of the visit by its number."""
        return next((one for one in self.settlements if one.setl_id == setl_id), None)


def _joined(chrg_bchno: str, found: list[Batch]) -> Batch:
    parts = tuple(sum(column) for column in zip(*(one.parts for one in found), strict=True))
    return Batch(chrg_bchno, None, sum(one.lines for one in found),
                 min(one.first for one in found), max(one.last for one in found), parts)
