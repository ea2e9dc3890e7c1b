"""Which shard a person's rows lie in (分片): computed by the application, the same everywhere."""
from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

SHARDS = 64


@lru_cache(maxsize=1 << 16)
def shard_of(region: str, owner: str) -> int:
    """0..63 for a person of a region; `owner` is psn_no, or an institution's code for its own
    entries. Never change it: stored rows lie where it said."""
    return int.from_bytes(sha256(f"{region}|{owner}".encode()).digest()[:2]) % SHARDS
