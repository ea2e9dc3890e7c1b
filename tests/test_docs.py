"""The documents say what is there: links, commands, examples, every key and code (文档核对)."""
from __future__ import annotations

import ast
import fnmatch
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from house_tree import ROOT

from tongchou.claims.casefile import CaseEntry, read_case_file, run_case
from tongchou.claims.promises import promises_of
from tongchou.cli import run
from tongchou.cli.main import COMMANDS, _application
from tongchou.engine.checks import check_pack
from tongchou.policy import layers, load_pack, mutation, schema

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), *DOCS.glob("*/*.md"),
                *DOCS.glob("examples/*/*.md")])
PACKS = sorted(path for path in DOCS.glob("examples/*/*.yaml")
               if "\nlayers:" in path.read_text(encoding="utf-8"))
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CONSOLE = re.compile(r"^```console\n(.*?)^```", re.M | re.S)
PYTHON = re.compile(r"^```python\n(.*?)^```", re.M | re.S)
HEADING = re.compile(r"^(#+) (.*)$", re.M)
of_pages = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


# --- links and headings --------------------------------------------------------------------------


def anchor(heading: str) -> str:
    """The anchor that code hosts make of a heading."""
    plain = re.sub(r"[`*]", "", heading).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@of_pages
def test_links_resolve(page: Path) -> None:
    for link in LINK.findall(re.sub(r"^```.*?^```", "", text_of(page), flags=re.M | re.S)):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, name = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{page.name}: [{link}] leads nowhere"
        if name:
            known = [anchor(found) for _, found in HEADING.findall(text_of(target))]
            assert name in known, f"{page.name}: {link}: no such heading among {known}"


def test_the_index_lists_every_page() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve()
              for link in LINK.findall(text_of(DOCS / "README.md"))}
    missing = [page for page in (*DOCS.glob("*.md"), *DOCS.glob("decisions/*.md"))
               if page.resolve() not in linked and page.name != "README.md"]
    assert not missing, f"docs/README.md does not list {missing}"


def test_the_chinese_page_has_the_same_sections() -> None:
    english, chinese = (HEADING.findall(text_of(ROOT / name)) for name in
                        ("README.md", "README.zh.md"))
    assert [level for level, _ in english] == [level for level, _ in chinese]


@pytest.mark.parametrize("page", sorted(DOCS.glob("decisions/*.md")), ids=lambda path: path.stem)
def test_a_decision_says_what_it_costs(page: Path) -> None:
    found = [name for level, name in HEADING.findall(text_of(page)) if level == "##"]
    assert found == ["Context", "Choice", "Price", "What would change it"]
    number, title = page.stem.split("-", 1)[0], HEADING.findall(text_of(page))[0][1]
    assert title.startswith(f"{number} ")


# --- commands on the pages -----------------------------------------------------------------------


def sessions(page: Path) -> Iterator[tuple[str, list[str]]]:
    """(command, lines shown) of the console blocks of a page."""
    for block in CONSOLE.findall(text_of(page)):
        for piece in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, shown = piece.partition("\n")
            yield command, shown.splitlines()


SLOW = ("tongchou pack lint docs/examples/first/", "tongchou batch ")
SESSIONS = [pytest.param(command, shown, id=f"{page.name}: {command}",
                         marks=[pytest.mark.long] if command.startswith(SLOW) else [])
            for page in PAGES for command, shown in sessions(page)
            if command.startswith("tongchou ")]


