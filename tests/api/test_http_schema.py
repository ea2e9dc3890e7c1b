"""Schemathesis over the whole OpenAPI document: whatever is sent, no answer is a 5xx."""
from collections import Counter

import pytest
import schemathesis
from http_town import REGION
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import content_type_conformance
from starlette.testclient import TestClient

from tongchou.access import DEMONSTRATION_PASSWORD

EXAMPLES, EXAMPLES_LONG = 5, 60
# Between them they may do everything.
ROLES = ("agency", "auditor", "administrator")


@pytest.fixture
def tokens(client: TestClient) -> dict[str, str]:
    """A session of each role."""
    found = {}
    for role in ROLES:
        reply = client.post("/api/v1/session", json={
            "user_id": role, "password": DEMONSTRATION_PASSWORD, "session": "bearer"})
        found[role] = reply.json()["token"]
    return found


def fuzz(app: object, tokens: dict[str, str], examples: int, person: str) -> Counter[str]:
    """Sends examples of every operation as the first role that may, in the region of the
    town and mostly about a person who exists, since strangers are refused early; gives the
    replies by status."""
    seen: Counter[str] = Counter()
    operations = 0
    for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        operation = found.ok()
        operations += 1

        @settings(max_examples=examples, deadline=None, database=None, derandomize=True,
                  suppress_health_check=list(HealthCheck),
                  phases=[Phase.explicit, Phase.generate])
        @given(case=operation.as_strategy())
        def sent(case: schemathesis.Case) -> None:
            if "region" in (case.path_parameters or {}):
                case.path_parameters["region"] = REGION
            if len(str((case.path_parameters or {}).get("psn_no", ""))) > 1:
                case.path_parameters["psn_no"] = person
            for role, token in tokens.items():
                reply = case.call(headers={"authorization": f"Bearer {token}"})
                seen[str(reply.status_code)] += 1
                assert reply.status_code < 500, (role, case.as_curl_command(), reply.text)
                # The database is the last to notice, and should never have to.
                assert "refused-by-database" not in reply.text, (role, case.as_curl_command())
                if reply.status_code >= 400:
                    assert reply.json()["error"]["message_zh"], reply.text
                case.validate_response(reply, checks=[content_type_conformance])
                if "not-allowed" not in reply.text:
                    break

        ends_session = operation.method.upper() == "DELETE" and operation.path.endswith("/session")
        if not ends_session:
            sent()
    print(f"{operations} operations, {seen.total()} requests: {dict(sorted(seen.items()))}")
    return seen


def test_no_request_makes_the_server_fail(app: object, tokens: dict[str, str], town: object,
                                          ) -> None:
    assert fuzz(app, tokens, EXAMPLES, town.person()).total() > 300


@pytest.mark.long
def test_no_request_makes_the_server_fail_long(app: object, tokens: dict[str, str], town: object,
                                               ) -> None:
    assert fuzz(app, tokens, EXAMPLES_LONG, town.person()).total() > 4_000
