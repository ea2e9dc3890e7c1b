"""What surrounds every request: limits, headers, errors, logs without personal data, figures."""
import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from http_town import BASE
from starlette.testclient import TestClient
from town import stay

from tongchou.api import Settings, create_app
from tongchou.api.refusals import messages

Signed = Callable[[str], dict[str, str]]
SOURCE = Path(__file__).parents[2] / "src" / "tongchou"
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+\Z")
# Single-word codes and those the packs' own reader makes are for the command line.
COMMAND_LINE_ONLY = ("policy", "claims", "cli", "engine", "demo", "payment", "client")
# These say it in 中文 themselves, with the state of the list.
OWN_WORDS = ("gateway/settlement_lists.py",)


def test_a_refusal_says_everything_in_both_languages(client: TestClient, signed: Signed) -> None:
    reply = client.get(f"{BASE}/persons/nobody", headers=signed("clerk"))
    error = reply.json()["error"]
    assert reply.status_code == 404 and error["code"] == "unknown-person"
    assert error["message"] and error["message_zh"] == "查无此参保人" and error["hint"]
    assert set(error) == {"code", "message", "message_zh", "where", "clause", "hint"}


def test_every_code_has_its_sentence() -> None:
    """Codes of everything that answers over HTTP stand in messages.csv with a 中文 sentence."""
    known = messages()
    missing = {code: file for file, code in _codes() if code not in known}
    assert not missing, missing
    assert all(re.search("[一-鿿]", said.zh) for said in known.values())
    assert all(said.status < 500 or said.status == 503 or code == "internal-error"
               for code, said in known.items())


def _codes() -> Iterator[tuple[str, str]]:
    for path in SOURCE.rglob("*.py"):
        place = path.relative_to(SOURCE)
        if place.parts[0] in COMMAND_LINE_ONLY or place.as_posix() in OWN_WORDS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and re.fullmatch(
                    r"Refusal|\w*Error|\w*Fault|refusal", name) and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and CODE.match(str(first.value)):
                    yield str(path.relative_to(SOURCE)), first.value


@pytest.mark.parametrize("body, code", [
    (b"{", "bad-field"), (b"[]", "bad-field"), (b'{"psn_no": 1}', "bad-field"),
    (b"\xff\xfe", "bad-field"), (b'{"psn_no":"P1","a":1}', "bad-field"), (b"", "bad-field"),
    (b'{"psn_no":"\\ud800"}', "bad-field"), (b"[" * 100_000, "bad-field")])
def test_broken_bodies_are_refused(body: bytes, code: str, client: TestClient, signed: Signed,
                                   ) -> None:
    for path in ("settlements", "presettlements", "persons", "persons/search"):
        reply = client.post(f"{BASE}/{path}", content=body, headers={
            **signed("clerk"), "content-type": "application/json"})
        assert reply.status_code in (400, 422), (path, reply.text)
        assert reply.json()["error"]["code"] in (code, "bad-body")


@pytest.mark.parametrize("change", [
    {"medfee_sumamt": "10000"}, {"medfee_sumamt": 10000.0}, {"medfee_sumamt": "-1.00"},
    {"medfee_sumamt": "1e4"}, {"begndate": "2024-13-01"}, {"begndate": "2024-02-30"},
    {"psn_no": "P 1"}, {"unknown": "1"}, {"preselfpay_amt": None}, {"kind": "manual"},
    {"feedetail": []}, {"mdtrt_id": "x" * 65}, {"dise_codg": "A\x00"}])
def test_bad_fields_are_named_and_never_repeated(change: dict[str, object], client: TestClient,
                                                 signed: Signed) -> None:
    reply = client.post(f"{BASE}/settlements", json={**stay("P1", "F1"), **change},
                        headers=signed("clerk"))
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (422, "bad-field"), reply.text
    assert "x" * 65 not in reply.text


def test_a_write_needs_a_key(client: TestClient, signed: Signed) -> None:
    headers = {**signed("clerk")}
    del headers["idempotency-key"]
    assert client.post(f"{BASE}/settlements", json=stay("P1", "K1"),
                       headers=headers).json()["error"]["code"] == "no-key"
    assert client.post(f"{BASE}/persons", json={}, headers=headers).status_code == 422


def test_repeats_answer_the_same(client: TestClient, signed: Signed) -> None:
    person = {"psn_name": "赵六", "gend": "2", "brdy": "1970-05-05", "psn_type": "15",
              "why": "参保"}
    headers = signed("clerk")
    first = client.post(f"{BASE}/persons", json=person, headers=headers)
    assert client.post(f"{BASE}/persons", json=person, headers=headers).content == first.content
    other = client.post(f"{BASE}/persons", json={**person, "psn_name": "钱七"}, headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "key-reused")
    refused = signed("clerk")
    path = f"{BASE}/persons/nobody/coverages"
    cover = {"insutype": "390", "from": "2024-01-01", "why": "x"}
    for _ in range(2):
        assert client.post(path, json=cover, headers=refused).status_code == 404


