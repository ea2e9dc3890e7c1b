"""`tongchou people`: lists of people and institutions in and out, checks, keys (参保登记)."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from ..errors import CaseError, Refusal
from . import output
from .database_options import DATA, AsJson, Data, Region, Url, migrated

if TYPE_CHECKING:
    from ..enrolment import Enrolment
    from ..enrolment.imports import ImportReport

people = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None,
                     help="People, cover, statuses, certificates, referrals, families and "
                     "institutions: import lists, look up, check (参保登记).")
SHOWN_FAULTS = 20

KindName = Annotated[str, typer.Argument(metavar="KIND", help="persons, coverages, statuses, "
                                         "chronic, referrals, filings, families, not-enrolled, "
                                         "institutions or designations.")]
Day = Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The day asked about; today when "
                                  "not given.")]
Role = Annotated[str, typer.Option(help="Who reads: names and numbers are masked for it.")]
By = Annotated[str, typer.Option(help="Who does it, for the record.")]
Why = Annotated[str, typer.Option(help="Why, for the record.")]


@contextmanager
def _service(url: str | None, data: Path) -> Iterator[Enrolment]:
    from ..enrolment import Enrolment
    from ..privacy import open_keys
    with migrated(url, data) as opened:
        yield Enrolment(opened, open_keys(data), lambda: datetime.now(UTC),
                        lambda: uuid4().hex[:24])


@people.command("template")
def template(kind: KindName, out: Annotated[Path, typer.Argument(metavar="OUT.xlsx")]) -> None:
    """Write an empty list of a kind to fill in, with a sheet that explains its columns."""
    from ..enrolment import imports
    imports.write_template(kind, out)
    output.line(f"{out}: fill in the first sheet, then `tongchou people import {kind} {out} "
                "--region REGION`")


@people.command("import")
def import_list(
    kind: KindName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A workbook, or CSV in UTF-8 or "
                                         "GB18030; the first row names the columns.")],
    region: Region,
    name: Annotated[str, typer.Option(help="Open the region under this name if the database does "
                                      "not know it.")] = "",
    correct: Annotated[bool, typer.Option("--correct", help="Rows that contradict what is known "
                                          "correct it.")] = False,
    own_status: Annotated[list[str] | None, typer.Option(help="A status that a pack declares; may "
                                                         "be given several times.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="OUT.xlsx", help="Also write every refused "
                                                "row into a workbook.")] = None,
    url: Url = None, data: Data = DATA, by: By = "", why: Why = "import", as_json: AsJson = False,
) -> None:
    """Import a list: good rows are stored, every other one is told with what to do.

    The same list twice changes nothing. Exit code 1 when a row was refused.
    """
    from ..enrolment import imports
    imports.kind_of(kind)
    with _service(url, data) as service:
        if name:
            service.open_region(_six_digits(region), name)
        made = imports.import_list(
            service, kind, file, region, by=_who(by), why=why, correct=correct,
            own=frozenset(own_status or ()), progress=_progress if sys.stderr.isatty() else _quiet)
    if report is not None:
        made.write(report)
    if as_json:
        output.json_object(made.as_dict())
    else:
        _say(made, report)
    if made.refused:
        raise typer.Exit(1)


@people.command("find")
def find(region: Region,
         certno: Annotated[str, typer.Option(help="A document's number.")] = "",
         kind: Annotated[str, typer.Option(help="Its kind, psn_cert_type.")] = "01",
         name: Annotated[str, typer.Option(help="The whole name.")] = "",
         phone: Annotated[str, typer.Option(help="The whole number.")] = "",
         role: Role = "auditor", url: Url = None, data: Data = DATA, as_json: AsJson = False,
         ) -> None:
    """People with a document, a name or a phone, masked for the role that reads."""
    from ..enrolment import IdentityFault, entry, read_document, refused
    with _service(url, data) as service:
        if certno:
            try:
                found = [service.find(region, read_document(kind, certno))]
            except IdentityFault as fault:
                raise refused(fault, "--certno") from None
        elif name:
            found = service.find_by_name(region, entry.name_of("psn_name", name))
        else:
            found = service.find_by_phone(region, entry.phone_of("tel", phone))
        views = service.views(region, [one for one in found if one], role)
    if not views:
        raise Refusal("unknown-person", "nobody is found (查无此人)", f"region {region}",
                      hint="Documents, names and phones are found only as a whole.")
    if as_json:
        output.json_object(views)
    for view in views if not as_json else ():
        numbers = " ".join(one["certno"] for one in view["certificates"])
        output.line(f"{view['psn_no']}  {view['psn_name']}  {view['gend']}  {view['brdy']}  "
                    f"{numbers}  {view['tel']}")


@people.command("show")
def show(psn_no: Annotated[str, typer.Argument(help="The person's number.")], region: Region,
         known: Annotated[str, typer.Option(metavar="MOMENT", help="As it was known then: "
                                            "2025-03-01T08:00:00+08:00.")] = "",
         url: Url = None, data: Data = DATA) -> None:
    """What a settlement knows of a person, now or at an earlier moment, as JSON."""
    from dataclasses import asdict
    moment = _moment(known) if known else None
    with _service(url, data) as service:
        output.json_object(asdict(service.context(region, psn_no, moment)))


@people.command("check")
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A list with 证件号码; "
                                               "nothing of it is stored.")],
          region: Region, day: Day = "", url: Url = None, data: Data = DATA,
          as_json: AsJson = False) -> None:
    """Who of a list is not enrolled on a day (LF-01). Exit code 1 when somebody is not."""
    from ..enrolment import reports
    with _service(url, data) as service:
        found = reports.check_list(service, file, region, _day(day))
    missing = [one for one in found if one.state in reports.TO_DO]
    if as_json:
        output.json_object([one.as_dict() for one in found])
    for one in missing if not as_json else ():
        output.line(f"row {one.row}: {one.certno} {one.psn_name} {one.state} "
                    f"{reports.STATES[one.state]} {one.why}".rstrip())
    if not as_json:
        output.line(f"{len(found):,} on the list, {len(missing):,} to be followed up (应跟进)")
    if missing:
        raise typer.Exit(1)


@people.command("compare")
def compare(file: Annotated[Path, typer.Argument(metavar="FILE", help="The list an office keeps, "
                                                 "with 证件号码; nothing of it is stored.")],
            region: Region,
            status: Annotated[str, typer.Option(help="The status it is a list of.")],
            source: Annotated[str, typer.Option(help="The office 认定部门, as recorded.")],
            day: Day = "", role: Role = "auditor", url: Url = None, data: Data = DATA,
            as_json: AsJson = False) -> None:
    """An office's list of a status against what is recorded from it (BJ-07): who is to be
    recorded, whose status has gone from the list. Exit code 1 when they differ."""
    from ..enrolment import reports
    with _service(url, data) as service:
        found = reports.compare_list(service, file, region, _status(status), source, _day(day),
                                     role)
    if as_json:
        output.json_object(found.as_dict())
    for one in found.only_list if not as_json else ():
        output.line(f"row {one.row}: {one.certno} {one.psn_name} {one.state} "
                    f"{reports.STATES[one.state]} {one.why}".rstrip())
    for one in found.only_here if not as_json else ():
        output.line(f"{one['psn_no']}  {one['psn_name']}  gone from the list 名单已无")
    if not as_json:
        output.line(f"{found.both:,} on both, {len(found.only_list):,} to be recorded (应登记), "
                    f"{len(found.only_here):,} gone (应核销)")
    if not found.equal:
        raise typer.Exit(1)


@people.command("missing")
def missing(region: Region,
            status: Annotated[list[str], typer.Option(help="A status, such as registered_poor; "
                                                      "may be given several times.")],
            day: Day = "", role: Role = "auditor", url: Url = None, data: Data = DATA,
            as_json: AsJson = False) -> None:
    """People with a status and no cover on a day, with the reason of the ledger (BJ-05)."""
    from ..enrolment import reports
    codes = [_status(one) for one in status]
    with _service(url, data) as service:
        found = reports.not_enrolled(service, region, codes, _day(day), role)
    if as_json:
        output.json_object(found)
    for one in found if not as_json else ():
        output.line(f"{one['psn_no']}  {one['psn_name']}  {one['status']}  "
                    f"{one['reason'] or '无登记原因'}")
    if not as_json:
        output.line(f"{len(found):,} not insured (未参保)")


@people.command("duplicates")
def duplicates(day: Day = "", role: Role = "auditor", url: Url = None, data: Data = DATA,
               as_json: AsJson = False) -> None:
    """Documents insured more than once on a day, over all regions of the database (JC-33)."""
    from ..enrolment import reports
    with _service(url, data) as service:
        found = reports.insured_twice(service, _day(day), role)
    if as_json:
        output.json_object(found)
    for one in found if not as_json else ():
        covers = "; ".join(f"{cover['region']} {cover['insutype']} {cover['psn_no']}"
                           for cover in one["covers"])
        output.line(f"{one['certificates'][0]['certno']}  {one['psn_name']}  {covers}")
    if not as_json:
        output.line(f"{len(found):,} insured twice (重复参保)")


@people.command("new-key")
def new_key(file: Annotated[Path, typer.Argument(metavar="KEYS.json", help="The key file; made if "
                                                 "it is not there.")],
            suite: Annotated[str, typer.Option(help="national (SM4, SM3) or international (AES, "
                                               "SHA-256).")] = "national",
            signing: Annotated[bool, typer.Option("--signing", help="A key that signs day closes "
                                                  "instead of one that seals.")] = False,
            ) -> None:
    """A key file, or a further key in it that seals or signs from now on (密钥轮换)."""
    from ..privacy import SUITES, add_signing_key, make_key_file, rotate_keys
    if suite not in SUITES:
        raise CaseError("unknown-suite", f"{suite!r} is no suite (没有这套算法)", "--suite",
                        hint=f"It is one of {', '.join(SUITES)}.")
    if file.exists() and signing:
        made = add_signing_key(file)
        output.line(f"{file}: key {made.key_id} signs from now on, public {made.public.hex()}")
    elif file.exists():
        output.line(f"{file}: key {rotate_keys(file, suite)} seals from now on")
    else:
        make_key_file(file, suite)
        output.line(f"{file}: made with key 1. Keep a copy apart from the database: without it "
                    "nobody can read names and numbers.")


def _say(made: ImportReport, report: Path | None) -> None:
    counts = made.outcomes
    output.line(f"{made.file}: {made.rows:,} rows: {counts['added']:,} added 新增, "
                f"{counts['corrected']:,} corrected 更正, {counts['unchanged']:,} unchanged 未变, "
                f"{made.refused:,} refused 未导入")
    for note in made.notes:
        output.line(f"  {note}")
    for one in made.faults[:SHOWN_FAULTS]:
        said = one.fault
        seen = f" = {one.value}" if one.value else ""
        output.line(f"  row {one.row}, {one.heading or 'the row'}{seen}: {said.code}: {said.zh} "
                    f"({said.en}). {said.hint_zh}")
    left = len(made.faults) - SHOWN_FAULTS
    if left > 0:
        output.line(f"  ... and {left:,} more"
                    + (f"; all stand in {report}" if report else "; --report OUT.xlsx has all"))


def _progress(done: int, of: int) -> None:
    sys.stderr.write(f"\r{done:,} / {of:,}" + ("\n" if done == of else ""))


def _quiet(done: int, of: int) -> None:
    """No progress where nobody looks."""


def _who(by: str) -> str:
    return by or os.environ.get("USER", "") or "unknown"


def _six_digits(region: str) -> str:
    if len(region) != 6 or not region.isdigit() or not region.isascii():
        raise CaseError("bad-region", f"{region!r} is not six digits (统筹区代码应为6位数字)",
                        "--region", hint="Write the area code, such as 999901.")
    return region


def _status(text: str) -> str:
    from ..enrolment import entry
    try:
        return entry.status_name_of("status", text)
    except entry.Fault as fault:
        raise CaseError(fault.code, f"{fault.en} ({fault.zh})", "--status",
                        hint=fault.hint_en) from None


def _day(text: str) -> str:
    from ..enrolment import entry
    from ..ledger import CHINA_TIME
    try:
        return entry.day_of("day", text) if text else datetime.now(CHINA_TIME).date().isoformat()
    except entry.Fault as fault:
        raise CaseError(fault.code, f"{fault.en} ({fault.zh})", "--day",
                        hint=fault.hint_en) from None


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise CaseError("moment-unreadable", f"{text!r} is no moment with a time zone "
                        "(时间格式不对)", "--known", hint="Write 2025-03-01T08:00:00+08:00.")
    return moment
