"""The platform's own HTTP API (接口, floor 7): people, settlement, books. See docs/http-api.md."""
from .application import create_app
from .logs import configure_logs
from .refusals import messages
from .settings import Settings

__all__ = ["Settings", "configure_logs", "create_app", "figures", "messages"]
