"""Health, readiness and metrics of a worker, over the smallest server there is."""

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET, AF_INET6

import orjson

from shared.telemetry import render_metrics

_JSON = "application/json"
_REQUEST_SECONDS = 5.0


class HealthServer:
    """Answers ``/health``, ``/ready`` and ``/metrics`` from a thread of its own.

    Args:
        host: Address to listen on.
        port: Port; 0 takes a free one.
        checks: What readiness consists of, by name; each tells whether it holds.
    """

    def __init__(self, host: str, port: int, checks: Mapping[str, Callable[[], bool]]) -> None:
        handler = type("Handler", (_Handler,), {"checks": dict(checks)})
        server = type("Server", (_Server,), {"address_family": AF_INET6 if ":" in host else AF_INET})
        self._server: ThreadingHTTPServer = server((host, port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Start answering."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _REQUEST_SECONDS
    checks: Mapping[str, Callable[[], bool]]

    def do_GET(self) -> None:
        """Answer one of the three addresses."""
        if self.path == "/health":
            self._answer(200, _JSON, orjson.dumps({"status": "ok"}))
        elif self.path == "/ready":
            states = {name: "ok" if check() else "down" for name, check in self.checks.items()}
            is_ready = all(state == "ok" for state in states.values())
            body = {"status": "ready" if is_ready else "not_ready", "checks": states}
            self._answer(200 if is_ready else 503, _JSON, orjson.dumps(body))
        elif self.path == "/metrics":
            text, content_type = render_metrics()
            self._answer(200, content_type, text)
        else:
            self._answer(404, _JSON, orjson.dumps({"status": "error"}))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write no access log."""

    def _answer(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
