"""How the web application is set up (配置)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..ledger import Calendar, ClearingRules
from ..settlement.manual import ManualRules

BODY_MAX_BYTES = 2 << 20
UPLOAD_MAX_BYTES = 64 << 20


@dataclass(frozen=True)
class Settings:
    """`production`: only behind a proxy that ends TLS, cookies marked Secure, figures only with
    `metrics_token`, no documentation pages that load scripts from elsewhere. `clearing` and
    `manual`: rules of clearing and of manual reimbursement by region; `calendar`: working days."""

    production: bool = False
    metrics_token: str = ""
    body_max_bytes: int = BODY_MAX_BYTES
    upload_max_bytes: int = UPLOAD_MAX_BYTES
    clearing: Mapping[str, ClearingRules] = field(default_factory=dict)
    manual: Mapping[str, ManualRules] = field(default_factory=dict)
    calendar: Calendar | None = None

    @property
    def cookie(self) -> str:
        """The name of the session cookie; `__Host-` binds it to this host and to HTTPS."""
        return "__Host-tongchou" if self.production else "tongchou_session"
