"""House rules that a machine can check, so that reviewers need not (see ARCHITECTURE.md).

Every rule is one test. A failure names file and line and says what to do. A place that has a good
reason to break a rule is written into `ALLOWED` with that reason; entries that nothing needs any
more fail as well. Folders that do not exist yet pass.
"""

import ast
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from house_tree import (
    CACHES,
    CODE_FOLDERS,
    FUNCTIONS,
    PACKAGE,
    ROOT,
    Import,
    all_files,
    bare_arguments,
    git_list,
    has_git,
    imports_of,
    lines_matching,
    lines_of_function,
    package_files,
    public_nodes,
    python_files,
    surface_of,
    text_of,
    tree_of,
    width_of,
    words_used,
)

# (rule, "path" or "path:name of the function") -> why it may stay.
# Rules: file, function, column, public, name, marker, division, literal, import, surface,
# package, city, address, dead, lost.
ALLOWED: dict[tuple[str, str], str] = {
    ("literal", "src/tongchou/policy/source.py"):
        "how large a file the loader reads; no number of any policy",
    ("literal", "src/tongchou/engine/compile.py"): "a mask of 32 bits; no number of any policy",
    ("public", "src/tongchou/engine/kernel.py"): "compiled functions: Numba infers the types",
    ("public", "src/tongchou/engine/kernel_rules.py"): "compiled functions: Numba infers the types",
    ("public", "src/tongchou/engine/kernel_single.py"): "compiled: Numba infers the types",
    ("public", "src/tongchou/claims/grouping.py"): "compiled functions: Numba infers the types",
    ("public", "src/tongchou/claims/scan.py"): "compiled functions: Numba infers the types",
    ("public", "src/tongchou/payment/drg/kernel.py"): "compiled: Numba infers the types",
    ("function", "src/tongchou/engine/kernel.py:_chain"):
        "the hot loop: each further call with all the tables costs more than a layer",
    ("function", "src/tongchou/engine/kernel_rules.py:_evaluate"):
        "the hot loop: each further call with all the tables costs more than a layer",
}

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
COLUMNS_MAX = 100
LITERAL_MAX = 1000
LITERALS = {1_000_000}  # parts per million; 100 fen and powers of two pass anyway

# Imports go down. Modules directly in the package that share a floor may use each other,
# folders that share a floor may not.
FLOORS = {
    1: ["money", "terms", "errors"],
    2: ["policy", "packs", "samples", "database", "privacy", "client"],
    3: ["engine"],
    4: ["claims", "ledger"],
    5: ["access", "enrolment", "settlement", "visits", "payment", "supervision", "simulation"],
    6: ["app", "platform", "demo", "demo_city"],
    7: ["gateway", "web", "api"],
    8: ["server", "processes", "connections", "packets"],
    9: ["cli"],
    10: ["__main__"],
}
FLOOR_OF = {unit: floor for floor, units in FLOORS.items() for unit in units}

EXACT_PLACES = ("money.py", "engine/", "settlement/", "ledger/")
DATA_FREE_PLACES = ("engine/", "policy/")
VAGUE_NAMES = {"utils.py", "helpers.py", "common.py"}
PROSE_SUFFIXES = {".py", ".md", ".yaml", ".yml", ".toml", ".sql", ""}
MARKER = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
CITY = re.compile("langfang|bijie|guizhou|jincheng|zibo|廊坊|毕节|贵州|晋城|淄博", re.IGNORECASE)
REGISTRY = re.compile(
    r"py" r"pi\.org|python" r"hosted\.org|registry\.npm|(?:deb|ftp)[\w.]*\.debian\.org"
    r"|crates\.io/api|proxy\.golang|--(?:extra-)?in" r"dex-url[ =]\S|/simple/[\w-]+/"
)
MACHINE_PATH = re.compile(r"(?<![\w.$}*/-])/(?:wo" r"rk|ro" r"ot|ho" r"me|Us" r"ers)/[\w.]")
LITTER = (".orig", ".rej", ".bak", ".swp", ".tmp", "~", ".DS_Store")


class Finding(NamedTuple):
    """One place that breaks a rule; `name` narrows it to a function or stays empty."""

    path: str
    line: int
    advice: str
    name: str = ""


def check(rule: str, findings: list[Finding]) -> None:
    """Fail with every finding that ALLOWED does not excuse, and with excuses that are not used."""
    used, wrong = set(), []
    for finding in findings:
        keys = {(rule, finding.path), (rule, f"{finding.path}:{finding.name}")} & ALLOWED.keys()
        used |= keys
        if not keys:
            wrong.append(f"{finding.path}:{finding.line}: {finding.advice}")
    for key in ALLOWED.keys() - used:
        if key[0] == rule:
            wrong.append(f"tests/test_tidy.py: take {key} out of ALLOWED, nothing needs it now.")
    if wrong:
        pytest.fail("\n" + "\n".join(sorted(set(wrong))), pytrace=False)


