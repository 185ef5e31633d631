"""One installation: its settings, folders, embedded servers and the environment its programs get."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pydantic import SecretStr

from launcher import exec as wrapper
from launcher.config import PROJECT, LauncherSettings
from launcher.dashboard import Dashboard
from launcher.environment import merged_environment
from launcher.errors import LauncherError
from launcher.ports import choose_port
from launcher.postgres import EmbeddedPostgres
from launcher.programs import (
    DASHBOARD,
    DASHBOARD_PORT,
    POSTGRES_PORT,
    REDIS_PORT,
    SERVICE_STOP_SECONDS,
    SERVICES,
    STORE_STOP_SECONDS,
    Program,
    Service,
)
from launcher.servers import write_private
from launcher.valkey import EmbeddedValkey

TRACES_DATABASE = "agent_observability"
METADATA_DATABASE = "agent_observability_metadata"
DEMO_EMAIL = "demo@example.com"
BACKEND = PROJECT / "backend"
ENV_FILE = PROJECT / ".env"


@dataclass(frozen=True)
class Instance:
    """What a running installation wrote down about itself."""

    project: str
    ports: dict[str, int]


class Deployment:
    """Everything that follows from the environment; creating it touches nothing."""

    def __init__(self, environment: Mapping[str, str], dashboard: Dashboard | None = None) -> None:
        """Derive a deployment from a complete environment.

        Args:
            environment: Every setting.
            dashboard: The dashboard that runs with the services, if one does.

        Raises:
            LauncherError: A setting is not valid.
        """
        self.given = dict(environment)
        self.dashboard = dashboard
        self.settings = LauncherSettings.read(environment)
        self.data_dir = self.settings.data_dir
        self.run_dir = self.data_dir / "run"
        self.logs = self.settings.logs
        # What supervisord's configuration cannot express.
        if any(mark in f"{self.data_dir}{self.logs}{PROJECT}" for mark in ("%", " ;", " #", "\n")):
            raise LauncherError("the paths of project, data and logs must not contain '%', ' ;', ' #' or a line break")

    @classmethod
    def current(cls, *, with_dashboard: bool = False) -> "Deployment":
        """Return the deployment of this checkout under this process's environment.

        Args:
            with_dashboard: Whether the dashboard runs with the services where it can.
        """
        dashboard = Dashboard.find() if with_dashboard else None
        return cls(merged_environment(ENV_FILE, os.environ), dashboard if dashboard and dashboard.is_built else None)

    @cached_property
    def postgres(self) -> EmbeddedPostgres | None:
        """The embedded PostgreSQL, absent when both databases are elsewhere.

        Raises:
            LauncherError: It has no password.
        """
        if self.settings.timescale_url and self.settings.postgres_url:
            return None
        password = _password("DATABASE_PASSWORD", self.settings.database_password)
        return EmbeddedPostgres(self.data_dir / "postgres", self.port(*POSTGRES_PORT), password=password)

    @cached_property
    def valkey(self) -> EmbeddedValkey | None:
        """The embedded Valkey, absent when the queue is elsewhere.

        Raises:
            LauncherError: It has no password.
        """
        if self.settings.redis_url:
            return None
        password = _password("REDIS_PASSWORD", self.settings.redis_password)
        return EmbeddedValkey(
            self.data_dir / "valkey",
            self.port(*REDIS_PORT),
            password,
            self.settings.redis_appendfsync,
            self.settings.redis_maxmemory,
        )

    @property
    def embedded_databases(self) -> list[str]:
        """Names of the databases that the embedded PostgreSQL holds."""
        urls = {TRACES_DATABASE: self.settings.timescale_url, METADATA_DATABASE: self.settings.postgres_url}
        return [name for name, url in urls.items() if not url]

    def port(self, name: str, standard: int) -> int:
        """Return the port of a setting.

        Raises:
            LauncherError: It is not a port number.
        """
        text = self.given.get(name) or str(standard)
        if not text.isdecimal() or not 1 <= int(text) <= 65535:
            raise LauncherError(f"{name} is not a port number: {text}")
        return int(text)

    @cached_property
    def ports(self) -> dict[str, int]:
        """The port of every setting that is in use."""
        stores = {}
        if self.postgres:
            stores[POSTGRES_PORT[0]] = self.postgres.port
        if self.valkey:
            stores[REDIS_PORT[0]] = self.valkey.port
        services = {name: self.port(name, standard) for service in SERVICES for name, standard in service.ports.items()}
        dashboard = {DASHBOARD_PORT[0]: self.port(*DASHBOARD_PORT)} if self.dashboard else {}
        return stores | services | dashboard

    @property
    def host(self) -> str:
        """Address at which the services can be reached from this machine."""
        return "127.0.0.1" if self.settings.bind_host in ("0.0.0.0", "::", "") else self.settings.bind_host  # noqa: S104

    def url(self, port: int) -> str:
        """Return the address of a local port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}"

    def _public_url(self, port: int) -> str:
        return self.url(port).replace("127.0.0.1", "localhost")

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment of migrations and services."""
        values = {name: value for name, value in self.given.items() if name != "LOG_DIR"}
        values |= {name: str(port) for name, port in self.ports.items()}
        if self.postgres:
            names = {"TIMESCALE_URL": TRACES_DATABASE, "POSTGRES_URL": METADATA_DATABASE}
            values |= {key: self.postgres.dsn(name) for key, name in names.items() if name in self.embedded_databases}
        if self.valkey:
            values["REDIS_URL"] = self.valkey.url()
        for service in SERVICES:
            port = self.ports[next(iter(service.ports))]
            if not service.part_of:
                values.setdefault(f"{service.name.upper()}_URL", self.url(port))
            if service.public_url:
                values.setdefault(service.public_url, self._public_url(port))
        # Also without the dashboard: one that is run by hand is expected there.
        values.setdefault("PUBLIC_DASHBOARD_URL", self._public_url(self.port(*DASHBOARD_PORT)))
        # Known from the first start on, lest the demo's registration pass for that of an administrator.
        values.setdefault("DEMO_EMAIL", DEMO_EMAIL)
        values["AGENTOBS_DATA_DIR"] = str(self.data_dir)
        values["PYTHONPATH"] = str(BACKEND)
        values["PYTHONUNBUFFERED"] = "1"
        return values

    def programs(self) -> list[Program]:
        """Return what the supervisor runs, in the order of starting; ports of further workers chosen anew."""
        programs = []
        if self.postgres:
            command = tuple(self.postgres.command())
            programs.append(Program("postgres", command, self.postgres.port, "INT", STORE_STOP_SECONDS, is_store=True))
        if self.valkey:
            command = tuple(self.valkey.command())
            programs.append(Program("valkey", command, self.valkey.port, "TERM", STORE_STOP_SECONDS, is_store=True))
        taken = set(self.ports.values())
        for service in SERVICES:
            workers = range(1, self._workers(service) + 1)
            programs.extend(self._service_program(service, number, taken) for number in workers)
        if self.dashboard:
            programs.append(self._dashboard_program(self.dashboard))
        return programs

    def _dashboard_program(self, dashboard: Dashboard) -> Program:
        port = self.ports[DASHBOARD_PORT[0]]
        command = dashboard.command(
            host=self.settings.bind_host,
            port=port,
            gateway=self.environment["GATEWAY_URL"],
            public_gateway=self.environment["PUBLIC_GATEWAY_URL"],
            given=self.given,
        )
        return Program(DASHBOARD, tuple(self._guarded(DASHBOARD, command)), port, "TERM", SERVICE_STOP_SECONDS)

    def _workers(self, service: Service) -> int:
        return int(getattr(self.settings, service.workers.lower())) if service.workers else 1

    def _service_program(self, service: Service, number: int, taken: set[int]) -> Program:
        name = service.name if number == 1 else f"{service.name}-{number}"
        setting = next(iter(service.ports))
        port = self.ports[setting]
        if number > 1:
            port = choose_port(port, taken)
            taken.add(port)
        niceness = [shutil.which("nice") or "nice", "-n", str(service.niceness)] if service.niceness else []
        command = self._guarded(name, [*niceness, sys.executable, "-m", service.module, service.package])
        return Program(
            name,
            tuple(command),
            port,
            "TERM",
            SERVICE_STOP_SECONDS,
            environment={"SERVICE_NAME": name, setting: str(port)},
        )

    def _guarded(self, name: str, command: list[str]) -> list[str]:
        return wrapper.command_line(
            command,
            # A service whose supervisor was killed is killed as well: nothing would be left to end one that hangs.
            death_signal="KILL",
            lock=self.run_dir / f"{name}.lock",
            lock_wait=SERVICE_STOP_SECONDS,
        )

    def create_folders(self) -> None:
        """Create the data folder with what the launcher itself keeps there.

        Raises:
            LauncherError: A folder cannot be created.
        """
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            for folder in (self.run_dir, self.logs):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LauncherError(f"the data folder cannot be used: {error}") from error

    def write_instance(self, programs: list[Program]) -> None:
        """Record the programs' ports for ``status`` and this checkout for whoever else wants the folder."""
        ports = {program.name: program.port for program in programs}
        write_private(self.run_dir / "instance.json", json.dumps({"project": str(PROJECT), "ports": ports}))

    def runs(self, program: str) -> bool:
        """Return whether the last start began ``program``."""
        instance = self.read_instance()
        return instance is not None and program in instance.ports

    def read_instance(self) -> Instance | None:
        """Return what the last start recorded."""
        try:
            return Instance(**json.loads((self.run_dir / "instance.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


def _password(name: str, value: SecretStr) -> str:
    if not value.get_secret_value():
        raise LauncherError(f"{name} is not set: run ./setup.sh")
    return value.get_secret_value()
