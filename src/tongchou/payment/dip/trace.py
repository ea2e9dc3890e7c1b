"""What one case went through: every test of every group that could have taken it (入组说明)."""
from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from .conditions import Test
from .encode import MISSING, Encoded
from .match import MAIN_STATES, REASONS, Matcher
from .model import EVERY, LAYERS, Group
from .rules import SLOT

WORDS = {
    "matched": "in a group", "no-principal-diagnosis": "the case has no principal diagnosis",
    "excluded-diagnosis": "the principal diagnosis may not form a group",
    "unknown-diagnosis": "no group of the catalogue has this diagnosis",
    "no-group-for-procedure": "the diagnosis has groups, none of them with this main procedure",
    "tests-failed": "groups have these codes, but their other tests fail"}


@dataclass(frozen=True)
class Step:
    """One group that was tried: whether it took the case, and each test with what was seen."""

    group: str
    layer: str
    took: bool
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Trace:
    """Principal diagnosis and main procedure used, steps in order, the group or the reason.

    `others` are groups that would have held too (several matches); `nearest` failed by the fewest
    tests, or asks for another main procedure. Both are for people: the first step that took the
    case decides.
    """

    case: str
    principal: str
    main: str
    main_is: str
    steps: tuple[Step, ...]
    group: str
    reason: str
    others: tuple[str, ...]
    nearest: str

    def lines(self) -> list[str]:
        """The trace as sentences."""
        said = [f"{self.case}: principal {self.principal or '-'}, main procedure "
                f"{self.main or '-'} ({self.main_is})"]
        for step in self.steps:
            tests = "; ".join(step.tests) or "no further test"
            said.append(f"  {step.layer} {step.group}: {'takes it' if step.took else 'no'} "
                        f"({tests})")
        said.append(f"  -> {self.group or 'not grouped'}: {WORDS[self.reason]}")
        if self.others:
            said.append(f"  would hold too: {', '.join(self.others)}")
        if self.nearest:
            said.append(f"  nearest other: {self.nearest}")
        return said


def trace_case(matcher: Matcher, table: pa.Table, row: int) -> Trace:
    """The trace of one row of a case table."""
    one = table.slice(row, 1)
    matched = matcher.match(one)
    encoded, groups = matched.encoded, matcher.catalogue.groups
    principal = _word(encoded.dx.words, int(matched.principal[0]))
    main = _word(encoded.px.words, int(matched.main[0]))
    reason = REASONS[matched.reason[0]]
    tried: list[tuple[Group, list[tuple[str, bool]]]] = []
    if reason not in ("no-principal-diagnosis", "excluded-diagnosis"):
        for rule in _all_rules(matcher, principal, main):
            tests = [list(matcher.candidates.rules.atoms)[atom]
                     for atom in matcher.candidates.rules.rules[rule]]
            group = groups[matcher.candidates.group_of[rule]]
            tried.append((group, [_seen(test, encoded) for test in tests]))
    found = groups[matched.group[0]].code if matched.group[0] >= 0 else ""
    return Trace(str(one.column("case")[0].as_py()), principal, main, MAIN_STATES[matched.state[0]],
                 _steps(tried, found), found, reason, _others(tried, found),
                 _nearest(tried, found, groups, principal))


def _all_rules(matcher: Matcher, dx: str, px: str) -> list[int]:
    """Candidates in order, also those behind the first that needs no test."""
    candidates = matcher.candidates
    return [rule for layer in LAYERS for _, _, rule in sorted(candidates.in_layer(layer, dx, px))]


def _word(words: list[str], place: int) -> str:
    return words[place] if place >= 0 else ""


def _steps(tried: list[tuple[Group, list[tuple[str, bool]]]], found: str) -> tuple[Step, ...]:
    steps = []
    for group, tests in tried:
        took = group.code == found and all(holds for _, holds in tests)
        steps.append(Step(group.code, group.layer, took, tuple(said for said, _ in tests)))
        if took:
            break
    return tuple(steps)


def _others(tried: list[tuple[Group, list[tuple[str, bool]]]], found: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(group.code for group, tests in tried
                               if group.code != found and all(holds for _, holds in tests)))


def _nearest(tried: list[tuple[Group, list[tuple[str, bool]]]], found: str,
             groups: tuple[Group, ...], principal: str) -> str:
    """The fewest tests failed; of these the most held, its own diagnosis counting as one.

    A group of the same diagnosis that asks for another main procedure fails one test.
    """
    failed = [(len(tests) - held, -held - (group.dx != (EVERY,)), place, group.code)
              for place, (group, tests) in enumerate(tried) if group.code != found
              and (held := sum(holds for _, holds in tests)) < len(tests)]
    asked = {group.code for group, _ in tried}
    failed += [(1, -1, -len(prefix), group.code) for group in groups
               if group.code not in asked for prefix in group.dx
               if principal and principal.startswith(prefix)]
    return min(failed)[3] if failed else ""


def _seen(test: Test, encoded: Encoded) -> tuple[str, bool]:
    """A test with what stands in the case, and whether it holds."""
    if not test.codes:
        values = encoded.numbers.get(test.field)
        value = MISSING if values is None else int(values[0])
        holds = test.low <= value <= test.high
        shown = "not stated" if value == MISSING else f"is {value}"
        return f"{test} {'holds' if holds else 'fails'}: {test.field} {shown}", holds
    codes = encoded.dx if test.field.startswith("dx") else encoded.px
    own = [codes.words[place] for place in codes.ids[1 if test.field == "dx_other" else 0:]
           if place >= 0]
    whole = test.field == SLOT
    hit = next((word for word in own if (word in test.codes if whole else word.startswith(
        test.codes))), "")
    name = "procedure" if test.field in (SLOT, "px_any") else test.field
    shown = "|".join(test.codes[:3]) + ("|..." if len(test.codes) > 3 else "")
    return f"{name} {shown} {f'found: {hit}' if hit else 'not found'}", bool(hit)
