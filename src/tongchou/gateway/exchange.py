"""Files as institutions exchange them (文件): TAB-separated UTF-8 text inside a ZIP.

An empty value is the word null. Nothing is unpacked to a disk; what unpacks to more than
`TEXT_MAX_BYTES` is refused before it is unpacked.
"""
from __future__ import annotations

import base64
import binascii
import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

from . import file_store
from .call import Call, Write
from .refusals import declined

FILE_MAX_BYTES, TEXT_MAX_BYTES = 16 << 20, 128 << 20
KEPT_DAYS = 7
EMPTY = "null"
SEALED_AS = "gateway file"
FIXED_TIME = (2000, 1, 1, 0, 0, 0)     # the same rows make the same bytes
_ZIP = b"PK\x03\x04"


def content_of(sent: object) -> bytes:
    """The bytes of a file as clients send them: a stream, a JSON array (Java's bytes may be
    negative), or Base64. Raises Declined `bad-file`."""
    try:
        if isinstance(sent, bytes):
            found = sent
        elif isinstance(sent, list):
            found = bytes(one & 255 for one in sent if -129 < one < 256)
            if len(found) != len(sent):
                raise ValueError(len(sent))
        else:
            found = base64.b64decode(str(sent or ""), validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise declined("bad-file", "文件数据应为字节数组或 Base64", "fsUploadIn.in") from None
    if not found or len(found) > FILE_MAX_BYTES:
        raise declined("bad-file", f"文件为空，或超过 {FILE_MAX_BYTES >> 20} MB", "fsUploadIn.in")
    return found


def rows_of(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """(line number, values) of an uploaded text. Raises Declined `bad-file`."""
    text = _text_of(content)
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, ["" if (value := one.strip()).lower() == EMPTY else value
                           for one in line.split("\t")]


def _text_of(content: bytes) -> str:
    try:
        if content.startswith(_ZIP):
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                inside = [one for one in packed.infolist() if not one.is_dir()]
                if len(inside) != 1 or inside[0].file_size > TEXT_MAX_BYTES:
                    raise declined("bad-file", "压缩包内应只有一个文本文件，解压后不超过 "
                                   f"{TEXT_MAX_BYTES >> 20} MB", "file_qury_no")
                with packed.open(inside[0]) as file:
                    content = file.read(TEXT_MAX_BYTES)
        return content.decode("utf-8-sig")
    except (zipfile.BadZipFile, zipfile.LargeZipFile, OSError, RuntimeError,
            NotImplementedError, EOFError, ValueError):
        raise declined("bad-file", "文件应为 UTF-8 文本（TAB 分隔），可用 ZIP 压缩",
                       "file_qury_no") from None


def packed(filename: str, rows: Iterable[Sequence[str]]) -> bytes:
    """Rows as a ZIP with one text of that name."""
    text = "".join("\t".join(_plain(one) or EMPTY for one in row) + "\n" for row in rows)
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(filename, FIXED_TIME), text.encode())
    return found.getvalue()


def _plain(value: str) -> str:
    """A value without what would break the table."""
    return value.translate({9: " ", 10: " ", 13: " "})


# --- kept -------------------------------------------------------------------------------------
def number_of(call: Call) -> str:
    """file_qury_no of the file a message makes: the same for every repeat."""
    return f"F{call.slot.digest.hex()[:28]}"


def until(call: Call) -> object:
    """When a file made now goes."""
    return call.at + timedelta(days=KEPT_DAYS)


def keeping(call: Call, filename: str, purpose: str, content: bytes) -> Write:
    """The write that keeps the file of a message."""
    sealed = call.desk.platform.enrolment.keys.seal(content.decode("latin-1"), SEALED_AS)
    return lambda connection: file_store.add(connection, number_of(call), call.profile.code,
                                             filename, purpose, sealed, call.at, until(call))


def kept(call: Call, number: str) -> bytes:
    """A file of the institution. Raises Declined `unknown-file`."""
    with call.desk.platform.database.connection() as connection:
        sealed = file_store.find(connection, number, call.profile.code,
                                 call.desk.platform.clock())
    if sealed is None:
        raise declined("unknown-file", f"查无此文件，文件保留 {KEPT_DAYS} 天",
                       f"file_qury_no {number[:30]}")
    unseal: Callable[[bytes, str], str] = call.desk.platform.enrolment.keys.unseal
    return unseal(sealed, SEALED_AS).encode("latin-1")
