"""PostgreSQL: the one database engine, embedded or given by a URL (数据库).

A person's rows carry (region, shard). See `docs/operate.md` and the folder `migrations`.
"""
from .connections import Database, open_database
from .embedded import LocalServer, embedded_programs, start_server
from .migrate import migrate, migrations, pending
from .routing import Router, ShardRange, parse_ranges
from .sharding import SHARDS, shard_of

__all__ = ["SHARDS", "Database", "LocalServer", "Router", "ShardRange", "backup",
           "embedded_programs", "migrate", "migrations", "open_database", "parse_ranges",
           "pending", "shard_of", "start_server"]
