"""A settled stay and the settlement list of it, as a hospital sends it in its dialect."""
from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from gateway_city import City
from hospital import Hospital
from identities import unlike_the_standard
from standard import request_unlike
from visiting import Stay, identify

from tongchou.gateway import settlement_list_store as store
from tongchou.gateway import settlement_lists

REGION, TOTAL = "529900", "9000.00"
PATIENTS = ("a resident, nothing special", "an employee")


class Case:
    """A settled stay, and the list of it."""

    def __init__(self, city: City, hospital: Hospital, why: str = PATIENTS[1]) -> None:
        first = (date.fromisoformat(city.today) - timedelta(days=3)).isoformat()
        stay = Stay(hospital, identify(hospital, city.person(why)), first, city.today)
        stay.admit()
        stay.upload(stay.line(1, count="900", price="10.00", amount=TOTAL))
        stay.discharge()
        self._known(city, stay, hospital.ok("2304", stay.bill("2304", TOTAL)))

    @classmethod
    def of(cls, city: City, stay: Stay, settled: dict[str, object]) -> Case:
        """A visit that was settled otherwise."""
        made = cls.__new__(cls)
        made._known(city, stay, settled)
        return made

    def _known(self, city: City, stay: Stay, settled: dict[str, object]) -> None:
        self.city, self.hospital, self.stay, self.settled = city, stay.hospital, stay, settled
        self.setl_id = str(settled["setlinfo"]["setl_id"])
        self.names = {"psn_no": stay.person.psn_no, "mdtrt_id": stay.mdtrt_id,
                      "setl_id": self.setl_id}

    def list(self, **more: object) -> dict[str, object]:
        """The list as this client sends it; `more` replaces fields of setlinfo, or nodes."""
        info = {**self.names, "ntly": "CHN", "prfs": "17", "patn_rlts": "1",
                "coner_addr": "某路 1 号", "coner_tel": "13800000000", "coner_name": "家属",
                "medcasno": "BA1", "dscg_caty": "A03", "adm_caty": "A03", "bill_code": "B1",
                "bill_no": "N1", "biz_sn": "S1", "adm_time": f"{self.stay.day} 08:00:00",
                "dscg_time": f"{self.city.today} 10:00:00", "setl_begn_date": self.stay.day,
                "setl_end_date": self.city.today, "medins_fill_dept": "病案科",
                "medins_fill_psn": "某人", "dscg_way": "1", "vent_used_dura": "1/2/30",
                "hi_paymtd": "1"}
        found = {
            "setlinfo": info, "opspdiseinfo": [],
            "diseinfo": [disease("J18.900", "1"), disease("I10.x00", "0")],
            "oprninfo": [{"oprn_oprt_type": "1", "oprn_oprt_name": "检查",
                          "oprn_oprt_code": "33.2400", "oper_dr_code": "D1"}],
            "icuinfo": [], "payinfo": [
                {"fund_pay_type": row["fund_pay_type"], "fund_payamt": row["fund_payamt"]}
                for row in self.settled["setldetail"]]}
        if self.hospital.profile.dialect == "guangzhou":
            total = self.settled["setlinfo"]["medfee_sumamt"]
            found["iteminfo"] = [{"med_chrgitm": "05", "amt": total}]
        else:
            found["bldinfo"] = []
        for name, value in more.items():
            (found if name in found else info)[name] = value
        return found

    def upload(self, **more: object) -> str:
        """4101; request and reply as the standard says. Gives the list's number."""
        given = self.list(**more)
        wrong = [one for one in request_unlike("4101", given) if "lacks bldinfo" not in one]
        assert not wrong, wrong
        output = self.hospital.ok("4101", given)
        assert not unlike_the_standard("4101", output, {})
        return output["data"]["setl_list_id"]

    def move(self, state: str) -> dict[str, object]:
        """4102 for this list."""
        return {"data": [{**self.names, "stas_type": state}]}

    def state(self) -> str:
        return self.kept().state

    def kept(self) -> store.List:
        with self.city.platform.database.connection() as connection:
            return store.newest(connection, REGION, self.names["psn_no"], self.setl_id)

    def query(self) -> dict[str, object]:
        """4103, as the standard says."""
        asked = {"data": {"psn_no": self.names["psn_no"], "setl_id": self.setl_id}}
        assert not request_unlike("4103", asked)
        output = self.hospital.ok("4103", asked)
        wrong = [one for one in unlike_the_standard("4103", output, {})
                 if "drgAppyinfo" not in one]
        assert not wrong, wrong
        return output

    def review(self, state: str, note: str = "") -> None:
        """The agency's word."""
        with self.city.platform.database.connection() as connection:
            settlement_lists.review(connection, REGION, (self.names["psn_no"], self.setl_id),
                                    state, (datetime.now(UTC), "agency"), note)

    def reverse(self) -> None:
        """2305."""
        self.hospital.ok("2305", self.stay.node("2305", {**self.stay.person.fields(),
                                                         **self.names}))


def disease(code: str, main: str) -> dict[str, object]:
    return {"diag_type": "1", "diag_code": code, "diag_name": "诊断", "adm_cond_type": "1",
            "maindiag_flag": main}
