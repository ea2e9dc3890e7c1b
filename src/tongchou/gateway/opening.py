"""A message whose sender is known, and one that is not taken in (报文接收)."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .envelope import Envelope
from .message_store import Slot
from .profiles import Profile
from .reading import Input


@dataclass(frozen=True)
class Opened:
    """A message whose sender is known."""

    profile: Profile
    envelope: Envelope
    at: datetime


class Unopened(Exception):
    """A message that is not taken in, and what it is told."""

    def __init__(self, reply: bytes, code: str) -> None:
        super().__init__(code)
        self.reply, self.code = reply, code


def slot_of(opened: Opened, region: str, found: Input) -> Slot:
    """Where a message lies: with the person it names, else with the institution."""
    profile, envelope = opened.profile, opened.envelope
    return Slot(region, found.first("psn_no")[:30] or profile.code, profile.code, envelope.msgid,
                envelope.infno, envelope.digest)
