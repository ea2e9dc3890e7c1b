"""A Sankey picture of one settlement: parts of the bill, layers, who pays (资金流向图).

The layout is small and our own: parts stand on the left, every layer has a column, payers stand
on the right, a band is as high as its money. Coordinates are whole hundredths of a pixel.
"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from html import escape

from ..money import yuan_grouped
from ..policy import Pack
from ..terms import PART_NAMES
from .explain import wrapped
from .explain_words import HEADINGS, Words, fund_title, layer_title, part_title, say
from .records import Settlement

PIXEL = 100                                    # hundredths
WIDTH, LEFT, RIGHT, TOP, HEIGHT = 980, 118, 168, 62, 250
NODE, GAP, LINE = 12, 34, 15                   # widths and distances in pixels
PAYER_COLOURS = ("#1668dc", "#0b7d72", "#7a3fc0", "#b25e00", "#2f6f1f", "#a3195b", "#3d5a80")
PERSON_COLOUR, PART_COLOUR, LAYER_COLOUR = "#5b6472", "#8c95a3", "#33404f"


@dataclass
class Knot:
    """A node: where it stands, how much goes through, and how much has been drawn in and out."""

    title: Words
    fen: int
    column: int
    colour: str
    y: int = 0
    height: int = 0
    drawn_in: int = 0
    drawn_out: int = 0


@dataclass(frozen=True)
class Band:
    """Money that goes from one node to another, and what it is called."""

    source: str
    target: str
    fen: int
    title: Words


@dataclass
class Diagram:
    """Nodes by key, in drawing order, and the bands between them."""

    total: int
    knots: dict[str, Knot] = field(default_factory=dict)
    bands: list[Band] = field(default_factory=list)


def diagram_of(pack: Pack, settlement: Settlement) -> Diagram:
    """Nodes and bands of a settlement; the bands out of every part and layer sum to its money."""
    diagram, parts = Diagram(settlement.claim.total_fen), {}
    for name, fen in reversed(list(zip(PART_NAMES, settlement.claim.parts, strict=True))):
        if fen:
            parts[name] = (f"part:{name}", fen)
            diagram.knots[f"part:{name}"] = Knot(part_title(pack, name), fen, 0, PART_COLOUR)
    column = 0
    for trace in settlement.layers:
        layer, key = trace.rule.layer, f"layer:{trace.rule.layer}"
        taken = [(part, *parts.pop(part)) for part, _ in trace.rule.base if part in parts]
        whole = sum(fen for _, _, fen in taken)
        if not whole:
            continue
        column += 1
        diagram.knots[key] = Knot(layer_title(pack, layer), whole, column, LAYER_COLOUR)
        diagram.bands += [Band(source, key, fen, part_title(pack, part))
                          for part, source, fen in taken]
        if trace.paid:
            diagram.bands.append(Band(key, f"payer:{trace.rule.fund}", trace.paid,
                                      fund_title(pack, trace.rule.fund)))
        parts |= {f"{layer}.{residue}": (key, fen) for residue, fen in trace.residues.items()
                  if fen}
    assert {part: fen for part, (_, fen) in parts.items()} == settlement.left
    diagram.bands += [Band(source, "payer:person", fen, part_title(pack, part))
                      for part, (source, fen) in parts.items()]
    _add_payers(pack, diagram, column + 1)
    return diagram


def _add_payers(pack: Pack, diagram: Diagram, column: int) -> None:
    sums: dict[str, int] = {}
    for band in diagram.bands:
        if band.target.startswith("payer:"):
            sums[band.target] = sums.get(band.target, 0) + band.fen
    person = sums.pop("payer:person", 0)
    for index, (key, fen) in enumerate(sums.items()):
        colour = PAYER_COLOURS[index % len(PAYER_COLOURS)]
        diagram.knots[key] = Knot(fund_title(pack, key.partition(":")[2]), fen, column, colour)
    if person:
        diagram.knots["payer:person"] = Knot(HEADINGS["of_person"], person, column, PERSON_COLOUR)


def _place(diagram: Diagram) -> int:
    """Gives every node its y and height; returns the height of the picture in pixels.

    A layer stands as far down as money was paid before it. Parts and payers are stacked, but
    what no layer takes goes below the layers, straight to the person.
    """
    knots = diagram.knots
    last = max(knot.column for knot in knots.values())
    for knot in knots.values():
        knot.height = max(_scaled(diagram, knot.fen), PIXEL)
    floor = _place_layers(diagram, last)
    bottoms = {0: TOP * PIXEL, last: TOP * PIXEL}
    for key, knot in knots.items():
        if knot.column in bottoms:
            lowest = floor + 12 * PIXEL if key == "payer:person" else 0
            if knot.column == 0 and not any(band.source == key and band.target in knots
                                            and knots[band.target].column < last
                                            for band in diagram.bands):
                lowest = floor + 12 * PIXEL
            knot.y = max(bottoms[knot.column], lowest)
            bottoms[knot.column] = knot.y + knot.height + GAP * PIXEL
    return max(knot.y + knot.height for knot in knots.values()) // PIXEL + 24


def _place_layers(diagram: Diagram, last: int) -> int:
    """Places the layers; where the lowest of them ends."""
    paid, floor = 0, TOP * PIXEL
    for key, knot in diagram.knots.items():
        if 0 < knot.column < last:
            knot.y = TOP * PIXEL + _scaled(diagram, paid) + (knot.column - 1) * GAP * PIXEL
            floor = max(floor, knot.y + knot.height)
            paid += sum(band.fen for band in diagram.bands
                        if band.source == key and band.target.startswith("payer:")
                        and band.target != "payer:person")
    return floor


def _scaled(diagram: Diagram, fen: int) -> int:
    return fen * HEIGHT * PIXEL // max(diagram.total, 1)


def sankey_svg(pack: Pack, settlement: Settlement, lang: str, name: str) -> str:
    """The picture as one `<svg>` element; `name` makes its ids unique on the page."""
    diagram = diagram_of(pack, settlement)
    if not diagram.knots:
        return ""
    height = _place(diagram)
    last = max(knot.column for knot in diagram.knots.values())
    step = (WIDTH - LEFT - RIGHT - NODE) // max(last, 1)
    title = f"{HEADINGS['claim'].of(lang)} {settlement.claim.claim_id}"
    rows = [f'<svg class="sankey" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'aria-labelledby="{name}-t {name}-d">',
            f'<title id="{name}-t">{escape(title)}</title>',
            f'<desc id="{name}-d">{escape(_described(diagram, lang))}</desc>']
    rows += [_band_svg(diagram, band, step, lang) for band in _drawing_order(diagram)]
    rows += [_knot_svg(knot, last, step, lang) for knot in diagram.knots.values()]
    return "\n".join([*rows, "</svg>"])


def _described(diagram: Diagram, lang: str) -> str:
    return "; ".join(f"{diagram.knots[band.source].title.of(lang)} → "
                     f"{diagram.knots[band.target].title.of(lang)} {yuan_grouped(band.fen)}"
                     for band in diagram.bands)


def _drawing_order(diagram: Diagram) -> list[Band]:
    """Bands leave a node for payers first, then for later layers, and for the person last; they
    reach the person from the nearest layer first, so that few of them cross."""
    keys = list(diagram.knots)

    def place(band: Band) -> tuple[int, int]:
        target = diagram.knots[band.target]
        if band.target == "payer:person":
            return 2, -diagram.knots[band.source].column
        return (0 if band.target.startswith("payer:") else 1), keys.index(band.target) \
            + target.column

    return sorted(diagram.bands, key=place)


def _band_svg(diagram: Diagram, band: Band, step: int, lang: str) -> str:
    source, target = diagram.knots[band.source], diagram.knots[band.target]
    height = max(_scaled(diagram, band.fen), PIXEL // 2)
    left = (LEFT + source.column * step + NODE) * PIXEL
    right = (LEFT + target.column * step) * PIXEL
    top, end = source.y + source.drawn_out, target.y + target.drawn_in
    source.drawn_out += height
    target.drawn_in += height
    # What goes to the person drops at once and runs below the layers, not across them.
    turn = min(left + (step - NODE) * PIXEL, right) if band.target == "payer:person" else right
    middle = (left + turn) // 2
    points = (f"M{_px(left)} {_px(top)}C{_px(middle)} {_px(top)} {_px(middle)} {_px(end)} "
              f"{_px(turn)} {_px(end)}H{_px(right)}V{_px(end + height)}H{_px(turn)}"
              f"C{_px(middle)} {_px(end + height)} "
              f"{_px(middle)} {_px(top + height)} {_px(left)} {_px(top + height)}Z")
    told = say("to", part=band.title, fen=band.fen, where=target.title).of(lang)
    colour = target.colour if band.target.startswith("payer:") else "#9db4d3"
    return f'<path d="{points}" fill="{colour}" fill-opacity=".38"><title>{escape(told)}' \
           "</title></path>"


def _knot_svg(knot: Knot, last: int, step: int, lang: str) -> str:
    x = LEFT + knot.column * step
    amount = yuan_grouped(knot.fen)
    title = knot.title.of(lang)
    box = f'<rect x="{x}" y="{_px(knot.y)}" width="{NODE}" height="{_px(knot.height)}" ' \
          f'fill="{knot.colour}"><title>{escape(title)} {amount}</title></rect>'
    if knot.column in (0, last):
        lines = wrapped(title, 15 if knot.column == 0 else 22)
        anchor, at = ("end", x - 7) if knot.column == 0 else ("start", x + NODE + 7)
        middle = knot.y + knot.height // 2 - len(lines) * LINE * PIXEL // 2 + 11 * PIXEL
        top = max(middle, knot.y + 4 * PIXEL)
    else:
        lines = wrapped(title, max((step - 8) // 7, 8))[:3]
        anchor, at, top = "middle", x + NODE // 2, knot.y - (len(lines) * LINE + 6) * PIXEL
    return box + _text(at, top, anchor, [*lines], amount)


def _text(x: int, y: int, anchor: str, lines: Iterable[str], amount: str) -> str:
    spans = [f'<tspan x="{x}" y="{_px(y + index * LINE * PIXEL)}">{escape(line)}</tspan>'
             for index, line in enumerate(lines)]
    spans.append(f'<tspan class="fen" x="{x}" y="{_px(y + len(spans) * LINE * PIXEL)}">{amount}'
                 "</tspan>")
    return f'<text text-anchor="{anchor}">{"".join(spans)}</text>'


def _px(hundredths: int) -> str:
    return f"{hundredths // PIXEL}.{hundredths % PIXEL:02d}"
