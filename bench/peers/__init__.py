"""The workload in other engines, one module each, every answer compared with `decimal_reference`.

A module has `prepare(claims)` (set-up, compilation: not timed) and `settle(state, claims)` (timed:
from numpy columns to the five numpy result columns, the engine's own ingestion included).
"""
