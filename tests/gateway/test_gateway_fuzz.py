"""Thousands of messages nobody would send: no 5xx, no fault of ours, no half-written visit."""
from __future__ import annotations

import http.client
import json
import os
import random
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import orjson
import pytest
from clients import DRUG, client_of, line, morning, outpatient, stay
from fuzzing import ODD, WORDS, Fuzzer
from gateway_city import City

from tongchou.client import Purchase, Refused
from tongchou.database import Database
from tongchou.gateway.nodes import Field
from tongchou.gateway.writing import shown
from tongchou.ledger import verify

CODE = "H52990100004"          # family E: nothing of it is stopped by a signature
RESIDENT, EMPLOYEE = "a resident, nothing special", "an employee"
CODES = re.compile(r"\[([a-z0-9-]+)\]")
FAULTS = ("internal-error", "refused-by-database")
# What would be half a visit; each must find nothing.
HALF = {
    "a line without its visit": """select 1 from visit_line l
        where not exists (select 1 from visit v where (v.region, v.shard, v.psn_no, v.mdtrt_id)
        = (l.region, l.shard, l.psn_no, l.mdtrt_id))""",
    "a settled line without its settlement": """select 1 from visit_line l
        where setl_id is not null and not exists (select 1 from visit_settlement s
        where (s.region, s.shard, s.psn_no, s.setl_id) = (l.region, l.shard, l.psn_no, l.setl_id)
        and s.reversed_at is null)""",
    "a settlement with other lines than it says": """select 1 from visit_settlement s
        where reversed_at is null and (answer -> 'setlinfo' ->> 'medfee_sumamt')::numeric * 100 <> (
        select coalesce(sum(out_fen + over_fen + first_fen + in_fen), 0) from visit_line l
        where (l.region, l.shard, l.psn_no, l.setl_id) = (s.region, s.shard, s.psn_no, s.setl_id)
        and voided_at is null)""",
    "a settlement of the gateway that is on nobody's visit": """select 1 from settlement p
        where mdtrt_id like 'M%%' and not exists (select 1 from visit_settlement s
        where (s.region, s.shard, s.psn_no, s.setl_id)
        = (p.region, p.shard, p.psn_no, p.setl_id))""",
    "a settlement cancelled on one side only": """select 1 from visit_settlement s
        join lateral (select reason from outcome o where (o.region, o.shard, o.psn_no, o.setl_id)
          = (s.region, s.shard, s.psn_no, s.setl_id) order by revision desc limit 1) o on true
        where (o.reason = 'reverse') <> (s.reversed_at is not null)""",
}


def corpus(city: City) -> list[Mapping[str, object]]:
    """Real messages of visits that go on: every kind, settled and not."""
    client, begin, found = client_of(city, CODE), morning(city.today), []
    post = client._post

    def keeps(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        found.append(json.loads(body))
        return post(path, headers, body)

    client._post = keeps
    client.sign_in()
    for why in (RESIDENT, EMPLOYEE):
        who = city.person(why)
        person = client.identify(who["certno"], who["name"])
        for _ in range(3):
            visit = outpatient(client, person, begin)
            visit.charge([line(begin)], "B2")
            visit.quote("B1")
            settled = visit.settle("B1")
            visit.refund(settled)
            visit.settle("B1")
            inside = stay(client, person, begin, line(begin), line(begin))
            inside.quote()
            inside.settle(mid_stay=True)
            inside.charge([line(begin)])
            inside.discharge(begin, ())
            inside.back_in()
            visit.void("B2")
            client.take_back(settled.message)
        try:
            Purchase(client, person, begin).quote([line(begin, DRUG, "1", "15.00")])
        except Refused:
            pass
        number = client.upload("x.zip", b"1\t2\t3\t4\t5\t6\t0")
        client.call("3202", {"data": {"setl_optins": "", "file_qury_no": number, "clr_type": "11",
                                      "stmt_begndate": begin.date(), "stmt_enddate": begin.date()}})
    return found


def survive(city: City, database: Database, messages: int) -> None:
    seed = int(os.environ.get("FUZZ_SEED") or random.SystemRandom().randrange(10**6))
    fuzzer = Fuzzer(seed, CODE, "529900", corpus(city))
    connection = http.client.HTTPConnection("127.0.0.1", city.port, timeout=60)
    counts, sent = Counter(), (b"", "")
    try:
        for _ in range(messages):
            path, body = sent = fuzzer.message()
            connection.request("POST", path, body, {"content-type": "application/json"})
            reply = connection.getresponse()
            text = reply.read()
            assert reply.status == 200, reply.status
            counts[verdict(text)] += 1
        check(database)
        assert not [code for code in counts if code in FAULTS], counts
    except BaseException:
        print(f"FUZZ_SEED={seed} failed after {sum(counts.values())} messages at {sent!r:.3000}")
        raise
    told = {code: many for code, many in counts.most_common(12)}
    print(f"seed {seed}: {messages:,} messages, no 5xx, no fault, no half visit; {told}")
    assert counts["answered"] > messages / 50


def verdict(reply: bytes) -> str:
    """answered, a file, or the code of the refusal; a refusal is one a clerk can read."""
    if reply[:1] != b"{":
        return "file"
    found = json.loads(reply)
    found = found.get("data", found)
    if str(found["infcode"]) == "0":
        return "answered"
    code = CODES.match(found["err_msg"])
    assert code and 0 < len(found["err_msg"]) <= 200, found
    if code.group(1) in FAULTS:
        raise AssertionError(found)
    return code.group(1)


def check(database: Database) -> None:
    """Every visit whole, the books sound."""
    with database.connection() as connection:
        for what, query in HALF.items():
            assert not connection.execute(query).fetchall(), what
    with database.connection() as connection:
        report = verify(connection).as_dict()
    assert report["sound"], report


def test_fifteen_hundred_messages_nobody_would_send(city: City, database: Database) -> None:
    survive(city, database, 1500)


@pytest.mark.long
def test_twenty_thousand_messages_nobody_would_send(city: City, database: Database) -> None:
    survive(city, database, 20_000)


@pytest.mark.parametrize("sent", [*WORDS, *ODD, "01", Decimal("1E+2"), Decimal("2.00")])
def test_whatever_was_registered_as_a_number_is_answered_as_one(sent: object) -> None:
    found = json.loads(orjson.dumps(shown(sent, Field("diag_srt_no", "n", 2))), parse_float=str)
    assert isinstance(found, (int, str))
