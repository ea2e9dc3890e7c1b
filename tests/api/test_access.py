"""Sessions, roles, scopes, masking and the access log over HTTP."""
import re
from collections.abc import Callable

import pytest
from http_town import BASE, HOSPITAL, OTHER_REGION, REGION, ROLES, Clock
from fastapi.routing import APIRoute
from starlette.testclient import TestClient
from town import stay

from tongchou.access import DEMONSTRATION_PASSWORD, AccessService
from tongchou.api import Settings, create_app
from tongchou.api.permissions import PERMISSIONS

Signed = Callable[[str], dict[str, str]]
OPEN = {"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/docs/oauth2-redirect"}
# Of every session, whatever the role.
OWN = {("GET", "/api/v1/session"), ("DELETE", "/api/v1/session"),
       ("POST", "/api/v1/session/password"), ("POST", "/api/v1/session")}


def routes(app: object) -> list[tuple[str, str, str | None]]:
    """(method, path, permission) of every route."""
    found = []
    for route in app.routes:
        for inner in getattr(getattr(route, "original_router", None), "routes", [route]):
            if isinstance(inner, APIRoute):
                permission = next((one.call.permission for one in inner.dependant.dependencies
                                   if hasattr(one.call, "permission")), None)
                found += [(method, inner.path, permission) for method in inner.methods]
    return found


def filled(path: str) -> str:
    """A path with something in every place."""
    path = path.replace("{region}", REGION).replace("{day}", "2024-01-01").replace(
        "{kind}", "persons").replace("{name}", "referral_needed")
    return re.sub(r"\{[a-z_]+\}", "nobody1", path)


def sign_in(client: TestClient, user: str, password: str = DEMONSTRATION_PASSWORD,
            **more: str) -> object:
    return client.post("/api/v1/session",
                       json={"user_id": user, "password": password, **more})


def test_every_route_has_a_permission(app: object) -> None:
    found = routes(app)
    assert len(found) > 50
    bare = {(method, path) for method, path, permission in found
            if permission is None and path not in OPEN}
    assert bare == OWN
    assert {permission for _, _, permission in found if permission} == set(PERMISSIONS)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_what_the_table_says(role: str, app: object, client: TestClient,
                                        signed: Signed) -> None:
    """Whatever else a route finds wrong with an empty request, it is refused for the role exactly
    where the table says so."""
    checked = 0
    for method, path, permission in routes(app):
        if permission is None:
            continue
        reply = client.request(method, filled(path), headers=signed(role))
        refused = reply.status_code == 403 and reply.json()["error"]["code"] == "not-allowed"
        assert refused == (role not in PERMISSIONS[permission]), (role, method, path, reply.text)
        assert reply.status_code < 500, (method, path, reply.text)
        checked += 1
    print(f"{role}: {checked} routes")


def test_without_a_session_nothing_is_answered(app: object, client: TestClient) -> None:
    for method, path, permission in routes(app):
        if permission:
            reply = client.request(method, filled(path))
            assert reply.status_code == 401, (method, path, reply.text)
            assert reply.headers["www-authenticate"] == "Bearer"


def test_nobody_leaves_his_region(client: TestClient, signed: Signed) -> None:
    reply = client.get(f"/api/v1/regions/{OTHER_REGION}/persons/P1", headers=signed("clerk"))
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "out-of-region")
    token = sign_in(client, "stranger", session="bearer")
    assert token.status_code == 201
    bearer = {"authorization": f"Bearer {token.json()['token']}", "idempotency-key": "s"}
    for path, body in ((f"{BASE}/settlements", stay("P1", "X1")), (f"{BASE}/persons/P1", None)):
        reply = client.request("POST" if body else "GET", path, json=body, headers=bearer)
        assert reply.status_code == 403 and "P1" not in reply.text


def register(client: TestClient, signed: Signed) -> str:
    made = client.post(f"{BASE}/persons", headers=signed("clerk"), json={
        "psn_name": "王小明", "gend": "1", "brdy": "1990-01-01", "psn_type": "15",
        "tel": "13800001234", "why": "参保"})
    number = made.json()["psn_no"]
    cover = {"insutype": "390", "from": "2024-01-01", "why": "缴费"}
    assert client.post(f"{BASE}/persons/{number}/coverages", json=cover,
                       headers=signed("clerk")).status_code == 201
    return number


