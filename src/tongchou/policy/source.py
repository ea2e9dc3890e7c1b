"""YAML text as a tree of nodes that remember where they stand (文件、行、列).

Scalars stay text: no float, date or boolean is guessed, so `60%`, `01-01` and `"3"` arrive as
written. Duplicate keys, tabs, anchors that loop and oversized fields are refused here.
"""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from ..errors import CaseError, PackError, TongchouError

SCALAR_LIMIT = 100_000
FILE_LIMIT_BYTES = 64_000_000
DEPTH_LIMIT = 100
SIZE_LIMIT = 1_000_000
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
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
        root = _Builder(text, file, error).document()
    except yaml.YAMLError as fault:
        raise _syntax_error(fault, text, file, error) from None
    except UnicodeError:
        raise error("yaml-syntax", "not valid YAML: a character that is no text", f"{file}:1:1",
                    hint="Save the file as UTF-8.") from None
    if root is None or root.is_null:
        raise error("empty-file", "the file is empty", f"{file}:1:1", hint="See the reference.")
    return root


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
    control = _CONTROL.search(text)
    if isinstance(fault, yaml.reader.ReaderError) and control:
        line = text.count("\n", 0, control.start()) + 1
        column = control.start() - text.rfind("\n", 0, control.start())
        return error("yaml-syntax", f"not valid YAML: the control character {control[0]!r}",
                     f"{file}:{line}:{column}", hint="Is this a text file? Remove the character.")
    problem = getattr(fault, "problem", None) or "it cannot be read"
    return error("yaml-syntax", f"not valid YAML: {problem}", f"{file}:{line}:{column}", hint=hint)


class _Builder:
    """Nodes from the parser's events. Depth and size are bounded here, because the composer of
    the YAML library follows any nesting down until the process dies."""

    def __init__(self, text: str, file: str, error: type[TongchouError]) -> None:
        self.events = yaml.parse(text, Loader=_LOADER)
        self.file = file
        self.error = error
        self.anchors: dict[str, tuple[Node | None, int]] = {}  # node once complete, its size
        self.size = 0

    def document(self) -> Node | None:
        """The one document of the stream; None when there is none."""
        root = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise self.fault(event, "several-documents", "a second document begins here",
                                     "Keep one document per file (one `---` at most).")
                root = self.node(next(self.events), 0)
        return root

    def fault(self, event: yaml.Event, code: str, message: str, hint: str) -> TongchouError:
        """An error at an event."""
        line, column = _place(event)
        return self.error(code, message, f"{self.file}:{line}:{column}", hint=hint)

    def node(self, event: yaml.Event, depth: int) -> Node:
        """The node that begins with an event."""
        if depth > DEPTH_LIMIT:
            raise self.fault(event, "nested-too-deeply", f"more than {DEPTH_LIMIT} levels of "
                             "nesting", "Write it flat.")
        before = self.size
        self.size += 1
        if isinstance(event, yaml.AliasEvent):
            found = self.alias(event)
        else:
            if event.anchor:
                self.anchors[event.anchor] = (None, 0)
            found = self.content(event, depth)
            if event.anchor:
                self.anchors[event.anchor] = (found, self.size - before)
        if self.size > SIZE_LIMIT:
            raise self.fault(event, "too-many-fields", f"more than {SIZE_LIMIT} fields, aliases "
                             "counted as often as they are used", "Split the file.")
        return found

    def alias(self, event: yaml.AliasEvent) -> Node:
        """The node an alias stands for."""
        if event.anchor not in self.anchors:
            raise self.fault(event, "unknown-alias", f"`*{event.anchor}` has no anchor before it",
                             f"Write `&{event.anchor}` where the thing stands, or quote the text.")
        found, size = self.anchors[event.anchor]
        if found is None:
            raise self.fault(event, "yaml-loop", "an alias contains itself", "Write it out.")
        self.size += size
        return found

    def content(self, event: yaml.Event, depth: int) -> Node:
        """A scalar, list or mapping."""
        line, column = _place(event)
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, line, column)
        if isinstance(event, yaml.SequenceStartEvent):
            elements = []
            while not isinstance(following := next(self.events), yaml.SequenceEndEvent):
                elements.append(self.node(following, depth + 1))
            return Node(self.file, line, column, elements=elements)
        items: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        while not isinstance(following := next(self.events), yaml.MappingEndEvent):
            key = self.key(following, keys)
            items[key] = self.node(next(self.events), depth + 1)
            keys[key] = _place(following)
        return Node(self.file, line, column, items=items, keys=keys)

    def key(self, event: yaml.Event, keys: dict[str, tuple[int, int]]) -> str:
        """The key of an entry, not yet used in its mapping."""
        if not isinstance(event, yaml.ScalarEvent):
            raise self.fault(event, "bad-key", "a key must be a plain word",
                             "Write `word: value`.")
        if event.value in keys:
            raise self.fault(event, "duplicate-key", f"the key {event.value[:60]!r} stands twice "
                             "in one mapping", f"It already stands on line "
                             f"{keys[event.value][0]}; keep one of them.")
        if len(event.value) > SCALAR_LIMIT:
            raise self.too_long(event)
        return event.value

    def scalar(self, event: yaml.ScalarEvent, line: int, column: int) -> Node:
        """A text, or nothing for `~`, `null` and an empty place."""
        if len(event.value) > SCALAR_LIMIT:
            raise self.too_long(event)
        quoted = event.style in ("'", '"', "|", ">")
        empty = not quoted and event.value in ("", "~", "null", "Null", "NULL")
        return Node(self.file, line, column, None if empty else event.value, quoted=quoted)

    def too_long(self, event: yaml.ScalarEvent) -> TongchouError:
        """The error of a field beyond any reasonable length."""
        return self.fault(event, "field-too-long", f"a field of {len(event.value)} characters",
                          f"No field may have over {SCALAR_LIMIT} characters.")


def _place(event: yaml.Event) -> tuple[int, int]:
    """Line and column of an event, both from 1."""
    return event.start_mark.line + 1, event.start_mark.column + 1
