"""YAML text as a tree of nodes that remember where they stand (文件、行、列).

Scalars stay text: no float, date or boolean is guessed, so `60%`, `01-01` and `"3"` arrive as
written. Duplicate keys, tabs, anchors that loop and oversized fields are refused here.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ..errors import CaseError, PackError, TongchouError

SCALAR_LIMIT = 100_000
FILE_LIMIT_BYTES = 64_000_000
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Node:
    """A scalar (`text`), mapping (`items`) or list (`elements`) with its place in a file.

    Exactly one of the three is set; a null scalar has `text` None and neither of the others.
    """

    file: str
    line: int
    column: int
    text: str | None = None
    items: dict[str, "Node"] | None = None
    elements: list["Node"] | None = None
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)
    quoted: bool = False

    @property
    def where(self) -> str:
        """`file:line:column`, the form every message uses; no line where there is no file."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def where_of(self, key: str) -> str:
        """The place of a key of this mapping."""
        line, column = self.keys.get(key, (self.line, self.column))
        return f"{self.file}:{line}:{column}" if line else self.file

    @property
    def is_null(self) -> bool:
        """True for `~`, `null` and nothing."""
        return self.text is None and self.items is None and self.elements is None

    def kind(self) -> str:
        """What the node is, in words for messages."""
        if self.items is not None:
            return "a mapping"
        if self.elements is not None:
            return "a list"
        return "nothing" if self.text is None else repr(self.text[:60])

    def walk(self) -> Iterator["Node"]:
        """This node and all below it, in file order."""
        yield self
        for child in (self.items or {}).values():
            yield from child.walk()
        for child in self.elements or ():
            yield from child.walk()

    def plain(self) -> object:
        """The tree as ordinary dicts, lists and strings (for comparison and JSON)."""
        if self.items is not None:
            return {key: child.plain() for key, child in self.items.items()}
        if self.elements is not None:
            return [child.plain() for child in self.elements]
        return self.text


def read_text(path: str | Path, error: type[TongchouError] = CaseError) -> str:
    """The UTF-8 text of a file, or an error that names the file and what is wrong with it."""
    path = Path(path)
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            raise error("file-too-large", f"{path.name} is larger than "
                        f"{FILE_LIMIT_BYTES // 1_000_000} MB", str(path),
                        hint="Large claims belong in Parquet or CSV: `tongchou batch`.")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or "it is not UTF-8 text"
        raise error("unreadable-file", f"cannot read the file: {reason}", str(path),
                    hint="Check the path, the rights and that it is saved as UTF-8.") from None


def parse_yaml(text: str, file: str, error: type[TongchouError] = PackError) -> Node:
    """The node tree of one YAML (or JSON) document; raises `error` with line and column."""
    text = text.removeprefix("\ufeff")
    try:
        root = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as fault:
        raise _syntax_error(fault, text, file, error) from None
    except RecursionError:
        raise error("yaml-syntax", "the file is nested too deeply", file,
                    hint="Write it flat.") from None
    if root is None:
        raise error("empty-file", "the file is empty", f"{file}:1:1", hint="See the reference.")
    return _convert(root, file, error, frozenset())


def _syntax_error(fault: yaml.YAMLError, text: str, file: str,
                  error: type[TongchouError]) -> TongchouError:
    mark = getattr(fault, "problem_mark", None) or getattr(fault, "context_mark", None)
    line = mark.line + 1 if mark else 1
    column = mark.column + 1 if mark else 1
    lines = text.splitlines()
    row = lines[line - 1] if 0 < line <= len(lines) else ""
    hint = f"The line reads: {row.strip()[:80]!r}."
    if "\t" in row:
        hint = "YAML indents with spaces: replace the tab on this line by spaces."
    elif any(sign in row for sign in "：，｛｝［］"):
        hint = "The line has full-width punctuation (全角标点); write : , { } [ ] instead."
    problem = getattr(fault, "problem", None) or "it cannot be read"
    return error("yaml-syntax", f"not valid YAML: {problem}", f"{file}:{line}:{column}", hint=hint)


def _convert(node: yaml.Node, file: str, error: type[TongchouError],
             above: frozenset[int]) -> Node:
    line, column = node.start_mark.line + 1, node.start_mark.column + 1
    where = f"{file}:{line}:{column}"
    if id(node) in above:
        raise error("yaml-loop", "an alias contains itself", where, hint="Write it out.")
    above = above | {id(node)}
    if isinstance(node, yaml.ScalarNode):
        if len(node.value) > SCALAR_LIMIT:
            raise error("field-too-long", f"a field of {len(node.value)} characters", where,
                        hint=f"No field may have over {SCALAR_LIMIT} characters.")
        quoted = node.style in ("'", '"', "|", ">")
        empty = not quoted and node.value in ("", "~", "null", "Null", "NULL")
        return Node(file, line, column, None if empty else node.value, quoted=quoted)
    if isinstance(node, yaml.SequenceNode):
        parts = [_convert(child, file, error, above) for child in node.value]
        return Node(file, line, column, elements=parts)
    items: dict[str, Node] = {}
    keys: dict[str, tuple[int, int]] = {}
    for key_node, value_node in node.value:
        at = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, yaml.ScalarNode):
            raise error("bad-key", "a key must be a plain word", f"{file}:{at[0]}:{at[1]}",
                        hint="Write `word: value`.")
        key = key_node.value
        if key in items:
            raise error("duplicate-key", f"the key {key!r} stands twice in one mapping",
                        f"{file}:{at[0]}:{at[1]}",
                        hint=f"It already stands on line {keys[key][0]}; keep one of them.")
        items[key] = _convert(value_node, file, error, above)
        keys[key] = at
    return Node(file, line, column, items=items, keys=keys)
