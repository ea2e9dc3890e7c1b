"""Memory that a run has touched once stays with it (内存重用).

A page that a program touches for the first time costs more than the work done on it: on a virtual
machine up to 10 microseconds. Giving memory back after every batch cost a fifth of a run.
"""
from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3       # of malloc.h
KEPT_BYTES, GROWN_BYTES = 1 << 30, 16 << 20
DECAY_MS, DECAY_DEFAULT_MS = 60_000, 1_000


@contextmanager
def kept_memory() -> Iterator[None]:
    """Lets Arrow and the C library keep freed memory for the next batch.

    The C library's setting lasts as long as the process: it only changes when memory goes back.
    """
    _keep_freed()
    before = pa.default_memory_pool()
    keeps = "jemalloc" in pa.supported_memory_backends()
    if keeps:
        pa.jemalloc_set_decay_ms(DECAY_MS)
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)
        if keeps:
            pa.jemalloc_set_decay_ms(DECAY_DEFAULT_MS)


def _keep_freed() -> None:
    """Numpy's arrays come from the C library; only GNU's has these settings."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for setting, size in ((MMAP_THRESHOLD, KEPT_BYTES), (TRIM_THRESHOLD, KEPT_BYTES),
                              (TOP_PAD, GROWN_BYTES)):
            mallopt(setting, size)
