"""The performance table: our kernels beside the hand-written loop, memory and other engines.

    python bench/run.py [--n 100000] [--claims 10000000] [--people 200000]
                        [--only engines,latency,pipeline,platform,gateway,grouping,points]
                        [--strict] [--json FILE]

Every part runs in processes of its own, all but platform and gateway on one thread. Gates say PASS
or FAIL; the exit code is 0 all the same unless --strict is given. See bench/README.md for what is
measured.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from workload import RESULTS, SEED, digest, generate, wrong_claims

HERE = Path(__file__).resolve().parent
PEERS = {"pandas, windows by hand": "pandas_windows", "polars, windows": "polars_windows",
         "DuckDB, windows": "duckdb_windows", "OpenFisca-Core, int32": "openfisca_core"}
OURS = "Tongchou, columns built too"
KERNEL, GENERAL, DOUBLE = ("kernel, written for the pack", "kernel, general interpreter",
                           "kernel, written, 2 threads")
BY_HAND, COPY = "hand-written loop", "copy of the columns (bound)"
ONE_THREAD = {name: "1" for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS",
                                     "OPENBLAS_NUM_THREADS", "ARROW_IO_THREADS",
                                     "NUMEXPR_MAX_THREADS")}
WORKLOAD_PACK, SHIPPED_PACK = HERE / "packs" / "peer_workload.yaml", "zibo/2023"
PARTS = ("engines", "latency", "pipeline", "platform", "gateway", "grouping", "points")


class Gate(NamedTuple):
    """A promise: a figure and the bound it keeps."""

    what: str
    value: float
    bound: float
    at_most: bool

    @property
    def kept(self) -> bool:
        """Whether the figure keeps the bound."""
        return self.value <= self.bound if self.at_most else self.value >= self.bound

    def line(self) -> str:
        """One line of the report."""
        sign = "<=" if self.at_most else ">="
        return f"  {'PASS' if self.kept else 'FAIL'}  {self.what:62} {self.value:>12,.2f}  " \
               f"({sign} {self.bound:,g})"


def own_process(script: str, *options: object) -> dict:
    """The last line of another script of this folder, run on one thread by default."""
    command = [sys.executable, str(HERE / script), *map(str, options)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False,
                           env={**os.environ, **ONE_THREAD})
    if ended.returncode:
        raise SystemExit(f"bench/{script} {' '.join(map(str, options))} failed:\n"
                         f"{ended.stderr[-2000:]}")
    return json.loads(ended.stdout.splitlines()[-1])


# --- engines --------------------------------------------------------------------------------------
def engines(persons: int, seed: int) -> tuple[int, dict[str, dict]]:
    """Claims, and the times and wrong claims of every engine."""
    claims = generate(persons, seed)
    size = len(claims["total"])
    print(f"\n{persons:,} person-years, {size:,} claims, data {digest(claims)}, one thread, "
          f"CPU time", flush=True)
    rows: dict[str, dict] = {}
    with tempfile.TemporaryDirectory(prefix="tongchou-bench-") as folder:
        reference = Path(folder, "decimal.npz")
        decimal = own_process("peer.py", "decimal_reference", reference, "--n", persons, "--seed",
                              seed, "--runs", 2) | {"wrong": 0}
        rows |= own_process("kernels.py", "--n", persons, "--seed", seed, "--reference", reference)
        with np.load(reference) as file:
            wanted = {name: file[name] for name in RESULTS}
        for name, module in {OURS: "tongchou_kernel", **PEERS}.items():
            out = Path(folder, f"{module}.npz")
            rows[name] = own_process("peer.py", module, out, "--n", persons, "--seed", seed)
            with np.load(out) as file:
                rows[name]["wrong"] = wrong_claims(file, wanted)
        rows["Decimal, plain Python"] = decimal
    for row in rows.values():
        row |= {"ns": row["best"] / size * 1e9, "ns_median": row["median"] / size * 1e9,
                "ns_wall": row["wall"] / size * 1e9}
    return size, rows


def print_engines(rows: dict[str, dict]) -> None:
    """The table of engines."""
    print(f"\n  {'engine':30}{'ns/claim':>10}{'median':>10}{'claims/s/core':>15}{'x kernel':>10}"
          f"{'x ours':>9}{'wrong claims':>14}")
    kernel, ours = rows[KERNEL]["ns"], rows[OURS]["ns"]
    for name, row in sorted(rows.items(), key=lambda item: item[1]["ns"]):
        wrong = "no rules" if name == COPY else f"{row['wrong']:,}"
        print(f"  {name:30}{row['ns']:>10,.1f}{row['ns_median']:>10,.1f}"
              f"{1e9 / row['ns']:>15,.0f}{row['ns'] / kernel:>10.2f}{row['ns'] / ours:>9.2f}"
              f"{wrong:>14}")
    print(f"  2 threads by the clock: {1e9 / rows[DOUBLE]['ns_wall']:,.0f} claims/s; 1 thread by "
          f"the clock: {1e9 / rows[KERNEL]['ns_wall']:,.0f} (both need idle cores)")
    print(f"  The general interpreter, which small files take, is "
          f"{rows[GENERAL]['ns'] / rows[BY_HAND]['ns']:.2f} times the hand-written loop; the "
          f"kernel written for the pack {rows[KERNEL]['ns'] / rows[BY_HAND]['ns']:.2f} times, and "
          f"{rows[KERNEL]['ns'] / rows[COPY]['ns']:.1f} times a plain copy.")


def engine_gates(rows: dict[str, dict]) -> list[Gate]:
    """Ratios of CPU time a claim; against peers our time includes building the columns."""
    ours = rows[OURS]["ns"]
    fastest = min(PEERS, key=lambda name: rows[name]["ns"])
    gates = [Gate("wrong claims, all engines", sum(
        row["wrong"] for name, row in rows.items() if name != COPY), 0, True),
        Gate("kernel written for the pack / hand-written loop",
             rows[KERNEL]["ns"] / rows[BY_HAND]["ns"], 2.5, True),
        Gate(f"fastest peer ({fastest}) / ours", rows[fastest]["ns"] / ours, 5, False)]
    return gates + [Gate(f"{name} / ours", rows[name]["ns"] / ours, 15, False)
                    for name in PEERS if not name.startswith("pandas")]


# --- latency and pipeline -------------------------------------------------------------------------
def print_latency(rows: dict[str, dict[str, float]]) -> None:
    """The table of single claims."""
    print(f"\n  {'one claim in process':40}{'us best':>10}{'median':>10}")
    for name, row in rows.items():
        print(f"  {name:40}{row['best']:>10.1f}{row['median']:>10.1f}")


def latency_gates(rows: dict[str, dict[str, float]]) -> list[Gate]:
    """Microseconds of one claim; what settles seven claims of a year makes no promise."""
    return [Gate(f"us: {name}", row["best"], 60 if "text" in name else 20, True)
            for name, row in rows.items() if "first claim" in name]


def print_pipeline(pack: str | Path, row: dict[str, float]) -> None:
    """The line of the pipeline."""
    name = pack.stem if isinstance(pack, Path) else pack
    print(f"\n  Parquet to Parquet, unsorted, {name}: {row['claims']:,} claims, "
          f"{row['cpu']:.2f} s CPU ({row['wall']:.2f} s by the clock, start "
          f"{row['start']:.2f} s CPU apart), "
          f"{row['claims'] / row['cpu']:,.0f} claims/s/core,\n  peak memory "
          f"{row['peak_mib']:,.0f} MiB, file {row['in_mib']} MiB in, {row['out_mib']} MiB out, "
          f"{row['rejected']:,} rejected")


def pipeline_gates(row: dict[str, float]) -> list[Gate]:
    """The rate of the pipeline, reading and writing included."""
    return [Gate("Parquet to Parquet, million claims a second of one core",
                 row["claims"] / row["cpu"] / 1e6, 1.2, False)]


# --- platform -------------------------------------------------------------------------------------
PLATFORM_ROWS = {"one": "service call, 1 process x 8", "two": "service call, 2 processes x 4",
                 "many": "service call, 2 processes x 32",
                 "http": "HTTP, 8 clients, 2 server processes",
                 "shipped": "service call, 2 x 4, shipped pack"}


def print_platform(found: dict) -> None:
    """The table of durable settlements, and what was checked after it."""
    said = ", ".join(f"{name} {value}" for name, value in found["settings"].items())
    print(f"\n  durable settlements, {found['people']:,} people; PostgreSQL: {said}\n"
          f"  {'':36}{'a second':>10}{'of plain':>10}{'p50 ms':>9}{'p99 ms':>9}{'client us':>11}"
          f"{'web us':>8}{'server us':>11}{'load':>6}")
    for name, title in PLATFORM_ROWS.items():
        row = found[name]
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else "-"
        print(f"  {title:36}{row['rate']:>10,.0f}{ratio:>10}{row['p50_ms']:>9.1f}"
              f"{row['p99_ms']:>9.1f}{row['client_us']:>11,.0f}{row['web_us']:>8,.0f}"
              f"{row['server_us']:>11,.0f}{row['load']:>6.1f}")
    plain = [("-c 8", row) for row in found["plain"]] + [("-c 64", found["plain_many"])]
    for clients, row in plain:
        print(f"  {'plain: settle.sql, pgbench ' + clients:36}{row['rate']:>10,.0f}{'':57}"
              f"{row['server_us']:>9,.0f}{row['load']:>6.1f}")
    again, books = found["retroactive"], found["checked"]
    took = again["settled"] / again["rate"]
    print(f"  retroactive status: {again['settled']:,} persons settled again in {took / 60:.1f} "
          f"minutes, {again['rate']:,.0f} a second\n"
          f"  books: {books['entries']:,} entries sum to {books['sum_fen']} fen, "
          f"chains {'verify' if books['sound'] else 'DO NOT VERIFY'} ({books['seconds']:.1f} s)")


def platform_gates(found: dict) -> list[Gate]:
    """Ratios to the plain transaction of the same minutes, and the books."""
    best = max(("one", "two", "many"), key=lambda name: found[name]["ratio"])
    return [Gate(f"plain transaction: {PLATFORM_ROWS[best]}", found[best]["ratio"], 0.5, False),
            Gate(f"plain transaction: {PLATFORM_ROWS['http']}", found["http"]["ratio"], 0.25,
                 False),
            Gate("books that do not sum to zero or verify", float(
                not found["checked"]["sound"] or found["checked"]["sum_fen"] != 0), 0, True)]


# --- gateway --------------------------------------------------------------------------------------
def print_gateway(found: dict) -> None:
    """The table of the gateway: settlements a second, and a bill of many lines."""
    print(f"\n  gateway over HTTP, {found['clients']} clients, in turns with the platform's own "
          f"interface\n  {'':36}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'count':>8}")
    for name, title in (("gateway", "2304 through the gateway"),
                        ("platform", "POST .../settlements, the same lines"),
                        ("sums", "POST .../settlements, their sums")):
        row = found[name]
        print(f"  {title:36}{row['rate']:>10,.0f}{row['p50_ms']:>9.1f}{row['p99_ms']:>9.1f}"
              f"{row['count']:>8,}")
    print(f"  an inpatient bill of {found['lines']} lines, one client")
    for name, row in found["long"].items():
        print(f"  {name:36}{'':>10}{row['p50_ms']:>9.1f}{row['p99_ms']:>9.1f}{row['count']:>8,}")


def gateway_gates(found: dict) -> list[Gate]:
    """The ratios to the platform's own interface, and the books."""
    return [Gate("platform's own HTTP, the same lines: settlements through the gateway",
                 found["platform"]["ratio"], 0.7, False),
            Gate("platform's own HTTP, sums without lines: through the gateway",
                 found["sums"]["ratio"], 0.7, False),
            Gate("books of the gateway's city that do not verify", float(not found["sound"]), 0,
                 True)]


