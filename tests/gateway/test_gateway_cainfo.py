"""The envelope's own signature: SM2, SM3, SM4 over input, only where the profile says so."""
from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from gateway_city import City
from gmssl_pyx import sm2_key_generate, sm2_sign
from hospital import Hospital
from hypothesis import given
from hypothesis import strategies as st

from tongchou.errors import CaseError
from tongchou.gateway import cainfo
from tongchou.gateway.profiles import SM2_USER, Profile

STANDARD, LIKE_S3 = "H52990100001", "H52990100002"
SHARED_KEY = "0123456789abcdeffedcba9876543210"
PUBLIC, PRIVATE = sm2_key_generate()
ASKED = {"signIn": {"opter_no": "0001", "mac": "00:00", "ip": "10.0.0.1"}}


def profile_with(way: str, key: str = "", user: str = SM2_USER) -> Profile:
    """A profile that asks for a signature."""
    return Profile("H1", "529900", "E", cainfo=way, cainfo_key=key, cainfo_user=user)


def body_of(text: str, sign: str, signtype: str = "") -> bytes:
    """A message whose input stands there as `text`."""
    return (f'{{"infno": "9001", "cainfo": {json.dumps(sign)}, '
            f'"signtype": "{signtype}", "input": {text}, "msgid": "1"}}').encode()


def refused(profile: Profile, body: bytes) -> bool:
    """Whether the signature of a message does not prove it."""
    try:
        cainfo.check(profile, body)
    except Exception as fault:
        assert getattr(fault, "code", "") == "bad-cainfo", repr(fault)
        return True
    return False


def enciphered(key: str, plain: bytes) -> bytes:
    """SM4 in ECB with PKCS7."""
    pad, work = padding.PKCS7(128).padder(), Cipher(SM4(bytes.fromhex(key)), modes.ECB())
    padded, encryptor = pad.update(plain) + pad.finalize(), work.encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def raw_form(signature: bytes) -> bytes:
    """r||s of a DER signature."""
    return b"".join(number.to_bytes(32) for number in decode_dss_signature(signature))


def test_sm3_and_sm4_are_those_of_the_standards() -> None:
    """GB/T 32905-2016 A.1, GB/T 32907-2016 A.1."""
    assert cainfo.sm3(b"abc").hex() == (
        "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")
    key = "0123456789abcdeffedcba9876543210"
    assert enciphered(key, bytes.fromhex(key))[:16].hex() == "681edf34d206965e86b3e94f536e4246"


TEXTS = ('{"data":{"psn_no":"1","name":"张 三"}}', '{ "data" : {\n "a" : "x  y\\" {" } }',
         '"a text"', "[]", "null")


@pytest.mark.parametrize("text", TEXTS)
def test_every_way_of_writing_an_sm2_signature(text: str) -> None:
    profile = profile_with("SM2", PUBLIC.hex())
    for signed in {text, cainfo.compact(text)}:
        der = sm2_sign(PRIVATE, PUBLIC, signed.encode())
        for one in (der, raw_form(der)):
            for written in (one.hex(), one.hex().upper(), base64.b64encode(one).decode()):
                assert not refused(profile, body_of(text, written, "SM2"))
    assert refused(profile, body_of('{"other":1}', der.hex()))
    assert refused(profile, body_of(text, sm2_sign(PRIVATE, PUBLIC, b"other").hex()))
    assert refused(profile, body_of(text, der.hex(), "SM3"))


def test_a_user_id_that_was_agreed() -> None:
    text, user = '{"a":1}', "H52990100001"
    der = sm2_sign(PRIVATE, PUBLIC, text.encode(), user.encode())
    assert not refused(profile_with("SM2", PUBLIC.hex(), user), body_of(text, der.hex()))
    assert refused(profile_with("SM2", PUBLIC.hex()), body_of(text, der.hex()))
    other, _ = sm2_key_generate()
    assert refused(profile_with("SM2", other.hex(), user), body_of(text, der.hex()))


