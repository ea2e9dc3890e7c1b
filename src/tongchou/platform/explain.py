"""A stored settlement in words, and its slip (结算说明、结算单).

Nothing is believed of what was said then: the year is settled again from stored inputs and the
stored pack, as an audit does, and every line is read off that.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg import Connection

from ..engine.explain import WIDTH, explain_json, explain_text, wrapped
from ..engine.situation import LOOKBACK
from ..errors import CaseError, Refusal
from ..ledger import CHINA_TIME
from ..money import yuan_grouped, yuan_text
from ..policy import Pack
from ..settlement import Regimes
from ..settlement.replay import Rebuilt, rebuilt, year_of
from ..terms import AMOUNT_FIELDS, STATUSES, Term

LANGUAGES = ("zh", "en")
NOTES = {
    "portion": Term("This bill is a portion of stay {stay}: the statement is the stay to date, "
                    "{count} bills; this bill alone: funds {funds}, person {person}.",
                    "本次结算是住院 {stay} 的一部分：以下为本次住院截至目前的累计"
                    "（共 {count} 笔）；其中本笔：基金 {funds}，个人 {person}。"),
    "reversed": Term("Reversed on {day}, because of {cause}: nothing of it stands. Revision "
                     "{before} says what it was.",
                     "已于 {day} 冲正（{cause}），金额全部退回；冲正前见第 {before} 次结果。"),
    "changed": Term("Revision {revision} of {day}, because of {cause}: funds {funds}, person "
                    "{person}.",
                    "第 {revision} 次结果（{day}），起因：{cause}；基金 {funds}，个人 {person}。"),
    "field": Term("{name}: {before} -> {after}", "{name}：{before} → {after}"),
    "status": Term("identity used", "享受待遇的身份"),
    "settled": Term("settlement {setl_id} of visit {visit}", "就诊 {visit} 的结算 {setl_id}"),
    "taken_back": Term("the reversal of {setl_id}, visit {visit}",
                       "就诊 {visit} 的结算 {setl_id} 冲正"),
    "none": Term("none", "无"),
    "lookback": Term(" (looking back)", "（追溯）"),
}


class Found(NamedTuple):
    """A settlement, those whose year it shares, and its pack."""

    own: Mapping[str, object]
    rows: Sequence[Mapping[str, object]]
    pack: Pack

    @property
    def outcomes(self) -> Sequence[Mapping[str, object]]:
        """Its revisions in order."""
        return self.own["outcomes"]


def find(connection: Connection, regimes: Regimes, region: str, psn_no: str, setl_id: str,
         ) -> Found:
    """Raises Refusal `unknown-settlement`, `unknown-pack`, `pack-changed`."""
    own, rows = year_of(connection, region, psn_no, setl_id)
    return Found(own, rows, regimes.pack(str(own["pack_hash"])))


def explained(found: Found, language: str, revision: int | None = None) -> dict[str, object]:
    """The explanation of a revision, the newest when none is named: `text` in the language, and
    `explanation` as data in both; `changes` since the first with their causes.

    Raises CaseError `unknown-language`; Refusal `unknown-revision`.
    """
    if language not in LANGUAGES:
        raise CaseError("unknown-language", f"{language!r} is not spoken here", "language",
                        hint=f"Languages: {', '.join(LANGUAGES)}.")
    outcome = _outcome(found, revision)
    again = None if outcome["reason"] == "reverse" else rebuilt(
        found.pack, found.rows, str(found.own["setl_id"]), outcome)
    changes = _changes(found, outcome)
    notes = _notes(found, outcome, again, changes, language)
    text = "" if again is None else explain_text(
        found.pack, again.settlement, language)
    return {
        "setl_id": found.own["setl_id"], "psn_no": found.own["psn_no"],
        "mdtrt_id": found.own["mdtrt_id"], "kind": found.own["kind"],
        "revision": outcome["revision"], "revisions": len(found.outcomes),
        "reason": outcome["reason"], "language": language,
        "statement_of": "stay_to_date" if again and len(again.portions) > 1 else "settlement",
        "portions": list(again.portions) if again else [],
        "changes": [{name: value for name, value in one.items() if name != "why"}
                    | {"cause_words": one["why"].en, "cause_words_zh": one["why"].zh}
                    for one in changes],
        "text": "".join(f"{line}\n" for line in notes) + ("\n" if notes and text else "") + text,
        "explanation": None if again is None else explain_json(found.pack, again.settlement)}


def _outcome(found: Found, revision: int | None) -> Mapping[str, object]:
    if revision is None:
        return found.outcomes[-1]
    for one in found.outcomes:
        if one["revision"] == revision:
            return one
    raise Refusal("unknown-revision", f"settlement {found.own['setl_id']} has no revision "
                  f"{revision} (无此次结果)", "revision", "",
                  f"It has 1 to {len(found.outcomes)}.")


# --- what changed, and why ------------------------------------------------------------------------
def _changes(found: Found, upto: Mapping[str, object]) -> list[dict[str, object]]:
    """Revisions after the first up to one of them: signed differences, fields that moved, cause."""
    changes, before = [], found.outcomes[0]
    for one in found.outcomes[1:]:
        if one["revision"] > upto["revision"]:
            break
        changes.append({
            "revision": one["revision"], "reason": one["reason"], "cause": one["cause"],
            "why": _cause(found, one), "known_at": one["known_at"],
            "difference": {name: _signed(money_by_payer(one)[name]
                                            - money_by_payer(before)[name])
                           for name in ("fund_pay_sumamt", "psn_part_amt", "hosp_part_amt")},
            "fields": _fields(before, one)})
        before = one
    return changes


def money_by_payer(outcome: Mapping[str, object]) -> dict[str, int]:
    """Fen of all funds, the person and the institution."""
    money = outcome["result"]["money"]
    return {"fund_pay_sumamt": sum(money["paid"].values()), "psn_part_amt": money["person_fen"],
            "hosp_part_amt": money["absorbed_fen"]}


def _fields(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[object]]:
    """name -> [before, after] of the statement's amounts and of the status used."""
    old, new = before["result"]["statement"], after["result"]["statement"]
    return {name: [old.get(name), new.get(name)] for name in (*AMOUNT_FIELDS, "chosen_status")
            if old.get(name) != new.get(name)}


