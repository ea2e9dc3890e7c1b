"""Keeps compiled kernels in step with their sources (编译缓存).

Numba's disk cache looks at the file of the cached function only; ours call functions of other
files, so an edit there would leave a stale kernel behind. Whoever compiles calls `drop_stale`.
"""
from __future__ import annotations

import hashlib
from pathlib import Path

SOURCES = ("kernel.py", "kernel_rules.py", "kernel_single.py", "plan.py")


def drop_stale(folder: Path | None = None) -> bool:
    """Removes compiled kernels whose sources have changed since; True when some were.

    A folder that cannot be written (an installation of root's) holds no cache of ours either.
    """
    folder = folder or Path(__file__).parent
    seen = hashlib.sha256(b"".join(folder.joinpath(name).read_bytes() for name in SOURCES))
    cache = folder.joinpath("__pycache__")
    stamp = cache.joinpath("kernels.sha256")
    try:
        if stamp.is_file() and stamp.read_text(encoding="ascii") == seen.hexdigest():
            return False
        stale = [*cache.glob("kernel*.nbi"), *cache.glob("kernel*.nbc")]
        for path in stale:
            path.unlink(missing_ok=True)
        cache.mkdir(exist_ok=True)
        stamp.write_text(seen.hexdigest(), encoding="ascii")
        return bool(stale)
    except OSError:
        return False
