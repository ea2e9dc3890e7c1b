"""A hospital's client for tests: signs in each family, sends a message, reads the reply; and a
city for it to live in: the demonstration's institutions over a town with the sample catalogue."""
from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tongchou.gateway.profiles import Profile
from tongchou.gateway.signing import signature

SIGN_IN = {"signIn": {"opter_no": "001", "mac": "m", "ip": "1"}}
CALL_SERVICE = "/gateway/fsi/api/rsfComIfsService/callService"
_numbers = itertools.count(1)
Post = Callable[[str, Mapping[str, str], bytes], tuple[int, bytes]]


@dataclass
class Hospital:
    """One institution's system. `post` sends (path, headers, body) and gives status and body."""

    profile: Profile
    post: Post
    area: str
    sign_no: str = ""
    sent: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def headers(self, infno: str, now: float | None = None) -> dict[str, str]:
        """What a client of the family sends along."""
        profile, moment = self.profile, time.time() if now is None else now
        if profile.family == "A":
            made = {"_api_name": infno, "_api_version": "1.0.0",
                    "_api_timestamp": str(int(moment * 1000)),
                    "_api_access_key": profile.access_key, "content-type": "text/plain"}
            made["_api_signature"] = signature("A", made, profile.secret)
            return made
        if profile.family == "B":
            made = {"x-tif-paasid": profile.access_key, "x-tif-timestamp": str(int(moment)),
                    "x-tif-nonce": "abcdef", "content-type": "application/json"}
            made["x-tif-signature"] = signature("B", made, profile.secret)
            return made
        if profile.family == "C":
            return {"apikey": profile.secret, "content-type": "application/json"}
        return {"content-type": "application/json"}

    def envelope(self, infno: str, given: object, msgid: str = "", **more: object,
                 ) -> dict[str, object]:
        """A whole message."""
        moment = time.strftime("%Y-%m-%d %H:%M:%S")
        return {"infno": infno, "msgid": msgid or new_msgid(self.profile.code),
                "mdtrtarea_admvs": self.area, "insuplc_admdvs": self.area, "recer_sys_code": "99",
                "dev_no": "", "dev_safe_info": "", "cainfo": "", "signtype": "", "infver": "V1.0",
                "opter_type": "1", "opter": "0001", "opter_name": "演示员", "inf_time": moment,
                "fixmedins_code": self.profile.code, "fixmedins_name": "演示医院",
                "sign_no": self.sign_no, "input": given, **more}

    def send(self, infno: str, given: object, msgid: str = "", path: str = "", **more: object,
             ) -> dict[str, object]:
        """Sends a message and reads the reply, unwrapped."""
        body = json.dumps(self.envelope(infno, given, msgid, **more), ensure_ascii=False).encode()
        path = path or (CALL_SERVICE if self.profile.family == "C" else f"/gateway/{infno}")
        self.sent.append((path, self.headers(infno), body))
        return self.again()

    def again(self, place: int = -1) -> dict[str, object]:
        """Sends a message that was sent before, as it was."""
        return read(self.raw(*self.sent[place]))

    def raw(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """The bytes of a reply; its status is 200 whatever happens."""
        status, reply = self.post(path, headers, body)
        assert status == 200, (status, reply[:300])
        return reply

    def ok(self, infno: str, given: object, **more: object) -> dict[str, object]:
        """The output of a message that is answered."""
        reply = self.send(infno, given, **more)
        assert int(reply["infcode"]) == 0, (infno, reply["err_msg"])
        return reply["output"]

    def refused(self, infno: str, given: object, **more: object) -> str:
        """The err_msg of a message that is refused; a clerk can read it."""
        reply = self.send(infno, given, **more)
        assert int(reply["infcode"]) == -1, (infno, reply)
        assert 0 < len(reply["err_msg"]) <= 200
        return reply["err_msg"]


def read(reply: bytes) -> dict[str, object]:
    """A reply as an object, numbers as text, taken out of its wrapping."""
    found = json.loads(reply, parse_float=str)
    return found["data"] if "infcode" not in found and isinstance(found.get("data"), dict) \
        else found


def new_msgid(code: str) -> str:
    """code 12 + time 14 + serial 4."""
    return f"{code[:12]:0<12}{time.strftime('%Y%m%d%H%M%S')}{next(_numbers) % 10000:04d}"
