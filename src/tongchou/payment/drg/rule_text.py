"""Rule text as the workbooks of 2026 write it, read into conditions (规则文本).

    ZYZD in DI_B00 and {ZYSS, QTSS} in {OP1_BB1, OP2_BB1} and not (XB = 2) and NL >= 18

    rule      = either
    either    = both { "or" both }
    both      = one { "and" one }
    one       = "(" either ")" | "not" one | "1" | member | counted | compared
    member    = fields [ "not" ] "in" sets
    counted   = "length" "(" SET "∩" fields ")" SIGN NUMBER
    compared  = MEASURE SIGN NUMBER
    fields    = FIELD | "{" FIELD { "," FIELD } "}"          any of these fields
    sets      = SET | "{" SET { "," SET } "}"                any of these sets

FIELD is ZYZD (principal diagnosis), QTZD (other diagnoses), ZYSS (main procedure), QTSS (other
procedures); MEASURE is XB (sex, 1 male, 2 female), NL (age in years), XSRTL (age in days), XSRTZ
(weight of a newborn at admission in grams), or CSTZ (birth weight in grams; our word, for schemes
that test it); SIGN is = != < <= > >=. The sets CC and MCC stand for complications with exclusions
applied; CC holds for a major one too. Words may be large or small letters, signs full-width, and
a rule may go over several lines. An empty rule and `1` always hold; `not in` means that no code
of the fields is in any of the sets.
"""
from __future__ import annotations

import re
from collections.abc import Container
from typing import NamedTuple

from ...errors import CaseError
from .conditions import (ALWAYS, COMPLICATION, DIAGNOSES, FIRST, FURTHER, MAJOR, PROCEDURES,
                         Compare, Condition, Counted, Member, Not, Severity, every, some)
from .scheme import MAJOR_SET, MINOR_SET

FIELDS = {"ZYZD": (DIAGNOSES, FIRST), "QTZD": (DIAGNOSES, FURTHER),
          "ZYSS": (PROCEDURES, FIRST), "QTSS": (PROCEDURES, FURTHER)}
MEASURES = {"XB": "sex", "NL": "age_years", "XSRTL": "age_days", "XSRTZ": "admission_weight_g",
            "CSTZ": "birth_weight_g"}
KINDS = {"DI": DIAGNOSES, "OP": PROCEDURES}
SEVERITIES = {MAJOR_SET: MAJOR, MINOR_SET: COMPLICATION}
DEEPEST = 100
_WIDE = str.maketrans("（），｛｝＝＜＞\u00a0\u3000", "(),{}=<>  ")
_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Za-z]\w*)|(?P<number>\d+)|(?P<sign><=|>=|!=|<>|[=<>≤≥≠])"
                    r"|(?P<mark>[(){},∩]))", re.ASCII)
_SIGNS = {"≤": "<=", "≥": ">=", "≠": "!=", "<>": "!="}
_KEYWORDS = {"AND", "OR", "NOT", "IN", "LENGTH"}


class _Token(NamedTuple):
    kind: str          # word, number, sign, mark, end
    text: str
    column: int        # from 1


def read_rule(text: str, sets: Container[str], where: str = "rule") -> Condition:
    """The condition a rule states. `sets` are the names of the sets that exist.

    Raises CaseError `bad-rule` with `where:column` of the first word that does not fit, or
    `where:line:column` when the rule has several lines.
    """
    if text.strip() in ("", "1"):
        return ALWAYS
    return _Reader(text, sets, where).whole()


