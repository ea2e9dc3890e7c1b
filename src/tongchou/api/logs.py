"""Structured logs (日志): one JSON object a line on standard error, without personal data.

What a request carried is never logged; of a fault only its kind and place are. Lines of other
libraries keep their text, never their traceback, which may quote values.
"""
from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from datetime import datetime, timezone

import orjson
import structlog


def _json(found: Mapping[str, object], **ways: object) -> bytes:
    """A line, whatever is in it: the quick library refuses half characters and whole numbers
    beyond 64 bits, and a line of log must not fail its request."""
    try:
        return orjson.dumps(found, **ways)
    except TypeError:
        return json.dumps(found, **ways).encode()


class _JsonLines(logging.Formatter):
    """Lines of the standard library's logging in the same form."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object; an exception is named, not told."""
        found = {"at": datetime.fromtimestamp(record.created, timezone.utc).isoformat(),
                 "level": record.levelname.lower(), "event": record.getMessage().split("\n")[0],
                 "logger": record.name}
        if record.exc_info and record.exc_info[0]:
            found["fault"] = record.exc_info[0].__name__
        return _json(found).decode()


def configure_logs(level: int = logging.INFO) -> None:
    """Sets up structlog and the standard library's logging of this process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    structlog.configure(
        processors=[structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
                    structlog.processors.JSONRenderer(_json)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True)
