"""A town for the bench of settlements: people in bulk, hospitals, one pack, random bills."""
from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
from tongchou.database import Database, shard_of
from tongchou.enrolment import Coverage, Designation, Institution, NewPerson, Status, sealing, store
from tongchou.platform import Platform
from tongchou.policy import pack_document
from tongchou.privacy import open_keys

HERE = Path(__file__).resolve().parent
NOTE = {"by": "bench", "why": "bench"}
BATCH = 2000          # a statement takes 65,535 values
LEVELS = ("1", "2", "3")
MEDIAN_FEN = {"1": 300_000, "2": 700_000, "3": 1_400_000}
HOSPITALS = {f"B{level}{number}": level for level in LEVELS for number in range(4)}
STATUSES = ("",) * 85 + ("allowance",) * 8 + ("borderline",) * 7


class Town(NamedTuple):
    """A region of the bench: its code, its pack and profile, the year its bills are of."""

    region: str
    pack: str
    profile: str | None
    year: int


PEER = Town("990001", str(HERE / "packs" / "peer_workload.yaml"), None, 2023)
SHIPPED = Town("990002", "guizhou/2024", "candidate", 2025)
TOWNS = {town.region: town for town in (PEER, SHIPPED)}


class Clerk(NamedTuple):
    """Who settles."""

    user_id: str
    region: str


def joined(database: Database, data: Path) -> Platform:
    """The platform as the server joins it."""
    return Platform(database, open_keys(data))


def build(platform: Platform, town: Town, people: int) -> None:
    """Opens the region with so many insured people, of whom some have a status."""
    enrolment = platform.enrolment
    enrolment.open_region(town.region, f"bench {town.pack[-20:]}")
    platform.regimes.add(town.region, pack_document(town.pack, town.profile), f"{town.year}-01-01")
    enrolment.set_rule(town.region, "referral_needed", {"places": ["outside"]}, "2020-01-01",
                       source="bench", **NOTE)
    for code, level in HOSPITALS.items():
        enrolment.add_institution(town.region, Institution(
            code, f"hospital {code}", level, (), "local", town.region, "2020-01-01", ""), **NOTE)
        enrolment.add_institution(town.region, Designation(
            code, "general", True, "2020-01-01", ""), **NOTE)
    # What is known of a person is put together once, at the end, and not at each of three inserts.
    with platform.database.admin() as connection:
        connection.execute("set session_replication_role = replica")
        for start in range(0, people, BATCH):
            _batch(platform, connection, town, range(start, min(start + BATCH, people)))
        connection.execute("set session_replication_role = origin")
        numbers = [psn_no(number) for number in range(people)]
        connection.execute("select refresh_people(%s, %s::smallint[], %s)", [
            [town.region] * people, [shard_of(town.region, number) for number in numbers],
            numbers])


def _batch(platform: Platform, connection: psycopg.Connection, town: Town, numbers: range) -> None:
    rng = random.Random(numbers.start)
    noted = store.Noted(datetime.now(UTC), **NOTE)
    # One sealed name for all: sealing is not what is measured.
    sealed = sealing.sealed_person(platform.enrolment.keys, NewPerson(
        "基准", "1960-01-01", "1", "15"))
    store.add_persons(connection, town.region, [
        (psn_no(number), f"r{number}", sealed) for number in numbers], noted)
    store.add_facts(connection, town.region, "coverage", [
        (psn_no(number), f"c{number}", Coverage("390", f"{town.year}-01-01", "",
                                                f"{town.year}-01-01")) for number in numbers],
        noted)
    held = [(number, rng.choice(STATUSES)) for number in numbers]
    store.add_facts(connection, town.region, "status", [
        (psn_no(number), f"s{number}", Status(code, f"{town.year}-01-01", "",
                                              f"{town.year}-01-01", "bench"))
        for number, code in held if code], noted)


def psn_no(number: int) -> str:
    """The number of a person of the bench."""
    return f"P{number:07d}"


def bill(rng: random.Random, town: Town, people: int, mdtrt_id: str) -> dict[str, object]:
    """A hospital's request: a stay of one of the people, split by the hospital itself."""
    code = rng.choice(tuple(HOSPITALS))
    total = int(MEDIAN_FEN[HOSPITALS[code]] * rng.lognormvariate(0, 0.9)) + 100
    own, advance = total * rng.randint(0, 24) // 100, total * rng.randint(0, 11) // 100
    day = f"{town.year}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
    return {"psn_no": psn_no(rng.randrange(people)), "mdtrt_id": mdtrt_id, "med_type": "21",
            "insutype": "390", "fixmedins_code": code, "begndate": day, "enddate": day,
            "medfee_sumamt": _yuan(total), "fulamt_ownpay_amt": _yuan(own),
            "overlmt_selfpay": "0.00", "preselfpay_amt": _yuan(advance)}


def _yuan(fen: int) -> str:
    return f"{fen // 100}.{fen % 100:02d}"
