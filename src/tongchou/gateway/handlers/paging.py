"""Pages of a query (分页查询): `page_num` from 1, `page_size`, `pages` and `size` in the reply."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from ..call import Answer, Call
from ..reading import Row
from ..refusals import declined

PAGE_MAX = 1000
Found = TypeVar("Found")


def page_of(call: Call, rows: Iterable[Found], shown: Callable[[Found], Mapping[str, object]],
            ) -> Answer:
    """The page a message asks for. Raises Declined `bad-page`."""
    row = call.input.one()
    page, size = (_whole(row, name) for name in ("page_num", "page_size"))
    found = list(rows)
    begin = (page - 1) * size
    return Answer({".": {"pages": -(-len(found) // size), "size": size},
                   "data": [shown(one) for one in found[begin:begin + size]]})


def _whole(row: Row, name: str) -> int:
    text = row.need(name).partition(".")[0]
    if not text.isascii() or not text.isdigit() or len(text) > 6 or not int(text) or (
            name == "page_size" and int(text) > PAGE_MAX):
        raise declined("bad-page", f"页码从 1 起，每页 1 至 {PAGE_MAX} 行", row.where + f".{name}")
    return int(text)
