"""The server: database, platform and application started together (服务, floor 8).

    served = Server.open(Options(data=Path("tongchou-data")))
    served.run()        # until SIGTERM or SIGINT; requests under way are answered

It listens as soon as the schema is there; `/readyz` says 200 when also the demonstration is loaded
(only into an empty database, never in production) and the kernels are warm.
"""
from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.resources import as_file, files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from .access import AccessService, Account
from .api import Settings, configure_logs, create_app, figures, messages
from .database import Database, migrate, open_database
from .errors import Refusal, TongchouError
from .gateway import (REHEARSAL, Console, Desk, Gateway, GatewayApplication, Profiles,
                      console_routes, make_demonstration_profiles)
from .ledger import clearing_file, read_calendar, read_rules
from .platform import Platform, Round, Sender, receiver_of
from .privacy import KEY_FILE_VARIABLE, open_keys
from .processes import Door, Others, given_end
from .settlement import store as settlement_store
from .settlement.manual import manual_file, read_manual_rules
from .visits import Visits

if TYPE_CHECKING:
    import uvicorn

PROXY_VARIABLE, METRICS_VARIABLE = "TONGCHOU_TRUSTED_PROXY", "TONGCHOU_METRICS_TOKEN"
# "520500=rules.csv;370300=CITY": rules of clearing (and likewise of manual
# reimbursement) by region; and a folder of calendars.
CLEARING_VARIABLE, CALENDAR_VARIABLE = "TONGCHOU_CLEARING", "TONGCHOU_CALENDAR"
MANUAL_VARIABLE = "TONGCHOU_MANUAL"
# Who is told of settlements, and the bearer token that goes along; nobody when it is not set.
OUTBOX_VARIABLE, OUTBOX_TOKEN_VARIABLE = "TONGCHOU_OUTBOX_URL", "TONGCHOU_OUTBOX_TOKEN"
SHUTDOWN_SECONDS = 25
COLLECT_AFTER = 20_000        # objects
COMMAND = "import sys; from tongchou.cli.main import run; sys.exit(run(sys.argv[1:]))"
DEMONSTRATION = "tongchou.demo_city"
WARMING_CASE = "three_bills_of_a_year.yaml"

_log = structlog.get_logger("tongchou.server")


def keep_what_stands() -> None:
    """Packs, plans and modules stay as long as the process: the collector need not walk through
    them, and what a request makes seldom has cycles (a tenth of the time of a settlement)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 50)


@dataclass(frozen=True)
class Options:
    """How to serve. `environment`: DATABASE_URL, DATABASE_OWNER_URL and the variables above."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    production: bool = False
    demonstration: bool = True
    processes: int = 1
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))


