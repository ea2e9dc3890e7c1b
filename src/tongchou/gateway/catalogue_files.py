"""Catalogue files (目录文件): what changed since the version a client has, TAB-separated in a ZIP.

A file is never kept: its number says catalogue, version and since which one, and the same number
makes the same bytes, because a version of the catalogue never changes. Columns and their order are
those of the standard (`catalogue_columns.txt`); what we do not hold is the word null.
"""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from ..settlement import local_time
from ..settlement.catalogue import CATEGORIES, CLASSES, Item
from . import dictionary, exchange
from .call import Call
from .refusals import declined

# infno -> the kinds of items it carries (settlement.catalogue.KINDS)
KINDS_OF = {"1301": ("drug",), "1302": ("herbal_pieces", "herbal_granules"),
            "1303": ("own_preparation",), "1305": ("service",), "1306": ("consumable",),
            "1306A": ("consumable",)}
DICTIONARY = "1901"
VERSION_DIGITS = 8
VALID, GONE = "1", "0"
_NUMBER = re.compile(r"L(\d{4}A?)-(\d{1,8})-(\d{1,8})\Z")


class FileRow(NamedTuple):
    """An item as it stands in a version, or went with it."""

    item: Item
    version: int
    known_at: datetime
    valid: bool


# --- versions -----------------------------------------------------------------------------------
def version_text(version: int) -> str:
    """A version as clients keep it: of equal length, so that the highest sorts last."""
    return f"{version:0{VERSION_DIGITS}d}"


def version_of(text: str) -> int | None:
    """The version a client has; None where it is none of ours."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= VERSION_DIGITS else None


def number_of(infno: str, version: int, since: int) -> str:
    """file_qury_no of a catalogue file."""
    return f"L{infno}-{version}-{since}"


def is_catalogue(number: str) -> bool:
    """Whether a file_qury_no names a catalogue file."""
    return _NUMBER.match(number) is not None


def edition_of(item: Item) -> int:
    """The version with which a row came."""
    return int(item.row_id.partition("-")[0] or 0)


# --- rows ---------------------------------------------------------------------------------------
def changed(call: Call, infno: str, version: int, since: int) -> list[FileRow]:
    """Rows of a catalogue that came after `since`, and those of then that went without a row in
    their place. Raises Refusal `no-catalogue`."""
    with call.desk.platform.database.connection() as connection:
        catalogues = call.desk.platform.catalogues
        now = catalogues.of(connection, call.region, version)
        then = catalogues.of(connection, call.region, since) if since else None
        times = catalogues.editions(connection, call.region)
    kinds = KINDS_OF[infno]
    found = [FileRow(one, edition_of(one), times[edition_of(one)], True) for one in now.all_rows()
             if one.kind in kinds and edition_of(one) > since]
    if then is not None:
        standing = {one.row_id for one in now.all_rows()}
        replaced = {(one.code, one.since) for one in now.all_rows()}
        found += [FileRow(one, version, times[version], False) for one in then.all_rows()
                  if one.kind in kinds and one.row_id not in standing
                  and (one.code, one.since) not in replaced]
    return found


def last_version(call: Call) -> int:
    """The newest version of the region. Raises Refusal `no-catalogue`."""
    with call.desk.platform.database.connection() as connection:
        return call.desk.platform.catalogues.of(connection, call.region).version


# --- files --------------------------------------------------------------------------------------
def content(call: Call, number: str) -> bytes:
    """The file of a number. Raises Declined `unknown-file`, Refusal `no-catalogue`."""
    match = _NUMBER.match(number)
    infno, version, since = (match[1], int(match[2]), int(match[3])) if match else ("", 0, 0)
    if infno == DICTIONARY and version == dictionary.VERSION:
        return exchange.packed(filename(infno, version), (
            (one.type, one.zh, one.value, "", str(one.place), VALID, "", dictionary.SINCE,
             str(dictionary.VERSION)) for one in dictionary.entries()))
    if infno not in KINDS_OF or not 0 <= since <= version <= last_version(call) or not version:
        raise declined("unknown-file", "查无此文件，请重新下载目录", f"file_qury_no {number[:30]}")
    columns = [_WORDS.get(word, _nothing) for word in _words()[infno]]
    return exchange.packed(filename(infno, version), (
        [value(row) for value in columns] for row in changed(call, infno, version, since)))


def filename(infno: str, version: int) -> str:
    """Name of the text inside the ZIP."""
    return f"{infno}_{version_text(version)}.txt"


@cache
def columns() -> Mapping[str, tuple[str, ...]]:
    """infno -> 中文 of the columns of its file, in their order."""
    return {infno: tuple(word.partition("=")[0] for word in words)
            for infno, words in _table().items()}


@cache
def _words() -> Mapping[str, tuple[str, ...]]:
    return {infno: tuple(word.partition("=")[2] for word in words)
            for infno, words in _table().items()}


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    under: list[list[str]] = []
    for line in (files(__package__) / "catalogue_columns.txt").read_text("utf-8").splitlines():
        if line[:1].isdigit():
            under = [found.setdefault(infno, []) for infno in line.split()]
        elif line[:1] == " ":
            for columns_of in under:
                columns_of += line.split()
    return {infno: tuple(words) for infno, words in found.items()}


def restricted(item: Item) -> bool:
    """Whether the use of an item is restricted in any way (lmt_used_flag)."""
    return any(item.restrictions)


def _limits(row: FileRow) -> str:
    return (row.item.note or row.item.clause) if restricted(row.item) else ""


def _nothing(row: FileRow) -> str:
    return ""


_WORDS: Mapping[str, Callable[[FileRow], str]] = {
    "code": lambda row: row.item.code, "name": lambda row: row.item.name,
    "unit": lambda row: row.item.unit, "since": lambda row: row.item.since,
    "until": lambda row: row.item.until, "note": lambda row: row.item.note,
    "class": lambda row: CLASSES[row.item.item_class].zh,
    "category": lambda row: CATEGORIES[row.item.category].zh,
    "negotiated": lambda row: VALID if row.item.negotiated else GONE,
    "limited": lambda row: VALID if restricted(row.item) else GONE, "limits": _limits,
    "patent": lambda row: VALID if row.item.category == "patent_drugs" else GONE,
    "row": lambda row: f"{row.item.code}-{row.item.row_id}"[:40],
    "version": lambda row: version_text(row.version),
    "edition": lambda row: f"第 {row.version} 版", "known": lambda row: local_time(row.known_at),
    "valid": lambda row: VALID if row.valid else GONE}
