"""A hundred million claims within 3 GiB: makes the file, settles it, prints time and peak memory.

    python bench/huge.py [--claims 100000000] [--folder DIR] [--keep]

Needs about 12 GB of disk and some minutes; no part of `make bench`. The file and the results are
removed afterwards unless --keep is given; a file that is already there is used again.
"""
from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from pipeline import PACK, make_file, own_process

LIMIT_MIB = 3 * 1024


def settled(folder: Path, claims: int, pack: str, threads: int) -> dict[str, object]:
    """Makes the file unless it is there, and settles it in a fresh process."""
    path = folder / f"claims-{claims}.parquet"
    if not path.exists():
        begun = time.perf_counter()
        make_file(path, claims)
        print(f"made {path.stat().st_size / 1e9:.1f} GB in {time.perf_counter() - begun:.0f} s",
              flush=True)
    return own_process("--pack", pack, "--threads", threads, "--settle", path,
                       folder / f"settled-{claims}.parquet")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--claims", type=int, default=100_000_000)
    parser.add_argument("--pack", default=PACK)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where the files go (a temporary folder)")
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    if asked.folder:
        asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tongchou-huge-", dir=asked.folder) as temporary:
        folder = asked.folder if asked.keep and asked.folder else Path(temporary)
        made = settled(folder, asked.claims, asked.pack, asked.threads)
    kept = made["peak_mib"] <= LIMIT_MIB
    print(json.dumps(made))
    print(f"{'PASS' if kept else 'FAIL'}  {made['claims']:,} claims, peak memory "
          f"{made['peak_mib']:,.0f} MiB (<= {LIMIT_MIB}), {made['wall']:.0f} s by the clock, "
          f"{made['cpu']:.0f} s CPU")


if __name__ == "__main__":
    main()