# --- size ---------------------------------------------------------------------------------------


def test_files_are_short() -> None:
    findings = []
    for path in python_files():
        length = len(text_of(path).splitlines())
        if length > FILE_LINES_MAX:
            advice = f"{length} lines; split it by concept below {FILE_LINES_MAX}."
            findings.append(Finding(path, length, advice))
    check("file", findings)


def test_functions_are_short() -> None:
    findings = []
    for path in python_files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, FUNCTIONS) and lines_of_function(node) > FUNCTION_LINES_MAX:
                advice = (f"`{node.name}` has {lines_of_function(node)} lines; give its steps"
                          f" names of their own until it has {FUNCTION_LINES_MAX} or fewer.")
                findings.append(Finding(path, node.lineno, advice, node.name))
    check("function", findings)


def test_lines_fit() -> None:
    findings = []
    for path in python_files():
        for number, line in enumerate(text_of(path).splitlines(), start=1):
            if width_of(line) > COLUMNS_MAX:
                advice = f"{width_of(line)} columns (中文 takes two); break it at {COLUMNS_MAX}."
                findings.append(Finding(path, number, advice))
    check("column", findings)


# --- words --------------------------------------------------------------------------------------


def test_public_names_are_documented_and_annotated() -> None:
    findings = []
    for path in package_files():
        for name, node in public_nodes(tree_of(path).body):
            if ast.get_docstring(node) is None:
                advice = f"`{name}` is public; add a docstring that says what it means."
                findings.append(Finding(path, node.lineno, advice, name))
            if isinstance(node, FUNCTIONS) and (bare := bare_arguments(node)):
                advice = f"`{name}` is public; annotate {', '.join(bare)}."
                findings.append(Finding(path, node.lineno, advice, name))
    check("public", findings)


def test_files_have_names_of_the_field() -> None:
    advice = "name the file after the concept it holds; everything ends up in a drawer like this."
    check("name", [Finding(f, 1, advice) for f in python_files() if Path(f).name in VAGUE_NAMES])


def test_no_notes_to_self() -> None:
    findings = []
    for path in all_files():
        if Path(path).suffix in PROSE_SUFFIXES:
            for line, word in lines_matching(MARKER, path):
                findings.append(Finding(path, line, f"{word}: do it now or open an issue."))
    check("marker", findings)


def test_cities_live_in_packs_only() -> None:
    findings = []
    for path in package_files():
        if not path.startswith(PACKAGE + "packs/"):
            for line, word in lines_matching(CITY, path):
                advice = f"`{word}`: Python never names a city; read it from the pack."
                findings.append(Finding(path, line, advice))
    check("city", findings)


# --- money --------------------------------------------------------------------------------------


def test_money_is_never_a_float() -> None:
    findings = []
    for path in package_files(*EXACT_PLACES):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.BinOp, ast.AugAssign)) and isinstance(node.op, ast.Div):
                advice = "true division; use the rounding step of money.py, or // on whole numbers."
                findings.append(Finding(path, node.lineno, advice))
            called = node.func if isinstance(node, ast.Call) else None
            if isinstance(called, ast.Name) and called.id == "float":
                advice = "float(...); amounts are whole fen, rates whole parts per million."
                findings.append(Finding(path, node.lineno, advice))
    check("division", findings)


def is_plain_number(value: object) -> bool:
    """Whether a literal is surely no rate, cap or threshold of a city."""
    if isinstance(value, float):
        return False
    if not isinstance(value, int):
        return True
    return value <= LITERAL_MAX or value in LITERALS or value & (value - 1) == 0


def test_policy_numbers_live_in_packs_only() -> None:
    findings = []
    for path in package_files(*DATA_FREE_PLACES):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and not is_plain_number(node.value):
                advice = (f"{node.value!r} looks like a rate, cap or threshold; move it into the"
                          " pack, or allow it here with a reason.")
                findings.append(Finding(path, node.lineno, advice))
    check("literal", findings)


# --- imports ------------------------------------------------------------------------------------


def unit_of(path: str) -> str:
    """The part of the package with a floor of its own that a file belongs to."""
    return Path(path).relative_to(PACKAGE).parts[0].removesuffix(".py")


