"""Lists over HTTP: pages that hold everything once, filters, whose rows one sees."""
from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
from http_town import BASE, HOSPITAL, REGION
from starlette.testclient import TestClient
from town import CLERK, Town, stay

from tongchou.enrolment import Designation, Institution
from tongchou.settlement.catalogue import Deed, import_rows, sample_readings

Signed = Callable[[str], dict[str, str]]
NOTE = {"by": "tester", "why": "test"}


def asked(client: TestClient, headers: dict[str, str], path: str, **query: object) -> dict:
    """The reply of a list; whatever is asked must be answered."""
    reply = client.get(f"{BASE}/{path}", params=query, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


def pages(client: TestClient, headers: dict[str, str], path: str, rows: str, limit: int,
          **query: object) -> list[dict]:
    """All rows of a list, page by page."""
    found, after = [], ""
    while after is not None:
        page = asked(client, headers, path, limit=limit, after=after, **query)
        assert len(page[rows]) <= limit
        found, after = [*found, *page[rows]], page["next"]
    return found


# --- institutions ---------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def clinics(town: Town) -> list[str]:
    """Seven more: three clinics, two drugstores, one elsewhere, one that has closed."""
    add, codes = town.platform.enrolment.add_institution, []
    for number, (name, level, place, kind, last) in enumerate([
            ("东街Clinic", "township", "local", "general", ""),
            ("西街诊所", "township", "local", "chronic", ""),
            ("南街诊所", "1", "local", "general", ""),
            ("东街药店", "none", "local", "dispensing", ""),
            ("西街药店", "none", "local", "dispensing", "2024-06-30"),
            ("外地医院", "3", "outside", "general", ""),
            ("旧医院", "2", "local", "general", "2023-12-31")]):
        code = f"L{number}"
        add(REGION, Institution(code, name, level, (), place, REGION, "2020-01-01", last), **NOTE)
        add(REGION, Designation(code, kind, True, "2020-01-01", last), **NOTE)
        codes.append(code)
    return codes


def test_institutions_come_in_pages_that_hold_each_once(client: TestClient, signed: Signed,
                                                        clinics: list[str]) -> None:
    headers = signed("clerk")
    whole = asked(client, headers, "institutions", day="2024-03-01")
    assert whole["next"] is None and len(whole["institutions"]) == 9
    for limit in (1, 2, 3, 8, 9, 10):
        assert pages(client, headers, "institutions", "institutions", limit,
                     day="2024-03-01") == whole["institutions"]
    assert "L6" in [one["code"] for one in pages(client, headers, "institutions", "institutions",
                                                 4, day="2023-12-31")]


@pytest.mark.parametrize(("query", "codes"), [
    ({"level": "none"}, ["L3", "L4"]), ({"level": "none", "day": "2024-07-01"}, ["L3"]),
    ({"kind": "dispensing"}, ["L3", "L4"]), ({"kind": "chronic", "level": "township"}, ["L1"]),
    ({"name": "东街"}, ["L0", "L3"]), ({"name": "clinic"}, ["L0"]), ({"name": "%"}, []),
    ({"place": "outside"}, ["L5"]), ({"name": "街", "kind": "general"}, ["L0", "L2"]),
    ({"after": "L4", "name": "医院"}, ["L5"])])
def test_institutions_by_level_kind_name_and_place(
        query: dict[str, str], codes: list[str], client: TestClient, signed: Signed,
        clinics: list[str]) -> None:
    found = asked(client, signed("auditor"), "institutions", **{"day": "2024-03-01", **query})
    assert [one["code"] for one in found["institutions"]] == codes


def test_a_list_without_a_day_is_of_today(client: TestClient, signed: Signed, town: Town,
                                          clinics: list[str]) -> None:
    found = asked(client, signed("institution"), "institutions")
    assert found["day"] == "2024-12-30"
    assert {"L4", "L6"}.isdisjoint(one["code"] for one in found["institutions"])
    own = next(one for one in found["institutions"] if one["code"] == HOSPITAL)
    assert own["designated_for"] == ["chronic", "general"] and own["level"] == "2"


# --- the catalogue --------------------------------------------------------------------------------
def test_items_of_the_catalogue_in_pages(client: TestClient, signed: Signed, town: Town) -> None:
    items, _ = sample_readings()
    with town.platform.database.connection() as connection:
        import_rows(connection, items, Deed(REGION, town.tick(), "tester", "test"))
    headers = signed("institution")
    whole = pages(client, headers, "catalogue/items", "items", 1000, day="2024-03-01")
    assert len(whole) > 50
    assert pages(client, headers, "catalogue/items", "items", 7, day="2024-03-01") == whole
    some = whole[len(whole) // 2]
    for query in ({"code": some["code"]}, {"name": some["name"]}, {"class": some["class"]}):
        found = pages(client, headers, "catalogue/items", "items", 50, day="2024-03-01", **query)
        assert some in found and len(found) < len(whole)
    one = asked(client, headers, f"catalogue/items/{some['code']}", day="2024-03-01")
    assert {**some, "edition": one["edition"]} == one


# --- areas of filings -----------------------------------------------------------------------------
def test_a_filing_covers_the_counties_of_its_city(client: TestClient, signed: Signed, town: Town,
                                                  ) -> None:
    """Six digits of a city, as people write it, hold for a hospital in one of its districts."""
    number = town.person()
    path = f"{BASE}/persons/{number}/away-filings"
    filing = {"place": "outside", "area": "330100", "kind": "working", "from": "2024-01-01",
              "why": "备案"}
    reply = client.post(path, json=filing, headers=signed("clerk"))
    assert reply.status_code == 201, reply.text
    stored = client.get(path, headers=signed("clerk")).json()["away-filings"]
    assert [one["area"] for one in stored] == ["3301"]
    for change, code in (({"area": "160000"}, "bad-field"), ({"area": "330"}, "bad-field"),
                         ({"area": "520100"}, "area-contradicts"),
                         ({"place": "province"}, "area-contradicts")):
        refused = client.post(path, json={**filing, "from": "2025-01-01", **change},
                              headers=signed("clerk"))
        assert refused.json()["error"]["code"] == code, (change, refused.text)


# --- closed days ----------------------------------------------------------------------------------
def test_closed_days_their_lines_and_reconciliation(client: TestClient, signed: Signed, town: Town,
                                                    ) -> None:
    settled = [town.platform.settle(stay(town.person(), f"R{number}"), f"r{number}", who=CLERK)
               for number in range(2)]
    path = "ledger/open/lines"
    still_open = asked(client, signed("institution"), path, institution=HOSPITAL)
    assert len(still_open["lines"]) == len(settled)
    refused = client.get(f"{BASE}/{path}", params={"institution": "H3"},
                         headers=signed("institution"))
    assert refused.json()["error"]["code"] == "not-own-institution"
    town.now = town.now.replace(month=12, day=31, hour=17)
    reply = client.post(f"{BASE}/ledger/closes/2024-12-31", headers=signed("agency"))
    assert reply.status_code == 201, reply.text
    found = asked(client, signed("auditor"), "ledger/closes", since="2024-12-01", limit=1)
    assert found["closes"] == [{"day": "2024-12-31", "hash": reply.json()["hash"]}]
    assert asked(client, signed("auditor"), "ledger/closes", until="2023-01-01") == {"closes": []}
    path = "ledger/closes/2024-12-31/lines"
    lines = asked(client, signed("institution"), path, institution=HOSPITAL)["lines"]
    assert lines == still_open["lines"]              # what was open is what was closed
    after = asked(client, signed("institution"), "ledger/open/lines", institution=HOSPITAL)
    assert after == {"since": "2024-12-31", "institution": HOSPITAL, "lines": []}
    refused = client.get(f"{BASE}/{path}", params={"institution": "H3"},
                         headers=signed("institution"))
    assert refused.json()["error"]["code"] == "not-own-institution"
    theirs = "setl_id,medfee_sumamt\n" + "".join(
        f"{one['setl_id']},{one['medfee_sumamt']}\n" for one in lines[:-1]) + "NOBODY,1.00\n"
    reply = client.post(f"{BASE}/ledger/closes/2024-12-31/reconciliation",
                        params={"institution": HOSPITAL}, headers=signed("institution"),
                        files={"file": ("day.csv", theirs.encode("utf-8-sig"))})
    assert reply.status_code == 200, reply.text
    compared = reply.json()
    assert not compared["equal"] and compared["theirs_only"][0]["setl_id"] == "NOBODY"
    assert [one["setl_id"] for one in compared["ours_only"]] == [lines[-1]["setl_id"]]
    broken = client.post(f"{BASE}/ledger/closes/2024-12-31/reconciliation",
                         params={"institution": HOSPITAL}, headers=signed("institution"),
                         files={"file": ("day.csv", b"setl_id\nx\n")})
    assert broken.json()["error"]["code"] == "bad-reconciliation"


# --- regions and packs ----------------------------------------------------------------------------
def test_regions_are_opened_and_get_their_packs(client: TestClient, signed: Signed) -> None:
    """The administrator opens a region; whoever works there puts packs into force."""
    code = f"99{uuid.uuid4().int % 10_000:04d}"
    made = client.post("/api/v1/regions", json={"region": code, "name": "新区"},
                       headers=signed("administrator"))
    assert made.status_code == 201 and made.json() == {"region": code, "name": "新区"}
    everywhere = client.get("/api/v1/regions", headers=signed("administrator")).json()["regions"]
    own = client.get("/api/v1/regions", headers=signed("clerk")).json()["regions"]
    assert {code, REGION} <= {one["region"] for one in everywhere}
    assert [one["region"] for one in own] == [REGION]
    body = {"pack": "guizhou/2024", "profile": "candidate", "from": "2025-01-01", "why": "新年度"}
    reply = client.post(f"{BASE}/packs", json=body, headers=signed("agency"))
    assert reply.status_code == 201, reply.text
    found = asked(client, signed("clerk"), "packs")
    assert [(one["from"], one["to"]) for one in found["packs"]] == [
        ("2024-01-01", "2024-12-31"), ("2025-01-01", "")]
    assert "guizhou/2024" in found["offered"]
    for change, code in (({}, "regime-known"), ({"pack": "guizhou/1999"}, "unknown-pack"),
                         ({"from": "2026-02-01"}, "regime-inside-year"),
                         ({"from": "2026-01-01", "to": "2025-12-31"}, "bad-field"),
                         ({"from": "2026-01-01", "profile": "nobody"}, "unknown-profile")):
        reply = client.post(f"{BASE}/packs", json={**body, **change}, headers=signed("agency"))
        assert reply.json()["error"]["code"] == code, (change, reply.text)
