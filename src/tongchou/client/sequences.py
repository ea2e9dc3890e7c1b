"""Whole visits in the order of the interface (就诊流程): outpatient, stay, drugstore.

Each step is a message; what it answers is kept here, as a HIS keeps it in its own tables. A
settlement that got no reply is repeated as it was; `Outpatient.settle` and its like raise NoReply
only when repeats have not helped, and then `Client.take_back` makes it as if never sent.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from .client import Client, Person, one_of
from .transport import Message

CENT = Decimal("0.01")
ALL = "0000"                           # everything that is not settled
PARTS = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
LINE_PARTS = ("fulamt_ownpay_amt", "overlmt_amt", "preselfpay_amt", "inscp_scp_amt")


class Line(NamedTuple):
    """A fee line: national code, quantity, unit price; a refund has a negative quantity and names
    the line it refers to (`refunds`: its feedetl_sn)."""

    code: str
    count: Decimal
    price: Decimal
    at: datetime
    name: str = ""
    refunds: str = ""

    def fields(self, number: int) -> dict[str, object]:
        """The national fields, with a serial number in the visit."""
        amount = (self.count * self.price).quantize(CENT, ROUND_HALF_UP)
        return {"feedetl_sn": number, "rx_circ_flag": "0", "fee_ocur_time": _moment(self.at),
                "med_list_codg": self.code, "medins_list_codg": self.code,
                "medins_list_name": self.name or self.code, "det_item_fee_sumamt": amount,
                "cnt": self.count, "pric": self.price, "bilg_dept_codg": "01",
                "bilg_dept_name": "内科", "bilg_dr_codg": "D1", "bilg_dr_name": "医生",
                "hosp_appr_flag": "0", "init_feedetl_sn": self.refunds}


class Diagnosis(NamedTuple):
    """A diagnosis: code and name; the first of a visit is the main one."""

    code: str
    name: str

    def fields(self, place: int, at: datetime) -> dict[str, object]:
        """A row of diseinfo."""
        return {"diag_type": "1", "maindiag_flag": "1" if place == 1 else "0",
                "diag_srt_no": place, "diag_code": self.code, "diag_name": self.name,
                "diag_dept": "内科", "dise_dor_no": "D1", "dise_dor_name": "医生",
                "diag_time": _moment(at), "vali_flag": "1"}


class Settled(NamedTuple):
    """A settlement or a cancellation as it was answered: what a HIS stores."""

    message: Message
    setl_id: str
    mdtrt_id: str
    psn_no: str
    refund: bool
    insutype: str
    clr_type: str
    at: str                            # setl_time of the centre
    info: Mapping[str, object]         # setlinfo
    details: Sequence[Mapping[str, object]]

    def amount(self, name: str) -> Decimal:
        """An amount of setlinfo in yuan."""
        return Decimal(str(self.info.get(name) or 0))


@dataclass
class Visit:
    """What every kind of visit has."""

    client: Client
    person: Person
    begin: datetime
    mdtrt_id: str = ""
    med_type: str = ""
    uploaded: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def named(self, **more: object) -> dict[str, object]:
        """The visit's number and person."""
        return {"mdtrt_id": self.mdtrt_id, "psn_no": self.person.psn_no, **more}

    def call(self, infno: str, given: object) -> dict[str, object]:
        """A message about the person of the visit."""
        return self.client.call(infno, given, self.person.psn_no)

    def numbered(self, lines: Sequence[Line]) -> list[dict[str, object]]:
        """Lines with serial numbers after those there."""
        first = 1 + max((int(one) for one in self.uploaded), default=0)
        return [self.named(**line.fields(number)) for number, line in enumerate(lines, first)]

    def split_sums(self, numbers: Sequence[str]) -> dict[str, Decimal]:
        """Sum and parts of uploaded lines: what a settlement states."""
        sums = {name: sum((Decimal(str(self.uploaded[one][column] or 0)) for one in numbers),
                          Decimal()) for name, column in zip(PARTS, LINE_PARTS, strict=True)}
        return {"medfee_sumamt": sum(sums.values(), Decimal()), **sums}

    def settled(self, message: Message, output: Mapping[str, object], *, refund: bool = False,
                of: Settled | None = None) -> Settled:
        """What an answer says; a cancellation has the kinds of what it cancels."""
        info = one_of(output, "setlinfo")
        return Settled(message, str(info["setl_id"]), self.mdtrt_id or str(info["mdtrt_id"]),
                       self.person.psn_no, refund, of.insutype if of else self.person.insutype,
                       of.clr_type if of else str(info["clr_type"]), str(info["setl_time"]), info,
                       list(output.get("setldetail") or ()))

    def pay(self, infno: str, given: object) -> Settled:
        """Sends a settlement."""
        message = self.client.message(infno, given, self.person.psn_no)
        return self.settled(message, self.client.again(message))

    def cancel(self, infno: str, of: Settled) -> Settled:
        """Sends a cancellation."""
        message = self.client.message(infno, {"data": self.named(setl_id=of.setl_id)},
                                      self.person.psn_no)
        return self.settled(message, self.client.again(message), refund=True, of=of)


