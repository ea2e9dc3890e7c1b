"""Signed day closes (日结签名): made with a key of the key ring, checked without its secret.

The hash of a close covers its text and the close before it, the signature covers that hash. Whoever
can write every row may make the whole chain of hashes anew; without the key file he cannot sign it.
"""
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from psycopg import Connection

from ..errors import CaseError
from ..privacy import KeyRing, SigningKey, is_signed
from . import close_store, signature_store
from .canonical import canonical_text
from .close_store import StoredClose
from .signature_store import CloseSignature
from .verify import Finding

PREFIX = b"tongchou day close\n"
ABSENT = "absent"


@dataclass(frozen=True)
class PublicKey:
    """A key that is believed; closes made since `made` (UTC, "" unknown) must be signed."""

    public: bytes
    made: str = ""


@dataclass
class Signed:
    """What a check of signatures found: closes with and without one, and what is wrong."""

    signed: int = 0
    unsigned: int = 0
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, int]:
        """Counts, as `--json` shows them."""
        return {"signed": self.signed, "unsigned": self.unsigned}


def public_keys(ring: KeyRing) -> list[PublicKey]:
    """The public halves of a ring's signing keys."""
    return [PublicKey(key.public, key.made) for key in ring.signing]


def sign(close: StoredClose, key: SigningKey, now: datetime) -> CloseSignature:
    """The signature of a close."""
    return CloseSignature(close.region, close.day, key.key_id, key.public,
                          key.sign(PREFIX + close.hash), now)


def close_signature(connection: Connection, close: StoredClose) -> CloseSignature | None:
    """The signature of a close, None when it has none."""
    return next(iter(signature_store.signatures(connection, close.region, close.day)), None)


def check_signatures(connection: Connection, keys: Sequence[PublicKey],
                     region: str | None = None) -> Signed:
    """Holds every close against its signature; without `keys` they are only counted.

    Named are: a signature that is not of this close, a key nobody knows, a signature that is
    missing although an earlier close has one or the key is older, one that has no close.
    """
    found = Signed()
    known = {(one.region, one.day): one
             for one in signature_store.signatures(connection, region)}
    since = min((key.made for key in keys if key.made), default="")
    begun: set[str] = set()
    for close in close_store.closes(connection, region):
        one = known.pop((close.region, close.day), None)
        if one is None:
            found.unsigned += 1
            late = since and str(close.found.get("closed_at", "")) >= since
            if close.region in begun or late:
                found.findings.append(_finding(close.region, close.day, "signature", ABSENT,
                                               "one of a known key"))
            continue
        found.signed += 1
        begun.add(close.region)
        if keys:
            found.findings += _wrong(close, one, keys)
    found.findings += [_finding(one.region, one.day, "signature without a close",
                                one.signature.hex(), ABSENT) for one in known.values()]
    return found


def _wrong(close: StoredClose, one: CloseSignature, keys: Iterable[PublicKey]) -> list[Finding]:
    """What is wrong with the signature of a close, taken of the text as it stands now."""
    if one.public_key not in {key.public for key in keys}:
        return [_finding(close.region, close.day, "signing key", one.public_key.hex(),
                         "a known key")]
    hashed = close_store.close_hash(close.prev_hash, close.body)
    if not is_signed(one.public_key, PREFIX + hashed, one.signature):
        return [_finding(close.region, close.day, "signature", "not of this close",
                         f"of hash {hashed.hex()}")]
    return []


def _finding(region: str, day: date, what: str, seen: str, expected: str) -> Finding:
    return Finding(region, -1, 0, f"{what} of the close of {day}", seen, expected)


def signature_file(one: CloseSignature) -> dict[str, object]:
    """What an exported close says of its signature."""
    return {"signature": one.signature.hex(), "public_key": one.public_key.hex(),
            "key_id": one.key_id, "signed_at": one.signed_at.isoformat(),
            "signature_of": "Ed25519 of 'tongchou day close' LF | hash bytes"}


def check_file(path: Path, keys: Sequence[PublicKey], connection: Connection | None,
               ) -> list[Finding]:
    """What is wrong with an exported close: its own hash, its signature, and whether the database
    still says the same. Raises CaseError `bad-close-file`."""
    found = _read(path)
    body = found["close"]
    region, day = str(body["region"]), date.fromisoformat(body["day"])
    hashed = close_store.close_hash(bytes.fromhex(found["prev_hash"]), canonical_text(body))
    findings = []
    if hashed.hex() != found["hash"]:
        findings.append(_finding(region, day, "hash in the file", str(found["hash"]),
                                 hashed.hex()))
    if keys:
        public, signature = (bytes.fromhex(str(found.get(name, ""))) for name in
                             ("public_key", "signature"))
        if public not in {key.public for key in keys} \
                or not is_signed(public, PREFIX + hashed, signature):
            findings.append(_finding(region, day, "signature in the file",
                                     signature.hex() or ABSENT, "one of a known key"))
    if connection is not None:
        stored = close_store.last_close(connection, region, day)
        same = stored is not None and stored.day == day
        if not same or stored.hash != hashed:
            findings.append(_finding(region, day, "hash in the database",
                                     stored.hash.hex() if same else ABSENT, hashed.hex()))
    return findings


def _read(path: Path) -> Mapping[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        body = found["close"]
        date.fromisoformat(body["day"])
        for name in ("prev_hash", "hash", "public_key", "signature"):
            bytes.fromhex(str(found.get(name, "")))
        return {**found, "close": {**body, "region": str(body["region"])},
                "prev_hash": found["prev_hash"], "hash": found["hash"]}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CaseError("bad-close-file", "this is no exported day close (不是日结文件)", str(path),
                        hint="`tongchou ledger close --out FILE` writes one.") from None
