"""Unsorted Parquet to Parquet in a fresh process: claims a second of CPU, and peak memory.

    python bench/pipeline.py --claims 3000000 [--pack zibo/2023] [--threads 1] [--keep FILE]

`run.py` starts it and reads the last line (JSON). The file is made first, by a process of its own;
a small file is settled before in another process, so that compiled code lies in its cache.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACK = "zibo/2023"
PROFILE = "candidate"
SMALL = 300_000


def settled(claims: Path, out: Path, pack: str, threads: int) -> dict[str, object]:
    """Settles a file in this process: the object of the command, CPU seconds, peak memory."""
    begun = time.process_time()
    from tongchou.claims.stream import settle_files
    from tongchou.policy import load_pack

    from measure import peak_mib
    profile = None if pack.endswith(".yaml") else PROFILE
    bound = load_pack(pack, profile)
    ready = time.process_time()
    made = settle_files(bound, claims, out, threads=threads)
    done = time.process_time()
    return {"claims": made["claims"], "rejected": made["rejected"], "wall": made["seconds"],
            "cpu": done - ready, "start": ready - begun, "peak_mib": peak_mib(),
            "in_mib": claims.stat().st_size >> 20, "out_mib": out.stat().st_size >> 20}


def own_process(*options: object) -> dict[str, object]:
    """The same module in a fresh process; its last line."""
    command = [sys.executable, str(Path(__file__)), *map(str, options)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"bench/pipeline.py failed:\n{ended.stderr[-2000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


def make_file(path: Path, claims: int) -> None:
    """Writes the synthetic claims in a process of its own."""
    subprocess.run([sys.executable, str(HERE / "make_claims.py"), str(path), "--claims",
                    str(claims)], check=True)


def measured(claims: int, pack: str, threads: int, folder: Path, runs: int = 1,
             ) -> dict[str, object]:
    """Makes the files in `folder`, settles the small one, then the large one: the best run."""
    small, large = folder / "small.parquet", folder / "claims.parquet"
    for path, size in ((small, min(SMALL, claims)), (large, claims)):
        if not path.exists():
            make_file(path, size)
    options = ("--pack", pack, "--threads", threads, "--settle")
    own_process(*options, small, folder / "small.out.parquet")
    best = [own_process(*options, large, folder / "out.parquet") for _ in range(runs)]
    return min(best, key=lambda one: one["cpu"])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--claims", type=int, default=3_000_000)
    parser.add_argument("--pack", default=PACK)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--settle", type=Path, nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.settle:
        print(json.dumps(settled(*asked.settle, asked.pack, asked.threads)))
        return
    with tempfile.TemporaryDirectory(prefix="tongchou-bench-") as folder:
        print(json.dumps(measured(asked.claims, asked.pack, asked.threads, Path(folder),
                                  asked.runs)))


if __name__ == "__main__":
    main()
