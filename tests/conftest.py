"""What several test files share: a small valid pack and case, and a way to break them."""
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from broken_texts import VALID_CASE, VALID_PACK

from tongchou.cli import run

@pytest.fixture
def pack_text() -> str:
    """A pack that loads; tests break it by replacing a piece."""
    return VALID_PACK


@pytest.fixture
def case_text() -> str:
    """A case that settles under the pack `pack.yaml` beside it."""
    return VALID_CASE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the valid pack as pack.yaml and the valid case as case.yaml."""
    (tmp_path / "pack.yaml").write_text(VALID_PACK, encoding="utf-8")
    (tmp_path / "case.yaml").write_text(VALID_CASE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, object, str]]:
    """Runs `tongchou ARGUMENTS`; gives exit code, output (parsed under --json), errors."""

    def calling(*arguments: object) -> tuple[int, object, str]:
        words = [str(argument) for argument in arguments]
        code = run(words)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        out = json.loads(captured.out) if "--json" in words and captured.out else captured.out
        return code, out, captured.err

    return calling