class _Reader:
    """Reads one rule from left to right."""

    def __init__(self, text: str, sets: Container[str], where: str) -> None:
        self._text, self._sets, self._where = text, sets, where
        self._tokens = self._split(text.translate(_WIDE))
        self._at = 0

    def whole(self) -> Condition:
        found = self._either(0)
        if self._here.kind != "end":
            raise self._stop("expected `and`, `or` or the end")
        return found

    # --- words ------------------------------------------------------------------------------------
    def _split(self, text: str) -> list[_Token]:
        tokens, at = [], 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                column = at + len(text[at:]) - len(text[at:].lstrip()) + 1
                raise self._fault(column, f"{text[column - 1]!r} means nothing here")
            kind = str(match.lastgroup)
            word = match[kind].upper() if kind == "word" else match[kind]
            tokens.append(_Token(kind, _SIGNS.get(word, word), match.start(kind) + 1))
            at = match.end()
        return [*tokens, _Token("end", "", len(text) + 1)]

    @property
    def _here(self) -> _Token:
        return self._tokens[self._at]

    def _fault(self, column: int, message: str) -> CaseError:
        lines = self._text[: column - 1].split("\n")
        place = f"{len(lines)}:{len(lines[-1]) + 1}" if "\n" in self._text else str(column)
        return CaseError("bad-rule", f"{message} in {self._text.strip()[:200]!r}",
                         f"{self._where}:{place}", hint="docs/payment-grouping.md has the "
                         "grammar of rule text.")

    def _stop(self, expected: str) -> CaseError:
        seen = repr(self._here.text) if self._here.text else "the end"
        return self._fault(self._here.column, f"{expected}, not {seen}")

    def _take(self, text: str) -> None:
        if self._here.text != text:
            raise self._stop(f"expected {text!r}")
        self._at += 1

    def _skip(self, text: str) -> bool:
        if self._here.text != text or self._here.kind == "end":
            return False
        self._at += 1
        return True

    # --- grammar ----------------------------------------------------------------------------------
    def _either(self, depth: int) -> Condition:
        parts = [self._both(depth)]
        while self._skip("OR"):
            parts.append(self._both(depth))
        return some(*parts)

    def _both(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._skip("AND"):
            parts.append(self._one(depth))
        return every(*parts)

    def _one(self, depth: int) -> Condition:
        if depth > DEEPEST:
            raise self._stop(f"nested more than {DEEPEST} deep")
        token = self._here
        if self._skip("("):
            inner = self._either(depth + 1)
            self._take(")")
            return inner
        if self._skip("NOT"):
            return Not(self._one(depth + 1))
        if self._skip("1"):
            return ALWAYS
        if self._skip("LENGTH"):
            return self._counted()
        if token.text in MEASURES:
            self._at += 1
            return self._compared(MEASURES[token.text])
        return self._member()

    def _member(self) -> Condition:
        kind, which = self._fields()
        negated = self._skip("NOT")
        self._take("IN")
        found = some(*(self._in(kind, which, token) for token in self._listed("the name of a set")))
        return Not(found) if negated else found

    def _in(self, kind: str, which: int, token: _Token) -> Condition:
        if token.text in SEVERITIES:
            if kind != DIAGNOSES or which != FURTHER:
                raise self._fault(token.column, f"only QTZD can be in {token.text}")
            return Severity(SEVERITIES[token.text])
        return Member(kind, which, self._set(kind, token))

    def _set(self, kind: str, token: _Token) -> str:
        if token.text not in self._sets:
            raise self._fault(token.column, f"there is no set {token.text!r}")
        if KINDS.get(token.text[:2]) != kind:
            raise self._fault(token.column, f"{token.text} does not hold what the field has: DI_ "
                              "sets are diagnoses, OP_ sets procedures")
        return token.text

    def _fields(self) -> tuple[str, int]:
        if self._here.text not in FIELDS and self._here.text != "{":
            raise self._stop(f"expected one of {', '.join((*FIELDS, *MEASURES))}, `{{`, `(`, `not` "
                             "or `length`")
        found = self._listed("a field")
        kind, which = FIELDS.get(found[0].text, ("", 0))
        for token in found:
            own, part = FIELDS.get(token.text, ("", 0))
            if not own:
                raise self._fault(token.column, f"{token.text!r} is no field")
            if own != kind:
                raise self._fault(token.column, "diagnoses and procedures cannot be in one list")
            which |= part
        return kind, which

    def _listed(self, what: str) -> list[_Token]:
        """A word, or words between braces."""
        braced = self._skip("{")
        found = [self._word(what)]
        while braced and self._skip(","):
            found.append(self._word(what))
        if braced:
            self._take("}")
        return found

    def _word(self, what: str) -> _Token:
        token = self._here
        if token.kind != "word" or token.text in _KEYWORDS:
            raise self._stop(f"expected {what}")
        self._at += 1
        return token

    def _counted(self) -> Condition:
        self._take("(")
        named = self._word("the name of a set")
        self._take("∩")
        kind, which = self._fields()
        self._take(")")
        sign, number = self._sign(), self._number()
        if sign not in (">=", ">"):
            raise self._fault(named.column, "a count is compared with >= or >")
        return Counted(kind, which, self._set(kind, named), number + (sign == ">"))

    def _compared(self, measure: str) -> Condition:
        sign, number = self._sign(), self._number()
        if sign == "!=":       # two comparisons, so that an unknown value fails this one too
            return some(Compare(measure, "<", number), Compare(measure, ">", number))
        return Compare(measure, sign, number)

    def _sign(self) -> str:
        if self._here.kind != "sign":
            raise self._stop("expected = != < <= > or >=")
        self._at += 1
        return self._tokens[self._at - 1].text

    def _number(self) -> int:
        if self._here.kind != "number" or len(self._here.text) > 9:
            raise self._stop("expected a whole number of at most nine digits")
        self._at += 1
        return int(self._tokens[self._at - 1].text)