@dataclass
class Outpatient(Visit):
    """A visit to the clinic: 2201, 2203, 2204, 2206, 2207; back by 2208, 2205, 2202."""

    batches: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def open(cls, client: Client, person: Person, begin: datetime, med_type: str = "11",
             diagnoses: Sequence[Diagnosis] = (), disease: str = "") -> Outpatient:
        """2201 and 2203."""
        visit = cls(client, person, begin, med_type=med_type)
        out = visit.call("2201", {"data": {
            **person.fields(), "begntime": _moment(begin), "ipt_otp_no": f"OP{begin:%H%M%S%f}",
            "atddr_no": "D1", "dr_name": "医生", "dept_code": "01", "dept_name": "内科",
            "caty": "A03"}})
        visit.mdtrt_id = str(one_of(out, "data")["mdtrt_id"])
        visit.call("2203", {"mdtrtinfo": visit.named(
            med_type=med_type, begntime=_moment(begin), main_cond_dscr="", dise_codg=disease,
            dise_name=disease), "diseinfo": [one.fields(place, begin) for place, one in enumerate(
                diagnoses, 1)]})
        return visit

    def charge(self, lines: Sequence[Line], batch: str) -> list[Mapping[str, object]]:
        """2204, all lines of a batch at once; gives their split."""
        rows = [one | {"chrg_bchno": batch} for one in self.numbered(lines)]
        found = list(self.call("2204", {"feedetail": rows})["result"])
        self.uploaded |= {str(one["feedetl_sn"]): one for one in found}
        self.batches.setdefault(batch, []).extend(str(one["feedetl_sn"]) for one in found)
        return found

    def bill(self, batch: str) -> dict[str, object]:
        """The input of 2206 and 2207."""
        return {"data": {**self.person.fields(), **self.split_sums(self.batches[batch]),
                         "med_type": self.med_type, "psn_setlway": "01", "chrg_bchno": batch,
                         "mdtrt_id": self.mdtrt_id, "acct_used_flag": "0", "invono": ""}}

    def quote(self, batch: str) -> Mapping[str, object]:
        """2206."""
        return self.call("2206", self.bill(batch))

    def settle(self, batch: str) -> Settled:
        """2207."""
        return self.pay("2207", self.bill(batch))

    def refund(self, of: Settled) -> Settled:
        """2208."""
        return self.cancel("2208", of)

    def void(self, batch: str = ALL) -> None:
        """2205: lines that are not settled."""
        self.call("2205", {"data": self.named(chrg_bchno=batch)})
        for one in list(self.batches) if batch == ALL else [batch]:
            for number in self.batches.pop(one, ()):
                del self.uploaded[number]

    def close(self) -> None:
        """2202, when nothing is charged."""
        self.call("2202", {"data": self.named(ipt_otp_no="0")})


