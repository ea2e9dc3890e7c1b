"""Messages that were not taken in (未受理的报文): nothing of them is stored, so the newest ones are
remembered here, in this process, for whoever connects a system for the first time.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from ..settlement import local_time
from . import signing
from .envelope import Envelope

REMEMBERED = 500
HEADER_MAX = 100


@dataclass(frozen=True)
class TurnedAway:
    """One of them, without its body. `headers`: those a signature is made of."""

    at: datetime
    code: str                          # fixmedins_code it came with, "" where it could not be read
    access_key: str
    infno: str
    refusal: str
    message: str
    family: str
    headers: Mapping[str, str]
    string_to_sign: str                # of family A: the others sign with the secret inside

    def as_dict(self) -> dict[str, object]:
        """As the console shows it."""
        return {**asdict(self), "at": local_time(self.at), "headers": dict(self.headers)}


def turned_away(headers: Mapping[str, str], envelope: Envelope | None, at: datetime, refusal: str,
                message: str) -> TurnedAway:
    """What to remember of a message."""
    claim = signing.claimed(headers)
    read = {name: headers[name][:HEADER_MAX] for name in (
        *signing.A_HEADERS, "_api_signature", *signing.B_HEADERS) if name in headers}
    return TurnedAway(at, envelope.code if envelope else "", claim.access_key[:HEADER_MAX],
                      envelope.infno if envelope else "", refusal, message, claim.family, read,
                      signing.string_to_sign("A", read) if claim.family == "A" else "")
