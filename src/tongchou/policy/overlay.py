"""A regime or reform as changes to another (`extends`): merging of node trees."""
from __future__ import annotations

from ..errors import PackError
from .source import Node


def merge(parent: Node, change: Node) -> Node:
    """`parent` with `change` laid over it: mappings key by key, `~` deletes, the rest replaces.

    A new key of a mapping that carries `after: KEY` or `before: KEY` is placed there (layers).
    """
    if parent.items is None or change.items is None or "choose" in change.items \
            or "by" in change.items or "choose" in parent.items:
        return change
    order = list(parent.items)
    items = dict(parent.items)
    keys = {**parent.keys, **change.keys}
    for key, child in change.items.items():
        if child.is_null:
            items.pop(key, None)
            order = [name for name in order if name != key]
        elif key in items:
            items[key] = merge(items[key], child)
        else:
            items[key] = child
            order.insert(_position(order, child), key)
    return Node(change.file, change.line, change.column, keys=keys,
                items={key: items[key] for key in order})


def _position(order: list[str], child: Node) -> int:
    for word, shift in (("after", 1), ("before", 0)):
        if child.items is not None and word in child.items:
            neighbour = child.items[word].text or ""
            if neighbour not in order:
                raise PackError("unknown-layer", f"`{word}: {neighbour}` names nothing here",
                                child.items[word].where, hint=f"Known: {', '.join(order)}.")
            return order.index(neighbour) + shift
    return len(order)
