"""A prescription on its way through the gateway: the hospital's side and the drugstore's."""
from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from gateway_city import City
from hospital import Hospital
from standard import both
from visiting import Person, Stay, identify

STORE = "P52990100001"
DRUG = "XA10ACH907A008010199007"
FILE = base64.b64encode(b"%PDF-1.7 a prescription").decode()


class Prescribing:
    """One prescription on its way, and who handles it."""

    def __init__(self, city: City, hospital: Hospital, why: str = "an employee") -> None:
        self.city, self.hospital = city, hospital
        self.person = identify(hospital, city.person(why))
        self.visit = Stay(hospital, self.person, city.today)
        self.visit.register()
        self.visit.describe()
        self.number = self.trace = self.digest = ""

    def head(self, **more: object) -> dict[str, object]:
        """data of 7101."""
        now = datetime.fromisoformat(f"{self.city.today}T08:00:00")
        return {"mdtrtCertType": "02", "mdtrtCertNo": self.person.certno, "bizTypeCode": "01",
                "ecToken": "token", "authNo": "auth", "hospRxno": f"R{self.visit.mdtrt_id}",
                "rxTypeCode": "1", "prscTime": f"{now:%F %T}", "rxDrugCnt": "1", "valiDays": "3",
                "valiEndTime": f"{now + timedelta(days=3):%F} 23:59:59", "reptFlag": "0",
                "rxCotnFlag": "0", **more}

    def drug(self, code: str = DRUG, count: str = "6", **more: object) -> dict[str, object]:
        """A row of rxdrugdetail."""
        day = self.city.today
        return {"medListCodg": code, "rxItemTypeCode": "11", "drugGenname": "胰岛素",
                "drugDosform": "注射剂", "drugSpec": "3ml", "medcWayCodg": "4",
                "medcWayDscr": "注射",
                "medcBegntime": f"{day} 08:00:00", "medcEndtime": f"{day} 20:00:00",
                "medcDays": "3", "sinDosunt": "支", "sinDoscnt": "1", "usedFrquCodg": "12",
                "usedFrquName": "每天二次", "drugDosunt": "支", "drugCnt": count,
                "hospApprFlag": "0", **more}

    def patient(self, **more: object) -> dict[str, object]:
        """mdtrtinfo of 7101."""
        return {"fixmedinsName": "演示医院", "fixmedinsCode": self.hospital.profile.code,
                "mdtrtId": self.visit.mdtrt_id, "medType": "11", "iptOtpNo": "OP1",
                "psnNo": self.person.psn_no, "patnName": self.person.name, "psnCertType": "01",
                "certno": self.person.certno, "patnAge": "40", "gend": "1", "prscDeptName": "内科",
                "prscDeptCode": "01", "drCode": "D1", "prscDrName": "医生", "drProfttlCodg": "234",
                "drProfttlName": "医师", "drDeptCode": "01", "drDeptName": "内科",
                "mdtrtTime": f"{self.city.today} 08:00:00", "spDiseFlag": "0",
                "maindiagCode": "E11", "maindiagName": "糖尿病", **more}

    def checking(self, head: Mapping[str, object] = {}, patient: Mapping[str, object] = {},
                 drugs: Sequence[Mapping[str, object]] | None = None) -> dict[str, object]:
        """The input of 7101."""
        return {"data": self.head(**head), "rxdrugdetail": list(drugs or [self.drug()]),
                "mdtrtinfo": self.patient(**patient), "diseinfo": [{
                    "diagType": "1", "maindiagFlag": "1", "diagSrtNo": "1", "diagCode": "E11",
                    "diagName": "糖尿病", "diagDept": "内科", "diagDrNo": "D1",
                    "diagDrName": "医生", "diagTime": f"{self.city.today} 08:10:00"}]}

    def check(self, **more: object) -> None:
        """7101."""
        found = both(self.hospital, "7101", self.checking(**more))["data"]
        self.number, self.trace = found["hiRxno"], found["rxTraceCode"]

    def sign(self) -> None:
        """7102."""
        self.digest = both(self.hospital, "7102", {"data": {
            "fixmedinsCode": self.hospital.profile.code, "originalValue": "a=1",
            "originalRxFile": FILE}})["data"]["signDigest"]

    def uploading(self, **more: object) -> dict[str, object]:
        """The input of 7103."""
        return {"data": {**self.named(), "rxTraceCode": self.trace, "fixmedinsName": "演示医院",
                         "drCode": "D1", "prscDrName": "医生", "pharDeptName": "药剂科",
                         "pharDeptCode": "09", "pharCode": "P1", "pharName": "药师",
                         "pharChkTime": f"{self.city.today} 08:20:00", "rxFile": FILE,
                         "signDigest": self.digest, "patnName": self.person.name, **more}}

    def named(self, **more: object) -> dict[str, object]:
        """What the hospital's messages repeat."""
        return {"hiRxno": self.number, "fixmedinsCode": self.hospital.profile.code,
                "mdtrtId": self.visit.mdtrt_id, "psnCertType": "01",
                "certno": self.person.certno, **more}

    def issue(self, **more: object) -> None:
        """7101, 7102, 7103."""
        self.check(**more)
        self.sign()
        found = both(self.hospital, "7103", self.uploading())["data"]
        assert found["hiRxno"] == self.number and found["rxStasCodg"] == "1"

    def withdrawing(self) -> dict[str, object]:
        """The input of 7104."""
        return {"data": {"hiRxno": self.number, "fixmedinsCode": self.hospital.profile.code,
                         "drCode": "D1", "undoDrName": "医生", "undoDrCertType": "01",
                         "undoDrCertno": "D1", "undoRea": "开错药品",
                         "undoTime": f"{self.city.today} 09:00:00"}}

    def told(self, infno: str) -> dict[str, object]:
        """7105, 7106, 7107."""
        return both(self.hospital, infno, {"data": self.named(psnName=self.person.name)})


