"""What a service gives to its worker: handlers of jobs, what recurs, and what runs all the time."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.jobs.config import WorkerSettings
from shared.jobs.context import Handler
from shared.jobs.housekeeping import COMMON
from shared.jobs.periodic import Periodic
from shared.jobs.types import JOB_TYPES, JobService

# Runs until the event is set; it is started again when it raises.
Background = Callable[[Any, asyncio.Event], Awaitable[None]]


@dataclass(frozen=True)
class Parts:
    """Everything that the worker of a service runs."""

    service: JobService
    handlers: Mapping[str, Handler]
    periodic: Sequence[Periodic]
    background: Sequence[Background]


def load_parts(service: JobService) -> Parts:
    """Return what ``<service>/app/worker.py`` and ``<service>/app/jobs`` offer.

    Raises:
        RuntimeError: A handler is of a type that is not this service's.
    """
    jobs: Any = importlib.import_module(f"{service}.app.jobs")
    worker: Any = importlib.import_module(f"{service}.app.worker")
    handlers: dict[str, Handler] = dict(jobs.HANDLERS)
    foreign = [name for name in handlers if name not in JOB_TYPES or JOB_TYPES[name].service != service]
    if foreign:
        raise RuntimeError(f"{service} has handlers of types that are not its own: {', '.join(foreign)}")
    return Parts(service, handlers, (*COMMON, *worker.PERIODIC), tuple(worker.BACKGROUND))


def load_settings(service: JobService) -> WorkerSettings:
    """Return the settings of a service from the environment."""
    config: Any = importlib.import_module(f"{service}.app.config")
    settings: WorkerSettings = config.Settings()
    return settings
