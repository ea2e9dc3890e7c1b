"""A kernel compiled from other sources is never used again."""
from __future__ import annotations

import shutil
from pathlib import Path

from tongchou.engine import compiled_cache


def test_an_edit_of_any_source_drops_the_compiled_kernels(tmp_path: Path) -> None:
    own = Path(compiled_cache.__file__).parent
    for name in compiled_cache.SOURCES:
        shutil.copy(own / name, tmp_path / name)
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    compiled = cache / "kernel.settle_units-1.py311.nbi"
    compiled.write_bytes(b"old")
    assert compiled_cache.drop_stale(tmp_path) and not compiled.exists()
    compiled.write_bytes(b"new")
    assert not compiled_cache.drop_stale(tmp_path) and compiled.exists()
    for name in compiled_cache.SOURCES:
        compiled.write_bytes(b"new")
        with (tmp_path / name).open("a", encoding="utf-8") as source:
            source.write("# an edit\n")
        assert compiled_cache.drop_stale(tmp_path), name
        assert not compiled.exists()