class Dispensing:
    """A drugstore at work on a prescription."""

    def __init__(self, store: Hospital, one: Prescribing) -> None:
        self.store, self.one, self.today = store, one, one.city.today
        self.token = self.verified = self.review = ""

    def signed(self, **more: object) -> dict[str, object]:
        """Who asks."""
        return {"fixmedinsCode": STORE, "ipInfo": "10.0.0.9", "opter": "1", "opterName": "店员",
                "optinsNo": "529900", **more}

    def authorising(self, **more: object) -> dict[str, object]:
        """The input of 7201."""
        person: Person = self.one.person
        return {"data": {**self.signed(), "psnName": person.name, "psnCertType": "01",
                         "certno": person.certno, "ecToken": "token", **more}}

    def authorise(self) -> list[str]:
        """7201: this prescription, where it can be used; its token is remembered."""
        rows = both(self.store, "7201", self.authorising())["data"]
        self.token = next((row["epcToken"] for row in rows
                           if row["authRxno"] == self.one.number), self.token)
        return [row["authRxno"] for row in rows if row["authRxno"] == self.one.number]

    def download(self) -> dict[str, object]:
        """7204."""
        return both(self.store, "7204", {"data": self.signed(
            epcToken=self.token, authRxno=self.one.number, devInfo="pc")})

    def verifying(self, **more: object) -> dict[str, object]:
        """The input of 7205."""
        return {"data": {"hiRxno": self.one.number, "fixmedinsCode": STORE, "rxFile": FILE,
                         "rxTraceCode": self.one.trace, "epcToken": self.token, **more}}

    def reviewing(self, **more: object) -> dict[str, object]:
        """The input of 7206."""
        return {"data": {"hiRxno": self.one.number, "epcToken": self.token, "ecToken": "token",
                         "fixmedinsCode": STORE, "fixmedinsName": "演示药店", "pharCertType": "01",
                         "pharCertno": "P9", "pharName": "药师", "pharCode": "P9",
                         "rxChkOpnn": "同意", "rxChkStasCodg": "1",
                         "rxChkTime": f"{self.today} 10:00:00",
                         "rxSignVerifySn": self.verified, **more}}

    def reviewed(self, **more: object) -> None:
        """7205 and 7206."""
        found = both(self.store, "7205", self.verifying())["data"]
        assert found["flag"] is True
        self.verified = found["rxSignVerifySn"]
        self.review = both(self.store, "7206", self.reviewing(**more))["data"]["rxChkBizSn"]

    def giving(self, *lines: Mapping[str, object]) -> dict[str, object]:
        """The input of 7207."""
        return {"data": {"hiRxno": self.one.number, "fixmedinsCode": STORE,
                         "fixmedinsName": "演示药店", "rxChkBizSn": self.review},
                "rxSaleDrugDetl": list(lines or [self.line()])}

    def line(self, count: str = "6", code: str = DRUG, unit: str = "支", **more: object,
             ) -> dict[str, object]:
        """A row of rxSaleDrugDetl."""
        return {"rtalDocno": "D1", "stooutTime": self.today, "medListCodg": code,
                "medinsListCodg": "X1", "drugGenname": "胰岛素", "drugSpec": "3ml",
                "drugTotlcnt": count, "drugTotlcntEmp": unit, **more}

    def give(self, *lines: Mapping[str, object]) -> str:
        """7207."""
        found = both(self.store, "7207", self.giving(*lines))["data"]
        assert found["flag"] is True
        return found["selStooutSn"]

    def taking_back(self, number: str) -> dict[str, object]:
        """The input of 7208."""
        return {"data": {"hiRxno": self.one.number, "fixmedinsCode": STORE,
                         "selStooutSn": number}}

    def whole(self, *lines: Mapping[str, object]) -> str:
        """7201 to 7207."""
        self.authorise()
        self.reviewed()
        return self.give(*lines)


def selling(one: Prescribing) -> dict[str, object]:
    """The input of 2102: the drugs on the prescription."""
    return {"druginfo": {**one.person.fields(), "begntime": f"{one.city.today} 10:30:00",
                         "medfee_sumamt": "229.20", "med_type": "41", "acct_used_flag": "0",
                         "invono": ""},
            "drugdetail": [{"feedetl_sn": "1", "rxno": one.number, "rx_circ_flag": "1",
                            "fee_ocur_time": f"{one.city.today} 10:30:00", "med_list_codg": DRUG,
                            "medins_list_codg": "X1", "det_item_fee_sumamt": "229.20",
                            "cnt": "6", "pric": "38.20"}]}