# --- grouping -------------------------------------------------------------------------------------
def print_grouping(row: dict[str, object]) -> None:
    """The table of the DRG grouper."""
    print(f"\n  DRG grouping, {row['scheme']}, {row['cases']:,} cases in memory, encoding "
          f"included, one thread, CPU time\n  {'':36}{'cases/s/core':>14}{'x plain':>10}")
    for name, title in (("batch", "batch"), ("traced", "full trace"),
                        ("plain", "plain dictionary interpreter")):
        print(f"  {title:36}{row[name]:>14,.0f}{row[name] / row['plain']:>10.1f}")
    print(f"  {row['different']} answers differ; scheme read and compiled in "
          f"{row['load_s']:.1f} s, peak memory {row['peak_mib']:,.0f} MiB")


def grouping_gates(row: dict[str, object]) -> list[Gate]:
    """Rates of one core, and that the plain interpreter agrees."""
    return [Gate("DRG groups that differ from the plain interpreter", row["different"], 0, True),
            Gate("DRG cases a second of one core, batch", row["batch"], 100_000, False),
            Gate("DRG cases a second of one core, full trace", row["traced"], 20_000, False)]


# --- points ---------------------------------------------------------------------------------------
def print_points(row: dict[str, object]) -> None:
    """The lines of DIP."""
    print(f"\n  DIP, {row['cases']:,} cases, {row['groups']:,} groups, file to file: matched and "
          f"scored {row['points_seconds']:.1f} s, cleared {row['clear_seconds']:.1f} s, together "
          f"{row['seconds']:.1f} s by the clock,\n  peak memory {row['peak_mib']:,.0f} MiB; in "
          f"memory alone: match {row['match_seconds']:.1f} s, score {row['score_seconds']:.1f} s")


