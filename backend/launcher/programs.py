"""The table of what runs. A new service is one line in ``SERVICES``."""

from collections.abc import Mapping
from dataclasses import dataclass, field

STORES = ("postgres", "valkey")
POSTGRES_PORT = ("POSTGRES_PORT", 5432)
REDIS_PORT = ("REDIS_PORT", 6379)
DASHBOARD = "dashboard"
DASHBOARD_PORT = ("FRONTEND_PORT", 3000)

# Services get as long as their own grace period and a little more.
SERVICE_STOP_SECONDS = 30
STORE_STOP_SECONDS = 120

# Jobs can wait for everything else.
_WORKER_NICENESS = 15
_WORKER_MODULE = "shared.jobs.worker"


@dataclass(frozen=True)
class Service:
    """A service as the table lists it."""

    name: str
    # Setting and standard value of each port; health is asked on the first.
    ports: Mapping[str, int]
    # Setting that tells how many processes run; each after the first takes a free port.
    workers: str | None = None
    # How far it stands back when processors are short: what is acknowledged can wait, whoever sends cannot.
    niceness: int = 0
    # Setting that holds its address as clients see it; the local one unless set.
    public_url: str | None = None
    # What runs it, as a module.
    module: str = "shared.serve"
    # The service whose code it runs, where that is not its own name.
    part_of: str | None = None

    @property
    def package(self) -> str:
        """Name of the service whose code and settings it uses."""
        return self.part_of or self.name


# In the order of starting: what others send to comes first. Stopping goes the other way, so that nothing is accepted
# any more while the rest drains.
SERVICES = (
    Service(
        "query-worker", {"QUERY_WORKER_PORT": 8013}, niceness=_WORKER_NICENESS, module=_WORKER_MODULE, part_of="query"
    ),
    Service(
        "processing-worker",
        {"PROCESSING_WORKER_PORT": 8012},
        niceness=_WORKER_NICENESS,
        module=_WORKER_MODULE,
        part_of="processing",
    ),
    Service("query", {"QUERY_PORT": 8003}),
    Service("processing", {"PROCESSING_PORT": 8002}, workers="PROCESSING_WORKERS", niceness=10),
    Service("ingestion", {"INGESTION_PORT": 8001, "OTLP_HTTP_PORT": 4318, "OTLP_GRPC_PORT": 4317}),
    Service("gateway", {"GATEWAY_PORT": 8000}, public_url="PUBLIC_GATEWAY_URL"),
)


@dataclass(frozen=True)
class Program:
    """One supervised process."""

    name: str
    command: tuple[str, ...]
    port: int
    stop_signal: str
    stop_seconds: int
    # A store is started by the supervisor itself, a service only after the migrations.
    is_store: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def standard_ports() -> dict[str, int]:
    """Return every port setting with its standard value."""
    services = {name: port for service in SERVICES for name, port in service.ports.items()}
    return dict([POSTGRES_PORT, REDIS_PORT]) | services | dict([DASHBOARD_PORT])
