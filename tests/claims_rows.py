"""Rows of claims files for tests: random people and bills that touch every class of a pack."""
from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa

from tongchou.claims.codes import read_status
from tongchou.engine import Claim, Person, RuleCache, StatusSpan, amount_fields, settle_year
from tongchou.errors import Refusal
from tongchou.policy import Pack
from tongchou.terms import (INSURANCE, LEVELS, PERSONS, PLACES, SEXES, STATUSES, VISITS, person_of,
                            visit_of)

Row = dict[str, object]
REFERRED = {None: "not_needed", True: "due", False: "missing"}
AMOUNTS = ("medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt")


def random_rows(pack: Pack, seed: int, persons: int, families: bool = False) -> list[Row]:
    """Rows of so many people, a few claims each, in random order."""
    rng = random.Random(seed)
    first = date.fromisoformat(pack.force_from)
    last = date.fromisoformat(pack.force_to) if pack.force_to else first + timedelta(700)
    rows = [row for number in range(persons)
            for row in _person_rows(pack, rng, number, first, last, families)]
    rng.shuffle(rows)
    return rows


def _person_rows(pack: Pack, rng: random.Random, number: int, first: date, last: date,
                 families: bool) -> list[Row]:
    person: Row = {
        "psn_no": f"P{number}", "family_id": f"F{number // 3}" if families else None,
        "insutype": INSURANCE[rng.choice(pack.insurance)].national,
        "brdy": rng.choice([None, first - timedelta(rng.randrange(0, 33_000))]),
        "gend": rng.choice(["1", "2", "9", None]),
        "psn_type": rng.choice([None, *(t.national for t in PERSONS.values()), "1403"]),
        "statuses": _statuses(pack, rng, first, last)}
    person |= {f"fact_{name}": rng.choice([None, *range(12)]) for name in pack.facts}
    return [person | _claim(pack, rng, f"C{number}-{index}", first, last)
            for index in range(rng.choice([1, 1, 2, 3, 5, 9, 70 if number == 0 else 4]))]


def _statuses(pack: Pack, rng: random.Random, first: date, last: date) -> str:
    known = [entry.name for entry in (*pack.statuses, *pack.attributes)] + ["veteran"]
    spans = []
    for name in rng.sample(known, min(len(known), rng.choice([0, 0, 1, 1, 2, 3]))):
        begin = first + timedelta(rng.randrange(-200, 500))
        end = begin + timedelta(rng.randrange(0, 400))
        code = STATUSES[name].national or name if name in STATUSES else name
        spans.append(f"{rng.choice([name, code])}:{begin}" + rng.choice(["", f":{end}"]))
    return ";".join(spans)