class Server:
    """A started platform; `close()` it, or let `run()` do so."""

    def __init__(self, options: Options, database: Database, platform: Platform) -> None:
        self.options, self.database, self.platform = options, database, platform
        self.access = AccessService(database.connection, platform.clock, platform.ids)
        self.profiles = Profiles(database, platform.enrolment.keys)
        self.prepared: dict[str, bool] = {"demonstration": False, "kernels": False}
        self.sender = self._sender()
        self._others: Others | None = None

    @classmethod
    def open(cls, options: Options) -> Server:
        """Opens or starts the database, brings the schema forward, joins the platform.

        Raises Refusal `database-...`, `migration-...`, and in production `not-for-production`;
        CaseError `bad-receiver`.
        """
        if options.production:
            _check_environment(options)
        environment = options.environment
        database = open_database(environment.get("DATABASE_URL") or None, options.data,
                                 owner_url=environment.get("DATABASE_OWNER_URL") or None,
                                 rehearsal=(*settlement_store.REHEARSAL, *REHEARSAL))
        try:
            migrate(database)
            options.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            platform = Platform(database, open_keys(options.data, environment))
            server = cls(options, database, platform)
            if options.production:
                server._check_operators()
        except BaseException:
            database.close()
            raise
        return server

    def create_administrator(self, user_id: str) -> str:
        """Makes an administrator and gives the one-time password."""
        return self.access.create(Account(user_id, user_id, "administrator", ()), "command line")

    def run(self) -> None:
        """Serves until it is told to stop, alone or with other processes beside it."""
        import uvicorn
        configure_logs()
        # uvicorn ends gracefully, then raises the signal again: without a handler that would end
        # the process before the database is closed.
        signal.signal(signal.SIGTERM, lambda *_: None)
        config = self._web(settings_of(self.options))
        try:
            if (end := given_end()) is not None:
                self._run_beside(config, end)
            elif self.options.processes > 1:
                self._run_first(config)
            else:
                self._begin()
                self._log_listening(self.options.port)
                uvicorn.Server(config).run()
        finally:
            self.close()
            _log.info("stopped")

    def _web(self, settings: Settings) -> uvicorn.Config:
        import uvicorn

        from .packets import WholeReplies
        options = self.options
        proxy = options.environment.get(PROXY_VARIABLE, "")
        return uvicorn.Config(
            self.application(settings), host=options.host, port=options.port, log_config=None,
            access_log=False, server_header=False, http=WholeReplies,
            proxy_headers=bool(proxy), forwarded_allow_ips=proxy or None,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS, lifespan="on")

    def _run_beside(self, config: uvicorn.Config, end: socket.socket) -> None:
        """One of the other processes: it takes connections when it can settle."""
        from .connections import ConnectionServer
        self._prepare()
        ConnectionServer(config, end, lambda: self._log_listening(self.options.port),
                         lambda: None).run()

    def _run_first(self, config: uvicorn.Config) -> None:
        """Opens the door, and starts the others; takes its turn of the connections."""
        from .connections import ConnectionServer
        door = Door(self.options.host, self.options.port)
        self._others = Others(self._command(door.port), self.options.processes - 1, door)
        handing, own = socket.socketpair()

        def open_door() -> None:
            door.start()
            self._log_listening(door.port)

        try:
            door.admit(handing)
            self._begin(self._others.start)
            ConnectionServer(config, own, open_door, self._others.end).run()
        finally:
            self._others.stop()

    def _begin(self, then: Callable[[], object] = lambda: None) -> None:
        """What only the first process does, while it listens already; the others need not make
        again what it has prepared."""
        threading.Thread(target=lambda: (self._prepare(), then()), name="tongchou-prepare",
                         daemon=True).start()
        if self.sender is not None:
            self.sender.start()

    def _log_listening(self, port: int) -> None:
        _log.info("listening", host=self.options.host, port=port, number=os.getpid(),
                  production=self.options.production, outbox=self.sender is not None)

    def _command(self, port: int) -> list[str]:
        """What starts a process beside this one."""
        options = self.options
        return [sys.executable, "-c", COMMAND, "serve", "--no-demo", "--host", options.host,
                "--port", str(port), "--data", str(options.data), "--processes",
                str(options.processes), *(["--production"] if options.production else [])]

    def application(self, settings: Settings) -> GatewayApplication:
        """The gateway for hospitals, and behind it the platform's own interface."""
        desk = Desk(self.platform, self.access, self.profiles, Visits(self.platform.clock),
                    {code: one.zh for code, one in messages().items()})
        gateway = Gateway(desk)
        behind = create_app(self.platform, self.access, settings, self.ready)
        console_routes.add_console(behind, Console(gateway))
        return GatewayApplication(gateway, behind, production=settings.production)

    def close(self) -> None:
        """Ends the sender, closes the pool, and the embedded server when nobody else uses it."""
        if self.sender is not None:
            self.sender.stop()
        self.database.close()

    def ready(self) -> dict[str, bool]:
        """What `/readyz` asks. Raises Refusal when the database cannot be reached."""
        with self.database.connection() as connection:
            connection.execute("select 1")
        return {"database": True, "schema": True, **self.prepared,
                "processes": self._others is None or self._others.ready}

    def _sender(self) -> Sender | None:
        """What tells another system of settlements, None when nobody is to be told."""
        address = self.options.environment.get(OUTBOX_VARIABLE, "")
        if not address:
            return None
        token = self.options.environment.get(OUTBOX_TOKEN_VARIABLE, "")
        return Sender(self.platform.deliver, receiver_of(address, token), self._note_round)

    def _note_round(self, found: Round) -> None:
        reasons = [name for name, seen in (("away", found.away), ("refused", found.refused),
                                           ("database", found.fault)) if seen]
        figures.outbox(found.sent, found.waiting, found.oldest, self.platform.clock(), reasons)

    def _prepare(self) -> None:
        for name, step in (("demonstration", self._load_demonstration), ("kernels", self._warm)):
            try:
                step()
                self.prepared[name] = True
            except TongchouError as error:
                _log.error("not prepared", step=name, code=error.code, message=error.message)
            except Exception as fault:  # noqa: BLE001 - /readyz says it; the log says where
                _log.error("not prepared", step=name, fault=type(fault).__name__)
        keep_what_stands()
        _log.info("ready", **self.prepared)

    def _load_demonstration(self) -> None:
        """Fills an empty database with the demonstration city, where this installation has one."""
        wanted = self.options.demonstration and not self.options.production
        if not wanted or find_spec(DEMONSTRATION) is None:
            return
        city = import_module(DEMONSTRATION)
        if self.is_empty():
            load: Callable[[Platform, AccessService], object] = city.load
            load(self.platform, self.access)
        if (day := city.made_on(self.database)) is not None:
            make_demonstration_profiles(
                self.profiles, city.REGION, [one["fixmedins_code"] for one in city.describe(
                    day, True)["institutions"]], self.platform.clock())

    def is_empty(self) -> bool:
        """Whether nobody can sign in yet."""
        return not self.access.operators()

    def _warm(self) -> None:
        """Loads and compiles what the first settlement would otherwise wait for."""
        from .app import settle
        with as_file(files("tongchou.samples") / "cases" / WARMING_CASE) as path:
            settle(path)
        self.platform.settlements.warm()

    def _check_operators(self) -> None:
        if self.access.demonstration_operators():
            raise Refusal("not-for-production", "operators of the demonstration can sign in here",
                          "operator", "", "Use a database of its own for production, or disable "
                          "them.")


