"""The recorded explanation is the plain one to the letter, whatever the claim decides."""
from __future__ import annotations

import random
from pathlib import Path

import pytest
from kernel_check import draw_claim, draw_person
from random_packs import bills, groups, pack_text, people

from tongchou.engine import Claim, Person, settle_year
from tongchou.engine.compile import compile_pack
from tongchou.engine.explain import explain_text
from tongchou.engine.explainer import Explainer
from tongchou.engine.recording import MARKER, Decisions, Recording
from tongchou.engine.trace import Settler
from tongchou.money import yuan_grouped
from tongchou.policy import Pack, load_pack, shipped_packs

SEEDS = range(2000, 2016)


def told_alike(pack: Pack, persons: dict[str, Person], units: list[list[Claim]]) -> int:
    """Compares both ways on every claim, in both languages; how many texts were compared."""
    settler, compared = Settler(pack), 0
    explainers = {lang: Explainer(pack, lang) for lang in ("zh", "en")}
    for unit in units:
        for place, claim in enumerate(unit):
            settled = settler.settle(persons[claim.person_id], claim, unit[:place])
            for lang, explainer in explainers.items():
                assert explainer.text(settled) == explain_text(pack, settled, lang), claim
                compared += 1
    return compared


@pytest.mark.parametrize("block", range(4))
def test_random_packs(block: int, tmp_path: Path) -> None:
    compared = 0
    for seed in SEEDS[block::4]:
        rng = random.Random(seed)
        path = tmp_path / f"{seed}.yaml"
        path.write_text(pack_text(rng), encoding="utf-8")
        pack = load_pack(path)
        plan = compile_pack(pack)
        persons = people(rng, 12)
        claims = [claim for name in persons for claim in bills(rng, name, rng.randint(1, 6))]
        if not plan.family:
            compared += told_alike(pack, persons, groups(pack, plan, persons, claims))
    assert compared > 100


def _alone() -> list[str]:
    """Shipped packs whose people share nothing with a family; the others take the reference."""
    return [name for name in shipped_packs()
            if not compile_pack(load_pack(name, "candidate")).family]


@pytest.mark.parametrize("name", _alone())
def test_shipped_packs(name: str) -> None:
    pack = load_pack(name, "candidate")
    plan = compile_pack(pack)
    rng = random.Random(name)
    persons: dict[str, Person] = {}
    claims: list[Claim] = []
    while len(claims) < 150:
        person = draw_person(rng, pack, len(persons))
        persons[person.person_id] = person
        claims += [draw_claim(rng, pack, person, k) for k in range(rng.randint(1, 9))]
    told_alike(pack, persons, groups(pack, plan, persons, claims))


def test_settlements_of_the_reference_are_told_in_full() -> None:
    """They say more (what was looked up), so the plain code words them."""
    pack = load_pack(shipped_packs()[0], "candidate")
    rng = random.Random(7)
    person = draw_person(rng, pack, 1)
    claims = [draw_claim(rng, pack, person, number) for number in range(5)]
    for settled in settle_year(pack, {person.person_id: person}, claims):
        assert Explainer(pack).text(settled) == explain_text(pack, settled)


# --- recording ------------------------------------------------------------------------------------
def worded(a: int, b: int) -> str:
    """A little plain code with everything the real one does to amounts."""
    rest = max(a - b, 0)
    kind = "cut" if rest > 100 else "whole"
    both = sum([a, b])
    return f"{kind} {yuan_grouped(rest)} of {yuan_grouped(both)}" + (" even" if a == b else "")


def learn(decisions: Decisions, numbers: tuple[int, int]) -> None:
    recording = Recording()
    inputs = [recording.amount(number, f"v[{place}]") for place, number in enumerate(numbers)]
    text = worded(*inputs)
    places = [recording.slots[int(place)] for place in MARKER.findall(text)]
    slots = ", ".join(f"format({source}, {form!r})" for source, form in places)
    name = f"form{decisions.paths}"
    decisions.learn(recording.guards, f"{name}.format({slots})", {name: MARKER.sub("{}", text)})


def test_recording_decides_as_the_plain_code() -> None:
    rng, decisions, learnt = random.Random(3), Decisions(), 0
    for _ in range(500):
        numbers = rng.randint(0, 400), rng.randint(0, 400)
        if rng.random() < 0.1:
            numbers = numbers[0], numbers[0]
        if decisions.run(numbers) is None:
            learn(decisions, numbers)
            learnt += 1
        assert decisions.run(numbers) == worded(*numbers)
    assert learnt == decisions.paths <= 8


def test_a_recorded_number_is_no_key() -> None:
    """A table would be read by the number of the moment, unseen by the recording."""
    with pytest.raises(TypeError):
        hash(Recording().amount(5, "v"))
