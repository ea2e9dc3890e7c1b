"""The bills of a case: visit, hospital, dates and the four national parts (账单)."""
from __future__ import annotations

from ..engine import Claim
from ..money import yuan_text
from ..policy import Node
from ..terms import LEVELS, PARTS, PLACES, VISIT_OF_CODE, VISITS, visit_of
from . import fields

CLAIM_FIELDS = ("mdtrt_id", "psn_no", "med_type", "hosp_lev", "hosp_tags", "place", "referred",
                "fixmedins_code", "episode", "dise_codg", "begndate", "enddate", "setl_time",
                "medfee_sumamt", "fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt",
                "inscp_scp_amt")
SELF_PAID = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt")
assert (*SELF_PAID, "inscp_scp_amt") == tuple(part.national for part in PARTS.values())


def read_claim(node: Node, only_person: str) -> Claim:
    """A claim of a case; `only_person` is whose it is when it does not say (else "").

    Raises CaseError (missing, unknown or mistyped fields) and Refusal (unknown codes, dates out
    of order, impossible amounts, a split that does not add up).
    """
    items = fields.mapping(node, "a claim", CLAIM_FIELDS)
    person = fields.optional(items, "psn_no")
    if person is None and not only_person:
        fields.needed(node, "a claim of a case with several persons", "psn_no")
    begin, end, settled = read_dates(node)

    def text(key: str) -> str:
        found = fields.optional(items, key)
        return fields.word(found, key) if found else ""

    return Claim(
        fields.word(fields.needed(node, "a claim", "mdtrt_id"), "mdtrt_id"),
        fields.word(person, "psn_no") if person else only_person,
        visit_at(fields.needed(node, "a claim", "med_type")),
        _one_of(fields.optional(items, "hosp_lev"), "hosp_lev", LEVELS, "none"),
        _one_of(fields.optional(items, "place"), "place", PLACES, "local"),
        referral_at(fields.optional(items, "referred")), begin, end, settled, read_parts(node),
        frozenset(fields.words(fields.optional(items, "hosp_tags"), "hosp_tags")),
        text("dise_codg"), text("episode"), text("fixmedins_code"))


def visit_at(node: Node) -> str:
    """med_type: a national code, or our name."""
    code = fields.word(node, "med_type")
    name = code if code in VISITS else visit_of(code)
    return fields.coded(node, "med_type", name, [*VISIT_OF_CODE, *VISITS], "a kind of visit")


def _one_of(node: Node | None, field: str, known: dict, otherwise: str) -> str:
    if node is None:
        return otherwise
    found = fields.word(node, field)
    return fields.coded(node, field, found if found in known else None, known,
                        f"one of {', '.join(known)}")


def referral_at(node: Node | None) -> str:
    """referred: true due, false missing, null not needed."""
    if node is None:
        return "not_needed"
    return "due" if fields.answer(node, "referred") else "missing"


def read_dates(node: Node) -> tuple[str, str, str]:
    """begndate, enddate (the same day when left out), setl_time (noon of the last day)."""
    begin = fields.day(fields.needed(node, "a claim", "begndate"), "begndate")
    last, time = (fields.optional(node.items, key) for key in ("enddate", "setl_time"))
    end = fields.day(last, "enddate") if last else begin
    settled = fields.moment(time, "setl_time") if time else f"{end}T12:00:00"
    if last:
        fields.in_order(begin, end, last, "enddate before begndate")
    if time:
        fields.in_order(begin, settled[:10], time, "setl_time before begndate")
    return begin, end, settled


def read_parts(node: Node) -> tuple[int, int, int, int]:
    """The bill's four parts in fen; inscp_scp_amt is the rest when it is left out."""
    total_node = fields.needed(node, "a claim", "medfee_sumamt")
    total = fields.fen(total_node, "medfee_sumamt")
    paid = [fields.optional(node.items, key) for key in SELF_PAID]
    own = [fields.fen(part, key) if part else 0
           for key, part in zip(SELF_PAID, paid, strict=True)]
    rest, given = total - sum(own), fields.optional(node.items, "inscp_scp_amt")
    if rest < 0:
        raise fields.refused(total_node, "split-does-not-add-up",
                             f"medfee_sumamt is {yuan_text(total)}, its self-paid parts alone "
                             f"are {yuan_text(sum(own))}", f"Correct {', '.join(SELF_PAID)} or "
                             "the total.")
    if given is not None and fields.fen(given, "inscp_scp_amt") != rest:
        raise fields.refused(given, "split-does-not-add-up",
                             f"inscp_scp_amt is {yuan_text(fields.fen(given, 'inscp_scp_amt'))}, "
                             f"but the total less the self-paid parts is {yuan_text(rest)}",
                             "Correct the parts, or leave inscp_scp_amt out.")
    return own[0], own[1], own[2], rest
