"""Names of nodes (方言): fields are the same everywhere, the nodes around them are not."""
from __future__ import annotations

from collections.abc import Mapping

STANDARD = "standard"
# dialect -> (infno, node of the standard) -> the name that is sent.
SENT: Mapping[str, Mapping[tuple[str, str], str]] = {STANDARD: {}, "guangzhou": {
    **{(infno, "data"): "mdtrtinfo" for infno in ("2201", "2202", "2206", "2207", "2208", "2304",
                                                  "2305")},
    ("9001", "signIn"): "data", ("9002", "signOut"): "data", ("2302", "data"): "feeinfo",
    ("2402", "dscginfo"): "mdtrtinfo", ("2403", "adminfo"): "mdtrtinfo"}}
RECEIVED: Mapping[str, Mapping[tuple[str, str], str]] = {STANDARD: {}, "guangzhou": {
    ("9001", "signinoutb"): "result"}}
# Their fields lie directly under input.
BARE = {("guangzhou", "2404"), ("guangzhou", "2405")}


def sent(dialect: str, infno: str, given: object) -> object:
    """An input in the names of a dialect."""
    if not isinstance(given, Mapping):
        return given
    if (dialect, infno) in BARE:
        return given["data"]
    return {SENT[dialect].get((infno, node), node): rows for node, rows in given.items()}


def received(dialect: str, infno: str, output: object) -> dict[str, object]:
    """An output in the names of the standard."""
    if not isinstance(output, Mapping):
        return {"data": output}
    back = {name: node for (number, node), name in RECEIVED[dialect].items() if number == infno}
    return {back.get(name, name): rows for name, rows in output.items()}
