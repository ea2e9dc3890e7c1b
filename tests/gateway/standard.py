"""Requests and replies against the national model, where it is on this machine."""
from __future__ import annotations

from collections.abc import Mapping

import pytest
from hospital import Hospital
from identities import national, unlike_the_standard

# Lengths and types of the standard that cannot be meant (README 7 lists others): a name of three
# characters, a drug code shorter than drug codes, a number as a reason.
SLIPS = ("7106.data.pharName", "7107.seltdelts.medListCodg", "7104.data.undoRea")


def both(hospital: Hospital, infno: str, given: Mapping[str, object], **more: object,
         ) -> dict[str, object]:
    """The output of a message whose request and reply are as the standard says."""
    assert not request_unlike(infno, given), request_unlike(infno, given)
    output = hospital.ok(infno, given, **more)
    wrong = [one for one in unlike_the_standard(infno, output, {})
             if not one.startswith(SLIPS)]
    assert not wrong, wrong
    return output


def request_unlike(infno: str, given: Mapping[str, object]) -> list[str]:
    """What of a request is not as the national model says: a node or a required field that is
    missing, a field nobody knows, a text too long."""
    wrong = []
    for node in national()[infno]["input"] if national() else ():
        if infno == "5101":                    # the standard prints the envelope there
            continue
        rows = given.get(node["node"])
        if rows is None:
            wrong.append(f"{infno} lacks {node['node']}")
            continue
        fields = {one["name"]: one for one in node["fields"]}
        for row in rows if isinstance(rows, list) else [rows]:
            wrong += [f"{infno}.{node['node']}.{name} unknown" for name in row.keys() - fields]
            wrong += [f"{infno}.{node['node']}.{name}: {said}" for name, one in fields.items()
                      if (said := _unlike(one, row.get(name)))]
    return [one for one in wrong if not one.startswith(SLIPS)]


def _unlike(field: Mapping[str, object], value: object) -> str:
    if value in (None, ""):
        return "missing" if field.get("required") else ""
    length = str(field.get("max_length") or "")
    too_long = field["type"] == "string" and length.isdigit() and len(str(value)) > int(length)
    return f"longer than {length}" if too_long else ""


@pytest.fixture
def standard() -> None:
    """Skips where the national model is not here."""
    if not national():
        pytest.skip("shared/national-interface is not on this machine")
