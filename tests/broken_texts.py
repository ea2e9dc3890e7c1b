"""A small valid pack and case, and ways to break them: used by the tests of bad input."""
import re

from hypothesis import strategies as st

from tongchou import TongchouError

VALID_PACK = """\
city: springfield
regime: "2023"
title: {zh: 春田, en: Springfield}
state: in_force
in_force: {from: 2023-01-01, to: 2023-12-31}
sources: {SP: {title: a rule}}
insurance: [residents]
hospitals:
  level1: {level: "1"}
  level3: {level: "3"}
statuses:
  allowance: {clause: SP-07}
facts: {years_insured: {unit: years}}
parameters:
  deductible: {unit: yuan, clause: SP-02}
profiles:
  candidate:
    values:
      deductible: {value: 500, grade: C, source: a guess}
pots:
  year: {per: year, amount: 200000, clause: SP-04}
layers:
  basic:
    fund: residents_basic
    for: {visit: inpatient}
    base: in_policy
    deductible: {per: stay, amount: $deductible}
    ratio: {by: hospital, level1: 85%, level3: 60%}
    cap: year
    clauses: [SP-01, SP-03]
  critical:
    fund: critical_illness
    base: [basic.unpaid, first_self_pay]
    deductible: {per: year, amount: 12000}
    tiers: {of: year, to 50000: 60%, to 100000: 65%, above: 75%}
    cap: none
    clause: SP-05
contributions:
  - {year: 2023, personal: 380, clause: SP-06}
  - {subsidy: 50%, for: {status: allowance}, fund: medical_assistance, clause: SP-07}
"""

VALID_CASE = """\
pack: pack.yaml
profile: candidate
person:
  psn_no: P1
  insutype: "390"
  brdy: 1958-03-01
  gend: "1"
  statuses:
    - {code: allowance, from: 2023-01-01, to: 2023-12-31}
  facts: {years_insured: 6}
claims:
  - mdtrt_id: C1
    med_type: "21"
    hosp_lev: "3"
    place: local
    referred: true
    begndate: 2023-03-02
    enddate: 2023-03-18
    setl_time: 2023-03-18T10:00:00
    medfee_sumamt: "86420.00"
    fulamt_ownpay_amt: "4820.00"
    preselfpay_amt: "2600.00"
    inscp_scp_amt: 79000.00
"""


MAPPING_CASE = {
    "person": {"psn_no": "P1", "insutype": "390"},
    "claims": [{"mdtrt_id": "C1", "med_type": "21", "hosp_lev": "3", "begndate": "2023-03-02",
                "medfee_sumamt": "86420.00"}],
}


def line_of(text: str, piece: str) -> int:
    """The number of the line in which a piece begins, from 1."""
    assert text.count(piece) >= 1, f"{piece!r} is not in the text"
    return text.count("\n", 0, text.index(piece)) + 1


def check(error: TongchouError, code: str, line: int | None) -> None:
    """Code, place and hint of an error, and that its text reads as a sentence."""
    assert error.code == code, str(error)
    place = re.search(r":(\d+):(\d+)$", error.where)
    assert place, f"{error.where!r} does not name line and column"
    assert line is None or int(place[1]) == line, str(error)
    assert error.hint, str(error)
    assert error.message and "None" not in str(error)


TOKENS = ["", "~", "[]", "{}", "0", "-1", "100%", "999999%", "yes", "none", "$deductible", "total",
          "in_policy", "basic.unpaid", "critical.gross", "2023-02-30", "{choose: $deductible}",
          "{by: hospital}", "{by: [hospital, place], level1: 5%}", "：", "'", "*a", "&a", "\t",
          "{times: 50%, of: 1}", "{plus: 1, of: $deductible}", "99999999999999999999", "\x00", "１"]


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    """A valid text with some lines or words deleted, doubled, moved or replaced."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        where = draw(st.integers(0, len(lines) - 1))
        how = draw(st.sampled_from(("delete", "double", "move", "word", "word", "word", "indent")))
        words = re.split(r"([\s,:{}\[\]]+)", lines[where])
        if how == "delete":
            del lines[where]
        elif how == "double":
            lines.insert(where, lines[where])
        elif how == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(where))
        elif how == "indent":
            lines[where] = " " * draw(st.integers(0, 8)) + lines[where].strip()
        else:
            word = draw(st.integers(0, len(words) - 1))
            words[word] = draw(st.sampled_from(TOKENS) | st.text(max_size=5))
            lines[where] = "".join(words)
        lines = lines or [""]
    return "\n".join(lines) + "\n"
