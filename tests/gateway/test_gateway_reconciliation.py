"""Reconciliation at the end of a day, with the reference client."""
from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from clients import client_of, drugstore_of, line, morning, outpatient, purchase, stay
from gateway_city import City

from tongchou.client import Books, Client, NoReply, Refused, reconcile
from tongchou.client.books import Entry, packed

FAMILIES = ("H52990100001", "H52990100002", "H52990100003", "H52990100004")
RESIDENT, EMPLOYEE = "a resident, nothing special", "an employee"


def known(client: Client, city: City, why: str) -> object:
    who = city.person(why)
    return client.identify(who["certno"], who["name"])


def day_of(city: City) -> tuple[date, date]:
    return (date.fromisoformat(city.today),) * 2


@pytest.mark.parametrize("code", FAMILIES)
def test_a_day_of_every_kind_is_even_and_each_difference_is_found(city: City, code: str) -> None:
    client, begin, books = client_of(city, code), morning(city.today), Books()
    client.sign_in()
    resident, employee = (known(client, city, why) for why in (RESIDENT, EMPLOYEE))
    kept = outpatient(client, resident, begin).settle("B1")
    visit = outpatient(client, employee, begin)
    back = visit.settle("B1")
    inside = stay(client, employee, begin, line(begin, count="100", price="60"))
    inside.discharge(begin, ())
    books.add(kept)
    books.add(back)
    books.add(inside.settle())
    assert [one.memo for one in reconcile(client, books, *day_of(city))] == []
    inside_books = books.entries[-1]
    assert inside_books.fund > 0
    # A lost reply, a doubled row, a changed amount, one the centre has not.
    books.entries.pop(1)
    books.entries.append(books.entries[0])
    books.entries[1] = inside_books._replace(fund=inside_books.fund + Decimal("0.01"))
    books.entries.append(books.entries[0]._replace(setl_id="none"))
    found = {one.setl_id: one.memo for one in reconcile(client, books, *day_of(city))}
    assert found.pop("").endswith(back.setl_id)
    assert "重复" in found.pop(kept.setl_id)
    assert "基金支付总额" in found.pop(inside_books.setl_id)
    assert "中心无" in found.pop("none") and not found


def test_refunds_are_rows_of_their_own_and_2601_counts_for_nobody(city: City) -> None:
    code = drugstore_of(city)
    client, begin, books = client_of(city, code), morning(city.today), Books()
    person = known(client, city, RESIDENT)
    sold = purchase(client, person, begin)
    taken = purchase(client, person, begin)
    client.take_back(taken.message)
    client.take_back(taken.message)
    from tongchou.client import Purchase
    books.add(sold)
    books.add(Purchase(client, person, begin, sold.mdtrt_id).refund(sold))
    assert books.entries[1].medfee == -books.entries[0].medfee
    assert reconcile(client, books, *day_of(city)) == []
    books.entries.pop()
    (found,) = reconcile(client, books, *day_of(city))
    assert found.refund and "机构无" in found.memo and found.setl_id == ""


def test_faults_that_even_each_other_out_are_found(city: City) -> None:
    """A lost reply and a row stored twice, of the same amount: the totals of 3201 agree."""
    client, begin, books = client_of(city, drugstore_of(city)), morning(city.today), Books()
    books.add(purchase(client, known(client, city, RESIDENT), begin))
    even = reconcile(client, books, *day_of(city))           # what other tests left there
    lost = purchase(client, known(client, city, EMPLOYEE), begin)
    assert Entry.of(lost)[7:] == books.entries[0][7:]
    books.entries.append(books.entries[0]._replace(insutype=lost.insutype))
    found = {one.setl_id: one.memo for one in reconcile(client, books, *day_of(city))
             if one not in even}
    assert found.pop("").endswith(lost.setl_id)
    assert "重复" in found.pop(books.entries[0].setl_id) and not found


def test_a_reply_that_is_lost_is_asked_for_again_or_taken_back(city: City) -> None:
    client, begin = client_of(city, FAMILIES[0]), morning(city.today)
    person = known(client, city, RESIDENT)
    visit, post, lost = outpatient(client, person, begin), client._post, [2, 0]

    def loses(path: str, headers: object, body: bytes) -> bytes:
        reply = post(path, headers, body)
        if json.loads(body)["infno"] == "2207" and lost[0]:
            lost[0] -= 1
            raise OSError("lost")
        return reply

    client._post = loses
    settled = visit.settle("B1")
    assert visit.refund(settled).amount("medfee_sumamt") == -settled.amount("medfee_sumamt")
    lost[0] = 99
    with pytest.raises(NoReply) as nothing:
        visit.settle("B1")
    client.take_back(nothing.value.sent)
    lost[0] = 0
    with pytest.raises(Refused, match="已被冲正"):
        client.again(client.message("2207", visit.bill("B1"), person.psn_no,
                                    nothing.value.sent.msgid))
    assert visit.settle("B1").setl_id != settled.setl_id


def test_a_file_goes_up_as_a_stream_as_base64_and_with_negative_bytes(city: City) -> None:
    client = client_of(city, FAMILIES[0])
    content = packed("x.txt", ["1\t2\t3\t4\t5\t6\t0"])
    from tongchou.client import signed_headers
    path = f"/gateway/9101?filename=a.zip&msgid=S1&fixmedins_code={client.access.code}"
    headers = signed_headers(client.access, "9101") | {"content-type": "application/octet-stream"}
    first = client._output("9101", client._post(path, headers, content))
    assert client.download(str(first["file_qury_no"]), "a.zip") == content
    assert first["dld_endtime"] == first["dld_end_time"]
    import base64
    for sent in ([one - 256 if one > 127 else one for one in content],
                 base64.b64encode(content).decode()):
        out = client.call("9101", {"fsUploadIn": {"in": sent, "filename": "a.zip"}})
        assert client.download(str(out["file_qury_no"]), "a.zip") == content
    other = client_of(city, FAMILIES[1])
    with pytest.raises(Refused, match="查无此文件"):
        other.download(str(out["file_qury_no"]), "a.zip")


@pytest.mark.parametrize("content", [b"xx", b"PK\x03\x04broken", "a\tb\n".encode(), b"\xff\xfe\t",
                                     b"1\t2\t3\tmany\t5\t6\t0"])
def test_a_file_that_is_none_is_refused(city: City, content: bytes) -> None:
    client = client_of(city, FAMILIES[0])
    number = client.upload("x", content)
    with pytest.raises(Refused) as refused:
        client.call("3202", {"data": {
            "setl_optins": "529900", "file_qury_no": number, "stmt_begndate": city.today,
            "stmt_enddate": city.today}})
    assert refused.value.code in ("bad-file", "bad-amount")
