"""Two regimes side by side: what one says otherwise than the other, clause by clause (政策对比)."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from .lint_tree import cited_by
from .load import pack_file, read_tree
from .source import Node

NOT_SAID = "—"
TEXT_MAX = 160
_FRAME = ("extends", "after", "before")  # how a file is put together, not what it says
_CITING = ("clause", "clauses")


@dataclass(frozen=True)
class Change:
    """One thing said otherwise: the clause nearest above it, a path in plain words, both texts
    (`—` where one side says nothing) and where it stands."""

    clause: str
    what: str
    old: str
    new: str
    where: str

    def as_dict(self) -> dict[str, str]:
        """The row of the contract."""
        return {"clause": self.clause, "what": self.what, "old": self.old, "new": self.new,
                "where": self.where}


def compare(old: str | Path, new: str | Path) -> list[Change]:
    """What pack `new` (name or path) says otherwise than pack `old`, in the order of the pack.

    Overlays are compared with everything they extend merged in. Raises PackError (unknown pack,
    unreadable, not YAML).
    """
    return list(changes(read_tree(pack_file(str(old))), read_tree(pack_file(str(new)))))


def changes(old: Node | None, new: Node | None, path: tuple[str, ...] = (),
            clause: str = "") -> Iterator[Change]:
    """Differences of two node trees below a path; None where a side has nothing."""
    clause = _clause(new) or _clause(old) or clause
    if old is not None and new is not None and written(old) == written(new):
        return
    if old is not None and new is not None:
        if old.items is not None and new.items is not None:
            yield from _mappings(old, new, path, clause)
            return
        if old.elements is not None and new.elements is not None:
            yield from _lists(old, new, path, clause)
            return
    yield _change(old, new, path, clause)


def _mappings(old: Node, new: Node, path: tuple[str, ...], clause: str) -> Iterator[Change]:
    for key in [*old.items, *(key for key in new.items if key not in old.items)]:
        if key not in _FRAME:
            before, after = old.items.get(key), new.items.get(key)
            yield from changes(before, after, (*path, key), clause)
    shared = [key for key in old.items if key in new.items]
    if path[-1:] == ("layers",) and shared != [key for key in new.items if key in old.items]:
        yield _order(old, new, path, clause)


def _order(old: Node, new: Node, path: tuple[str, ...], clause: str) -> Change:
    """Order is meaning for layers: money moves down the list."""
    return Change(clause, " / ".join((*path, "order")), ", ".join(old.items), ", ".join(new.items),
                  new.where)


def _lists(old: Node, new: Node, path: tuple[str, ...], clause: str) -> Iterator[Change]:
    before = [written(part) for part in old.elements]
    after = [written(part) for part in new.elements]
    for tag, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for k in range(max(b - a, d - c)):
            left = old.elements[a + k] if a + k < b else None
            right = new.elements[c + k] if c + k < d else None
            number = str((c + k if right is not None else a + k) + 1)
            if left is not None and right is not None and left.items and right.items:
                yield from changes(left, right, (*path, number), clause)
            else:
                here = _clause(right) or _clause(left) or clause
                yield _change(left, right, path, here)


def _change(old: Node | None, new: Node | None, path: tuple[str, ...], clause: str) -> Change:
    what = " / ".join(_plain_words(path)) or "the pack"
    return Change(clause, what, _short(old), _short(new), (new or old).where)


def _plain_words(path: tuple[str, ...]) -> list[str]:
    """The path without the frame words that say nothing to a reader."""
    words = list(path[1:] if path[:1] == ("layers",) and len(path) > 1 else path)
    return [word for word in words if word != "values" or "profiles" not in path]


def _clause(node: Node | None) -> str:
    return ", ".join(clause for clause, _ in cited_by(node)) if node is not None else ""


def written(node: Node) -> str:
    """A node on one line, as it might stand in the file."""
    if node.items is not None:
        return "{" + ", ".join(f"{key}: {written(child)}" for key, child in node.items.items()) \
            + "}"
    if node.elements is not None:
        return "[" + ", ".join(written(child) for child in node.elements) + "]"
    return "~" if node.text is None else " ".join(node.text.split())


def _short(node: Node | None) -> str:
    if node is None:
        return NOT_SAID
    text = written(node)
    return text if len(text) <= TEXT_MAX else text[:TEXT_MAX - 1] + "…"
