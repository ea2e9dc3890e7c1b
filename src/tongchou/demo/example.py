"""One person-year of the sample, explained step by step (算例说明)."""
from __future__ import annotations

from html import escape
from pathlib import Path

from ..claims import open_case, read_case, settle_claims
from ..engine import explain, picture
from ..policy import clause_texts, load_pack
from .regimes import samples
from .words import say


def example_case() -> Path:
    """The case file; `tongchou settle` reads it too."""
    return samples() / "cases" / "three_bills_of_a_year.yaml"


def explained_example(lang: str) -> tuple[str, str]:
    """The bill that most layers paid for, as text; all bills of the year as an HTML page."""
    opened = open_case(example_case())
    pack = load_pack(opened.pack, opened.profile)
    settlements = settle_claims(pack, read_case(opened, pack))
    shown = max(settlements, key=lambda one: sum(trace.paid > 0 for trace in one.layers))
    page = picture.explain_html(pack, settlements, lang, clause_texts(pack))
    return explain.explain_text(pack, shown, lang), _with_origin(page, lang)


def _with_origin(page: str, lang: str) -> str:
    """The page with whose bills these are said above them."""
    assert page.count("<main>") == 1
    return page.replace("<main>", f'<main><p class="notice" role="note">'
                                  f'{escape(say("origin", lang))}</p>')