def test_an_institution_sees_and_settles_only_its_own(client: TestClient, signed: Signed) -> None:
    number = register(client, signed)
    theirs = stay(number, "I1", fixmedins_code="H3")
    for path in ("presettlements", "settlements"):
        reply = client.post(f"{BASE}/{path}", json=theirs, headers=signed("institution"))
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "not-own-institution")
    settled = client.post(f"{BASE}/settlements", json=theirs, headers=signed("clerk")).json()
    path = f"{BASE}/persons/{number}/settlements"
    assert client.get(path, headers=signed("institution")).json() == {"settlements": []}
    for method, url, body in (
            ("GET", f"{path}/{settled['setl_id']}", None),
            ("POST", f"{BASE}/settlements/{settled['setl_id']}/reversal",
             {"psn_no": number, "reason": "x"})):
        reply = client.request(method, url, json=body, headers=signed("institution"))
        assert reply.json()["error"]["code"] == "not-own-institution"
    referral = {"episode": "E1", "from_institution": "H3", "to_institution": HOSPITAL,
                "direction": "down", "day": "2024-03-01", "valid_until": "2024-04-01", "why": "x"}
    reply = client.post(f"{BASE}/persons/{number}/referrals", json=referral,
                        headers=signed("institution"))
    assert reply.status_code == 403


def test_people_are_masked_until_a_purpose_is_stated(client: TestClient, signed: Signed) -> None:
    """Every read, allowed or refused, stands in the log with purpose and what was shown."""
    number = register(client, signed)
    path = f"{BASE}/persons/{number}"
    masked = client.get(path, headers=signed("clerk")).json()
    assert masked["psn_name"] == "王*" and masked["tel"] == "138****1234"
    full = client.get(path, headers={**signed("clerk"), "x-purpose": "enquiry"}).json()
    assert full["psn_name"] == "王小明" and full["tel"] == "13800001234"
    hospital = client.get(path, headers={**signed("institution"), "x-purpose": "settlement"})
    assert hospital.json()["psn_name"] == "王小明" and "138****" in hospital.json()["tel"]
    auditor = client.get(path, headers={**signed("auditor"), "x-purpose": "audit"}).json()
    assert auditor["psn_name"] == "王*"
    wrong = client.get(path, headers={**signed("clerk"), "x-purpose": "curiosity"})
    assert wrong.json()["error"]["code"] == "unknown-purpose"
    assert client.get(path, headers=signed("administrator")).status_code == 403
    found = client.get(f"{BASE}/access-log", headers=signed("auditor"), params={
        "since": "2024-12-01", "until": "2025-12-31", "psn_no": number}).json()["reads"]
    assert [(one["user_id"], one["purpose"], one["fields"], one["outcome"]) for one in found] == [
        ("administrator", "", [], "refused"),
        ("clerk", "", [], "refused"),
        ("auditor", "audit", [], "allowed"),
        ("inst-h2", "settlement", ["name"], "allowed"),
        ("clerk", "enquiry", ["certificate", "name", "phone"], "allowed"),
        ("clerk", "", [], "allowed")]
    assert all(one["request_id"] and one["route"].startswith("GET /api") for one in found)
    assert client.get(f"{BASE}/access-log", headers=signed("agency"), params={
        "since": "2024-12-01", "until": "2025-12-31"}).status_code == 403


def test_the_access_log_cannot_be_changed(town: object) -> None:
    with town.platform.database.admin() as connection, \
            pytest.raises(Exception, match="append-only"):
        connection.execute("delete from access_log")


def test_a_cookie_needs_the_page_token(app: object, client: TestClient) -> None:
    with TestClient(app) as browser:
        reply = sign_in(browser, "clerk")
        cookie = reply.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and "token" not in reply.json()
        search = {"psn_cert_type": "01", "certno": "522401195803011235"}
        for headers in ({}, {"x-csrf-token": "0" * 64}, {"origin": "https://evil.example"}):
            refused = browser.post(f"{BASE}/persons/search", json=search, headers=headers)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "no-csrf")
        csrf = browser.get("/api/v1/session").json()["csrf_token"]
        passed = browser.post(f"{BASE}/persons/search", json=search,
                              headers={"x-csrf-token": csrf})
        assert passed.json().get("error", {}).get("code") in (None, "unknown-person")
        assert browser.delete("/api/v1/session", headers={"x-csrf-token": csrf}).status_code == 204
        assert browser.get("/api/v1/session").status_code == 401


