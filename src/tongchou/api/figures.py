"""Figures for Prometheus (指标): requests by route and status, how long they took. No persons."""
from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS_S = (.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10)

_REQUESTS = Counter("tongchou_http_requests_total", "Requests answered.",
                    ["method", "route", "status"])
_SECONDS = Histogram("tongchou_http_request_seconds", "Time from request to reply.",
                     ["method", "route"], buckets=BUCKETS_S)
_KNOWN: dict[tuple[str, str, int], tuple[object, object]] = {}


def count(method: str, route: str, status: int, seconds: float) -> None:
    """Notes one request. `route` is the template, never a path with a person's number."""
    key = method, route, status
    found = _KNOWN.get(key)
    if found is None:
        found = _KNOWN[key] = (_REQUESTS.labels(method, route, str(status)),
                               _SECONDS.labels(method, route))
    found[0].inc()
    found[1].observe(seconds)


def page() -> bytes:
    """All figures of this process, in Prometheus' text form."""
    return generate_latest()
