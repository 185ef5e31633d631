"""A server that answers as the platform does, also as it does when something is wrong."""

import gzip
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def spans(self) -> list[Span]:
        data = gzip.decompress(self.body) if self.headers.get("content-encoding") == "gzip" else self.body
        request = ExportTraceServiceRequest.FromString(data)
        return [span for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans]


@dataclass
class Response:
    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


Rule = Callable[[Request], Response | None]


class FakePlatform:
    """Takes everything, unless a rule answers first."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.spans: dict[str, Span] = {}
        self.reports: list[dict[str, object]] = []
        self.records: list[tuple[str, dict[str, object]]] = []
        self.rules: list[Rule] = []
        self._receipts: dict[str, dict[str, object]] = {}
        self._answered: set[str] = set()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"platform": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def once(self, path: str, *responses: Response) -> None:
        """Answer the next requests for a path with these, then as usual."""
        left = list(responses)

        def rule(request: Request) -> Response | None:
            return left.pop(0) if left and request.path.startswith(path) else None

        self.rules.append(rule)

    def always(self, path: str, response: Response) -> Callable[[], None]:
        """Answer all requests for a path so; return what ends that."""
        rule: Rule = lambda request: response if request.path.startswith(path) else None  # noqa: E731
        self.rules.append(rule)
        return lambda: self.rules.remove(rule)

    def count(self, path: str) -> int:
        return sum(request.path.startswith(path) for request in self.requests)

    def reported(self) -> dict[str, object]:
        """Return the sums of all client reports."""
        with self._lock:
            dropped: dict[str, int] = {}
            for report in self.reports:
                for reason, items in report["dropped"].items():  # type: ignore[attr-defined]
                    dropped[reason] = dropped.get(reason, 0) + items
            sums = {name: sum(report[name] for report in self.reports) for name in ("created", "delivered", "sampled")}  # type: ignore[misc]
            return {**sums, "dropped": dropped}

    def answer(self, request: Request) -> Response:
        with self._lock:
            self.requests.append(request)
            for rule in self.rules:
                response = rule(request)
                if response is not None:
                    return response
            return self._take(request)

    def _take(self, request: Request) -> Response:
        if request.path.startswith("/api/v1/receipts/"):
            receipt = self._receipts.get(request.path.rpartition("/")[2])
            return Response(200, receipt) if receipt else Response(404, {"error": {"code": "not_found"}})
        key = request.headers.get("idempotency-key")
        if key is not None and key in self._answered:
            return Response(202, {}, {"Idempotency-Replayed": "true", "X-Receipt-ID": self._receipt(1, 0)})
        if key is not None:
            self._answered.add(key)
        if request.path == "/v1/traces":
            spans = request.spans
            new = [span for span in spans if span.span_id.hex() not in self.spans]
            self.spans.update({span.span_id.hex(): span for span in spans})
            return Response(200, None, {"X-Receipt-ID": self._receipt(len(new), len(spans) - len(new))})
        content = json.loads(request.body)
        if request.path == "/api/v1/client-reports":
            self.reports.append(content)
        else:
            self.records.append((request.path, content))
        return Response(202, {}, {"X-Receipt-ID": self._receipt(1, 0)})

    def _receipt(self, stored: int, duplicate: int) -> str:
        identifier = str(uuid.uuid4())
        self._receipts[identifier] = {
            "state": "stored",
            "received": stored + duplicate,
            "stored": stored,
            "duplicate": duplicate,
            "rejected": 0,
            "dead_lettered": 0,
            "reasons": {},
        }
        return identifier


class _Handler(BaseHTTPRequestHandler):
    platform: FakePlatform
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        response = self.platform.answer(Request(self.command, self.path, headers, body))
        content = b"" if response.body is None else json.dumps(response.body).encode()
        self.send_response_only(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _handle  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def fake_platform() -> Iterator[FakePlatform]:
    platform = FakePlatform()
    try:
        yield platform
    finally:
        platform.close()
