"""Figures for Prometheus (指标): requests by route and status, how long they took. No persons."""
from __future__ import annotations

import os
from datetime import datetime

from prometheus_client import (CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram,
                               generate_latest, multiprocess)

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS_S = (.002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10)

_REQUESTS = Counter("tongchou_http_requests_total", "Requests answered.",
                    ["method", "route", "status"])
_SECONDS = Histogram("tongchou_http_request_seconds", "Time from request to reply.",
                     ["method", "route"], buckets=BUCKETS_S)
_SENT = Counter("tongchou_outbox_sent_total", "Messages the receiver has taken.")
_NOT_SENT = Counter("tongchou_outbox_failures_total", "Looks at the outbox that ended early.",
                    ["reason"])
_WAITING = Gauge("tongchou_outbox_waiting", "Messages that wait, as this process saw last.",
                 multiprocess_mode="mostrecent")
_OLDEST = Gauge("tongchou_outbox_oldest_seconds", "How long the oldest of them has waited.",
                multiprocess_mode="mostrecent")
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


def outbox(sent: int, waiting: int, oldest: datetime | None, now: datetime, reasons: list[str],
           ) -> None:
    """Notes one look at the outbox; `reasons` are away, refused or database."""
    _SENT.inc(sent)
    _WAITING.set(waiting)
    _OLDEST.set(max(0.0, (now - oldest).total_seconds()) if oldest and waiting else 0)
    for reason in reasons:
        _NOT_SENT.labels(reason).inc()


def page() -> bytes:
    """All figures, of all processes that serve together, in Prometheus' text form."""
    if not os.environ.get(FOLDER_VARIABLE):
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