@dataclass
class Stay(Visit):
    """A stay: 2401, 2301 in portions, 2402, 2303, 2304; back by 2305, 2405, 2302, 2404."""

    unsettled: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, client: Client, person: Person, begin: datetime, diagnoses: Sequence[Diagnosis],
             med_type: str = "21") -> Stay:
        """2401."""
        stay = cls(client, person, begin, med_type=med_type)
        rows = [{**one.fields(place, begin), "psn_no": person.psn_no}
                for place, one in enumerate(diagnoses, 1)]
        main = diagnoses[0]
        out = stay.call("2401", {"mdtrtinfo": {
            **person.fields(), "coner_name": "家属", "tel": "13800000000", "cert_type": "01",
            "begntime": _moment(begin), "med_type": med_type, "ipt_no": f"IP{begin:%H%M%S%f}",
            "atddr_no": "D1", "chfpdr_name": "医生", "adm_diag_dscr": main.name,
            "adm_dept_codg": "01", "adm_dept_name": "内科", "adm_bed": "1",
            "dscg_maindiag_code": main.code, "dscg_maindiag_name": main.name},
            "diseinfo": rows})
        stay.mdtrt_id = str(one_of(out, "result")["mdtrt_id"])
        return stay

    def charge(self, lines: Sequence[Line]) -> list[Mapping[str, object]]:
        """2301; gives the split of the lines."""
        rows = [one | {"med_type": self.med_type} for one in self.numbered(lines)]
        found = list(self.call("2301", {"feedetail": rows})["result"])
        self.uploaded |= {str(one["feedetl_sn"]): one for one in found}
        self.unsettled += [str(one["feedetl_sn"]) for one in found]
        return found

    def discharge(self, end: datetime, diagnoses: Sequence[Diagnosis]) -> None:
        """2402."""
        self.call("2402", {"dscginfo": self.named(
            insutype=self.person.insutype, endtime=_moment(end), dscg_dept_codg="01",
            dscg_dept_name="内科", dscg_way="1"), "diseinfo": [
                one.fields(place, end) | self.named() for place, one in enumerate(diagnoses, 1)]})

    def bill(self, *, mid_stay: bool = False) -> dict[str, object]:
        """The input of 2303 and 2304."""
        return {"data": {**self.person.fields(), **self.split_sums(self.unsettled),
                         "psn_setlway": "01", "mdtrt_id": self.mdtrt_id, "acct_used_flag": "0",
                         "mid_setl_flag": "1" if mid_stay else "0", "invono": ""}}

    def quote(self) -> Mapping[str, object]:
        """2303, at any time."""
        return self.call("2303", self.bill())

    def settle(self, *, mid_stay: bool = False) -> Settled:
        """2304."""
        found = self.pay("2304", self.bill(mid_stay=mid_stay))
        self.unsettled = []
        return found

    def refund(self, of: Settled, lines: Sequence[str]) -> Settled:
        """2305; `lines` (feedetl_sn) were settled by it and are to be settled again."""
        found = self.cancel("2305", of)
        self.unsettled = [*lines, *self.unsettled]
        return found

    def back_in(self) -> None:
        """2405: the discharge is taken back."""
        self.call("2405", {"data": self.named()})

    def void(self) -> None:
        """2302: all lines that are not settled."""
        self.call("2302", {"data": [self.named(feedetl_sn=ALL)]})
        for number in self.unsettled:
            del self.uploaded[number]
        self.unsettled = []

    def close(self) -> None:
        """2404, when nothing is charged."""
        self.call("2404", {"data": self.named()})


@dataclass
class Purchase(Visit):
    """A purchase at a drugstore: 2101, 2102; back by 2103."""

    def bill(self, lines: Sequence[Line]) -> dict[str, object]:
        """The input of 2101 and 2102."""
        rows = [line.fields(number) for number, line in enumerate(lines, 1)]
        total = sum((row["det_item_fee_sumamt"] for row in rows), Decimal())
        return {"druginfo": {**self.person.fields(), "begntime": _moment(self.begin),
                             "medfee_sumamt": total, "acct_used_flag": "0", "invono": "",
                             "med_type": self.med_type or "41"}, "drugdetail": rows}

    def quote(self, lines: Sequence[Line]) -> Mapping[str, object]:
        """2101."""
        return self.call("2101", self.bill(lines))

    def settle(self, lines: Sequence[Line]) -> Settled:
        """2102."""
        found = self.pay("2102", self.bill(lines))
        self.mdtrt_id = found.mdtrt_id
        return found

    def refund(self, of: Settled) -> Settled:
        """2103."""
        return self.cancel("2103", of)


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S")
