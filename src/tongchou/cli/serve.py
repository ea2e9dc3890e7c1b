"""`tongchou serve`: the platform with its HTTP API (服务)."""
from __future__ import annotations

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
) -> None:
    """Serve the platform; DATABASE_URL names the PostgreSQL, without it one is started in DIR.

    Ready when GET /readyz answers 200. The documentation of the API is at /docs.
    """
    from ..server import Options, Server
    server = Server.open(Options(data, host, port, production, demo))
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
