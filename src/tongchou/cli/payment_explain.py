"""`tongchou payment explain`: why one case is in its group, in sentences (单病例入组说明)."""
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import CaseError
from . import output
from .payment import AsJson, SchemeFolder
from .settle import Language

if TYPE_CHECKING:
    import pyarrow as pa

    from ..payment.cases import CasesRead

TYPED_IN = "typed in"


def explain(
    scheme: SchemeFolder,
    cases: Annotated[Path | None, typer.Argument(metavar="CASES", help="A file of cases, with "
                                                 "--case; or give the case by the options "
                                                 "below.")] = None,
    case: Annotated[str | None, typer.Option(metavar="CASE", help="Which case of the file.")]
    = None,
    dx: Annotated[str | None, typer.Option(metavar="'A|B'", help="Diagnoses, principal first.")]
    = None,
    px: Annotated[str | None, typer.Option(metavar="'A|B'", help="Procedures, main one first.")]
    = None,
    sex: Annotated[str | None, typer.Option(help="1 or 男, 2 or 女.")] = None,
    age: Annotated[str | None, typer.Option(help="Age in years at admission.")] = None,
    age_days: Annotated[str | None, typer.Option(help="Age in days, for a newborn.")] = None,
    birth_weight: Annotated[str | None, typer.Option(metavar="GRAMS", help="Of a newborn.")] = None,
    admission_weight: Annotated[str | None, typer.Option(metavar="GRAMS", help="Of a newborn; "
                                                         "3.0 schemes test this one.")] = None,
    ambiguous: Annotated[bool, typer.Option(help="xQY groups take part.")] = False,
    code_maps: Annotated[Path | None, typer.Option(metavar="DIR", help="As for `group`.")] = None,
    lang: Annotated[Language, typer.Option(help="Language of the sentences.")] = Language.zh,
    as_json: AsJson = False,
) -> None:
    """Say why one case is in its group: tests met, complications, the nearest other group.

    Exit codes: 0 explained, with or without a group; 2 the case or the scheme cannot be read.
    """
    from ..payment import drg
    typed = {"dx": dx, "px": px, "sex": sex, "age_years": age, "age_days": age_days,
             "birth_weight_g": birth_weight, "admission_weight_g": admission_weight}
    given = {name: value for name, value in typed.items() if value is not None}
    if (cases is None) == (not given) or (cases is None) != (case is None):
        raise typer.BadParameter("give either CASES with --case, or --dx and what else is known")
    found = _typed_in(given) if cases is None else _of_file(cases, str(case))
    row, lines = drg.explain_case(found, drg.load_scheme(scheme), ambiguous=ambiguous,
                                  maps=drg.read_code_maps(code_maps) if code_maps else None,
                                  lang=lang.value)
    if as_json:
        output.json_object({**row, "explanation": list(lines)})
    else:
        output.line("\n".join(lines))


def _typed_in(given: dict[str, str]) -> pa.Table:
    """The case that the options describe."""
    from ..payment.cases import read_one
    read = read_one({"case": TYPED_IN, "dx": "", **given})
    return _taken(read, TYPED_IN, "the options")


def _of_file(path: Path, case: str) -> pa.Table:
    """The case of this name, read batch by batch."""
    import pyarrow.compute as pc

    from ..payment.cases import iter_cases
    for read in iter_cases(path):
        for table in (read.table, read.rejects):
            if pc.any(pc.equal(table.column("case"), case)).as_py():
                return _taken(read, case, str(path))
    raise CaseError("unknown-case", f"no row has the case {case!r}", str(path),
                    hint="The column `case` names the cases.")


def _taken(read: CasesRead, case: str, where: str) -> pa.Table:
    """The row of the case; raises CaseError with the first fault when it was refused."""
    import pyarrow.compute as pc
    for fault in read.rejects.to_pylist():
        if fault["case"] == case and fault["refused"]:
            raise CaseError(fault["code"], f"{fault['reason']} (value: {fault['value']!r})",
                            f"{where}, row {fault['row']}", hint="Correct the value; "
                            "docs/payment-grouping.md has the columns.")
    return read.table.filter(pc.equal(read.table.column("case"), case)).slice(0, 1)
