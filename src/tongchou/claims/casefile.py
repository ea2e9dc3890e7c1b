"""Case files: worked cases with what must come out, read and run (算例文件).

See docs/case-files.md. Tests, the coverage table and the mutation of packs all run cases with
`run_case`, which says in words what came out otherwise.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..engine import ContributionShare, Settlement, amount_fields, budget_split
from ..errors import CaseError, TongchouError
from ..money import yuan_text
from ..policy import Node, Pack, load_pack, parse_yaml, read_text
from ..terms import AMOUNT_FIELDS, PART_NAMES, RESIDUES
from . import fields
from .case import CASE_FIELDS, CaseDocument, document, read_case
from .case_settle import settle_claims, share_contribution

ENTRY_FIELDS = (*CASE_FIELDS, "clauses", "expect", "refuse", "expect_contribution", "by_hand")
EXPECTED = (*AMOUNT_FIELDS, "chosen_status", "layers", "parts", "budgets")


@dataclass(frozen=True)
class CaseEntry:
    """One worked case: what goes in (`document`), what must come out, the clauses it promises.

    Of `expect`, `refuse` and `expect_contribution` exactly one is set.
    """

    name: str
    clauses: tuple[str, ...]
    document: CaseDocument
    where: str
    expect: Node | None = None
    refuse: Node | None = None
    expect_contribution: Node | None = None
    by_hand: str = ""


def read_case_file(path: str | Path) -> list[CaseEntry]:
    """The cases of a file, checked in form.

    Raises CaseError with line and column: unknown or missing keys, two cases of one name, a
    claim expected that is not there, no or several kinds of expectation.
    """
    path = Path(path)
    root = parse_yaml(read_text(path, CaseError), f"{path.parent.parent.name}/"
                      f"{path.parent.name}/{path.name}", CaseError)
    entries, names = [], {}
    for node in fields.elements(root, "a case file"):
        entry = _entry(node, path.parent)
        if entry.name in names:
            raise fields.malformed(node, "duplicate-name", f"two cases are called {entry.name!r}",
                                   f"The first stands at {names[entry.name]}; rename one.")
        names[entry.name] = entry.where
        entries.append(entry)
    return entries


def _entry(node: Node, folder: Path) -> CaseEntry:
    items = fields.mapping(node, "a case", ENTRY_FIELDS)
    kinds = [key for key in ("expect", "refuse", "expect_contribution") if key in items]
    if len(kinds) != 1:
        raise fields.malformed(node, "one-expectation", "a case needs exactly one of expect, "
                               f"refuse, expect_contribution; it has {', '.join(kinds) or 'none'}",
                               "Keep one.")
    if ("contribution" in items) and kinds == ["expect"]:
        raise fields.malformed(items["expect"], "one-expectation", "a contribution is expected "
                               "with `expect_contribution`", "Rename the key.")
    case = Node(node.file, node.line, node.column, keys=node.keys,
                items={key: items[key] for key in CASE_FIELDS if key in items})
    by_hand = fields.optional(items, "by_hand")
    entry = CaseEntry(fields.word(fields.needed(node, "a case", "name"), "name"),
                      fields.words(fields.optional(items, "clauses"), "clauses"),
                      document(case, folder), node.where,
                      by_hand=by_hand.text or "" if by_hand else "",
                      **{kinds[0]: items[kinds[0]]})
    fields.needed(node, "a case", "pack")
    _check_expectation(entry, items)
    return entry


def _check_expectation(entry: CaseEntry, items: Mapping[str, Node]) -> None:
    """The form of what is expected, so that a typing error never makes a case pass."""
    if entry.refuse is not None:
        fields.mapping(entry.refuse, "refuse", ("code", "clause"))
        fields.needed(entry.refuse, "refuse", "code")
    if entry.expect_contribution is not None:
        _amounts(entry.expect_contribution, "expect_contribution", skip=("budgets",))
    if entry.expect is None:
        return
    ids = [fields.word(fields.needed(claim, "a claim", "mdtrt_id"), "mdtrt_id")
           for claim in fields.elements(fields.needed(entry.document.root, "a case", "claims"),
                                        "claims")]
    for child in fields.mapping(entry.expect, "expect", ids).values():
        for key, wanted in fields.mapping(child, "the claim expected", EXPECTED).items():
            if key in AMOUNT_FIELDS:
                fields.fen(wanted, key)
            elif key in ("layers", "parts"):
                _amounts(wanted, key)


def _amounts(node: Node, what: str, skip: tuple[str, ...] = ()) -> dict[str, int]:
    if node.items is None:
        fields.mapping(node, what, ())
    return {key: fields.fen(child, key) for key, child in node.items.items() if key not in skip}


def run_case(entry: CaseEntry, pack: Pack | None = None) -> list[str]:
    """What came out otherwise than expected, a sentence each; empty when the case passes.

    `pack` replaces the pack the case names (a changed one, bound to the same profile).
    """
    try:
        bound = pack or load_pack(entry.document.pack, entry.document.profile,
                                  entry.document.folder)
        case = read_case(entry.document, bound)
        settlements = settle_claims(bound, case)
        shares = share_contribution(bound, case)
    except TongchouError as error:
        return _refused_otherwise(entry, error)
    if entry.refuse is not None:
        return [f"was to be refused with {entry.refuse.items['code'].text}, but was settled"]
    if entry.expect_contribution is not None:
        return list(_shares_otherwise(entry.expect_contribution, shares))
    found = {settlement.claim.claim_id: settlement for settlement in settlements}
    return [f"{claim_id}: {difference}" for claim_id, node in entry.expect.items.items()
            for difference in _settled_otherwise(bound, node, found[claim_id])]


def _refused_otherwise(entry: CaseEntry, error: TongchouError) -> list[str]:
    if entry.refuse is None:
        return [f"refused: {error}"]
    wanted = {key: node.text for key, node in entry.refuse.items.items()}
    seen = {"code": error.code, "clause": error.clause}
    return [f"refused with {key} {seen[key]!r} instead of {wanted[key]!r}: {error}"
            for key in wanted if wanted[key] != seen[key]]


def _settled_otherwise(pack: Pack, node: Node, settlement: Settlement) -> Iterator[str]:
    amounts = amount_fields(pack, settlement)
    for key, wanted in node.items.items():
        if key == "chosen_status":
            if wanted.text != settlement.status:
                yield f"chosen_status is {settlement.status}, not {wanted.text}"
        elif key == "layers":
            paid = Counter({trace.rule.layer: trace.paid for trace in settlement.layers})
            yield from _compared(key, wanted, paid, [layer.name for layer in pack.layers])
        elif key == "parts":
            yield from _compared(key, wanted, _parts(settlement), _part_names(pack))
        elif key == "budgets":
            yield from _budgets_otherwise(wanted, _budgets(pack, settlement))
        else:
            yield from _compared("", Node(node.file, node.line, node.column,
                                          items={key: wanted}), amounts, AMOUNT_FIELDS)


def _compared(what: str, node: Node, found: Mapping[str, int],
              known: Mapping | list[str]) -> Iterator[str]:
    for key, child in node.items.items():
        if key not in known:
            yield f"{child.where}: there is no {f'{what} entry ' if what else ''}{key}"
            continue
        wanted, seen = fields.fen(child, key), found.get(key, 0)
        if wanted != seen:
            yield f"{f'{what}.' if what else ''}{key} is {yuan_text(seen)}, not {yuan_text(wanted)}"


def _parts(settlement: Settlement) -> dict[str, int]:
    """What every layer left behind, and what is left of the bill's own parts at the end."""
    found = {f"{trace.rule.layer}.{name}": fen for trace in settlement.layers
             for name, fen in trace.residues.items()}
    return found | {name: settlement.left.get(name, 0) for name in PART_NAMES}


