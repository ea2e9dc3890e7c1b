"""The kernel gives what the reference gives, to the fen: on shipped packs and on random ones."""
from __future__ import annotations

import random
from pathlib import Path

import pytest
from kernel_check import check, draw_claim, draw_person
from random_packs import bills, groups, pack_text, people

from tongchou.engine import Claim, Person, RuleCache, settle_year
from tongchou.engine.compile import compile_pack
from tongchou.engine.trace import Settler
from tongchou.policy import Pack, load_pack, shipped_packs

CLAIMS_PER_CHUNK = 20_000
CHUNKS = 10
RANDOM_PACKS = 120


@pytest.mark.parametrize("chunk", range(CHUNKS))
@pytest.mark.parametrize("name", shipped_packs())
def test_shipped_pack(name: str, chunk: int) -> None:
    """200,000 generated claims per shipped pack, general kernel and threads."""
    pack = load_pack(name, "candidate")
    persons, claims = _drawn(pack, f"{name} {chunk}", CLAIMS_PER_CHUNK)
    assert check(pack, compile_pack(pack), persons, claims, [{}, {"threads": 2}]) == []


def _drawn(pack: Pack, seed: str, number: int) -> tuple[dict[str, Person], list[Claim]]:
    rng, persons, claims = random.Random(seed), {}, []
    while len(claims) < number:
        person = draw_person(rng, pack, len(persons))
        persons[person.person_id] = person
        claims += [draw_claim(rng, pack, person, k) for k in range(rng.randint(1, 9))]
    return persons, claims


@pytest.mark.long
@pytest.mark.parametrize("name", shipped_packs())
def test_written_kernel_of_a_shipped_pack(name: str) -> None:
    """The kernel written for a pack, which takes a minute to compile, gives the same."""
    pack = load_pack(name, "candidate")
    persons, claims = _drawn(pack, name, CLAIMS_PER_CHUNK)
    assert check(pack, compile_pack(pack), persons, claims, [{"specialised": True}]) == []


@pytest.mark.parametrize("seed", [2, 5, 11])
def test_written_kernel_of_random_packs(seed: int, tmp_path: Path) -> None:
    """The same on small packs."""
    rng, pack = _random_pack(seed, tmp_path)
    persons = people(rng, 25)
    claims = [claim for name in persons for claim in bills(rng, name, rng.randint(1, 6))]
    assert check(pack, compile_pack(pack), persons, claims, [{"specialised": True}]) == []


def _random_pack(seed: int, folder: Path) -> tuple[random.Random, Pack]:
    rng = random.Random(seed)
    path = folder / f"{seed}.yaml"
    path.write_text(pack_text(rng), encoding="utf-8")
    return rng, load_pack(path)


@pytest.mark.parametrize("block", range(8))
def test_random_packs(block: int, tmp_path: Path) -> None:
    """Packs drawn over the whole language: kernel, kernel with separate parts, reference."""
    for seed in range(block, RANDOM_PACKS, 8):
        rng, pack = _random_pack(seed, tmp_path)
        persons = people(rng, 25)
        claims = [claim for name in persons for claim in bills(rng, name, rng.randint(1, 6))]
        for detailed in (False, True):
            plan = compile_pack(pack, detailed=detailed)
            assert check(pack, plan, persons, claims, [{}]) == [], f"seed {seed}"


@pytest.mark.parametrize("block", range(4))
def test_traces_of_single_claims(block: int, tmp_path: Path) -> None:
    """The kernel's trace of a claim after its person-year is the reference's trace."""
    compared = 0
    for seed in range(1000 + block, 1060, 4):
        rng, pack = _random_pack(seed, tmp_path)
        plan = compile_pack(pack)
        if plan.family:
            continue
        persons = people(rng, 6)
        claims = [claim for name in persons for claim in bills(rng, name, 4)]
        settler, rules = Settler(pack), RuleCache(pack)
        for unit in groups(pack, plan, persons, claims):
            for place, wanted in enumerate(settle_year(pack, persons, unit, rules)):
                person = persons[wanted.claim.person_id]
                got = settler.settle(person, wanted.claim, unit[:place])
                assert got.status == wanted.status and got.left == wanted.left, seed
                for ours, theirs in zip(got.layers, wanted.layers, strict=True):
                    theirs.seen, ours.seen, theirs.as_if = {}, {}, None
                    assert ours == theirs, (seed, wanted.claim.claim_id)
                compared += 1
    assert compared > 100