def _cause(found: Found, outcome: Mapping[str, object]) -> Term:
    """Why a revision was made, in words: another settlement of the year, or what was said."""
    cause = str(outcome["cause"])
    other = next((row for row in found.rows if row["setl_id"] == cause
                  and cause != found.own["setl_id"]), None)
    if other is None:
        return _status_cause(cause)
    taken_back = any(one["reason"] == "reverse" and one["known_at"] == outcome["known_at"]
                     for one in other["outcomes"])
    words = NOTES["taken_back" if taken_back else "settled"]
    return _filled(words, setl_id=cause, visit=other["mdtrt_id"])


def _status_cause(cause: str) -> Term:
    """`status allowance from 2024-06-01` in both languages; anything else stays as it was said."""
    words = cause.split(" ")
    if len(words) == 4 and words[0] == "status" and words[1] in STATUSES:
        term = STATUSES[words[1]]
        return Term(f"status {term.en} from {words[3]}", f"身份“{term.zh}”自 {words[3]} 起")
    return Term(cause, cause)


def _notes(found: Found, outcome: Mapping[str, object], again: Rebuilt | None,
           changes: Iterable[Mapping[str, object]], lang: str) -> list[str]:
    """What stands above the form."""
    lines = []
    for one in changes:
        day = _day(one["known_at"])
        if one["reason"] == "reverse":
            lines += _said("reversed", lang, day=day, cause=_in(one["why"], lang),
                           before=one["revision"] - 1)
            continue
        lines += _said("changed", lang, revision=one["revision"], day=day,
                       cause=_in(one["why"], lang), funds=one["difference"]["fund_pay_sumamt"],
                       person=one["difference"]["psn_part_amt"])
        lines += [f"  {line}" for name, values in one["fields"].items() for line in _said(
            "field", lang, name=_in(_field_name(name), lang),
            before=_shown(name, values[0], lang), after=_shown(name, values[1], lang))]
    if again is not None and len(again.portions) > 1:
        money = money_by_payer(outcome)
        lines += _said("portion", lang, stay=found.own["mdtrt_id"], count=len(again.portions),
                       funds=yuan_grouped(money["fund_pay_sumamt"]),
                       person=yuan_grouped(money["psn_part_amt"]))
    return lines


def _field_name(name: str) -> Term:
    return NOTES["status"] if name == "chosen_status" else AMOUNT_FIELDS[name]


def _shown(name: str, value: object, lang: str) -> str:
    if name != "chosen_status":
        return str(value)
    status = str(value).removesuffix(LOOKBACK)
    words = _in(STATUSES[status] if status in STATUSES else NOTES["none"], lang)
    return words + _in(NOTES["lookback"], lang) if str(value).endswith(LOOKBACK) else words


def _filled(words: Term, **values: object) -> Term:
    return Term(words.en.format(**values), words.zh.format(**values))


def _said(note: str, lang: str, **values: object) -> list[str]:
    return wrapped(_in(_filled(NOTES[note], **values), lang), WIDTH)


def _in(words: Term, lang: str) -> str:
    return words.zh if lang == "zh" else words.en


def _signed(fen: int) -> str:
    return f"+{yuan_text(fen)}" if fen > 0 else yuan_text(fen)


def _day(moment: object) -> str:
    return datetime.fromisoformat(str(moment)).astimezone(CHINA_TIME).date().isoformat()