def shown_as(shown: list[str], printed: str) -> bool:
    """Whether a printed text is what the page shows, `...` standing for anything."""
    wanted = "\n".join(line.rstrip() for line in shown)
    pattern = re.escape(wanted).replace(re.escape("..."), "(?:.|\n)*")
    return re.fullmatch(pattern, "\n".join(line.rstrip() for line in printed.splitlines())) \
        is not None


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the checkout to somebody who follows a page."""
    (tmp_path / "docs").symlink_to(DOCS)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.mark.parametrize(("command", "shown"), SESSIONS)
def test_a_command_on_a_page_does_what_the_page_shows(
        command: str, shown: list[str], reader: Path,
        capsys: pytest.CaptureFixture[str]) -> None:
    code = run(shlex.split(command)[1:])
    captured = capsys.readouterr()
    printed = captured.out + captured.err
    assert code in (0, 1), printed
    if shown:
        assert shown_as(shown, printed), f"{command} prints:\n{printed}"


def test_make_targets_on_the_pages_exist() -> None:
    makefile = text_of(ROOT / "Makefile")
    for page in PAGES:
        for target in re.findall(r"^\$ make ([a-z-]+)", text_of(page), re.M):
            assert re.search(rf"^{target}:", makefile, re.M), f"{page.name}: make {target}"


def test_python_on_the_page_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = PYTHON.findall(text_of(DOCS / "python-api.md"))
    assert len(blocks) > 2
    for block in blocks:
        exec(compile(block, "docs/python-api.md", "exec"), {})  # noqa: S102 - our own page


# --- the command line page -----------------------------------------------------------------------


def commands() -> Iterator[tuple[str, object]]:
    """Every command of the application with its full name."""
    for name in COMMANDS:
        made = typer.main.get_command(_application([name]))
        found = made.commands[name]
        below = getattr(found, "commands", None)
        yield from ((f"{name} {sub}", one) for sub, one in below.items()) if below \
            else [(name, found)]


def test_every_command_and_option_is_on_the_page() -> None:
    page = text_of(DOCS / "command-line.md")
    sections = re.split(r"^## ", page, flags=re.M)
    for name, command in commands():
        section = next((part for part in sections
                        if part.startswith(f"`tongchou {name.split()[0]}")), "")
        assert f"tongchou {name}" in section, f"docs/command-line.md lacks `tongchou {name}`"
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--") and option != "--help":
                    assert f"`{option}" in section, f"`tongchou {name}` has {option}, not the page"


RAISERS = ("PackError", "CaseError", "Refusal", "fault", "malformed", "refused", "finding", "Fault",
           "fault_of", "error", "_described", "_nobody", "in_order", "_fault", "_refuse")
CODE = re.compile(r"[a-z]+(-[a-z0-9]+)+\Z")
# Last words of addresses, and names of headers; not errors.
NO_CODES = {"away-filings", "chronic-certificates", "content-type", "x-tif-paasid",
            "x-tif-signature", "x-tif-timestamp", "x-tif-nonce"}


def codes_in(path: Path) -> set[str]:
    """Error codes a module can give: words with hyphens in calls that make an error."""
    found = set()
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
            for argument in node.args if name in RAISERS else ():
                found |= {part.value for part in ast.walk(argument)
                          if isinstance(part, ast.Constant) and isinstance(part.value, str)
                          and CODE.match(part.value)}
        elif isinstance(node, ast.Dict):
            found |= {part.value for part in node.keys if isinstance(part, ast.Constant)
                      and isinstance(part.value, str) and CODE.match(part.value)}
    return found


def test_every_error_code_is_on_the_page() -> None:
    page = set(re.findall(r"`([a-z0-9-]+)`", text_of(DOCS / "command-line.md")))
    missing = {code: str(path.relative_to(ROOT)) for path in
               (ROOT / "src/tongchou").rglob("*.py") for code in codes_in(path)
               if code not in page | NO_CODES}
    assert not missing, f"docs/command-line.md, Error codes, lacks {missing}"


def test_no_code_on_the_page_is_gone() -> None:
    codes = text_of(DOCS / "command-line.md").partition("## Error codes")[2]
    sources = "".join(text_of(path) for path in (ROOT / "src/tongchou").rglob("*.py"))
    gone = [code for code in re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+)`", codes)
            if f'"{code}"' not in sources and not code.startswith(("unused-", "cliff-"))]
    assert not gone


# --- the pack reference --------------------------------------------------------------------------


def keys_read(path: Path) -> dict[str, set[str]]:
    """What is read -> keys, from the calls `mapping(node, what, (keys...))` of a module."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(text_of(path))):
        if not isinstance(node, ast.Call) or len(node.args) != 3:
            continue
        name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
        if name == "mapping" and isinstance(node.args[2], ast.Tuple):
            what = ast.unparse(node.args[1])
            found.setdefault(what, set()).update(
                part.value for part in ast.walk(node.args[2]) if isinstance(part, ast.Constant))
    return found


