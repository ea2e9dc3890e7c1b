"""The frame of the command line: finds the command, turns every failure into one sentence.

Exit codes: 0 done; 1 the input was refused for what it asks; 2 wrong usage, or something that
cannot be read; 70 a fault of our own; 130 stopped by the user; 141 the reader went away.
"""
from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec

import typer

from ..errors import Refusal, TongchouError
from . import output

# A command is the function or typer app of its name in the module of its name. Only the one
# that is called is imported: the others may need numba or pyarrow, which take a second.
COMMANDS = ("settle", "batch", "pack", "demo", "catalogue", "database", "ledger", "people", "serve",
            "audit", "demo-city", "payment", "region", "clues",
            "lists")
REFUSED, UNREADABLE, INTERNAL, STOPPED = 1, 2, 70, 130


def main() -> None:
    """Entry point of the installed command; leaves with the exit code."""
    code = run(sys.argv[1:])
    output.flush()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Runs one command and gives its exit code; nothing but SystemExit leaves this function."""
    arguments = list(arguments)
    wants_json = "--json" in (arguments[:arguments.index("--")] if "--" in arguments
                              else arguments)
    output.prepare()
    try:
        code = _application(arguments)(arguments, prog_name="tongchou", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except TongchouError as error:
        output.error(error.as_dict(), str(error), wants_json)
        return REFUSED if isinstance(error, Refusal) else UNREADABLE
    except (KeyboardInterrupt, typer.Abort):
        output.error(_described("stopped", "stopped before the end"), "Stopped.", wants_json)
        return STOPPED
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else UNREADABLE
    except Exception as fault:  # noqa: BLE001 - the frame promises that no traceback is shown
        return _other_failure(fault, wants_json)


def _application(arguments: list[str]) -> typer.Typer:
    application = typer.Typer(no_args_is_help=True, add_completion=False,
                              rich_markup_mode=None, pretty_exceptions_enable=False,
                              help="Tongchou (统筹): policy as readable, sourced data and one "
                              "exact settlement engine.")
    application.callback(invoke_without_command=True)(_root)
    asked = next((word for word in arguments if not word.startswith("-")), "")
    for name in [asked] if asked in COMMANDS else COMMANDS:
        module = name.replace("-", "_")
        if find_spec(f".{module}", __package__) is None:  # not part of this installation
            continue
        command = getattr(import_module(f".{module}", __package__), module)
        if isinstance(command, typer.Typer):
            application.add_typer(command, name=name)
        else:
            application.command(name)(command)
    return application


def _root(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Tongchou (统筹): policy as readable, sourced data and one exact settlement engine."""
    if version:
        from .. import __version__
        output.line(f"tongchou {__version__}")
        raise typer.Exit


def _other_failure(fault: Exception, wants_json: bool) -> int:
    """Wrong usage and operating system errors are the caller's; everything else is ours."""
    if os.environ.get("TONGCHOU_DEBUG"):
        import traceback
        traceback.print_exception(fault, file=sys.stderr)
    if isinstance(fault, typer.TyperException):
        if not fault.format_message():  # `tongchou` alone: the help was the answer
            return fault.exit_code
        context = getattr(fault, "ctx", None)
        command = context.command_path if context is not None else "tongchou"
        described = _described("wrong-usage", fault.format_message(),
                               hint=f"See `{command} --help`.")
        code = fault.exit_code
    elif isinstance(fault, BrokenPipeError):
        return output.reader_gone()
    elif isinstance(fault, OSError):
        described = _described("file-error", fault.strerror or "the operating system refused",
                               str(fault.filename or ""), "Check the path, the rights and the "
                               "room on the disk.")
        code = UNREADABLE
    else:
        described = _described("internal-error", f"this is a fault of Tongchou, not of your input "
                               f"({type(fault).__name__})", hint="Please report it with the "
                               "command and the input; TONGCHOU_DEBUG=1 shows where it happened.")
        code = INTERNAL
    output.error(described, _sentence(described), wants_json)
    return code


def _described(code: str, message: str, where: str = "", hint: str = "") -> dict[str, str]:
    return TongchouError(code, message, where, hint=hint).as_dict()


def _sentence(described: dict[str, str]) -> str:
    return str(TongchouError(**described))
