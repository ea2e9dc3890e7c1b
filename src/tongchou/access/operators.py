"""Operators (操作员): their roles, their regions, and for which purposes they may unmask."""
from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from ..errors import CaseError, Refusal
from ..terms import Term

ROLES: dict[str, Term] = {
    "clerk": Term("clerk at the window", "窗口经办人员"),
    "agency": Term("insurance agency", "医保经办机构"),
    "institution": Term("designated institution", "定点医药机构"),
    "auditor": Term("auditor", "审计人员"),
    "administrator": Term("administrator", "系统管理员"),
}

# Why somebody looks at a person in full (查阅目的); written into the access log.
PURPOSES: dict[str, Term] = {
    "registration": Term("registration or change of data", "参保登记或信息变更"),
    "settlement": Term("settlement of a bill", "费用结算"),
    "reimbursement": Term("manual reimbursement", "手工报销"),
    "enquiry": Term("enquiry of the person concerned", "参保人本人咨询"),
    "complaint": Term("complaint or review", "投诉与复核"),
    "audit": Term("audit or inspection", "审计与稽核"),
}

USER_ID = re.compile(r"[a-z][a-z0-9_.-]{1,31}\Z")
REGION = re.compile(r"[0-9]{6}\Z", re.ASCII)


@dataclass(frozen=True)
class Operator:
    """Who acts, in which region: what services are told about the caller."""

    user_id: str
    role: str
    region: str
    institution: str = ""


@dataclass(frozen=True)
class Account:
    """An operator as stored, without the password. `regions` is what he sees (统筹区)."""

    user_id: str
    name: str
    role: str
    regions: tuple[str, ...]
    institution: str = ""
    must_change: bool = False
    demonstration: bool = False
    disabled: bool = False

    def acting_in(self, region: str) -> Operator:
        """The operator in a region. Raises Refusal `out-of-region`."""
        if region not in self.regions:
            raise Refusal("out-of-region", f"{self.user_id} does not work in region {region}",
                          "region", "", "Ask an administrator for the region, or check the code.")
        return Operator(self.user_id, self.role, region, self.institution)

    def as_dict(self) -> dict[str, object]:
        """The account as replies show it."""
        return {"user_id": self.user_id, "name": self.name, "role": self.role,
                "role_zh": ROLES[self.role].zh, "regions": list(self.regions),
                "institution": self.institution, "must_change": self.must_change,
                "disabled": self.disabled}


def checked(user_id: str, role: str, regions: Collection[str], institution: str) -> None:
    """Raises CaseError `bad-user-id`, `unknown-role`, `bad-region` or `bad-scope`."""
    if not USER_ID.match(user_id):
        raise CaseError("bad-user-id", f"{user_id[:40]!r} is no user id", "user_id",
                        hint="2 to 32 of a-z, 0-9, dot, hyphen, underscore; a letter first.")
    if role not in ROLES:
        raise CaseError("unknown-role", f"there is no role {role[:40]!r}", "role",
                        hint=f"It is one of {', '.join(ROLES)}.")
    if wrong := [region for region in regions if not REGION.match(region)]:
        raise CaseError("bad-region", f"{wrong[0][:40]!r} is no region", "regions",
                        hint="A region is the six digits of the pooling area.")
    if (role == "institution") != bool(institution) or (role != "administrator" and not regions):
        raise CaseError("bad-scope", f"a {role} with regions {list(regions)} and institution "
                        f"{institution!r} sees nothing or too much", "regions",
                        hint="Everybody but an administrator has regions; an institution's "
                        "operator, and nobody else, has its code.")