def documented() -> set[str]:
    """Words the reference page sets as code, inside tables and examples too."""
    page = text_of(DOCS / "pack-reference.md")
    spans = re.findall(r"^```.*?^```|`[^`]+`", page, re.M | re.S)
    return {word for span in spans for word in re.findall(r"[a-z_]+", span)}


SECTIONS = {"layer": layers.LAYER_KEYS, "top": schema.PACK_KEYS,
            "settings": (*schema.SETTINGS, "policy_year_starts"),
            "settings values": tuple(word for words in schema.SETTINGS.values() for word in words),
            "tiers": layers._TIER_KEYS, "periods": layers.PERIODS, "deeds": layers.DEEDS,
            "classes": tuple(key for keys in schema._CLASS_KEYS.values() for key in keys)}
READERS = [ROOT / "src/tongchou/policy" / name for name in ("schema.py", "layers.py", "reading.py",
                                                             "load.py")]
READ = {f"{path.name}: {what}": keys for path in READERS for what, keys in keys_read(path).items()}


@pytest.mark.parametrize("keys", [*SECTIONS.values(), *READ.values()], ids=[*SECTIONS, *READ])
def test_every_key_the_reader_accepts_is_on_the_page(keys: tuple[str, ...]) -> None:
    assert not set(keys) - documented()


def test_top_layer_and_deductible_keys_have_a_row_of_their_own() -> None:
    page = text_of(DOCS / "pack-reference.md")
    cells = {word for row in re.findall(r"^\| (`.*?) \|", page, re.M)
             for word in re.findall(r"`([a-z_]+)`", row)}
    deductible = keys_read(READERS[1])["what"]
    for kind, keys in (("top", schema.PACK_KEYS), ("settings", SECTIONS["settings"]),
                       ("layer", layers.LAYER_KEYS),
                       ("deductible", deductible - {"of", "at_least", "at_most", "on"})):
        missing = set(keys) - cells - {"clauses"}
        assert not missing, f"no table row of docs/pack-reference.md for {kind} keys {missing}"


# --- examples ------------------------------------------------------------------------------------


CASES = [pytest.param(entry, id=f"{path.parent.parent.name}/{path.stem}: {entry.name}")
         for path in sorted(DOCS.glob("examples/*/cases/*.yaml"))
         for entry in read_case_file(path)]
KILLER = mutation.Killer()


@pytest.mark.parametrize("entry", CASES)
def test_an_example_case_comes_out_and_proves_its_clauses(entry: CaseEntry) -> None:
    assert not run_case(entry)
    broken = [promise.clause for promise in promises_of(entry, KILLER) if not promise.holds]
    assert not broken, f"nothing under {broken} matters to this case"


@pytest.mark.parametrize("path", PACKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_pack_has_no_errors(path: Path) -> None:
    assert load_pack(str(path)).layers
    if path.parent.name != "first":         # the overlay of a shipped pack takes long to lint
        assert [one for one in check_pack(path) if one.severity == "error"] == []


def test_every_named_case_of_the_meaning_exists() -> None:
    page = text_of(DOCS / "meaning.md").replace("\n", " ")
    named = [name for group in re.findall(r"\*Cases? (\".*?)\*", page)
             for name in re.findall(r"\"([^\"]+)\"", group)]
    known = [parameter.values[0].name for parameter in CASES]
    assert len(named) > 8 and not set(named) - set(known), set(named) - set(known)


def test_the_example_city_is_wholly_cited(call: Callable[..., tuple[int, object, str]]) -> None:
    code, found, _ = call("pack", "lint", DOCS / "examples/yunbin/2025.yaml", "--json")
    assert code == 0 and not fnmatch.filter([one["code"] for one in found], "clause-*")
