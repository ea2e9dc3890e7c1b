"""The command `tongchou` (floor 9): one module per command group, loaded when it is called."""
from .main import main, run

__all__ = ["main", "run"]
