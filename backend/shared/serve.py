"""Starts one service: ``python -m shared.serve gateway``."""

import asyncio
import gc
import importlib
import signal
import socket
import sys
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from shared.http.protocol import BoundedProtocol
from shared.http.websocket import WEBSOCKET_OPTIONS
from shared.logging import configure_logging, get_logger
from shared.settings import ServiceSettings

SERVICES = ("gateway", "ingestion", "processing", "query")
GRACE_SECONDS = 20
_WITH_WEBSOCKETS = ("gateway",)
_BACKLOG = 2048
# What start-up has built stays for good; looking through it again and again would cost a quarter of the processor.
_GC_THRESHOLDS = (50_000, 20, 100)


class _Server(uvicorn.Server):
    """A server that fails its readiness for a while before it closes the port."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, drain_seconds: float) -> None:
        super().__init__(config)
        self._app = app
        self._drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and keep what exists by then out of garbage collection."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*_GC_THRESHOLDS)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no further connection, prepare those that are there for their end, and stop."""
        for server in self.servers:
            server.close()
        for prepare in self._app.state.before_close:
            await prepare()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second signal stops at once."""
        if self._app.state.draining or self._drain_seconds == 0:
            self._app.state.draining = True
            super().handle_exit(sig, frame)
            return
        self._app.state.draining = True
        loop = asyncio.get_running_loop()
        # From a signal handler the loop has to be woken.
        loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, super().handle_exit, sig, frame)


def load_settings(service: str) -> ServiceSettings:
    """Return the settings of a service from the environment."""
    config: Any = importlib.import_module(f"{service}.app.config")
    settings: ServiceSettings = config.Settings()
    return settings


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(_BACKLOG)
    listener.setblocking(False)
    return listener


def serve(service: str) -> None:
    """Run a service until it is told to stop."""
    settings = load_settings(service)
    configure_logging(settings, service)
    main: Any = importlib.import_module(f"{service}.app.main")
    app: FastAPI = main.create_app(settings)
    ports: list[int] = settings.ports  # type: ignore[attr-defined]
    sockets = [listen(settings.bind_host, port) for port in ports]
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedProtocol,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        forwarded_allow_ips="",
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=_BACKLOG,
        **(WEBSOCKET_OPTIONS if service in _WITH_WEBSOCKETS else {"ws": "none"}),
    )
    get_logger(__name__).info("service_starting", ports=ports)
    _Server(config, app, settings.drain_seconds).run(sockets=sockets)


def _ignore(_: int, __: FrameType | None) -> None:
    """Take a signal without an effect of its own."""


def main() -> None:
    """Run the service named on the command line."""
    if len(sys.argv) != 2 or sys.argv[1] not in SERVICES:
        raise SystemExit(f"usage: python -m shared.serve {{{','.join(SERVICES)}}}")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal once more after it has stopped; by then stopping as told is a success.
        signal.signal(number, _ignore)
    serve(sys.argv[1])


if __name__ == "__main__":
    main()
