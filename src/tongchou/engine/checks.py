"""Everything `pack lint` finds: the checks of the policy floor, and those that settle bills."""
from __future__ import annotations

from pathlib import Path

from ..policy import Pack, lint
from .cliffs import CHAINS_MAX, Cliff, Search, find_cliffs
from .rules import LayerRule

_QUIET_REFUSALS = ("unset-parameter", "no-value", "tiers-not-rising")  # lint says them itself
READING_SHARE = 8  # a reading that no profile chooses gets an eighth of the search


def check_pack(path: Path, chains_max: int = CHAINS_MAX) -> list[lint.Finding]:
    """All findings on a pack file, in its order.

    Raises PackError only when the file cannot be opened (`unreadable-file`, `file-too-large`).
    """
    found, packs = lint.read_and_check(path)
    if any(one.severity == "error" for one in found):
        return lint.in_order(found)
    seen: set[tuple[LayerRule, ...]] = set()
    told: set[tuple[str, tuple[str, ...]]] = set()
    searches: list[Search] = []
    for variant, pack in packs:
        most = chains_max if not variant.reading else -(-chains_max // READING_SHARE)
        cliffs, search = find_cliffs(pack, seen, most)
        found += [lint.in_reading(one, variant) for one in
                  (*_cliff_findings(pack, cliffs, told), *_refusals(pack, search))]
        searches.append(search)
    return lint.in_order([*found, *_sampled(str(packs[0][1].file if packs else path), searches)])


def _cliff_findings(pack: Pack, cliffs: list[Cliff],
                    told: set[tuple[str, tuple[str, ...]]]) -> list[lint.Finding]:
    """One finding for a kind of cliff in the same layers, with its widest example."""
    kinds: dict[tuple[str, tuple[str, ...]], list[Cliff]] = {}
    for cliff in cliffs:
        kinds.setdefault((cliff.kind, cliff.layers), []).append(cliff)
    found = []
    for key, same in kinds.items():
        if key in told:
            continue
        told.add(key)
        worst = max(same, key=lambda cliff: abs(cliff.pays_after - cliff.pays_before))
        names = [name for name in worst.layers] or [pack.layers[-1].name]
        layer = pack.layer(names[0])
        more = f" ({len(same)} such places)" if len(same) > 1 else ""
        hint = ("Spread the change over a range, or state in `assumptions:` that the document "
                "means it." if worst.kind == "jump" else
                "Two layers pay the same yuan, or a threshold rewards cost: correct the base of "
                "the later layer, or state in `assumptions:` that the document means it.")
        found.append(lint.finding(
            "warning", f"cliff-{worst.kind}", layer.where, f"{worst.says()}, where "
            f"{', '.join(names)} changes{more}; for example {_example(pack, worst)}", hint,
            layer.clauses[0] if layer.clauses else ""))
    return found


def _example(pack: Pack, cliff: Cliff) -> str:
    used = {"status", "hospital"}
    for layer in pack.layers:
        used |= {*layer.conditions, *(layer.penalty.conditions if layer.penalty else ()),
                 *(name for change in layer.adjust for name in change.conditions)}
    return ", ".join(f"{name} {word}" for name, word in cliff.cell if name in used)


def _refusals(pack: Pack, search: Search) -> list[lint.Finding]:
    return [lint.of_error(refusal, pack.file) for (code, _), refusal in search.refusals.items()
            if code not in _QUIET_REFUSALS]


def _sampled(file: str, searches: list[Search]) -> list[lint.Finding]:
    if not any(search.sampled for search in searches):
        return []
    looked = sum(len(search.chains) for search in searches)
    met = sum(search.found_chains for search in searches)
    return [lint.finding("note", "cliffs-sampled", file, f"cliffs were searched in {looked} of "
                         f"{met} chains of rules, over the profiles and readings",
                         "A cliff that only the other chains have is not ruled out; search them "
                         "all with `--thorough`.")]
