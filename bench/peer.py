"""One engine on the workload in a process of its own: python bench/peer.py MODULE OUT.npz.

`run.py` starts it and reads the last line (JSON).
"""
from __future__ import annotations

import argparse
import importlib
import json
import time
from pathlib import Path

import numpy as np
from measure import peak_mib, timed
from workload import SEED, generate


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module")
    parser.add_argument("out", type=Path)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--runs", type=int, default=50)
    asked = parser.parse_args()
    claims = generate(asked.n, asked.seed)
    begun = time.process_time()
    peer = importlib.import_module(f"peers.{asked.module}")
    state = peer.prepare(claims)
    prepared = time.process_time() - begun
    kept: dict[str, np.ndarray] = {}
    spent = timed(lambda: kept.update(peer.settle(state, claims)), min(2, asked.runs), asked.runs)
    np.savez(asked.out, **kept)
    print(json.dumps(spent.as_dict() | {"prepared": prepared, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main()
