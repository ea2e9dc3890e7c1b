"""Random messages: from our field models, from the national model where it is here, and from real
messages with something wrong."""
from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping, Sequence

from identities import national

from tongchou.gateway.nodes import Field, Node, transactions

WORDS = ("", " ", "null", "NULL", "0", "-1", "1", "0000", "一", "💊" * 9, "a" * 70_000, "'; --",
         "1e400", "NaN", "Infinity", "-0", "1" * 45, "0.000000001", "1.005", "2025-02-30",
         "2025-13-01 25:61:61", "0001-01-01", "9999-12-31 23:59:59", "20250101", "\u0000", "\ud800",
         "\u202e", "<b>", "%s", "{}", "[]", "true", "٣", "１２", "310", "390", "11", "21", "41")
ODD = (None, True, False, 0, -1, 10**40, 1.5, [], {}, [[]], [None], [{}], {"a": {"b": []}}, "x",
       -10**18, 2**63)
KEYS = ("psn_no", "mdtrt_id", "setl_id", "certno", "psn_name", "file_qury_no")
ENVELOPE = ("infno", "msgid", "mdtrtarea_admvs", "insuplc_admdvs", "recer_sys_code", "infver",
            "opter_type", "opter", "opter_name", "inf_time", "fixmedins_code", "sign_no", "input",
            "cainfo", "signtype", "dev_no")


class Fuzzer:
    """Messages of a seed. `real`: bodies of messages that were answered; values of their telling
    fields (visits, persons, settlements) come back in made-up messages."""

    def __init__(self, seed: int, code: str, area: str, real: Sequence[Mapping[str, object]],
                 ) -> None:
        self.rng, self.code, self.area, self.real = random.Random(seed), code, area, list(real)
        self.known: dict[str, list[object]] = {}
        for one in self.real:
            self._learn(one.get("input"))
        self.models = list(transactions().values())
        self.number = 0

    def _learn(self, found: object) -> None:
        """Notes the values of telling fields."""
        rows = found.values() if isinstance(found, dict) else found
        if isinstance(found, dict):
            for name in KEYS:
                if found.get(name):
                    self.known.setdefault(name, []).append(found[name])
        for one in rows if isinstance(found, (dict, list)) else ():
            if isinstance(one, (dict, list)):
                self._learn(one)

    # --- whole messages -----------------------------------------------------------------------
    def message(self) -> tuple[str, bytes]:
        """(path, body)."""
        self.number += 1
        kind = self.rng.random()
        if kind < 0.35:
            envelope = copy.deepcopy(self.rng.choice(self.real))
            envelope["msgid"] = f"Z{self.number}"
            for _ in range(self.rng.randrange(3)):
                self._spoil(envelope.get("input"))
        elif kind < 0.85:
            model = self.rng.choice(self.models)
            envelope = self._envelope(model.infno, {
                node.name: self._rows(node) for node in model.inputs if self.rng.random() < 0.95})
        else:
            envelope = self._envelope(*self._national())
        if self.rng.random() < 0.1:
            envelope[self.rng.choice(ENVELOPE)] = self._odd()
        body = json.dumps(envelope, ensure_ascii=self.rng.random() < 0.2).encode(
            self.rng.choice(("utf-8", "utf-8", "gb18030")), "backslashreplace")
        return self._path(envelope), self._damaged(body)

    def _envelope(self, infno: str, given: object) -> dict[str, object]:
        return {"infno": infno, "msgid": f"Z{self.number}", "mdtrtarea_admvs": self.area,
                "insuplc_admdvs": self.area, "recer_sys_code": "99", "infver": "V1.0",
                "opter_type": "1", "opter": "0001", "opter_name": "模糊", "sign_no": "",
                "fixmedins_code": self.code, "input": given}

    def _national(self) -> tuple[str, object]:
        """A transaction of the national model, offered or not."""
        if not national():
            return str(self.rng.randrange(10_000)), {"data": {"psn_no": self._word()}}
        infno = self.rng.choice(sorted(national()))
        return infno, {str(node["node"] or "data"): {
            field["name"]: self._value(Field(field["name"], "s"))
            for field in node["fields"] if self.rng.random() < 0.8}
            for node in national()[infno]["input"]}

    def _path(self, envelope: Mapping[str, object]) -> str:
        known = f"/gateway/{str(envelope.get('infno'))[:6]}"
        return self.rng.choice((known if known.isascii() and known.isprintable()
                                and " " not in known else "/gateway", "/gateway",
                                "/gateway/fsi/api/rsfComIfsService/callService"))

    def _damaged(self, body: bytes) -> bytes:
        if self.rng.random() > 0.03:
            return body
        place = self.rng.randrange(len(body))
        return self.rng.choice((body[:place], body[:place] + b"\xff" + body[place + 1:],
                                body[:place] + body[place:][::-1], b"", b"[" * 3000))

    # --- rows and values ----------------------------------------------------------------------
    def _rows(self, node: Node) -> object:
        rows = [{name: self._value(field) for name, field in node.fields.items()
                 if self.rng.random() < 0.9} for _ in range(self.rng.choice((0, 1, 1, 1, 3)))]
        return self.rng.choice((rows, rows[0] if rows else None, self._odd())) \
            if self.rng.random() < 0.1 else (rows if node.many else (rows[0] if rows else {}))

    def _value(self, field: Field) -> object:
        if field.name in self.known and self.rng.random() < 0.85:
            return self.rng.choice(self.known[field.name])
        if self.rng.random() < 0.12:
            return self._odd()
        makers: Mapping[str, Callable[[], object]] = {
            "n": lambda: self.rng.choice((f"{self.rng.randrange(10**6) / 100:.2f}", 1, "3", -2)),
            "d": lambda: f"2025-{self.rng.randrange(1, 13):02d}-01",
            "t": lambda: f"2025-{self.rng.randrange(1, 13):02d}-01 08:00:00",
            "b": lambda: [self.rng.randrange(-130, 260) for _ in range(9)], "s": self._word}
        return makers[field.kind]()

    def _word(self) -> str:
        return self.rng.choice(WORDS)

    def _odd(self) -> object:
        # Copied, since `_spoil` changes what it finds inside.
        return self._word() if self.rng.random() < 0.5 else copy.deepcopy(self.rng.choice(ODD))

    def _spoil(self, found: object) -> None:
        """Changes one place of an input."""
        while isinstance(found, (dict, list)) and found:
            key = self.rng.choice(list(found)) if isinstance(found, dict) \
                else self.rng.randrange(len(found))
            inner = found[key]
            if not isinstance(inner, (dict, list)) or self.rng.random() < 0.15:
                if self.rng.random() < 0.3:
                    del found[key]
                else:
                    found[key] = self._odd()
                return
            found = inner