@pytest.mark.parametrize("text", TEXTS)
def test_digests_and_shared_keys(text: str) -> None:
    digest = cainfo.sm3(text.encode())
    plain = profile_with("SM3")
    assert not refused(plain, body_of(text, digest.hex(), "sm3"))
    assert not refused(plain, body_of(text, base64.b64encode(digest).decode()))
    assert refused(profile_with("SM3", "a key"), body_of(text, digest.hex()))
    shared = profile_with("SM4", SHARED_KEY)
    for inside in (digest, digest.hex().encode(), digest.hex().upper().encode()):
        sealed = enciphered(SHARED_KEY, inside)
        assert not refused(shared, body_of(text, sealed.hex()))
        assert not refused(shared, body_of(text, base64.b64encode(sealed).decode(), "SM4"))
        assert refused(shared, body_of(text, sealed.hex()[:-2] + "zz"))
        assert refused(profile_with("SM4", "00" * 16), body_of(text, sealed.hex()))


@given(st.binary(max_size=90), st.sampled_from([
    profile_with("SM2", PUBLIC.hex()), profile_with("SM3"), profile_with("SM4", SHARED_KEY)]))
def test_nothing_else_proves_anything(sign: bytes, profile: Profile) -> None:
    """Whatever stands there, and whatever the body is: refused, never a fault."""
    for written in (sign.hex(), base64.b64encode(sign).decode(), sign.decode("latin-1")):
        assert refused(profile, body_of('{"a":1}', written))
    for broken in (sign, b'{"cainfo":' + sign, b"", b"[1]", b"{}"):
        assert refused(profile, broken)


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), lambda one: st.lists(one)
                    | st.dictionaries(st.text(), one)), st.sampled_from([None, 2]))
def test_the_text_of_a_value_is_found(value: object, indent: int | None) -> None:
    text = json.dumps({"a": 1, "input": value, "z": "}"}, indent=indent)
    found = cainfo.top_level(text)
    assert list(found) == ["a", "input", "z"] and json.loads(found["input"]) == value
    assert cainfo.compact(found["input"]) == json.dumps(value, separators=(",", ":"))


# --- through the gateway --------------------------------------------------------------------------
@pytest.fixture(params=(STANDARD, LIKE_S3))
def hospital(city: City, request: pytest.FixtureRequest) -> Iterator[Hospital]:
    """An institution whose profile asks for SM2, and does not afterwards."""
    city.profiles.refresh()
    before = city.profiles.of(request.param)
    city.profiles.put(replace(before, cainfo="SM2", cainfo_key="04" + PUBLIC.hex()), "test",
                      city.platform.clock())
    yield city.hospital(request.param)
    city.profiles.put(before, "test", city.platform.clock())


def test_only_who_agreed_must_sign(city: City, hospital: Hospital) -> None:
    """A constant, as S3 sends it, is refused where a signature was agreed, and nowhere else."""
    asked = {"data": ASKED["signIn"]} if hospital.profile.dialect == "guangzhou" else ASKED
    text = json.dumps(asked, ensure_ascii=False)
    sign = base64.b64encode(sm2_sign(PRIVATE, PUBLIC, text.encode())).decode()
    hospital.ok("9001", asked, cainfo=sign, signtype="SM2")
    assert "签名" in hospital.refused("9001", asked)
    assert "签名" in hospital.refused("9001", asked, cainfo="c0ffee", signtype="SM3")
    wrong = json.loads(text.replace("0001", "0002"))
    assert "cainfo" in hospital.refused("9001", wrong, cainfo=sign)
    other = city.hospital("H52990100003")
    other.ok("9001", ASKED, cainfo="c0ffee", signtype="SM3")
    told = city.gateway.turned_away[-1]
    assert told.refusal == "bad-cainfo"


def test_a_profile_needs_a_key_that_is_one(city: City) -> None:
    city.profiles.refresh()
    before = city.profiles.of(STANDARD)
    for way, key in (("SM2", ""), ("SM2", "00" * 64), ("SM2", "key"), ("SM4", "0123"),
                     ("SM4", ""), ("RSA", "")):
        with pytest.raises(CaseError, match="cainfo"):
            city.profiles.put(replace(before, cainfo=way, cainfo_key=key), "test",
                              city.platform.clock())
    assert SHARED_KEY not in repr(replace(before, cainfo="SM4", cainfo_key=SHARED_KEY))