def _claim(pack: Pack, rng: random.Random, name: str, first: date, last: date) -> Row:
    begin = first + timedelta(rng.randrange(0, max((last - first).days - 20, 1)))
    end = begin + timedelta(rng.choice([0, 1, 5, 15]))
    visits = [term.national for term in VISITS.values()]
    tags = sorted({tag for rule in pack.hospitals for key in ("tag", "not_tag")
                   for tag in rule.match.get(key, ())})
    codes = [code.rstrip("*") + rng.choice(["", "x1"]) for rule in pack.diseases
             for code in rule.match.get("codes", ())]
    total = rng.choice([rng.randrange(0, 30_000), rng.randrange(0, 8_000_000),
                        rng.randrange(0, 60_000_000)])
    own = [rng.choice([0, total * rng.randrange(0, 30) // 100]) for _ in range(3)]
    return {
        "mdtrt_id": name, "med_type": rng.choice(["21", "21", "11", "14", *visits]),
        "hosp_lev": rng.choice([None, *LEVELS]), "place": rng.choice([None, *PLACES]),
        "hosp_tags": ";".join(rng.sample(tags, rng.randrange(0, len(tags) + 1))),
        "referred": rng.choice([None, True, False]),
        "episode": rng.choice([None, "E1", "E2"]), "dise_codg": rng.choice([None, "Z", *codes]),
        "begndate": begin, "enddate": rng.choice([end, None]) or begin,
        "setl_time": rng.choice([None, datetime.combine(end, time(rng.randrange(24), 15))]),
        **dict(zip(AMOUNTS, [Decimal(fen).scaleb(-2) for fen in (total, *own)], strict=True))}


def as_person(row: Row, pack: Pack) -> Person:
    """The person of a row as the reference wants it."""
    own = {entry.name for entry in (*pack.statuses, *pack.attributes)}
    spans = [read_status(text, own) for text in str(row["statuses"] or "").split(";") if text]
    assert all(isinstance(span, StatusSpan) for span in spans)
    insured = {term.national: name for name, term in INSURANCE.items()}
    return Person(
        str(row["psn_no"]), insured[row["insutype"]], str(row["family_id"] or ""),
        row["brdy"].isoformat() if row["brdy"] else "", SEXES[row["gend"] or "9"],
        person_of(row["psn_type"]) if row["psn_type"] else "other", tuple(spans),
        {name: row[f"fact_{name}"] for name in pack.facts
         if row[f"fact_{name}"] is not None})


def as_claim(row: Row) -> Claim:
    """The claim of a row as the reference wants it."""
    begin = row["begndate"].isoformat()
    end = row["enddate"].isoformat() if row["enddate"] else begin
    fen = [int(row[name].scaleb(2)) for name in AMOUNTS]
    return Claim(
        row["mdtrt_id"], row["psn_no"], visit_of(row["med_type"]), row["hosp_lev"] or "none",
        row["place"] or "local", REFERRED[row["referred"]], begin, end,
        row["setl_time"].isoformat() if row["setl_time"] else f"{end}T12:00:00",
        (*fen[1:], fen[0] - sum(fen[1:])),
        frozenset(tag for tag in row["hosp_tags"].split(";") if tag), row["dise_codg"] or "",
        row["episode"] or "")


def by_reference(pack: Pack, rows: list[Row], families: bool) -> tuple[dict, dict]:
    """(mdtrt_id -> fields, status and layers) and (mdtrt_id -> refusal code), one by one."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["family_id"] if families else row["psn_no"], []).append(row)
    settled, refused, rules = {}, {}, RuleCache(pack)
    for group in groups.values():
        persons = {row["psn_no"]: as_person(row, pack) for row in group}
        _one_group(pack, persons, [as_claim(row) for row in group], rules, settled, refused)
    return settled, refused


def _one_group(pack: Pack, persons: dict[str, Person], claims: list[Claim], rules: RuleCache,
               settled: dict, refused: dict) -> None:
    """Settles a group; a claim that is refused on its own is left out first."""
    good = []
    for claim in claims:
        try:
            settle_year(pack, persons, [claim], rules)
            good.append(claim)
        except Refusal as refusal:
            refused[claim.claim_id] = refusal.code
    for found in settle_year(pack, persons, good, rules):
        layers = {layer.name: 0 for layer in pack.layers}
        layers |= {trace.rule.layer: trace.paid for trace in found.layers}
        capped = {trace.rule.layer for trace in found.layers if trace.capped}
        settled[found.claim.claim_id] = (amount_fields(pack, found), found.status, layers, capped)


def as_table(rows: list[Row]) -> pa.Table:
    """Rows as an Arrow table with dates, timestamps and decimals."""
    return pa.Table.from_pylist(rows, schema=pa.schema([
        (name, _kind(name, rows)) for name in rows[0]]))


def _kind(name: str, rows: list[Row]) -> pa.DataType:
    kinds = {"brdy": pa.date32(), "begndate": pa.date32(), "enddate": pa.date32(),
             "setl_time": pa.timestamp("us"), "referred": pa.bool_()}
    if name in AMOUNTS:
        return pa.decimal128(18, 2)
    return pa.int32() if name.startswith("fact_") else kinds.get(name, pa.string())


def good_row(**changes: object) -> Row:
    """A row that settles under the peer workload's pack, with changes."""
    return {"psn_no": "P1", "mdtrt_id": "C1", "insutype": "390", "brdy": "1980-01-01", "gend": "1",
            "psn_type": None, "statuses": None, "med_type": "21", "hosp_lev": "3",
            "place": "local", "hosp_tags": None, "referred": None, "begndate": "2023-03-02",
            "enddate": "2023-03-18", "setl_time": "2023-03-18T10:00:00",
            "medfee_sumamt": "1000.00", "fulamt_ownpay_amt": "100.00", "overlmt_selfpay": None,
            "preselfpay_amt": "50.00", "inscp_scp_amt": None} | changes


def text_table(rows: list[Row]) -> pa.Table:
    """Rows as an Arrow table of texts."""
    return pa.Table.from_pylist(rows, schema=pa.schema([(name, pa.string()) for name in rows[0]]))


def fen(value: Decimal) -> int:
    """An amount of a result in fen."""
    return int(value.scaleb(2))
