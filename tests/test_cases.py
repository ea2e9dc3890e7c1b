"""Every worked case that stands beside a pack comes out as it says, one test per case."""
from pathlib import Path

import pytest

from tongchou.claims.casefile import CaseEntry, read_case_file, run_case
from tongchou.policy import packs_folder

FILES = sorted(packs_folder().glob("*/cases/*.yaml"))
ENTRIES = [(path, entry) for path in FILES for entry in read_case_file(path)]


@pytest.mark.parametrize(("path", "entry"), ENTRIES, ids=[
    f"{path.parent.parent.name}/{path.stem}: {entry.name}" for path, entry in ENTRIES])
def test_case(path: Path, entry: CaseEntry) -> None:
    differences = run_case(entry)
    if differences:
        pytest.fail("\n".join([f"{entry.where}: {entry.name}", *differences, entry.by_hand]),
                    pytrace=False)