def test_in_production_the_cookie_is_bound_to_https(town: object, access: AccessService) -> None:
    app = create_app(town.platform, access, Settings(production=True, metrics_token="secret"))
    with TestClient(app, base_url="https://testserver") as client:
        cookie = sign_in(client, "clerk").headers["set-cookie"]
        assert cookie.startswith("__Host-tongchou=") and "Secure" in cookie
        assert "max-age" in client.get("/healthz").headers["strict-transport-security"]
        assert client.get("/docs").status_code == 404
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics",
                          headers={"authorization": "Bearer secret"}).status_code == 200
    with TestClient(app) as plain:
        refused = sign_in(plain, "clerk")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "tls-required")
        assert plain.get("/healthz").status_code == 200


def test_a_session_ends(client: TestClient, clock: Clock, access: AccessService) -> None:
    """By sign-out at once, after half an hour without use, after twelve hours in any case."""
    def alive(bearer: dict[str, str]) -> bool:
        return client.get("/api/v1/session", headers=bearer).status_code == 200

    def fresh() -> dict[str, str]:
        return {"authorization":
                f"Bearer {sign_in(client, 'auditor', session='bearer').json()['token']}"}

    first = fresh()
    assert alive(first) and client.delete("/api/v1/session", headers=first).status_code == 204
    assert not alive(first)
    idle = fresh()
    clock.later(minutes=29)
    assert alive(idle)
    clock.later(minutes=29)
    assert alive(idle)
    clock.later(minutes=31)
    assert not alive(idle)
    busy = fresh()
    for _ in range(48):
        clock.later(minutes=14)
        assert alive(busy)
    clock.later(minutes=60)
    assert not alive(busy)
    assert not alive({"authorization": "Bearer nonsense"})
    assert not alive({"authorization": "Basic YTpi"})


def test_failed_sign_ins_close_the_door(client: TestClient, clock: Clock,
                                        access: AccessService) -> None:
    from tongchou.access import Account
    password = access.create(Account("target", "Target", "clerk", (REGION,)), "test")
    for _ in range(5):
        reply = sign_in(client, "target", "wrong")
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "wrong-password")
    shut = sign_in(client, "target", password)
    assert shut.status_code == 429 and int(shut.headers["retry-after"]) >= 60
    unknown = sign_in(client, "nobody-here", "wrong")
    assert unknown.json()["error"]["code"] == "wrong-password"     # as for somebody known
    clock.later(minutes=16)
    assert sign_in(client, "target", password).status_code == 201


def test_operators_are_managed_and_one_time_passwords_changed(
        client: TestClient, signed: Signed) -> None:
    made = client.post("/api/v1/operators", headers=signed("administrator"), json={
        "user_id": "new.clerk", "name": "新人", "role": "clerk", "regions": [REGION]})
    assert made.status_code == 201, made.text
    once = made.json()["one_time_password"]
    token = sign_in(client, "new.clerk", once, session="bearer").json()["token"]
    bearer = {"authorization": f"Bearer {token}"}
    held = client.get(f"{BASE}/persons/P1", headers=bearer)
    assert held.json()["error"]["code"] == "password-change-needed"
    weak = client.post("/api/v1/session/password", headers=bearer,
                       json={"old": once, "new": "short"})
    assert weak.json()["error"]["code"] == "weak-password"
    good = "lantern river seventeen"
    assert client.post("/api/v1/session/password", headers=bearer,
                       json={"old": once, "new": good}).status_code == 204
    assert client.get("/api/v1/session", headers=bearer).status_code == 401
    token = sign_in(client, "new.clerk", good, session="bearer").json()["token"]
    bearer = {"authorization": f"Bearer {token}"}
    assert client.get(f"{BASE}/persons/P1", headers=bearer).status_code == 404
    disabled = client.patch("/api/v1/operators/new.clerk", headers=signed("administrator"),
                            json={"disabled": True})
    assert disabled.json()["disabled"] is True
    assert client.get("/api/v1/session", headers=bearer).status_code == 401
    assert sign_in(client, "new.clerk", good).json()["error"]["code"] == "wrong-password"
    own = client.patch("/api/v1/operators/administrator", headers=signed("administrator"),
                       json={"disabled": True})
    assert own.json()["error"]["code"] == "own-account"
