"""What a reader sees of a name, a document number or a phone (脱敏).

    张*      1301**********1234      138****1234
"""
from __future__ import annotations

# Roles of the platform, and what each sees in full: those who must compare it with a document.
ROLES: dict[str, frozenset[str]] = {
    "clerk": frozenset({"name", "certificate", "phone"}),        # 窗口
    "agency": frozenset({"name", "certificate", "phone"}),       # 经办机构
    "institution": frozenset({"name"}),                          # 医药机构: 人证相符
    "auditor": frozenset(),                                      # 审计
    "administrator": frozenset(),                                # 系统管理员
}


def mask_name(name: str) -> str:
    """The first character and a star, whatever the length."""
    return name[:1] + "*" if name else ""


def mask_certificate(number: str) -> str:
    """The first and last four of a long number; of a short one the first and the last two."""
    if len(number) >= 15:
        return number[:4] + "*" * (len(number) - 8) + number[-4:]
    if len(number) >= 6:
        return number[0] + "*" * (len(number) - 3) + number[-2:]
    return "*" * len(number)


def mask_phone(number: str) -> str:
    """The first three and last four digits of a mobile number; less of a shorter one."""
    if len(number) >= 11:
        return number[:-8] + "****" + number[-4:]
    return "*" * max(len(number) - 2, 0) + number[-2:] if len(number) > 4 else "*" * len(number)


_MASKS = {"name": mask_name, "certificate": mask_certificate, "phone": mask_phone}


def shown(role: str, field: str, value: str) -> str:
    """A `name`, `certificate` or `phone` as a role may see it; an unknown role sees masks."""
    return value if field in ROLES.get(role, frozenset()) else _MASKS[field](value)
