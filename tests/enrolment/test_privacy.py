"""Personal data: sealed, indexed, masked; keys that rotate and keys that are wrong."""
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongchou.errors import TongchouError
from tongchou.privacy import (KEY_FILE_VARIABLE, SUITES, make_key_file, mask_certificate,
                              mask_name, mask_phone, open_keys, read_keys, rotate_keys, shown)


@pytest.fixture(params=sorted(SUITES))
def key_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    make_key_file(path, request.param)
    return path


def test_a_sealed_value_opens_again_and_says_nothing(key_file: Path) -> None:
    keys = read_keys(key_file)
    sealed = keys.seal("张三", "name")
    assert keys.unseal(sealed, "name") == "张三"
    assert "张三".encode() not in sealed
    assert keys.seal("张三", "name") != sealed, "equal names would look equal"
    assert sealed[0] in SUITES.values() and sealed[1] == 1


def test_a_changed_value_is_found_out(key_file: Path) -> None:
    keys = read_keys(key_file)
    sealed = keys.seal("13800001234", "phone")
    for place in range(2, len(sealed)):
        broken = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1:]
        with pytest.raises(TongchouError) as caught:
            keys.unseal(broken, "phone")
        assert caught.value.code == "damaged-value"
    for wrong in (sealed[:-1], sealed[:10], sealed[:2]):
        with pytest.raises(TongchouError, match="verify"):
            keys.unseal(wrong, "phone")
    with pytest.raises(TongchouError, match="verify"):
        keys.unseal(sealed, "name")
    with pytest.raises(TongchouError) as caught:
        keys.unseal(b"", "name")
    assert caught.value.code == "unknown-key"


@given(one=st.text(max_size=20), other=st.text(max_size=20))
def test_the_index_finds_equal_values_only(tmp_path_factory: pytest.TempPathFactory, one: str,
                                           other: str) -> None:
    path = tmp_path_factory.getbasetemp() / "index-keys.json"
    if not path.exists():
        make_key_file(path)
    keys = read_keys(path)
    assert (keys.index(one, "name") == keys.index(other, "name")) == (one == other)
    assert keys.index(one, "name") != keys.index(one, "phone")


def test_rotation_keeps_old_values_readable_and_findable(key_file: Path) -> None:
    before = read_keys(key_file)
    sealed, index = before.seal("张三", "name"), before.index("张三", "name")
    assert rotate_keys(key_file, "national") == 2
    after = read_keys(key_file)
    assert after.unseal(sealed, "name") == "张三"
    assert after.seal("张三", "name")[1] == 2
    assert after.index("张三", "name") == index and index in after.indexes("张三", "name")
    with pytest.raises(TongchouError) as caught:
        before.unseal(after.seal("李四", "name"), "name")
    assert caught.value.code == "unknown-key"


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first = open_keys(tmp_path / "data", {})
    path = tmp_path / "data" / "keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert open_keys(tmp_path / "data", {}).index("x", "name") == first.index("x", "name")
    make_key_file(path)
    assert read_keys(path).index("x", "name") == first.index("x", "name"), "keys were replaced"
    assert [entry.name for entry in path.parent.iterdir()] == ["keys.json"]
    other = tmp_path / "elsewhere.json"
    make_key_file(other)
    named = open_keys(tmp_path / "data", {KEY_FILE_VARIABLE: str(other)})
    assert named.index("x", "name") != first.index("x", "name")


@pytest.mark.parametrize("change", [
    lambda found: found.pop("keys"), lambda found: found["keys"].append(found["keys"][0]),
    lambda found: found.update(seal_with=9), lambda found: found["keys"][0].update(secret="AAAA"),
    lambda found: found["keys"][0].update(secret="?"), lambda found: found["keys"][0].update(id=0),
    lambda found: found["keys"][0].update(suite="rot13")])
def test_a_wrong_key_file_says_so(tmp_path: Path, change: object) -> None:
    path = tmp_path / "keys.json"
    make_key_file(path)
    found = json.loads(path.read_text())
    change(found)
    path.write_text(json.dumps(found))
    with pytest.raises(TongchouError) as caught:
        read_keys(path)
    assert caught.value.code == "bad-key-file" and str(path) in str(caught.value)


def test_a_key_file_for_everybody_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    make_key_file(path)
    os.chmod(path, 0o644)
    with pytest.raises(TongchouError, match="others may read"):
        read_keys(path)
    path.unlink()
    with pytest.raises(TongchouError, match="cannot be read"):
        read_keys(path)


def test_masks() -> None:
    assert mask_name("张三") == "张*" and mask_name("欧阳修") == "欧*" and mask_name("") == ""
    assert mask_certificate("13010119900101123X") == "1301**********123X"
    assert mask_certificate("E12345678") == "E******78" and mask_certificate("123") == "***"
    assert mask_phone("13812341234") == "138****1234" and mask_phone("123") == "***"
    assert mask_phone("5551234") == "*****34"
    assert shown("clerk", "certificate", "13010119900101123X") == "13010119900101123X"
    assert shown("auditor", "name", "张三") == "张*" == shown("nobody", "name", "张三")


@given(st.text(min_size=5, max_size=30))
def test_a_mask_never_shows_the_whole(text: str) -> None:
    for mask in (mask_certificate, mask_phone):
        assert mask(text) != text or "*" in text
