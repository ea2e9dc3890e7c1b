"""The plain model that the settlement service is held against: dictionaries and the reference.

It knows nothing of revisions, versions or the database: what stands is a list of bills, and their
money is what the plain reference settles from them.
"""
from __future__ import annotations

from dataclasses import dataclass, field, replace

from tongchou.engine import Claim, Person, amount_fields, settle_year
from tongchou.engine.replay import shares_family
from tongchou.policy import Pack

FIELDS = ("hifp_pay", "hifmi_pay", "maf_pay", "oth_pay", "fund_pay_sumamt", "hosp_part_amt",
          "psn_part_amt")


@dataclass
class Bill:
    """A settled bill: its setl_id, its claim, and whether more portions of its stay may come."""

    setl_id: str
    claim: Claim
    open_stay: bool = False


@dataclass
class PlainModel:
    """Bills that stand, per stay, and the people."""

    pack: Pack
    persons: dict[str, Person]
    bills: list[Bill] = field(default_factory=list)

    def whole_stays(self) -> list[Claim]:
        """Bills of one stay added up, as of the newest."""
        found: dict[str, Claim] = {}
        for bill in sorted(self.bills, key=self.order):
            known = found.get(bill.claim.claim_id)
            parts = bill.claim.parts if known is None else tuple(
                one + other for one, other in zip(known.parts, bill.claim.parts, strict=True))
            found[bill.claim.claim_id] = replace(bill.claim, parts=parts)
        return list(found.values())

    def order(self, bill: Bill) -> tuple[str, ...]:
        """The order in which bills of a year count."""
        claim = bill.claim
        head = (claim.end, claim.settled) if self.pack.settings.order == "discharge" else (
            claim.settled, "")
        return (*head, claim.claim_id, bill.setl_id)

    def later(self, setl_id: str) -> list[Bill]:
        """Bills after one, in order: the person's, or the family's where it shares a limit."""
        own = next(bill.claim.person_id for bill in self.bills if bill.setl_id == setl_id)
        together = self.persons if shares_family(self.pack) else {own}
        ordered = sorted((bill for bill in self.bills if bill.claim.person_id in together),
                         key=self.order)
        place = [bill.setl_id for bill in ordered].index(setl_id)
        return ordered[place + 1:]

    def money(self) -> dict[str, int]:
        """National amounts in fen over all people."""
        sums = dict.fromkeys(FIELDS, 0)
        for settlement in settle_year(self.pack, self.persons, self.whole_stays()):
            amounts = amount_fields(self.pack, settlement)
            for name in FIELDS:
                sums[name] += amounts[name]
        return sums
