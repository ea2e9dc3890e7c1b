"""Invented people as lists to import: persons, covers, statuses and the rest (虚构人员名单).

All of them carry 演 (to perform) in their names; their numbers begin with an area code that does
not exist; their phones with 140, which numbers things and no telephones.
"""
from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date, timedelta

from ..enrolment import check_digit
from .city import AWAY, COUNTIES

SEED = 2024
PEOPLE = 3000
SURNAMES = ("赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔"
            "曹严华金魏陶姜谢邹喻柏水窦章云苏潘葛")
GIVEN = ("禾苗松柏竹梅兰菊荷莲桂枫楠桐杉榕茶稻麦粟菽棉麻桑"
         "榆槐柳杏桃李梨枣橘柚橙柿栗榛葵萱芷若蕙芸蓝茜")
RESIDENTS, EMPLOYEES = "390", "310"
HYPERTENSION, DIABETES, KIDNEY = "M03900", "M01600", "M07800"
# Share of households by status.
HARDSHIP = (("allowance", 0.06), ("borderline", 0.04), ("monitored", 0.02),
            ("unstable_ex_poor", 0.02), ("registered_poor", 0.02), ("extreme_poverty", 0.005))
Row = dict[str, str]


class Lists:
    """Rows by kind of list (see `tongchou people template`), of a city made on a day.

    `late` holds those that became known only the day before: newborns, new recognitions.
    """

    def __init__(self, day: date, seed: int = SEED) -> None:
        self.day, self.rng = day, random.Random(seed)
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.late: dict[str, list[Row]] = defaultdict(list)
        self.is_late = False
        self._births: Counter[str] = Counter()
        self._families = 0
        self.covered: dict[str, str] = {}      # psn_no -> insurance all through the past year

    # --- days -------------------------------------------------------------------------------------
    def ago(self, days: int) -> str:
        """The day so many days before the city's own."""
        return (self.day - timedelta(days=days)).isoformat()

    def born(self, years: int) -> str:
        """A birthday of somebody of an age."""
        return self.ago(years * 365 + years // 4 + self.rng.randint(1, 360))

    # --- people -----------------------------------------------------------------------------------
    def person(self, born: str, psn_type: str, sex: str = "", certificate: str | None = None,
               **more: str) -> str:
        """A person with a resident card, or with another document; gives the number."""
        number = f"D{sum(map(len, (self.rows['persons'], self.late['persons']))) + 1:06d}"
        sex = sex or self.rng.choice("12")
        row = {"psn_no": number, "psn_name": self._name(), "gend": sex, "brdy": born,
               "psn_type": psn_type, "tel": f"140{self.rng.randrange(10 ** 8):08d}", **more}
        row["certno"] = self._card(born, sex) if certificate is None else certificate
        self._add("persons", row)
        return number

    def _name(self) -> str:
        return self.rng.choice(SURNAMES) + "演" + self.rng.choice(GIVEN)

    def _card(self, born: str, sex: str) -> str:
        """A resident card number that is right and belongs to nobody."""
        begin = self.rng.choice(tuple(COUNTIES)) + born.replace("-", "")
        self._births[begin + sex] += 1
        order = 2 * self._births[begin + sex] + int(sex) % 2
        return begin + f"{order:03d}" + check_digit(begin + f"{order:03d}")

    def family(self, *numbers: str, since: str = "2020-01-01") -> str:
        """People of one household, its head first; gives its number."""
        self._families += 1
        name = f"DF{self._families:05d}"
        for place, number in enumerate(numbers):
            self._add("families", {"psn_no": number, "family_id": name, "from": since,
                                   "relation": "户主" if place == 0 else "家庭成员"})
        return name

    # --- what is known of them --------------------------------------------------------------------
    def cover(self, number: str, insutype: str, first: str, last: str = "",
              benefits_from: str = "") -> None:
        """One insurance relation."""
        self._add("coverages", {"psn_no": number, "insutype": insutype, "from": first, "to": last,
                                "benefits_from": benefits_from})

    def insure(self, number: str, insutype: str = RESIDENTS) -> None:
        """Insured for years: residents until the end of the next, employees without end."""
        self.covered[number] = insutype
        if insutype == EMPLOYEES:
            self.cover(number, EMPLOYEES, "2020-01-01")
            return
        self.cover(number, RESIDENTS, f"{self.day.year - 2}-01-01", f"{self.day.year + 1}-12-31")

    def status(self, number: str, code: str, first: str, last: str = "", recognised: str = "",
               source: str = "民政局（演示）") -> None:
        """An identity with its time of force."""
        self._add("statuses", {"psn_no": number, "code": code, "from": first, "to": last,
                               "recognised": recognised, "source": source})

    def chronic(self, number: str, disease: str, first: str, last: str = "",
                institution: str = "H52990100001") -> None:
        """A certificate for a chronic disease."""
        self._add("chronic", {"psn_no": number, "disease": disease, "from": first, "to": last,
                              "institution": institution})

    def referral(self, number: str, episode: str, way: tuple[str, str, str], days: tuple[str, str],
                 registered: bool) -> None:
        """A referral: (from, to, direction), (day, valid until)."""
        self._add("referrals", {
            "psn_no": number, "episode": episode, "from_institution": way[0],
            "to_institution": way[1], "direction": way[2], "day": days[0],
            "valid_until": days[1],
            "registered_by": "云津市医保中心（演示）" if registered else ""})

    def filing(self, number: str, place: str, area: str, kind: str, first: str) -> None:
        """A filing for care away from home."""
        self._add("filings", {"psn_no": number, "place": place, "area": area, "kind": kind,
                              "from": first})

    def not_enrolled(self, number: str, reason: str, evidence: str) -> None:
        """Why somebody is not enrolled."""
        self._add("not-enrolled", {"psn_no": number, "reason": reason, "evidence": evidence,
                                   "from": self.ago(300)})

    def _add(self, kind: str, row: Row) -> None:
        (self.late if self.is_late else self.rows)[kind].append(row)


# --- the many -------------------------------------------------------------------------------------
def fill(lists: Lists, people: int = PEOPLE) -> None:
    """Households until there are so many people, with what life brings."""
    while len(lists.rows["persons"]) + len(lists.late["persons"]) < people:
        _household(lists, people - len(lists.rows["persons"]) - len(lists.late["persons"]))


def _household(lists: Lists, room: int) -> None:
    rng = lists.rng
    members = [_adult(lists, rng.randint(24, 59))]
    if rng.random() < 0.7:
        members.append(_adult(lists, rng.randint(24, 59)))
    members += [_child(lists, rng.randint(1, 17)) for _ in range(rng.choice((0, 0, 1, 1, 2)))]
    members += [_elder(lists, rng.randint(60, 92)) for _ in range(rng.choice((0, 0, 0, 1, 2)))]
    in_need = _hardship(lists, members)
    # Whoever asks for nothing together is not registered as a family.
    if 1 < len(members) <= room and (in_need or rng.random() < 0.2):
        lists.family(*members)


def _adult(lists: Lists, age: int) -> str:
    employed = lists.rng.random() < 0.25
    number = lists.person(lists.born(age), "11" if employed else "15")
    lists.insure(number, EMPLOYEES if employed else RESIDENTS)
    if age > 45:
        _illness(lists, number, 0.1)
    return number


def _child(lists: Lists, age: int) -> str:
    number = lists.person(lists.born(age), "14")
    lists.insure(number)
    return number


def _elder(lists: Lists, age: int) -> str:
    retired = lists.rng.random() < 0.3
    number = lists.person(lists.born(age), "12" if retired else "16")
    lists.insure(number, EMPLOYEES if retired else RESIDENTS)
    _illness(lists, number, 0.4)
    return number


def _illness(lists: Lists, number: str, share: float) -> None:
    for disease, chance in ((HYPERTENSION, share), (DIABETES, share / 2), (KIDNEY, share / 20)):
        if lists.rng.random() < chance:
            lists.chronic(number, disease, lists.ago(lists.rng.randint(400, 1200)))
    if lists.rng.random() < share / 10:
        lists.filing(number, "outside", AWAY, "settled", lists.ago(500))


def _hardship(lists: Lists, members: list[str]) -> bool:
    """A family in need is so as a whole; a few end before today. Whether it is in need."""
    rng = lists.rng
    drawn = rng.random()
    for code, share in HARDSHIP:
        if drawn < share:
            last = lists.ago(rng.randint(30, 200)) if rng.random() < 0.15 else ""
            for number in members:
                lists.status(number, code, lists.ago(rng.randint(420, 1100)), last)
            return True
        drawn -= share
    return False
