"""The sender: takes messages to a receiver, waits while it is away, ends when it is told to."""
from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from test_audit_outbox import settled
from town import Town

from tongchou.database import Database
from tongchou.api import figures
from tongchou.errors import CaseError, Refusal
from tongchou.platform import Sender, receiver_of
from tongchou.platform.receivers import MessageRefused, ReceiverAway
from tongchou.server import Options, Server
from tongchou.settlement import outbox


@pytest.fixture(scope="module")
def town(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A town; each test sends what it settles itself."""
    return Town(database, tmp_path_factory.mktemp("keys"))


class Other(ThreadingHTTPServer):
    """Another system: answers with `statuses`, one after the other, 200 when they are over."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.statuses: list[int] = []
        self.seen: list[tuple[dict[str, str], dict[str, object]]] = []
        self.connections = 0

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/messages?from=tongchou"

    def ids(self) -> list[str]:
        """What it was sent."""
        return [body["outbox_id"] for _, body in self.seen]


class Answering(BaseHTTPRequestHandler):
    """One connection of it, kept open."""

    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:  # noqa: N802 - as the library calls it
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append(({"path": self.path, **self.headers}, body))
        status = self.server.statuses.pop(0) if self.server.statuses else 200
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def other() -> Iterator[Other]:
    """A running one."""
    server = Other()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


VISITS = (f"D{number}" for number in itertools.count())


def settled_here(town: Town, count: int) -> list[str]:
    """Messages of new settlements of a new person."""
    ids = settled(town, town.person(), *itertools.islice(VISITS, count))
    return [f"{setl_id}.1" for setl_id in ids]


def test_messages_are_posted_in_order_over_one_connection(town: Town, other: Other) -> None:
    sent = settled_here(town, 3)
    sender = Sender(town.platform.deliver, receiver_of(other.address, "secret"))
    found = sender.round()
    assert (found.sent, found.waiting, found.away, found.fault) == (3, 0, "", "")
    assert other.ids() == sent and other.connections == 1
    headers, body = other.seen[0]
    assert headers["path"] == "/messages?from=tongchou"
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Idempotency-Key"] == f"{town.region}-{sent[0]}"
    assert body["topic"] == "settlement.settle" and body["body"]["setl_id"] == sent[0][:-2]
    assert sender.round().sent == 0 and len(other.seen) == 3


def test_a_receiver_that_is_away_is_waited_for(town: Town, other: Other) -> None:
    """503, then a broken connection, then it is back: all of them arrive once, in order."""
    sent = settled_here(town, 2)
    other.statuses = [503]
    receiver = receiver_of(other.address)
    sender = Sender(town.platform.deliver, receiver)
    found = sender.round()
    assert (found.sent, found.waiting, found.away) == (0, 2, "HTTP 503")
    nobody = Sender(town.platform.deliver, receiver_of("http://127.0.0.1:9/"))
    assert "Connection" in nobody.round().away
    assert sender.round().sent == 2 and other.ids() == [sent[0], *sent]


def test_a_kept_connection_that_was_closed_is_opened_again(town: Town, other: Other) -> None:
    receiver = receiver_of(other.address)
    first, second = settled_here(town, 1), settled_here(town, 1)
    messages = {}
    Sender(town.platform.deliver, lambda one: messages.setdefault(one.outbox_id, one)).round()
    receiver(messages[first[0]])
    receiver._connection.sock.shutdown(2)
    receiver(messages[second[0]])
    assert other.ids() == first + second and other.connections == 2


def test_a_refused_message_stops_its_own_shard_only(town: Town) -> None:
    groups = [settled_here(town, 2) for _ in range(3)]
    poison = groups[1][0]

    def receive(message: outbox.Message) -> None:
        if message.outbox_id == poison:
            raise MessageRefused("HTTP 422")
        taken.append(message.outbox_id)

    taken: list[str] = []
    sender = Sender(town.platform.deliver, receive)
    found = sender.round()
    assert found.refused == {poison: "HTTP 422"} and found.sent >= 2 and not found.away
    assert poison not in taken and groups[1][1] not in taken
    assert sender._pause(found) <= 1.0, "there is more to send elsewhere"
    assert sender._pause(sender.round()) == 5.0, "only the refused one is left"
    poison = ""
    sender.round()
    assert sorted(taken) == sorted(itertools.chain(*groups))


def test_pauses_grow_while_nobody_answers_and_end_with_it(town: Town) -> None:
    settled_here(town, 1)
    away = True

    def receive(_: outbox.Message) -> None:
        if away:
            raise ReceiverAway("no answer")

    sender = Sender(town.platform.deliver, receive)
    pauses = [sender._pause(sender.round()) for _ in range(12)]
    assert 1.0 <= pauses[0] <= 2.0 and all(30.0 <= one <= 60.0 for one in pauses[6:])
    away = False
    assert sender._pause(sender.round()) == 1.0 and sender._pause(sender.round()) == 1.0


def test_the_database_may_be_away_too() -> None:
    def deliver(_: object, __: int) -> outbox.Delivery:
        raise Refusal("database-unavailable", "it does not answer", hint="wait")

    sender = Sender(deliver, lambda message: None)
    found = sender.round()
    assert found.fault == "database-unavailable" and sender._pause(found) > 0


@pytest.mark.parametrize("full", [False, True], ids=["idle", "under way"])
def test_it_ends_when_told_and_loses_nothing(full: bool, town: Town) -> None:
    """Told in the middle of a round: the message under way counts, the others stay."""
    sent = settled_here(town, 3) if full else []
    taken, at_work, go_on = [], threading.Event(), threading.Event()

    def receive(message: outbox.Message) -> None:
        taken.append(message.outbox_id)
        at_work.set()
        go_on.wait(5)

    rounds = []
    sender = Sender(town.platform.deliver, receive, lambda found: (rounds.append(found),
                                                                   at_work.set()))
    sender.start()
    assert at_work.wait(5)
    stopper = threading.Thread(target=sender.stop)
    stopper.start()
    if full:
        assert sender._stopping.wait(5)
        go_on.set()
    stopper.join(5)
    assert not sender._thread.is_alive() and taken == sent[:1]
    go_on.set()
    assert Sender(town.platform.deliver, receive).round().sent == len(sent[1:])
    assert taken == sent


def test_a_file_gets_a_line_each_and_heals_a_torn_one(town: Town, tmp_path: Path) -> None:
    path = tmp_path / "out box.jsonl"
    path.write_bytes(b'{"outbox_id":"old"}\n{"outbox_id":"to')       # a crash in the middle
    receiver = receiver_of(f"file://{tmp_path}/out%20box.jsonl")
    sent = settled_here(town, 3)
    assert Sender(town.platform.deliver, receiver).round().sent == 3
    lines = path.read_text().splitlines()
    assert [json.loads(line)["outbox_id"] for line in lines] == ["old", *sent]
    missing = receiver_of(f"file://{tmp_path}/none/outbox.jsonl")
    settled_here(town, 1)
    assert "No such file" in Sender(town.platform.deliver, missing).round().away


def test_a_full_disk_leaves_no_half_line(town: Town) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    settled_here(town, 1)
    assert Sender(town.platform.deliver, receiver_of("file:///dev/full")).round().sent == 0
    assert Sender(town.platform.deliver, lambda message: None).round().sent >= 1


@pytest.mark.parametrize("address", [
    "", "outbox.jsonl", "ftp://host/path", "http://", "http://user:hunter2@host/",
    "http://u:hunter2@host:99999/", "https://host:0/", "http://host:99999/", "file://host/path",
    "http://主机/", "http://host/#part", "//host/path"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(CaseError) as refused:
        receiver_of(address)
    assert refused.value.code == "bad-receiver" and "hunter2" not in str(refused.value)


def test_plain_http_stays_in_its_network(monkeypatch: pytest.MonkeyPatch, town: Town,
                                         other: Other) -> None:
    """What counts is the address that answered, whatever its name was."""
    import ipaddress
    settled_here(town, 1)
    sender = Sender(town.platform.deliver, receiver_of(other.address))
    outside: Callable[[str], object] = lambda _: ipaddress.IPv4Address("93.184.216.34")
    with monkeypatch.context() as patch:
        patch.setattr("tongchou.platform.receivers.ipaddress.ip_address", outside)
        assert "outside this network" in sender.round().away
    assert not other.seen and sender.round().sent == 1


def test_the_server_tells_whom_it_is_told_to_tell(town: Town, other: Other, tmp_path: Path) -> None:
    """The variable switches it on; its figures are on /metrics."""
    sent = settled_here(town, 2)
    nobody = Server(Options(tmp_path, environment={}), town.platform.database, town.platform)
    assert nobody.sender is None
    server = Server(Options(tmp_path, environment={"TONGCHOU_OUTBOX_URL": other.address}),
                    town.platform.database, town.platform)
    server.sender.start()
    for _ in range(500):
        if "tongchou_outbox_sent_total 2.0" in figures.page().decode():
            break
        time.sleep(0.01)
    server.sender.stop()
    assert other.ids() == sent
    page = figures.page().decode()
    assert "tongchou_outbox_sent_total 2.0" in page and "tongchou_outbox_waiting 0.0" in page
