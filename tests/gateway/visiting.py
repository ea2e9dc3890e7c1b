"""Whole visits as a hospital sends them, in the names of its dialect."""
from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hospital import Hospital

# Items of the sample catalogue: class A with a price limit, class B, class C.
INFUSION, CARE_BED, EXAMINATION = "001204000902000", "001109000905000", "001105000901000"
ALIAS = {"guangzhou": {"2201": "mdtrtinfo", "2202": "mdtrtinfo", "2206": "mdtrtinfo",
                       "2207": "mdtrtinfo", "2208": "mdtrtinfo", "2304": "mdtrtinfo",
                       "2305": "mdtrtinfo", "2302": "feeinfo"}}


class Person(NamedTuple):
    """Whom a message is about, as 1101 answered."""

    psn_no: str
    name: str
    certno: str
    insutype: str

    def fields(self) -> dict[str, object]:
        """What most messages repeat of the person."""
        return {"psn_no": self.psn_no, "mdtrt_cert_type": "02", "mdtrt_cert_no": self.certno,
                "psn_cert_type": "01", "certno": self.certno, "psn_name": self.name,
                "psn_type": "150", "insutype": self.insutype, "card_sn": None}


def identify(hospital: Hospital, who: Mapping[str, str]) -> Person:
    """1101."""
    found = hospital.ok("1101", {"data": {
        "mdtrt_cert_type": "02", "mdtrt_cert_no": who["certno"], "psn_cert_type": "01",
        "certno": who["certno"], "psn_name": who["name"]}})
    return Person(found["baseinfo"]["psn_no"], who["name"], who["certno"],
                  found["insuinfo"][-1]["insutype"])


class Stay:
    """A visit of a person at a hospital on a day, outpatient or inpatient."""

    def __init__(self, hospital: Hospital, person: Person, day: str, last: str = "") -> None:
        self.hospital, self.person, self.day = hospital, person, day
        self.last, self.mdtrt_id, self.total = last or day, "", "0"

    def node(self, infno: str, fields: Mapping[str, object]) -> dict[str, object]:
        """A one-row input under the node's name in the hospital's dialect."""
        name = ALIAS.get(self.hospital.profile.dialect, {}).get(infno, "data")
        return {name: [fields] if infno == "2302" else dict(fields)}

    def named(self, **more: object) -> dict[str, object]:
        """The visit's number and person."""
        return {"mdtrt_id": self.mdtrt_id, "psn_no": self.person.psn_no, **more}

    # --- outpatients --------------------------------------------------------------------------
    def register(self) -> None:
        """2201."""
        out = self.hospital.ok("2201", self.node("2201", {
            **self.person.fields(), "begntime": f"{self.day} 08:00:00", "ipt_otp_no": "OP1",
            "dept_code": "01", "dept_name": "内科", "caty": "A03"}))
        self.mdtrt_id = out["data"]["mdtrt_id"]

    def describe(self, med_type: str = "11", **more: object) -> None:
        """2203."""
        self.hospital.ok("2203", {"mdtrtinfo": self.named(
            med_type=med_type, begntime=f"{self.day} 08:00:00", dise_codg="", dise_name="") | more,
            "diseinfo": [self.diagnosis()]})

    def charge(self, *lines: Mapping[str, object], batch: str = "B1") -> list[dict[str, object]]:
        """2204."""
        return self.hospital.ok("2204", {"feedetail": [
            {"chrg_bchno": batch, **line} for line in lines]})["result"]

    def bill(self, infno: str, total: str, **more: object) -> dict[str, object]:
        """The input of 2206, 2207, 2303, 2304."""
        own = {"chrg_bchno": "B1", "med_type": "11"} if infno[:2] == "22" else {
            "mid_setl_flag": "0"}
        return self.node(infno, {**self.person.fields(), **own, "medfee_sumamt": total,
                                 "psn_setlway": "01", "mdtrt_id": self.mdtrt_id,
                                 "acct_used_flag": "0", **more})

    # --- stays --------------------------------------------------------------------------------
    def admit(self, med_type: str = "21") -> None:
        """2401."""
        out = self.hospital.ok("2401", {"mdtrtinfo": {
            **self.person.fields(), "begntime": f"{self.day} 08:00:00", "cert_type": "01",
            "med_type": med_type, "ipt_no": "IP1", "atddr_no": "D1", "chfpdr_name": "医生",
            "adm_diag_dscr": "肺炎", "adm_dept_codg": "01", "adm_dept_name": "内科",
            "adm_bed": "1", "dscg_maindiag_code": "J18.900", "dscg_maindiag_name": "肺炎",
            "tel": "13800000000", "coner_name": "家属"}, "diseinfo": [
                self.diagnosis() | {"psn_no": self.person.psn_no, "maindiag_flag": "1"}]})
        self.mdtrt_id = out["result"]["mdtrt_id"]

    def upload(self, *lines: Mapping[str, object]) -> list[dict[str, object]]:
        """2301."""
        return self.hospital.ok("2301", {"feedetail": [
            {"med_type": "21", **line} for line in lines]})["result"]

    def discharge(self) -> None:
        """2402."""
        node = "mdtrtinfo" if self.hospital.profile.dialect == "guangzhou" else "dscginfo"
        self.hospital.ok("2402", {node: self.named(
            insutype=self.person.insutype, endtime=f"{self.last} 10:00:00", dscg_dept_codg="01",
            dscg_dept_name="内科", dscg_way="1"), "diseinfo": [
                self.diagnosis() | self.named(maindiag_flag="1")]})

    # --- rows ---------------------------------------------------------------------------------
    def diagnosis(self) -> dict[str, object]:
        """A row of diseinfo."""
        return {"diag_type": "1", "diag_srt_no": 1, "diag_code": "J18.900", "diag_name": "肺炎",
                "diag_dept": "内科", "dise_dor_no": "D1", "dise_dor_name": "医生",
                "diag_time": f"{self.day} 08:30:00", "vali_flag": "1"}

    def line(self, number: object, code: str = INFUSION, count: str = "2", price: str = "11.00",
             amount: str = "22.00", **more: object) -> dict[str, object]:
        """A fee line."""
        return self.named(
            feedetl_sn=number, rx_circ_flag="0", fee_ocur_time=f"{self.day} 10:00:00",
            med_list_codg=code, medins_list_codg="X1", det_item_fee_sumamt=amount, cnt=count,
            pric=price, bilg_dept_codg="01", bilg_dept_name="内科", bilg_dr_codg="D1",
            bilg_dr_name="医生", hosp_appr_flag="0") | more
