"""Durable settlements a second: in the service call, over HTTP, and beside the plain transaction.

    python bench/settlement.py [--people 200000] [--seconds 6]

One PostgreSQL server, one folder, one run: pgbench runs settle.sql before and after everything that
is compared with it. `run.py` starts this and reads the last line (JSON).
"""
from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from town import PEER, SHIPPED, TOWNS, Town, build, joined
from windows import PASSWORD

from tongchou.access import AccessService, Account
from tongchou.database import Database, migrate, open_database
from tongchou.ledger import verify

HERE = Path(__file__).resolve().parent
CLIENTS, MANY, PROCESSES = 8, 64, 2
PERSON_YEARS, LONGEST_SECONDS = 100_000, 3600
SETTINGS = ("server_version", "fsync", "synchronous_commit", "full_page_writes", "data_checksums",
            "shared_buffers")
TICKS = os.sysconf("SC_CLK_TCK")
READY_SECONDS = 60


class Bench:
    """The server, what is asked of it, and how often in a second it did so."""

    def __init__(self, database: Database, data: Path, people: int, seconds: float) -> None:
        self.database, self.data, self.people, self.seconds = database, data, people, seconds
        self.plain: list[dict[str, float]] = []
        self._runs = 0

    # --- the plain transaction ------------------------------------------------------------------
    def prepare_plain(self) -> None:
        """The tables of settle.sql, in a database beside ours."""
        server = self.database.server
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("create database plain")
        text = (HERE / "settle_schema.sql").read_text(encoding="utf-8")
        with psycopg.connect(server.url("plain"), autocommit=True) as connection:
            for statement in text.split(";"):
                if statement.strip():
                    connection.execute(statement)

    def run_plain(self, clients: int = CLIENTS) -> dict[str, float]:
        """pgbench with so many clients."""
        server = self.database.server
        before = self.cpu_of_server()
        # Its standard error would carry notices of the server only; what matters is printed.
        ended = subprocess.run(
            [server.programs / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2",
             "-T", str(round(self.seconds)), "-f", HERE / "settle.sql", "-h", server.socket, "-p",
             "5432", "-U", "postgres", "plain"], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, check=False)
        rates = [line.split()[2] for line in ended.stdout.splitlines() if line.startswith("tps")]
        if not rates:
            raise SystemExit(f"pgbench failed:\n{ended.stdout[-2000:]}")
        rate = float(rates[0])
        spent = self.cpu_of_server() - before
        say(f"settle.sql, pgbench, {clients} clients: {rate:,.0f}/s")
        return {"rate": rate, "server_us": spent / (rate * round(self.seconds)) * 1e6,
                "load": os.getloadavg()[0]}

    # --- ours -----------------------------------------------------------------------------------
    def windows(self, town: Town, processes: int, *options: object, seconds: float = 0,
                people: int | None = None, web: int = 0, at_once: int = CLIENTS,
                ) -> dict[str, float]:
        """So many windows at once in so many processes: rate, times, CPU; `web` is the process of
        the server of HTTP, whose CPU counts too."""
        self._runs += 1
        command = [sys.executable, str(HERE / "windows.py"), "--region", town.region, "--people",
                   str(people or self.people), "--windows", str(at_once // processes), "--seconds",
                   str(seconds or self.seconds), *map(str, options)]
        if "--http" not in options:
            command += ["--data", str(self.data)]
        started = [subprocess.Popen([*command, "--run", str(self._runs), "--process", str(number)],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                   for number in range(processes)]
        for one in started:
            if one.stdout.readline() != "ready\n":
                raise SystemExit(f"bench/windows.py ended with {one.wait()}")
        before, web_before = self.cpu_of_server(), tree_seconds(web)
        for one in started:
            one.stdin.write("go\n")
            one.stdin.flush()
        found = [json.loads(one.stdout.readline()) for one in started]
        spent, web_spent = self.cpu_of_server() - before, tree_seconds(web) - web_before
        for one in started:
            one.wait()
        row = summary(found, spent)
        return row | {"web_us": web_spent / row["settled"] * 1e6}

    def compared(self, name: str, town: Town, processes: int, *options: object, web: int = 0,
                 at_once: int = CLIENTS) -> dict[str, float]:
        """Windows, settle.sql after them, and the ratio to settle.sql before and after."""
        row = self.windows(town, processes, *options, web=web, at_once=at_once)
        self.plain.append(self.run_plain())
        plain = sum(one["rate"] for one in self.plain[-2:]) / 2
        row |= {"plain": plain, "ratio": row["rate"] / plain}
        say(f"{name}: {row['rate']:,.0f}/s, {row['ratio']:.2f} of settle.sql")
        return row

    def cpu_of_server(self) -> float:
        """CPU seconds of PostgreSQL so far: the postmaster, its children, and those that ended."""
        return tree_seconds(self.database.server.pid())


def summary(found: Sequence[dict[str, object]], server_seconds: float) -> dict[str, float]:
    """One line of the table."""
    spent = sorted(second for one in found for second in one["seconds"])
    count, elapsed = len(spent), max(one["elapsed"] for one in found)
    if not count:
        raise SystemExit("not one settlement was made in the time given")
    return {"settled": count, "rate": count / elapsed, "p50_ms": spent[count // 2] * 1e3,
            "p99_ms": spent[count * 99 // 100] * 1e3,
            "client_us": sum(one["cpu"] for one in found) / count * 1e6,
            "server_us": server_seconds / count * 1e6, "load": os.getloadavg()[0]}


def tree_seconds(root: int) -> float:
    """CPU seconds of a process and its children, those that ended included; 0 for no process."""
    total = 0
    if not root:
        return 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(folder.name) == root or int(fields[1]) == root:
            total += int(fields[11]) + int(fields[12])
            if int(folder.name) == root:
                total += int(fields[13]) + int(fields[14])
    return total / TICKS


# --- over HTTP ------------------------------------------------------------------------------------
@contextmanager
def served(data: Path, processes: int = 2) -> Iterator[tuple[int, int]]:
    """`tongchou serve` in processes of its own on our folder: port and number of the first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import sys; from tongchou.cli.main import run; sys.exit(run(sys.argv[1:]))"
    with (data / "serve.log").open("w") as log:
        server = subprocess.Popen([sys.executable, "-c", code, "serve", "--no-demo", "--data",
                                   str(data), "--port", str(port), "--processes",
                                   str(processes)], stdout=log, stderr=log)
    try:
        _wait_until_ready(port, server, data / "serve.log")
        yield port, server.pid
    finally:
        server.terminate()
        server.wait()


def _wait_until_ready(port: int, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise SystemExit(f"tongchou serve is not ready:\n{log.read_text()[-2000:]}")


def over_http(bench: Bench) -> dict[str, float]:
    """8 clients with a connection and a key each."""
    platform = joined(bench.database, bench.data)
    AccessService(bench.database.connection, platform.clock, platform.ids).create(
        Account("bench-clerk", "bench", "clerk", tuple(TOWNS)), "bench", PASSWORD)
    with served(bench.data) as (port, number):
        return bench.compared("HTTP, 8 clients", PEER, 1, "--http", port, web=number)


# --- afterwards -----------------------------------------------------------------------------------
def retroactive(bench: Bench) -> dict[str, float]:
    """A status from the first day of the year for 100,000 people with settlements (of a small town,
    half): each of their years is settled again and the differences are posted."""
    wanted = min(PERSON_YEARS, bench.people // 2)
    while len(people := _with_settlements(bench)) < wanted + PROCESSES * CLIENTS:
        say(f"{len(people):,} people have settlements, {wanted:,} are wanted")
        bench.windows(PEER, PROCESSES, at_once=MANY, seconds=2 * bench.seconds)
    file = bench.data / "people.json"
    file.write_text(json.dumps([people[number::PROCESSES] for number in range(PROCESSES)]))
    say(f"the years of {len(people):,} people are settled again")
    row = bench.windows(PEER, PROCESSES, "--recognise", file, seconds=LONGEST_SECONDS)
    say(f"retroactive change: {row['settled']:,.0f} persons, {row['rate']:,.0f} a second")
    return row


def _with_settlements(bench: Bench) -> list[str]:
    with bench.database.connection() as connection:
        return [row[0] for row in connection.execute(
            "select distinct psn_no from person_year where region = %s", (PEER.region,))]


def checked(bench: Bench) -> dict[str, object]:
    """Whether the books sum to zero and every chain verifies, over everything that was settled."""
    begun = time.perf_counter()
    with bench.database.connection() as connection:
        report = verify(connection).as_dict()
        off = connection.execute("select coalesce(sum(amount_fen), 0)::bigint from posting"
                                 ).fetchone()[0]
    return {"sound": report["sound"], "entries": report["entries"],
            "postings": report["postings"], "sum_fen": off,
            "seconds": time.perf_counter() - begun}


def say(text: str) -> None:
    """Progress, for who waits."""
    print(text, file=sys.stderr, flush=True)


def settings_of(database: Database) -> dict[str, str]:
    """What durability rests on."""
    with database.connection() as connection:
        return {name: connection.execute(f"show {name}").fetchone()[0] for name in SETTINGS}


def measured(bench: Bench) -> dict[str, object]:
    """Everything, in an order that puts settle.sql before and after each figure."""
    platform = joined(bench.database, bench.data)
    shipped = max(bench.people // 4, 1)
    build(platform, PEER, bench.people)
    build(platform, SHIPPED, shipped)
    bench.prepare_plain()
    with psycopg.connect(bench.database.server.url("tongchou"), autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
    say("the towns stand")
    bench.plain.append(bench.run_plain())
    found: dict[str, object] = {"settings": settings_of(bench.database)}
    found["one"] = bench.compared("service call, 1 process x 8", PEER, 1)
    found["two"] = bench.compared("service call, 2 processes x 4", PEER, 2)
    found["many"] = bench.compared(f"service call, 2 processes x {MANY // 2}", PEER, 2,
                                   at_once=MANY)
    found["http"] = over_http(bench)
    found["shipped"] = bench.windows(SHIPPED, 2, people=shipped)
    found["retroactive"] = retroactive(bench)
    found["plain_many"] = bench.run_plain(MANY)
    found["checked"] = checked(bench)
    return found | {"plain": bench.plain, "people": bench.people}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=6)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tongchou-bench-"))
    database = open_database(None, folder / "data")
    try:
        migrate(database)
        found = measured(Bench(database, folder / "data", asked.people, asked.seconds))
    finally:
        database.close()
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
