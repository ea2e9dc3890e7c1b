"""The explanation page: whole in itself, harmless, readable by machines that read pages aloud."""
from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st
from test_explain import claim_of, packs_with_values, random_case, rated, settle

from tongchou.engine.picture import explain_html
from tongchou.engine.picture_sankey import diagram_of, sankey_svg
from tongchou.engine.situation import StatusSpan
from tongchou.policy import Pack

VOID = {"meta", "br", "col", "path", "rect"}
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>{0}%s"


class Outline(HTMLParser):
    """Checks that tags close, and collects them with their attributes and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID or tag in ("path", "rect") and not self._closed():
            self.open.append(tag)

    def _closed(self) -> bool:
        return (self.get_starttag_text() or "").endswith("/>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.seen if tag == name]


def page_of(tmp_path, lang: str = "zh", claims: int = 2) -> tuple[Pack, str]:
    pack = rated(tmp_path, "{per: year, amount: 500}", cap="{per: year, amount: 1500}")
    done = settle(pack, *(claim_of(number, 200_000) for number in range(1, claims + 1)))
    return pack, explain_html(pack, done, lang)


def test_the_page_is_whole_and_needs_no_network(tmp_path) -> None:
    _, page = page_of(tmp_path)
    outline = Outline(page)
    assert not re.search(r"https?:|//\w|url\(|@import|\bsrc=|\bhref=", page)
    assert not outline.tags("script") and not outline.tags("link")
    policy = outline.tags("meta")[1]
    assert policy["content"] == "default-src 'none'; style-src 'unsafe-inline'"


def test_the_page_can_be_read_aloud(tmp_path) -> None:
    _, page = page_of(tmp_path)
    outline = Outline(page)
    assert outline.tags("html") == [{"lang": "zh-CN"}]
    assert len(outline.tags("main")) == len(outline.tags("h1")) == 1
    assert all("scope" in header for header in outline.tags("th"))
    assert all("aria-labelledby" in svg or "aria-label" in svg for svg in outline.tags("svg"))
    ids = [attrs["id"] for _, attrs in outline.seen if "id" in attrs]
    assert len(ids) == len(set(ids))
    named = " ".join(svg.get("aria-labelledby") or "" for svg in outline.tags("svg")).split()
    assert set(named) <= set(ids)
    assert 'lang="en"' in page_of(tmp_path, "en")[1]


def test_a_cap_that_cuts_is_marked_in_words_too(tmp_path) -> None:
    _, page = page_of(tmp_path)
    assert '<span class="tag">封顶</span>' in page
    assert "min(1,200.00, 封顶线 1,500.00 - 本年已用 900.00)" in page


def test_several_claims_get_an_overview_and_one_does_not(tmp_path) -> None:
    assert "全年各次结算" in page_of(tmp_path)[1]
    assert "4,030.00" in page_of(tmp_path)[1]     # both bills together
    assert "全年各次结算" not in page_of(tmp_path, claims=1)[1]


def test_hostile_text_stays_text(tmp_path) -> None:
    pack, _ = page_of(tmp_path)
    layer = replace(pack.layers[0], title={"zh": HOSTILE, "en": HOSTILE})
    sources = {"TT": {"title": HOSTILE, "publisher": HOSTILE, "date": HOSTILE}}
    notes = ({"clause": "TT-01", "zh": HOSTILE, "en": HOSTILE},)
    pack = replace(pack, name=HOSTILE, title={"zh": HOSTILE}, layers=(layer,), sources=sources,
                   assumptions=notes, pack_hash=HOSTILE, profile=HOSTILE, force_to="2030-01-01")
    held = (StatusSpan("allowance", "2023-01-01"),)
    bad = replace(claim_of(1, 200_000), claim_id=HOSTILE)
    for lang in ("zh", "en"):
        page = explain_html(pack, settle(pack, bad, statuses=held), lang, {"TT-01": HOSTILE})
        outline = Outline(page)
        assert not outline.tags("script") and not outline.tags("img")
        assert not any(name.startswith("on") for _, attrs in outline.seen for name in attrs)
        assert "&lt;script&gt;" in page


def test_candidate_values_are_in_plain_sight() -> None:
    pack = next(pack for pack in packs_with_values() if pack.candidates and pack.statuses)
    done = next(found for seed in range(99) if (found := random_case(pack, seed))
                and any(trace.paid for one in found for trace in one.layers))
    page = explain_html(pack, done)
    assert 'class="notice"' in page and "不是公布的标准" in page and "使用的候选值" in page


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(packs_with_values()), st.integers(0, 10 ** 9))
def test_every_settlement_makes_a_page_and_bands_keep_the_money(pack: Pack, seed: int) -> None:
    done = random_case(pack, seed)
    Outline(explain_html(pack, done))
    for one in done:
        diagram = diagram_of(pack, one)
        for key, knot in diagram.knots.items():
            out = sum(band.fen for band in diagram.bands if band.source == key)
            into = sum(band.fen for band in diagram.bands if band.target == key)
            assert out in (0, knot.fen) and into in (0, knot.fen) and out + into > 0
        assert sum(knot.fen for key, knot in diagram.knots.items() if key.startswith("payer:")) \
            == one.claim.total_fen


def test_a_bill_of_nothing_has_a_page(tmp_path) -> None:
    pack, _ = page_of(tmp_path)
    nothing = replace(claim_of(1, 0), parts=(0, 0, 0, 0))
    done = settle(pack, nothing)
    assert sankey_svg(pack, done[0], "zh", "s0") == ""
    Outline(explain_html(pack, done))
