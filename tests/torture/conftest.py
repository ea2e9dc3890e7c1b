"""The database fixtures of the platform's tests, and a way to its towns, windows and plain model."""
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from tongchou.database import Database

_FOLDER = Path(__file__).parents[1] / "platform"


def _module(name: str, file: str) -> ModuleType:
    spec = spec_from_file_location(name, _FOLDER / file)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


for _name in ("town", "settling", "plain_model"):
    if _name not in sys.modules:
        _module(_name, f"{_name}.py")
if "ceiling_windows" not in sys.modules:
    _module("ceiling_windows", "test_settlement_windows.py")
_FIXTURES = sys.modules.get("platform_fixtures") or _module("platform_fixtures", "conftest.py")
pytest_generate_tests = _FIXTURES.pytest_generate_tests
server_kind, new_server, server = _FIXTURES.server_kind, _FIXTURES.new_server, _FIXTURES.server
database, fresh_database = _FIXTURES.database, _FIXTURES.fresh_database
small_disk_database = _FIXTURES.small_disk_database
copy_of, programs_of = _FIXTURES.copy_of, _FIXTURES.programs_of
SMALL_CACHE = _FIXTURES.SMALL_CACHE


@pytest.fixture
def own_database(server_kind: str, new_server: object) -> Iterator[Database]:
    """A migrated database on a server that no other test uses, so that it may be killed."""
    from tongchou.database import migrate
    for database in copy_of(new_server(server_kind), "template0"):
        migrate(database)
        yield database
