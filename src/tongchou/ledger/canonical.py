"""The one text of an entry (规范文本): what is hashed, and what the columns are checked against."""
from __future__ import annotations

import json
from datetime import datetime, timezone
from hashlib import sha256

import orjson

from .postings import Entry, Posting

NO_HASH = bytes(32)                # before the first entry of a chain
POSTING_KEYS = ("account", "fund", "institution", "amount_fen")


def canonical(entry: Entry) -> str:
    """An entry as JSON: sorted keys, no spaces, 中文 as it is, whole fen, UTC times."""
    return _text(entry, time_text(entry.event_at), time_text(entry.booked_at))


def _text(entry: Entry, event_at: str, booked_at: str) -> str:
    return canonical_text({
        "entry_id": entry.entry_id, "region": entry.region, "kind": entry.kind,
        "psn_no": entry.psn_no, "year": entry.year, "reference": entry.reference,
        "event_at": event_at, "booked_at": booked_at,
        "evidence": entry.evidence,
        "postings": [dict(zip(POSTING_KEYS, row, strict=True)) for row in entry.postings]})


def canonical_text(found: object) -> str:
    """Any plain value in the form that is hashed."""
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()


def entry_of(body: str) -> Entry:
    """The entry that `canonical` wrote. ValueError, KeyError or TypeError when it did not."""
    found = json.loads(body)
    rows = tuple(Posting(*(row[key] for key in POSTING_KEYS)) for row in found.pop("postings"))
    times = {key: datetime.fromisoformat(found.pop(key)) for key in ("event_at", "booked_at")}
    return Entry(**found, **times, postings=rows)


def time_text(moment: datetime) -> str:
    """`2024-03-01T02:03:04.000005Z`: UTC with microseconds."""
    plain = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return plain.isoformat(timespec="microseconds") + "Z"


def chain_hash(before: bytes, seq: int, body: str) -> bytes:
    """The hash of entry `seq`, as the SQL function book() makes it: sha256(before|seq|body)."""
    return sha256(before + seq.to_bytes(8, "big") + body.encode()).digest()


def evidence(*found: object) -> str:
    """The sha256, in hex, of what an entry rests on: plain values, as they are stored."""
    return sha256(canonical_text(found).encode()).hexdigest()


def entry_order(entry: Entry, shard: int) -> dict[str, object]:
    """An entry as the SQL function book() takes it."""
    accounts, funds, institutions, amounts = zip(*entry.postings, strict=True)
    booked_at = time_text(entry.booked_at)
    same = entry.event_at == entry.booked_at
    event_at = booked_at if same else time_text(entry.event_at)
    body = _text(entry, event_at, booked_at)
    return {"region": entry.region, "shard": shard, "entry_id": entry.entry_id,
            "kind": entry.kind, "psn_no": entry.psn_no, "year": entry.year,
            "reference": entry.reference, "booked_at": booked_at, "event_at": event_at,
            "evidence": entry.evidence, "body": body, "accounts": accounts, "funds": funds,
            "institutions": institutions, "amounts": amounts}