def target_of(entry: Import) -> tuple[str, str | None]:
    """Module and name of an import, where `from tongchou import engine` names the module."""
    if entry.module == "tongchou" and entry.name is not None and entry.name in FLOOR_OF:
        return f"tongchou.{entry.name}", None
    return entry.module, entry.name


def outside_imports() -> Iterator[tuple[str, str, Import, str]]:
    """File, its unit, import, unit imported: for imports that leave their unit."""
    for path in package_files():
        for entry in imports_of(path):
            module, name = target_of(entry)
            parts = module.split(".")
            unit = parts[1] if len(parts) > 1 else "__init__"
            own = unit_of(path)
            if own not in ("__init__", unit) and (unit, name) != ("__init__", "__version__"):
                yield path, own, entry, unit


def may_import(own: str, other: str) -> bool:
    """Whether the house plan lets one unit import another."""
    both_modules = all((ROOT / PACKAGE / f"{unit}.py").is_file() for unit in (own, other))
    if FLOOR_OF[own] == FLOOR_OF[other]:
        return both_modules
    return FLOOR_OF[other] < FLOOR_OF[own]


def test_imports_go_down() -> None:
    findings = []
    for path in package_files():
        if unit_of(path) not in {"__init__", *FLOOR_OF}:
            advice = "no floor; give it one in FLOORS and in ARCHITECTURE.md, or move it."
            findings.append(Finding(path, 1, advice))
    for path, own, entry, other in outside_imports():
        if own not in FLOOR_OF:
            continue
        if other not in FLOOR_OF:
            advice = f"`{other}` of tongchou has no floor; import the name from where it lives."
            findings.append(Finding(path, entry.line, advice))
        elif not may_import(own, other):
            advice = (f"{own} (floor {FLOOR_OF[own]}) may not import {other} (floor"
                      f" {FLOOR_OF[other]}); take what it needs as an argument, join in app.py.")
            findings.append(Finding(path, entry.line, advice))
    check("import", findings)


def surface_advice(entry: Import) -> str | None:
    """What is wrong with importing this from another package, or None."""
    module, name = target_of(entry)
    surface = surface_of(module)
    if surface is None:
        package, _, tail = module.rpartition(".")
        if package != "tongchou" and tail not in (surface_of(package) or ()):
            return f"reaches into {module}; import from {package}, and list it in its `__all__`."
        return f"`{name}` of {module} is private." if (name or "").startswith("_") else None
    if name is not None and name not in surface:
        return f"`{name}` is not in `__all__` of {module}; list it there or use what is listed."
    return None


def test_packages_are_used_through_their_surface() -> None:
    findings = []
    for path, _, entry, unit in outside_imports():
        if unit != "__init__" and (advice := surface_advice(entry)):
            findings.append(Finding(path, entry.line, advice, entry.name or ""))
    check("surface", findings)


def test_folders_with_code_are_packages() -> None:
    findings = []
    for path in package_files():
        if not (ROOT / path).with_name("__init__.py").is_file():
            advice = "its folder has no __init__.py, so an installation would lack it; add one."
            findings.append(Finding(path, 1, advice))
    check("package", findings)


# --- what must not be in the tree ---------------------------------------------------------------


def test_no_address_or_machine_path() -> None:
    findings = []
    for path in all_files():
        for line, match in lines_matching(REGISTRY, path):
            findings.append(Finding(path, line, f"{match!r}: name packages, not a registry."))
        for line, match in lines_matching(MACHINE_PATH, path):
            advice = f"{match!r}: a path of one machine; make it relative."
            findings.append(Finding(path, line, advice))
    check("address", findings)


def test_no_dead_files() -> None:
    findings, words = [], words_used()
    for path in all_files():
        name = Path(path).name
        if name.endswith(LITTER):
            findings.append(Finding(path, 1, "left over from an editor or a merge; delete it."))
        elif (ROOT / path).stat().st_size == 0 and name not in ("py.typed", ".gitkeep"):
            findings.append(Finding(path, 1, "empty; delete it, or say in a docstring what it is."))
    for path in package_files():
        if Path(path).stem not in words | {"__init__", "__main__"}:
            findings.append(Finding(path, 1, "nothing imports it; use it or delete it."))
    check("dead", findings)


def test_every_file_is_in_the_repository() -> None:
    if not has_git():
        pytest.skip("without git nothing can be untracked")
    ignored = git_list("--others", "--ignored", "--exclude-standard", "--", *CODE_FOLDERS)
    lost = [path for path in ignored if not CACHES.search(path)]
    if os.environ.get("CI"):
        lost += git_list("--others", "--exclude-standard")
    advice = "git does not have it, so nobody else will; add it, or write it somewhere under out/."
    check("lost", [Finding(path, 1, advice) for path in lost])
