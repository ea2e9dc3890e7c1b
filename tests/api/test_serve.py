"""`tongchou serve`: starts by itself with no settings, refuses what production forbids."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

READY_SECONDS = 30
PLAIN = {name: value for name, value in os.environ.items()
         if not name.startswith(("DATABASE_", "TONGCHOU_"))}


def command(*words: object) -> list[str]:
    return [str(Path(sys.executable).with_name("tongchou")), *map(str, words)]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder of its own: pytest closes its folders to the database's user when another run
    begins. The last processes of a killed server may still write their words into its logs."""
    with tempfile.TemporaryDirectory(prefix="tongchou-serve-", ignore_cleanup_errors=True,
                                     ) as folder:
        yield Path(folder)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen, int, Path]]:
    port = free_port()
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(command("serve", "--port", port, "--data", tmp_path / "data",
                                       "--no-demo"), env=PLAIN, stdout=log, stderr=log)
    yield process, port, tmp_path
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as reply:
            return json.load(reply)["ready"]
    except (OSError, urllib.error.URLError):
        return False


def test_it_starts_its_own_database_and_is_ready(served: tuple[subprocess.Popen, int, Path],
                                                 ) -> None:
    process, port, folder = served
    began = time.monotonic()
    while not ready(port):
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() - began < READY_SECONDS, (folder / "log").read_text()
        time.sleep(0.1)
    print(f"ready after {time.monotonic() - began:.1f} s")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    lines = [json.loads(line) for line in (folder / "log").read_text().splitlines()]
    assert lines[-1]["event"] == "stopped"
    assert not list((folder / "data").glob("*/postmaster.pid"))


@pytest.mark.parametrize("settings", [
    {}, {"TONGCHOU_TRUSTED_PROXY": "10.0.0.5"}, {"TONGCHOU_KEY_FILE": "keys.json"}])
def test_production_refuses_to_start_half_configured(settings: dict[str, str], tmp_path: Path,
                                                     ) -> None:
    done = subprocess.run(command("serve", "--production", "--data", tmp_path / "data"),
                          env=PLAIN | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "is not set" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and not (tmp_path / "data").exists()


def test_the_first_administrator_and_no_demonstration_in_production(tmp_path: Path) -> None:
    from tongchou.access import make_demonstration_operators
    from tongchou.errors import Refusal
    from tongchou.privacy import make_key_file
    from tongchou.server import Options, Server
    make_key_file(tmp_path / "keys.json")
    environment = {"TONGCHOU_TRUSTED_PROXY": "10.0.0.5",
                   "TONGCHOU_KEY_FILE": str(tmp_path / "keys.json")}
    data = tmp_path / "data"
    done = subprocess.run(command("serve", "--create-admin", "chief", "--data", data,
                                  "--production"), env=PLAIN | environment, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stderr
    password = done.stdout.split("chief: ")[1].split()[0]
    options = Options(data, production=True, environment=environment)
    server = Server.open(options)
    try:
        _, signed = server.access.sign_in("chief", password, "test")
        assert signed.account.must_change and signed.account.role == "administrator"
        make_demonstration_operators(server.access, ["520500"])
    finally:
        server.close()
    with pytest.raises(Refusal) as refused:
        Server.open(options)
    assert refused.value.code == "not-for-production"


def test_processes_answer_together_and_end_together(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    with log.open("w") as lines:
        first = subprocess.Popen(command("serve", "--port", port, "--data", tmp_path / "data",
                                         "--no-demo", "--processes", 2), env=PLAIN,
                                 stdout=lines, stderr=lines)
    try:
        wait_for(lambda: len(listening(log)) == 2, log)
        other = next(number for number in listening(log) if number != first.pid)
        os.kill(other, signal.SIGKILL)
        wait_for(lambda: len(listening(log)) == 3 and ready(port), log)
        assert sum(answered(port, "/healthz") for _ in range(20)) == 20
        wait_for(lambda: health_answers(port) == 20, log)      # of both, added up; just after
        first.kill()                                           # not even told to end
        first.wait()
        wait_for(lambda: not ready(port) and not list(
            (tmp_path / "data").glob("*/postmaster.pid")), log)
    finally:
        first.kill()


def listening(log: Path) -> list[int]:
    """Numbers of the processes that began to listen."""
    found = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
    return [line["number"] for line in found if line["event"] == "listening"]


def health_answers(port: int) -> float:
    """How often /healthz was answered, by the figures."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as reply:
        lines = reply.read().decode().splitlines()
    return next((float(line.split()[-1]) for line in lines
                 if "requests_total" in line and 'route="/healthz"' in line), 0)


def answered(port: int, path: str) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
        return reply.status == 200


def wait_for(what: Callable[[], bool], log: Path) -> None:
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < READY_SECONDS, log.read_text()
        time.sleep(0.1)
