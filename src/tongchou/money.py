"""Fen, parts per million and the one rounding step (分、百万分率、舍入).

Money is an integer of fen, a rate an integer of parts per million (ppm). No float touches
either. Text enters through `parse_yuan` and `parse_percent` and leaves through `yuan_text`.
"""
from __future__ import annotations

import re

PPM = 1_000_000
FEN = 100
AMOUNT_LIMIT_FEN = 10 ** 11  # one bill or limit: a billion yuan; keeps fen x ppm inside int64
ROUNDINGS = ("half_up", "half_even", "down")

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?\Z", re.ASCII)
_CENTS = re.compile(r"\d{1,11}\.\d\d\Z", re.ASCII)   # as all our own texts are
_FULL_WIDTH = str.maketrans("０１２３４５６７８９．，％－＋", "0123456789.,%-+")


class NumberFault(ValueError):
    """A text that is not the number its place asks for; the message says what to write."""


def _plain(text: str, what: str) -> str:
    """`text` checked to be an ordinary decimal number, else a fault that says what to write."""
    text = text.strip()
    if len(text) > 40:
        raise NumberFault(f"{text[:20]!r}... ({len(text)} characters) is too long for {what}")
    half = text.translate(_FULL_WIDTH)
    if half != text:
        raise NumberFault(f"{text!r} has full-width characters (全角); write {half!r}")
    if "," in text:
        raise NumberFault(f"{text!r} has a thousands separator; write {text.replace(',', '')!r}")
    if not _NUMBER.match(text):
        raise NumberFault(f"{text!r} is not {what}")
    return text


def scaled(text: str, digits: int, what: str) -> int:
    """The decimal number `text` times 10**digits, exactly; a fault if more digits are written."""
    if digits == 2 and _CENTS.match(text):
        return int(text[:-3] + text[-2:])
    text = _plain(text, what)
    sign = -1 if text.startswith("-") else 1
    whole, _, fraction = text.lstrip("+-").partition(".")
    if len(fraction.rstrip("0")) > digits:
        raise NumberFault(f"{text!r} has more than {digits} decimals")
    return sign * int(whole + fraction[:digits].ljust(digits, "0"))


def parse_yuan(text: str) -> int:
    """Fen of an amount written in yuan: `parse_yuan("86420.5") == 8642050`.

    Raises NumberFault for a third decimal, separators, full-width digits, or absurd size.
    """
    if _CENTS.match(text):
        fen = int(text[:-3] + text[-2:])
    else:
        fen = scaled(text, 2, "an amount in yuan such as 18000 or 18000.50")
    if abs(fen) > AMOUNT_LIMIT_FEN:
        raise NumberFault(f"{text!r} is larger than any amount this system settles")
    return fen


def parse_percent(text: str) -> int:
    """Parts per million of a rate written with its sign: `parse_percent("62.5%") == 625000`."""
    text = text.strip()
    if text.endswith("％"):
        half = text.translate(_FULL_WIDTH)
        raise NumberFault(f"{text!r} has full-width characters (全角); write {half!r}")
    if not text.endswith("%"):
        raise NumberFault(f"{text!r} has no unit; write {text}% for a percentage")
    return scaled(text[:-1], 4, "a percentage such as 62.5%")


def yuan_text(fen: int) -> str:
    """Two decimals, no separators: the form of every border (`"86420.00"`)."""
    if fen >= FEN:
        text = str(fen)
        return f"{text[:-2]}.{text[-2:]}"
    return "0.00" if not fen else f"0.{fen:02d}" if fen > 0 else f"-{yuan_text(-fen)}"


def yuan_grouped(fen: int) -> str:
    """Two decimals with separators, for people only (`"86,420.00"`)."""
    if fen < 0:
        return f"-{yuan_grouped(-fen)}"
    return f"{fen // FEN:,}.{fen % FEN:02d}"


def percent_text(ppm: int) -> str:
    """A rate as people write it: 625000 -> `"62.5%"`."""
    whole, rest = divmod(ppm, PPM // 100)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".") + "%"


def divide_rounded(numerator: int, denominator: int, rounding: str = "half_up") -> int:
    """`numerator / denominator` as a whole number; ties as the pack says. Both must be >= 0.

    The only division on a money path. `half_up` is half away from zero, since nothing
    negative ever comes here: a reversal is the negative of a result, not a negative input.
    """
    assert numerator >= 0 and denominator > 0, (numerator, denominator)
    whole, rest = divmod(numerator, denominator)
    if rounding == "down" or 2 * rest < denominator:
        return whole
    if rounding == "half_even" and 2 * rest == denominator:
        return whole + (whole & 1)
    return whole + 1


def share_out(total_fen: int, weights: list[int]) -> list[int]:
    """`total_fen` in proportion to `weights`, fen adding up (largest remainder, first wins ties).

    BJ-15: province, city and county at 5 : 2 : 3.
    """
    parts = sum(weights)
    assert total_fen >= 0 and parts > 0
    shares = [total_fen * weight // parts for weight in weights]
    remainders = [total_fen * weight % parts for weight in weights]
    left = total_fen - sum(shares)
    order = sorted(range(len(weights)), key=lambda k: (-remainders[k], k))
    for k in order[:left]:
        shares[k] += 1
    return shares
