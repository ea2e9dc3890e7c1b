"""The 18-digit number and other documents."""
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongchou.enrolment import IdentityFault, check_digit, provisional, read_document, upgraded

PREFIXES = ["522401", "130101", "110101", "370302", "810000", "650100"]


@st.composite
def first17(draw: st.DrawFn) -> str:
    day = draw(st.dates(date(1880, 1, 1), date(2030, 12, 31)))
    return draw(st.sampled_from(PREFIXES)) + day.strftime("%Y%m%d") \
        + f"{draw(st.integers(0, 999)):03d}"


def code_of(kind: str, text: str, born: str = "", sex: str = "") -> str:
    with pytest.raises(IdentityFault) as caught:
        read_document(kind, text, born, sex)
    assert caught.value.zh and caught.value.en and caught.value.hint
    assert text not in str(caught.value) or not text, "the fault repeats the number"
    return caught.value.code


@given(first17())
def test_a_right_number_tells_birth_and_sex(body: str) -> None:
    found = read_document("01", body + check_digit(body))
    assert found.born.replace("-", "") == body[6:14]
    assert found.sex == ("1" if int(body[16]) % 2 else "2")
    assert read_document("01", found.number, found.born, found.sex) == found


@given(first17(), st.integers(0, 16), st.integers(1, 9))
def test_a_wrong_digit_is_always_found(body: str, place: int, shift: int) -> None:
    wrong = body[:place] + str((int(body[place]) + shift) % 10) + body[place + 1:]
    assert code_of("01", wrong + check_digit(body)).startswith("identity-")


@given(first17(), st.integers(0, 15))
def test_two_exchanged_digits_are_always_found(body: str, place: int) -> None:
    wrong = body[:place] + body[place + 1] + body[place] + body[place + 2:]
    if wrong != body:
        assert code_of("01", wrong + check_digit(body)).startswith("identity-")


@given(st.sampled_from(PREFIXES), st.dates(date(1900, 1, 1), date(1999, 12, 31)),
       st.integers(1, 995))
def test_fifteen_digits_become_eighteen(prefix: str, born: date, order: int) -> None:
    old = prefix + born.strftime("%y%m%d") + f"{order:03d}"
    found = read_document("01", old)
    assert found.upgraded and found.number == upgraded(old)
    assert read_document("01", found.number).number == found.number, "the two forms differ"
    assert found.born == born.isoformat()


def test_known_numbers() -> None:
    assert check_digit("11010519491231002") == "X"      # the example of the standard
    assert check_digit("44052418800101001") == "4"
    assert read_document("01", "44052418800101001" + "4").born == "1880-01-01"
    assert read_document("01", " １１０１０５194912310 02ｘ").number == "11010519491231002X"
    assert upgraded("522401300101997")[6:10] == "1830"


def test_faults() -> None:
    assert code_of("01", "") == "certificate-missing"
    assert code_of("01", "1101051949123100") == "identity-form"
    assert code_of("01", "11010519491231A02X") == "identity-form"
    assert code_of("01", "99010519491231002X") == "identity-region"
    body = "11010519490231002"
    assert code_of("01", body + check_digit(body)) == "identity-birth"
    assert code_of("01", "110105194912310021") == "identity-check-digit"
    assert code_of("01", "11010519491231002X", "1949-12-30") == "identity-born-differs"
    assert code_of("01", "11010519491231002X", "", "1") == "identity-sex-differs"
    assert read_document("01", "11010519491231002X", "", "9").sex == "2"
    assert code_of("98", "1") == "certificate-kind"


def test_other_documents() -> None:
    for kind, number in [("08", "E12345678"), ("16", "EA1234567"), ("04", "H12345678"),
                         ("05", "M12345678"), ("06", "12345678"), ("990201", "P130123456"),
                         ("02", "军字第123456"), ("99", "A-1234")]:
        assert read_document(kind, number.lower()).number == number
    assert code_of("08", "E1") == "certificate-form"
    assert code_of("990201", "1234567890") == "certificate-form"
    body = "81000019900101001"
    assert read_document("17", body + check_digit(body)).born == "1990-01-01"
    body = "91115619900101001"
    assert read_document("07", body + check_digit(body)).born == "1990-01-01"
    assert code_of("01", body + check_digit(body)) == "identity-region"
    assert provisional("P1").number == "NBP1"
