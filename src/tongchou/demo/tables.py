"""The tables of the demonstration as rows of text, for the terminal and the workbook alike (表)."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..money import divide_rounded
from ..terms import PARTS, VISITS, Term
from .run import Made
from .summary import SchemeSums, total_of
from .words import say, scheme, sentence

OTHERS = ("hifes_pay", "cvlserv_pay", "hifdm_pay", "oth_pay")
IN_POLICY = PARTS["in_policy"].national
PAYERS = ("hifp_pay", "hifmi_pay", "hifob_pay", "maf_pay", "other", "hosp_part_amt",
          "psn_part_amt")
UNIT_FEN = {"zh": 1_000_000, "en": 100_000}      # 万元; thousand yuan


@dataclass(frozen=True)
class Row:
    """One row: words first, then whole numbers, amounts in fen, and shares as text."""

    words: tuple[str, ...]
    counts: tuple[int, ...]
    fen: tuple[int, ...]
    shares: tuple[str, ...] = ()


def paid_head(lang: str) -> list[str]:
    """Column titles of `paid_rows`."""
    names = ["regime", "scheme", "bills", "people", "rejected", "total", *PAYERS, "of_total",
             "of_policy"]
    return [say(name, lang) for name in names]


def paid_rows(made: Sequence[Made], lang: str) -> Iterator[Row]:
    """Who paid what: a row a pack, then one for each of its schemes when it has several."""
    for one in made:
        several = len(one.schemes) > 1
        word = say("all_schemes", lang) if several else scheme(one.schemes[0].scheme, lang)
        yield _paid(one.pack.name, word, total_of(one.schemes), one.run["rejected"])
        for sums in one.schemes if several else []:
            yield _paid(one.pack.name, scheme(sums.scheme, lang), sums, 0)


def _paid(name: str, word: str, sums: SchemeSums, rejected: int) -> Row:
    fen = {**sums.fen, "other": sum(sums.fen[field] for field in OTHERS)}
    return Row((name, word), (sums.claims, sums.persons, rejected),
               (fen["medfee_sumamt"], *(fen.get(payer, 0) for payer in PAYERS)),
               (sums.share("medfee_sumamt"), sums.share(IN_POLICY)))


def kind_rows(made: Sequence[Made], lang: str) -> Iterator[Row]:
    """Share of the funds by kind of visit: words are regime, scheme and visit."""
    for one in made:
        for sums in one.schemes:
            for visit, part in sums.visits.items():
                yield Row((one.pack.name, scheme(sums.scheme, lang), title(VISITS[visit], lang)),
                          (part.claims, part.persons),
                          (part.fen["medfee_sumamt"], part.fen["fund_pay_sumamt"]),
                          (part.share("medfee_sumamt"), part.share(IN_POLICY)))


def layer_rows(made: Sequence[Made], lang: str) -> Iterator[Row]:
    """How far every layer reached, layers that paid nothing included."""
    for one in made:
        for layer in one.layers:
            name = layer.title.get(lang) or layer.layer
            yield Row((one.pack.name, name),
                      (layer.persons, layer.claims, layer.capped_persons, layer.capped_claims),
                      (layer.fen,))


def assumption_rows(made: Sequence[Made], lang: str) -> Iterator[tuple[str, str]]:
    """(what it holds for, the sentence): shared ones first."""
    for text in made[0].regime.shared:
        yield say("every_regime", lang), sentence(text, lang)
    for one in made:
        for text in one.regime.own:
            yield one.pack.name, sentence(text, lang)


def candidate_lines(made: Sequence[Made], lang: str) -> Iterator[str]:
    """How many candidate values of which grade every pack runs on."""
    for one in made:
        grades = Counter(entry.grade for entry in one.pack.candidates)
        counted = ", ".join(f"{grade} {grades[grade]}" for grade in sorted(grades))
        yield say("candidates", lang, pack=one.pack.name, count=len(one.pack.candidates),
                  grades=counted)


def title(term: Term, lang: str) -> str:
    """A term of the vocabulary in one language."""
    return term.zh if lang == "zh" else term.en


def in_unit(fen: int, lang: str) -> str:
    """An amount for a narrow column: 万元 with two decimals, or thousand yuan with one."""
    digits = 2 if lang == "zh" else 1
    scale = 10 ** digits
    whole, rest = divmod(divide_rounded(fen * scale, UNIT_FEN[lang], "half_up"), scale)
    return f"{whole:,}.{rest:0{digits}d}" if fen else "-"