def test_large_bodies_are_refused(town: object, access: object, signed: Signed) -> None:
    app = create_app(town.platform, access, Settings(body_max_bytes=1000))
    with TestClient(app) as client:
        for content in (b"x" * 2000, iter([b"x" * 600, b"x" * 600])):
            for path in ("/api/v1/session", f"{BASE}/settlements"):
                reply = client.post(path, content=content if isinstance(content, bytes) else
                                    iter([b"x" * 600, b"x" * 600]))
                assert reply.status_code in (401, 413), reply.text
        assert client.post("/api/v1/session", content=b"x" * 2000).status_code == 413


def test_headers_ids_and_unknown_paths(client: TestClient) -> None:
    reply = client.get("/healthz", headers={"x-request-id": "my-request-1"})
    assert reply.headers["x-request-id"] == "my-request-1"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert len(client.get("/healthz", headers={"x-request-id": "bad id\t"}).headers[
        "x-request-id"]) == 32
    lost = client.get("/nothing/here")
    assert (lost.status_code, lost.json()["error"]["code"]) == (404, "no-such-path")
    assert client.put("/healthz").json()["error"]["code"] == "no-such-method"


@pytest.mark.parametrize("value", ["'half \\ud800 a character'", "2 ** 70", "{'a': {1, 2}}"])
def test_a_line_of_log_never_fails(value: str) -> None:
    """In a process of its own: what a process logs with is set up once."""
    done = subprocess.run([sys.executable, "-c", (
        "import logging, structlog\nfrom tongchou.api import configure_logs\nconfigure_logs()\n"
        f"structlog.get_logger().info('seen', value={value})\n"
        f"logging.getLogger('other').error('%s', {value})")], capture_output=True, check=True)
    first, second = (json.loads(line) for line in done.stderr.splitlines())
    assert first["event"] == "seen" and first["value"]
    assert second["event"] == str(ast.literal_eval(value) if "*" not in value else 2 ** 70)


def test_logs_carry_no_personal_data(client: TestClient, signed: Signed,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    with structlog.testing.capture_logs() as lines:
        made = client.post(f"{BASE}/persons", headers=signed("clerk"), json={
            "psn_name": "孙不二", "gend": "1", "brdy": "1961-02-03", "psn_type": "15",
            "tel": "13912345678", "why": "参保",
            "certificate": {"psn_cert_type": "01", "certno": "52240119610203101X"}})
        number = made.json().get("psn_no", "none-at-all")
        client.post(f"{BASE}/persons/search", headers=signed("clerk"),
                    json={"psn_cert_type": "01", "certno": "52240119610203101X"})
        client.get(f"{BASE}/persons/{number}", headers={**signed("clerk"),
                                                        "x-purpose": "enquiry"})
        client.post(f"{BASE}/settlements", json=stay(number, "LOG1"), headers=signed("clerk"))
        client.get("/%E5%AD%99%E4%B8%8D%E4%BA%8C")
    text = json.dumps(lines, ensure_ascii=False) + "".join(capsys.readouterr())
    assert len(lines) >= 5 and any(line.get("user") == "clerk" for line in lines)
    for secret in ("孙不二", "13912345678", "52240119610203101X", number, "1961-02-03", "Bearer"):
        assert secret not in text, secret


def test_a_fault_of_ours_shows_nothing_of_its_inside(town: object, access: object,
                                                     signed: Signed) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            return getattr(town.platform, name)

        def settle_all(self, *_: object, **__: object) -> list[str]:
            raise KeyError("secret 13800001234")

        def history(self, *_: object, **__: object) -> list[object]:
            raise KeyError("secret 13800001234")

    app = create_app(Broken(), access)
    with TestClient(app, raise_server_exceptions=False) as client, \
            structlog.testing.capture_logs() as lines:
        for reply in (client.post(f"{BASE}/settlements", json=stay("P1", "Z"),
                                  headers=signed("clerk")),
                      client.get(f"{BASE}/persons/P1/settlements", headers=signed("clerk"))):
            error = reply.json()["error"]
            assert reply.status_code == 500 and error["code"] == "internal-error"
            assert "secret" not in reply.text and reply.headers["x-request-id"] in error["hint"]
    faults = [line["fault"] for line in lines if "fault" in line]
    assert "secret" not in json.dumps(lines)
    assert len(faults) == 2 and all(one.startswith("KeyError at ") for one in faults)


def test_figures_count_routes_not_people(client: TestClient, signed: Signed) -> None:
    client.get(f"{BASE}/persons/nobody77", headers=signed("clerk"))
    page = client.get("/metrics").text
    assert 'route="/api/v1/regions/{region}/persons/{psn_no}"' in page and "nobody77" not in page
    assert "tongchou_http_request_seconds_bucket" in page


def test_ready_says_what_is_missing(town: object, access: object) -> None:
    state = {"database": True, "kernels": False}
    with TestClient(create_app(town.platform, access, ready=lambda: state)) as client:
        assert client.get("/readyz").status_code == 503
        state["kernels"] = True
        assert client.get("/readyz").json() == {"ready": True, **state}


def test_the_document_tells_titles_in_both_languages(client: TestClient) -> None:
    found = client.get("/openapi.json").json()
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            said = operation["summary"]
            assert re.search("[一-鿿]", said) and re.search("[a-z]{3}", said), (path, said)
            assert operation["responses"]["422"]["content"]["application/json"]["schema"][
                "$ref"].endswith("/Refusal")