def _part_names(pack: Pack) -> list[str]:
    return [*PART_NAMES, *(f"{layer.name}.{name}" for layer in pack.layers for name in RESIDUES)]


def _budgets(pack: Pack, settlement: Settlement) -> dict[str, dict[str, int]]:
    cell = {**settlement.situation.cell, "status": settlement.status}
    return {trace.rule.layer: budget_split(pack, trace, cell) for trace in settlement.layers}


def _budgets_otherwise(node: Node, found: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    if node.items is None:
        fields.mapping(node, "budgets", ())
    for owner, child in node.items.items():
        budgets = found.get(owner, {})
        yield from _compared(f"budgets of {owner}", child, budgets, [*budgets])


def _shares_otherwise(node: Node, shares: tuple[ContributionShare, ...]) -> Iterator[str]:
    paid: Counter[str] = Counter()
    budgets: dict[str, Counter[str]] = {}
    for share in shares:
        paid[share.payer] += share.amount_fen
        budgets.setdefault(share.payer, Counter()).update(share.budgets)
    for payer, wanted in _amounts(node, "expect_contribution", skip=("budgets",)).items():
        if wanted != paid[payer]:
            yield f"{payer} pays {yuan_text(paid[payer])}, not {yuan_text(wanted)}"
    if "budgets" in node.items:
        yield from _budgets_otherwise(node.items["budgets"], budgets)
