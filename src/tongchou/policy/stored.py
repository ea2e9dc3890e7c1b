"""A pack as one document that gives back the very same pack years later (政策存档)."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import PackError
from .load import as_node, bind, pack_file, read_tree
from .model import Pack

Profile = str | Mapping[str, object] | None


def pack_document(name: str | Path, profile: Profile = None) -> dict[str, object]:
    """What `pack_from_document` needs: the pack with everything it extends, and the profile asked
    for. Plain JSON. Raises PackError like `load_pack`."""
    path = pack_file(str(name))
    return {"file": path.name, "tree": read_tree(path).plain(), "profile": profile}


def pack_from_document(document: Mapping[str, object]) -> Pack:
    """The pack of a document; its `pack_hash` is that of the pack it was made from.

    Raises PackError when the document no longer reads as a pack.
    """
    problems: list[PackError] = []
    pack = bind(as_node(document["tree"], str(document["file"])), document["profile"], problems)
    if problems:
        raise problems[0]
    return pack
