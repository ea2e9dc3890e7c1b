"""Messages leave if and only if what they tell was committed, at least once, in order."""
from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from town import CLERK, REGION, Town, code_of, stay

from tongchou.database import Database, shard_of
from tongchou.settlement import outbox


@pytest.fixture
def town(fresh_database: Database, tmp_path: Path) -> Town:
    """A town with nothing waiting."""
    return Town(fresh_database, tmp_path)


class Consumer:
    """Another system: remembers what it has seen, drops what it has."""

    def __init__(self, dies_at: int = 0) -> None:
        self.calls: list[str] = []
        self.known: dict[str, dict[str, object]] = {}
        self.dies_at = dies_at

    def __call__(self, message: outbox.Message) -> None:
        self.calls.append(message.outbox_id)
        if self.dies_at and len(self.calls) == self.dies_at:
            raise ConnectionError("no answer")
        self.known.setdefault(message.outbox_id, json.loads(message.body))


def settled(town: Town, number: str, *visits: str) -> list[str]:
    """setl_id of stays one after the other."""
    return [json.loads(town.settle(stay(number, visit, "3000.00", setl_time=f"2024-03-{day:02d}"
                                        "T10:00:00", begndate=f"2024-03-{day:02d}",
                                        enddate=f"2024-03-{day:02d}")))["setl_id"]
            for day, visit in enumerate(visits, 1)]


@pytest.mark.both_servers
def test_messages_leave_once_and_in_the_order_of_the_person(town: Town) -> None:
    number, consumer = town.person(), Consumer()
    ids = settled(town, number, "A1", "A2", "A3")
    assert town.platform.deliver(consumer, 2).sent == 2
    assert town.platform.deliver(consumer, 10).sent == 1
    assert town.platform.deliver(consumer, 10).sent == 0
    assert consumer.calls == [f"{setl_id}.1" for setl_id in ids]
    assert consumer.known[consumer.calls[0]]["region"] == REGION
    assert number not in json.dumps(list(consumer.known.values())), "no person in a message"


def test_a_refused_settlement_sends_nothing(town: Town) -> None:
    consumer, number = Consumer(), town.person()
    settled(town, number, "B1")
    assert code_of(town.settle, stay(number, "B1"), "B1-again") == "already-settled"
    assert code_of(town.settle, stay("nobody", "B2")) == "unknown-person"
    town.platform.deliver(consumer, 10)
    assert len(consumer.calls) == 1


def test_a_transaction_that_was_not_committed_sends_nothing(town: Town) -> None:
    """Written, looked for by a sender, then rolled back: nothing leaves."""
    consumer = Consumer()
    with town.platform.database.pool.connection() as connection:
        connection.execute("insert into outbox values ('990100', 0::smallint, 'X', 't', '{}', "
                           "now())")
        assert town.platform.deliver(consumer, 10).sent == 0
        connection.rollback()
    assert town.platform.deliver(consumer, 10).sent == 0 and not consumer.calls


def test_a_crash_between_send_and_mark_sends_again(town: Town,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """The consumer hears it twice and keeps one."""
    number, consumer = town.person(), Consumer()
    settled(town, number, "C1", "C2")
    with monkeypatch.context() as patch:
        def dies(*arguments: object) -> None:
            raise SystemExit("killed")
        patch.setattr(outbox.outbox_store, "mark_sent", dies)
        with pytest.raises(SystemExit):
            town.platform.deliver(consumer, 10)
    assert town.platform.deliver(consumer, 10).sent == 2
    assert len(consumer.calls) == 4 and len(consumer.known) == 2


def test_a_message_that_cannot_leave_holds_only_its_shard(town: Town) -> None:
    first, second = town.person(), town.person()
    while shard_of(REGION, second) == shard_of(REGION, first):
        second = town.person()
    mine = settled(town, first, "D1", "D2")
    settled(town, second, "D3")
    consumer = Consumer(dies_at=1)
    found = town.platform.deliver(consumer, 10)
    assert found.sent == 1 and [place.shard for place, _ in found.failed] == [
        shard_of(REGION, first)]
    assert "no answer" in found.failed[0][1]
    assert town.platform.deliver(consumer, 10).sent == 2
    assert consumer.calls[2:] == [f"{setl_id}.1" for setl_id in mine]


def test_two_senders_do_not_overtake_each_other(town: Town) -> None:
    """While one sender holds a shard the other leaves it alone."""
    number = town.person()
    ids = settled(town, number, "E1", "E2", "E3")
    holding, go_on, slow, quick = threading.Event(), threading.Event(), [], Consumer()

    def send(message: outbox.Message) -> None:
        holding.set()
        assert go_on.wait(20)
        slow.append(message.outbox_id)

    thread = threading.Thread(target=town.platform.deliver, args=(send, 10))
    thread.start()
    assert holding.wait(20)
    assert town.platform.deliver(quick, 10).sent == 0
    go_on.set()
    thread.join(20)
    assert slow == [f"{setl_id}.1" for setl_id in ids] and not quick.calls


def test_a_recomputation_is_told_after_what_it_moved(town: Town) -> None:
    number, consumer = town.person(), Consumer()
    setl_id, = settled(town, number, "F1")
    town.platform.reverse({"psn_no": number, "setl_id": setl_id, "reason": "x"}, "F1-back",
                          who=CLERK)
    town.platform.deliver(consumer, 10)
    assert consumer.calls == [f"{setl_id}.1", f"{setl_id}.2"]
