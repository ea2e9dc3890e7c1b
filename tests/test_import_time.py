"""Starting must be quick: the library costs nothing to import, one case settles at once."""
import subprocess
import sys
import time
from pathlib import Path

HEAVY = ("numba", "numpy", "pyarrow", "llvmlite")


def seconds(*arguments: str) -> float:
    """Wall seconds of the quickest of three fresh processes."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        taken.append(time.perf_counter() - start)
    return min(taken)


def loaded_after(code: str) -> set[str]:
    """Heavy libraries in memory after some code ran in a fresh process."""
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
                          check=True, capture_output=True, text=True)
    return set(HEAVY) & set(done.stdout.split())


def test_import_is_quick_and_light() -> None:
    assert loaded_after("import tongchou") == set()
    assert seconds("-c", "import tongchou") < 0.3


def test_settling_a_case_is_quick_and_light(folder: Path) -> None:
    case = str(folder / "case.yaml")
    assert loaded_after(f"import tongchou; tongchou.settle({case!r}).as_dict()") == set()
    assert seconds("-c", "from tongchou.cli import main; main()", "settle", case) < 1.5


def test_help_is_quick() -> None:
    assert seconds("-c", "from tongchou.cli import main; main()", "--help") < 1.5
