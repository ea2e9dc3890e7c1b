"""Reads the project's own tree for the rules of test_tidy.py: files, lines, names, imports."""

import ast
import os
import re
import subprocess
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "src/tongchou/"
CODE_FOLDERS = ("src/", "tests/", "bench/", "scripts/")
CACHES = re.compile(r"__pycache__/|\.egg-info/|\.(nbi|nbc|pyc)$")
SKIPPED_WITHOUT_GIT = {".venv", ".venv-bench", "out", "build", "dist"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Import(NamedTuple):
    """One import of our own package: `from module import name` (name None for a plain import)."""

    line: int
    module: str
    name: str | None


# --- files and lines ---


def git_list(*options: str) -> list[str]:
    """Paths that `git ls-files` gives for these options."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", *options]
    out = subprocess.run(command, capture_output=True, check=True).stdout
    return [path for path in out.decode().split("\0") if path and (ROOT / path).is_file()]


@cache
def has_git() -> bool:
    """Whether this tree is a checkout that git can list."""
    if not (ROOT / ".git").exists():
        return False
    try:
        git_list()
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@cache
def all_files() -> list[str]:
    """Every file that belongs to the project, as a path relative to its root."""
    if has_git():
        return sorted(set(git_list("--cached", "--others", "--exclude-standard")))
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in SKIPPED_WITHOUT_GIT
                      and not CACHES.search(f + "/") and (f == ".ci" or not f.startswith("."))]
        found += [(Path(folder) / file).relative_to(ROOT).as_posix() for file in files]
    return sorted(found)


@cache
def python_files(*places: str) -> list[str]:
    """Python files that lie under one of the places (all code folders when none is given)."""
    return [f for f in all_files() if f.endswith(".py") and f.startswith(places or CODE_FOLDERS)]


def package_files(*places: str) -> list[str]:
    """Python files of the package under places given relative to it."""
    return python_files(*(PACKAGE + place for place in places or ("",)))


@cache
def text_of(path: str) -> str:
    """The text of a file, empty when it is not text."""
    try:
        return (ROOT / path).read_text(encoding="utf-8")
    except (UnicodeDecodeError, FileNotFoundError):
        return ""


@cache
def tree_of(path: str) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(text_of(path), filename=path)


def lines_matching(pattern: re.Pattern[str], path: str) -> Iterator[tuple[int, str]]:
    """Line number and matched text of each line in which the pattern occurs."""
    text = text_of(path)
    if pattern.search(text):
        for number, line in enumerate(text.splitlines(), start=1):
            if match := pattern.search(line):
                yield number, match.group()


def width_of(line: str) -> int:
    """Columns a line takes on a screen: Chinese characters take two."""
    if line.isascii():
        return len(line)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


# --- functions and their signatures ---


def lines_of_function(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, without the docstring."""
    length = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        length -= docstring.end_lineno - docstring.lineno + 1
    return length


def public_nodes(body: list[ast.stmt], prefix: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Public functions, classes and their public methods; what a function hides is private."""
    for node in body:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public_nodes(node.body, f"{node.name}.")
        elif isinstance(node, (ast.If, ast.Try)):
            yield from public_nodes([*node.body, *node.orelse], prefix)


def bare_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """What of the signature has no annotation: names of arguments, and `return`."""
    signature = function.args
    arguments = [*signature.posonlyargs, *signature.args, *signature.kwonlyargs]
    arguments += [a for a in (signature.vararg, signature.kwarg) if a is not None]
    bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
    return bare + ([] if function.returns is not None else ["return"])


# --- who uses whom ---


def package_of(path: str) -> list[str]:
    """The dotted package a file lies in, as a list that starts with `tongchou`."""
    return list(Path(path).relative_to("src").parent.parts)


@cache
def imports_of(path: str) -> list[Import]:
    """Every import of our own package in a file, relative ones resolved."""
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [Import(node.lineno, alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level and path.startswith("src/"):
                base = package_of(path)
                module = ".".join(base[: len(base) - node.level + 1] + module.split(".")).strip(".")
            found += [Import(node.lineno, module, alias.name) for alias in node.names]
    return [i for i in found if i.module.split(".")[0] == "tongchou"]


@cache
def surface_of(module: str) -> set[str] | None:
    """The names in a package's `__all__`, None when it is a plain module or does not exist."""
    path = f"src/{module.replace('.', '/')}/__init__.py"
    if not (ROOT / path).is_file():
        return None
    names: set[str] = set()
    for node in tree_of(path).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(t, ast.Name) and t.id == "__all__" for t in targets):
                names |= {c.value for c in ast.walk(node.value) if isinstance(c, ast.Constant)}
    return names


def words_used() -> set[str]:
    """Every word by which some file may load a module: imports, and dotted names in strings."""
    words: set[str] = set()
    for path in python_files():
        for node in ast.walk(tree_of(path)):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                words.update(word for name in names for word in name.split("."))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                if re.fullmatch(r"[\w.:]{1,80}", node.value):
                    words.update(re.split(r"[.:]", node.value))
    return words