def settings_of(options: Options) -> Settings:
    """The application's settings. Raises CaseError for rules or calendars that cannot be read."""
    environment = options.environment
    folder = environment.get(CALENDAR_VARIABLE)
    clearing = {region: read_rules(_file(where, clearing_file))
                for region, where in _by_region(environment.get(CLEARING_VARIABLE, ""))}
    reimbursed = {region: read_manual_rules(_file(where, manual_file),
                                            clearing[region].manual_days)
                  for region, where in _by_region(environment.get(MANUAL_VARIABLE, ""))
                  if region in clearing}
    return Settings(
        production=options.production, metrics_token=environment.get(METRICS_VARIABLE, ""),
        clearing=clearing, manual=reimbursed,
        calendar=read_calendar(Path(folder) if folder else None))


def _by_region(text: str) -> list[tuple[str, str]]:
    """`520500=FILE;370300=CITY` as pairs."""
    parts = (part.strip().partition("=") for part in text.split(";") if part.strip())
    return [(region, where) for region, _, where in parts]


def _file(where: str, shipped: Callable[[str], Path]) -> Path:
    """A file, or what is shipped beside a city's packs."""
    path = Path(where)
    return path if path.suffix or path.is_file() else shipped(where)


def _check_environment(options: Options) -> None:
    """What production cannot do without."""
    missing = {
        PROXY_VARIABLE: "the addresses of the proxy that ends TLS, as in 10.0.0.5",
        KEY_FILE_VARIABLE: "the key file that seals personal data, kept apart from the database",
    }
    for name, what in missing.items():
        if not options.environment.get(name):
            raise Refusal("not-for-production", f"{name} is not set: {what}", name, "",
                          f"Set {name}; docs/http-api.md, Production, tells how.")


