"""Tongchou (统筹): policy as readable, sourced data and one exact settlement engine.

    import tongchou
    pack = tongchou.load_pack("CITY/REGIME", profile="candidate")
    tongchou.settle("case.yaml").as_dict()

Everything here is loaded when it is first used, so that `import tongchou` costs nothing.
"""
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .app import SettledCase, settle
    from .claims.batch import settle_table
    from .errors import CaseError, PackError, Refusal, TongchouError
    from .policy import Pack, load_pack, shipped_packs

__version__ = "0.1.0"
__all__ = ["CaseError", "Pack", "PackError", "Refusal", "SettledCase", "TongchouError",
           "__version__", "load_pack", "settle", "settle_table", "shipped_packs"]

_HOMES = {"CaseError": "errors", "PackError": "errors", "Refusal": "errors",
          "TongchouError": "errors", "Pack": "policy", "load_pack": "policy",
          "shipped_packs": "policy", "SettledCase": "app", "settle": "app",
          "settle_table": "claims.stream"}


def __getattr__(name: str) -> object:
    """Loads a public name from the module it lives in; AttributeError for any other."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tongchou' has no attribute {name!r}")
    found = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