def points_gates(row: dict[str, object]) -> list[Gate]:
    """A million cases of a year, from their file to every hospital's amount."""
    return [Gate("DIP cases refused", row["refused"], 0, True),
            Gate("million DIP cases matched, scored and cleared, seconds",
                 row["seconds"] * 1e6 / row["cases"], 60, True),
            Gate("the same, peak memory MiB", row["peak_mib"], 2048, True)]


# --- all ------------------------------------------------------------------------------------------
def machine() -> dict[str, object]:
    """What it ran on."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration, IndexError):
        pass
    return {"cpu": name, "cores": os.cpu_count(), "python": platform.python_version(),
            "load_before": round(os.getloadavg()[0], 1)}


class Part(NamedTuple):
    """A part of the table that is one process: what it runs, and what is made of its figures."""

    script: str
    show: Callable[[dict[str, object]], None]
    gates: Callable[[dict[str, object]], list[Gate]]


ONE_PROCESS = {
    "latency": Part("latency.py", print_latency, latency_gates),
    "platform": Part("settlement.py", print_platform, platform_gates),
    "gateway": Part("gateway.py", print_gateway, gateway_gates),
    "grouping": Part("grouping.py", print_grouping, grouping_gates),
    "points": Part("points.py", print_points, points_gates)}


def measure_all(asked: argparse.Namespace, found: dict[str, object]) -> list[Gate]:
    """Runs the parts asked for, in the order of PARTS, printing each as it ends."""
    gates: list[Gate] = []
    options = {"platform": ("--people", asked.people)}
    for name in (part for part in PARTS if part in asked.only):
        if name == "engines":
            found["claims"], found["engines"] = engines(asked.n, asked.seed)
            print_engines(found["engines"])
            gates += engine_gates(found["engines"])
        elif name == "pipeline":
            gates += measure_pipeline(asked.claims, found)
        else:
            part = ONE_PROCESS[name]
            found[name] = own_process(part.script, *options.get(name, ()))
            part.show(found[name])
            gates += part.gates(found[name])
    return gates


def measure_pipeline(claims: int, found: dict[str, object]) -> list[Gate]:
    """The pipeline under the pack of the bench, which has gates, and under a shipped one."""
    for pack in (WORKLOAD_PACK, SHIPPED_PACK):
        row = own_process("pipeline.py", "--claims", claims, "--runs", 2, "--pack", pack)
        found[f"pipeline {pack}"] = row
        print_pipeline(pack, row)
    return pipeline_gates(found[f"pipeline {WORKLOAD_PACK}"])


def report(gates: Iterable[Gate], seconds: float, found: dict[str, object]) -> int:
    """Prints the gates and the summary; the number that failed."""
    gates = list(gates)
    print("\n  gates")
    for gate in gates:
        print(gate.line())
    failed = sum(not gate.kept for gate in gates)
    found["gates"] = [gate._asdict() | {"kept": gate.kept} for gate in gates]
    found["seconds"] = round(seconds, 1)
    load = os.getloadavg()[0]
    print(f"\nbench: {len(gates) - failed} of {len(gates)} gates kept"
          f"{f', {failed} FAILED' if failed else ''}, {seconds:.0f} s, load average {load:.1f} on "
          f"{os.cpu_count()} cores")
    return failed


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=100_000, help="person-years")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--claims", type=int, default=10_000_000,
                        help="claims of the pipeline")
    parser.add_argument("--people", type=int, default=200_000,
                        help="people of the platform, as settle.sql has")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(PARTS))
    parser.add_argument("--strict", action="store_true", help="exit 1 when a gate fails")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if unknown := set(asked.only) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    begun = time.perf_counter()
    found: dict[str, object] = {"machine": machine()}
    print(", ".join(f"{name} {value}" for name, value in found["machine"].items()))
    gates = measure_all(asked, found)
    failed = report(gates, time.perf_counter() - begun, found)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return 1 if failed and asked.strict else 0


if __name__ == "__main__":
    sys.exit(main())
