"""A settlement service in a process of its own, to be killed at any moment.

    python service_process.py PLAN.json

Its clients (threads) do what the plan's seed says, one request after another. An answer counts as
acknowledged when its line stands in the client's file, synced. A process that starts again reads
these files: what is not there is sent again under the same key. A file `stop` beside them ends it.
"""
from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "platform"))
from town import CLERK  # noqa: E402

from tongchou.database import Database, LocalServer  # noqa: E402
from tongchou.errors import Refusal  # noqa: E402
from tongchou.platform import Platform  # noqa: E402
from tongchou.privacy import open_keys  # noqa: E402

AGAIN = {"database-unavailable", "database-busy", "database-outcome-unknown", "too-busy"}
PATIENCE_SECONDS = 60
REVERSALS, RECOGNITIONS = 0.15, 0.03


@dataclass
class Plan:
    """What the test tells the process."""

    seed: int
    clients: int
    people: list[str]
    folder: str
    url: str
    data: str
    programs: str
    settings: dict[str, str]

    def platform(self) -> Platform:
        """The service, on the server that it starts again when it finds it dead."""
        server = LocalServer(Path(self.data), Path(self.programs), self.settings)
        return Platform(Database(self.url, server=server), open_keys(Path(self.folder)))


@dataclass
class Client:
    """One client: its answers so far, and the next request by the seed."""

    plan: Plan
    number: int
    answers: list[dict] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """Where acknowledged answers are."""
        return Path(self.plan.folder) / f"client-{self.number}.jsonl"

    def remember(self) -> None:
        """Reads what was acknowledged before; a line cut short by a kill was not.

        Only that line is cut off: who reads the file meanwhile never finds it empty.
        """
        self.answers = acknowledged_in(self.file)
        if self.file.exists():
            os.truncate(self.file, self.file.read_bytes().rfind(b"\n") + 1)

    def acknowledge(self, line: dict) -> None:
        """Only now the client has its answer."""
        self.answers.append(line)
        with self.file.open("ab") as file:
            file.write((json.dumps(line, ensure_ascii=False) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())

    def request(self) -> dict:
        """The next one: a bill, a reversal of an own bill, or a backdated status."""
        step = len(self.answers)
        dice = random.Random(f"{self.plan.seed}/{self.number}/{step}")
        key = f"{self.number}-{step}"
        back = {one["request"]["setl_id"] for one in self.answers if one["kind"] == "reverse"}
        own = [one for one in map(settled_of, self.answers) if one and one["setl_id"] not in back]
        if own and dice.random() < REVERSALS:
            one = dice.choice(own)
            return {"kind": "reverse", "key": key, "request": {
                "psn_no": one["psn_no"], "setl_id": one["setl_id"], "reason": "wrong patient"}}
        if self.number == 0 and dice.random() < RECOGNITIONS:
            return {"kind": "recognise", "key": key, "request": {
                "psn_no": dice.choice(self.plan.people), "code": "allowance",
                "from": f"2024-{dice.randrange(1, 13):02d}-01", "source": "civil affairs"}}
        return {"kind": "settle", "key": key, "request": self.bill(dice, f"V{key}")}

    def bill(self, dice: random.Random, mdtrt_id: str) -> dict:
        """A stay on some day of the year: often one before bills that stand."""
        day = f"2024-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
        return {"psn_no": dice.choice(self.plan.people), "mdtrt_id": mdtrt_id, "med_type": "21",
                "fixmedins_code": dice.choice(("H1", "H2", "H3")), "begndate": day,
                "enddate": day, "setl_time": f"{day}T10:00:00", "fulamt_ownpay_amt": "300.00",
                "medfee_sumamt": f"{dice.randrange(60_000, 9_000_000) / 100:.2f}",
                "overlmt_selfpay": "0.00", "preselfpay_amt": "200.00"}

    def send(self, platform: Platform, one: dict) -> None:
        """Until an answer comes, always under the same key."""
        end = time.monotonic() + PATIENCE_SECONDS
        call = {"settle": platform.settle, "recognise": platform.recognise,
                "reverse": lambda request, key, who: platform.reverse(
                    request, key, who=who, refund="recompute")}[one["kind"]]
        while time.monotonic() < end:
            try:
                text = call(one["request"], one["key"], who=CLERK)
                return self.acknowledge({**one, "text": text})
            except Refusal as refusal:
                if refusal.code not in AGAIN:
                    return self.acknowledge({**one, "refused": refusal.code})
            time.sleep(0.02)
        raise TimeoutError(f"no answer for {one['key']} in {PATIENCE_SECONDS} s")


def settled_of(line: dict) -> dict | None:
    """The answer of a bill that was settled."""
    return json.loads(line["text"]) if line["kind"] == "settle" and "text" in line else None


def acknowledged_in(file: Path) -> list[dict]:
    """Whole lines of a client's file."""
    text = file.read_bytes() if file.exists() else b""
    return [json.loads(line) for line in text[:text.rfind(b"\n") + 1].splitlines()]


def main(plan: Plan) -> None:
    """Runs the clients until the file `stop` is there; a fault of any ends all, with its text."""
    platform, folder = plan.platform(), Path(plan.folder)

    def live(client: Client) -> None:
        try:
            client.remember()
            while not (folder / "stop").exists():
                client.send(platform, client.request())
        except BaseException:
            (folder / "fault").write_text(traceback.format_exc())
            os._exit(3)

    threads = [threading.Thread(target=live, args=(Client(plan, number),))
               for number in range(plan.clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    os._exit(0)       # the server is the test's: no farewell that might stop it


if __name__ == "__main__":
    main(Plan(**json.loads(Path(sys.argv[1]).read_text())))
