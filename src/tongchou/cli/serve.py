"""`tongchou serve`: the platform with its HTTP API (服务)."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from . import output


def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the embedded database and, "
                                       "outside production, of its keys.")]
    = Path("tongchou-data"),
    production: Annotated[bool, typer.Option("--production", help="Refuse demonstration users and "
                                             "keys; answer over a TLS proxy only.")] = False,
    create_admin: Annotated[str, typer.Option(metavar="NAME", help="Make an administrator, print "
                                              "a one-time password, and end.")] = "",
    demo: Annotated[bool, typer.Option("--demo/--no-demo", help="Load the demonstration city into "
                                       "an empty database.")] = True,
    processes: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer, one a core: "
                                           "Python computes on one core each.")] = 1,
) -> None:
    """Serve the platform; DATABASE_URL names the PostgreSQL, without it one is started in DIR.

    Ready when GET /readyz answers 200. The documentation of the API is at /docs.
    """
    if processes > 1:
        _share_figures(data / "figures")       # before anything counts
    from ..server import Options, Server
    server = Server.open(Options(data, host, port, production, demo, processes))
    if create_admin:
        try:
            password = server.create_administrator(create_admin)
        finally:
            server.close()
        output.line(f"{create_admin}: {password}")
        output.line("One-time password: it must be changed at the first sign-in "
                    "(一次性口令，首次登录须修改).")
        return
    server.run()


def _share_figures(folder: Path) -> None:
    """The figures of all processes are added up in a folder; those of an earlier start go."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder.resolve())
        for one in folder.glob("*.db"):
            one.unlink(missing_ok=True)
