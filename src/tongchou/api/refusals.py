"""How a refusal is told over HTTP (拒绝): a status, a stable code, 中文 and English, what to do.

`messages.csv` has one line a code: the HTTP status and the 中文 sentence. A code without a line
still answers, with 422; a test sees to it that none lacks one.
"""
from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import psycopg
from starlette.responses import Response

from ..errors import TongchouError

REFUSED = 422
RETRY_SECONDS = {429: "900", 503: "2"}
_WORDS = {"missing": "the field is missing", "extra_forbidden": "there is no such field"}


class Message(NamedTuple):
    """One line of the catalogue: the status and the sentence in 中文."""

    status: int
    zh: str


@cache
def messages() -> dict[str, Message]:
    """code -> Message."""
    text = (files(__package__) / "messages.csv").read_text("utf-8")
    return {row["code"]: Message(int(row["status"]), row["zh"])
            for row in csv.DictReader(io.StringIO(text))}


def status_of(error: TongchouError) -> int:
    """The HTTP status of an error: of its code, else 422."""
    known = messages().get(error.code)
    if known:
        return known.status
    return REFUSED


def error_body(error: TongchouError) -> dict[str, object]:
    """The error object of every reply that is not a success."""
    known = messages().get(error.code)
    return {"error": {"code": error.code, "message": error.message,
                      "message_zh": known.zh if known else "请求未被接受，详见 message",
                      "where": error.where, "clause": error.clause, "hint": error.hint}}


def as_json(found: object) -> bytes:
    """A reply's bytes: UTF-8, 中文 as it is."""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode(
        "utf-8", "backslashreplace")


def json_reply(found: object, status: int = 200) -> Response:
    """A reply of plain objects. Text is taken as JSON already, byte for byte."""
    body = found.encode() if isinstance(found, str) else as_json(found)
    return Response(body, status, media_type="application/json")


def refusal_reply(error: TongchouError) -> Response:
    """The reply to an error."""
    status = status_of(error)
    reply = json_reply(error_body(error), status)
    if status in RETRY_SECONDS:
        reply.headers["retry-after"] = RETRY_SECONDS[status]
    if status == 401:
        reply.headers["www-authenticate"] = "Bearer"
    return reply


def fault_reply(request_id: str) -> Response:
    """The reply to a fault of ours: nothing of its inside."""
    return refusal_reply(TongchouError(
        "internal-error", "this is a fault of Tongchou, not of your request",
        hint=f"Report it with the request id {request_id}."))


def refused_by_database(fault: Exception) -> TongchouError | None:
    """What the database would not store: values that contradict one another, or that it cannot
    hold. None for every other fault. The checks before it should have told; the log says where."""
    if isinstance(fault, (psycopg.errors.IntegrityError, psycopg.errors.DataError)):
        return TongchouError("refused-by-database", "these values contradict one another, or what "
                             "is there", hint="Check days and numbers against one another. "
                             "Nothing was written.")
    return None


def bad_fields(faults: Sequence[Mapping[str, object]]) -> TongchouError:
    """What pydantic found, as one error: the first fault in words, how many more there are.

    Values are not repeated: they may be personal data.
    """
    first = faults[0]
    where = ".".join(str(step) for step in first.get("loc", ()) if step not in ("body",))
    said = _WORDS.get(str(first.get("type")), str(first.get("msg", "not what the field asks for")))
    more = f"; {len(faults) - 1} more fields are wrong" if len(faults) > 1 else ""
    return TongchouError("bad-field", f"{said}{more}", where[:200],
                         hint="See /docs for the form of every field.")
