"""Orders for write_settlements() made by hand: the smallest that book money."""
import hashlib
import json
from datetime import UTC, datetime

import psycopg

from tongchou.database import shard_of

REGION = "999900"
HOSPITAL = "H99990000001"
PARTS = ("years", "answers", "settlements", "entries", "outcomes", "outbox")
NOW = datetime(2025, 3, 1, 8, tzinfo=UTC)


def order(psn_no: str, setl_id: str, fen: int, version: int = 0, at: datetime = NOW,
          padding: str = "") -> dict:
    """One settlement of `fen` paid by the fund; `padding` makes the row larger."""
    shard, when = shard_of(REGION, psn_no), at.isoformat()
    entry = {"region": REGION, "shard": shard, "booked_at": when, "evidence": "",
             "entry_id": f"E{setl_id}", "kind": "settlement", "psn_no": psn_no, "year": "2025",
             "reference": setl_id, "event_at": when, "body": f"{setl_id} {fen}",
             "accounts": ["expense", "payable"], "funds": ["pool", "pool"],
             "institutions": ["", HOSPITAL], "amounts": [fen, -fen]}
    place = {"region": REGION, "shard": shard}
    return {
        "years": [{**place, "psn_no": psn_no, "year": "2025", "version": version,
                   "paid": {"pool": fen}}],
        "answers": [{**place, "key": f"K{setl_id}", "known_at": when, "outcome": None,
                     "body_hash": hashlib.sha256(setl_id.encode()).hexdigest()}],
        "reply": f"done {setl_id}", "entries": [entry],
        "settlements": [{**place, "psn_no": psn_no, "setl_id": setl_id,
                         "mdtrt_id": f"M{setl_id}", "year": "2025", "kind": "on_the_spot",
                         "institution": HOSPITAL, "claim": {"padding": padding}, "person": {},
                         "bill": None, "members": [], "pack_hash": "0", "kernel_version": "0",
                         "setl_time": when, "settled_by": "test", "known_at": when}],
        "outcomes": [{**place, "psn_no": psn_no, "setl_id": setl_id, "revision": 1,
                      "reason": "settle", "cause": setl_id, "money": {},
                      "statement": {}, "person": {},
                      "entry": 1, "known_at": when}],
        "outbox": [{**place, "outbox_id": f"O{setl_id}", "topic": "settled", "body": "{}",
                    "created_at": when}]}


def write(connection: psycopg.Connection, one: dict) -> None:
    """Carries an order out."""
    connection.execute("select write_settlements(%s, %s, %s, %s, %s, %s, %s)", [
        *(json.dumps(one[part]) for part in PARTS), one["reply"]])


def books(connection: psycopg.Connection) -> dict[str, object]:
    """The sums by account and the heads of the chains: what must be equal after a restore."""
    sums = connection.execute("select account, fund, institution, sum(amount_fen)::bigint "
                              "from posting group by 1, 2, 3 order by 1, 2, 3").fetchall()
    heads = connection.execute("select region, shard, last_seq, encode(last_hash, 'hex') "
                               "from chain order by 1, 2").fetchall()
    count = connection.execute("select count(*) from settlement").fetchone()
    return {"sums": sums, "heads": heads, "settlements": count}
