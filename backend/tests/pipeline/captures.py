"""The recorded requests of real frameworks, moved to the present."""

import gzip
import io
import json
import re
import time
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

FOLDER = Path(__file__).parents[1] / "data" / "captures"
_ORACLE_LINE = re.compile(r"(\S+)\s+spans=\s*(\d+).*leaf_in=\s*(\d+)")
_GRPC_PATHS = {"TraceService": "/v1/traces", "LogsService": "/v1/logs", "MetricsService": "/v1/metrics"}


@dataclass
class Captured:
    """One recorded request as it is sent again."""

    name: str
    path: str
    headers: dict[str, str]
    body: bytes
    expect: str = ""


def capture_sets() -> dict[str, list[Captured]]:
    """Return the recorded requests by set, their times moved so that the newest lies a few minutes back."""
    sets: dict[str, list[Captured]] = defaultdict(list)
    for path in sorted(FOLDER.glob("*.headers.json")):
        captured, signal = _read(path)
        if signal is not None:
            sets[path.name.split(".")[0]].append(captured)
    return {name: _moved(requests) for name, requests in sets.items()}


def synthetic_requests() -> dict[str, Captured]:
    """Return the hand-made edge cases by name, their times moved likewise."""
    requests = {
        path.name.split(".")[0]: _read(path)[0] for path in sorted((FOLDER / "synthetic").glob("*.headers.json"))
    }
    return {name: _moved([request])[0] for name, request in requests.items()}


def oracle() -> dict[str, tuple[int, int]]:
    """Return the number of spans and the leaf sum of input tokens of each set."""
    lines = (FOLDER / "usage_oracle.txt").read_text().splitlines()
    return {
        match[1]: (int(match[2]), int(match[3])) for line in lines if (match := _ORACLE_LINE.match(line)) is not None
    }


def _read(path: Path) -> tuple[Captured, str | None]:
    meta: dict[str, Any] = json.loads(path.read_text())
    headers = {name.lower(): value for name, value in meta["headers"]}
    target = meta.get("path", "/v1/traces")
    if meta.get("transport") == "grpc":
        target = next(address for service, address in _GRPC_PATHS.items() if service in target)
        headers = {"content-type": "application/x-protobuf"}
    if target.endswith("/otel/v1/traces"):
        # Sent to a vendor's own address, of which the part before differs.
        target = "/api/public/otel/v1/traces"
    kept = {name: headers[name] for name in ("content-type", "content-encoding") if name in headers}
    body = path.with_name(path.name.replace(".headers.json", ".bin")).read_bytes()
    name = path.name.removesuffix(".headers.json")
    return Captured(name, target, kept, body, meta.get("expect", "")), meta.get("signal")


def _moved(requests: list[Captured]) -> list[Captured]:
    times = [value for request in requests for value in _times(request)]
    # Times far from any clock are what some of the hand-made requests are about.
    sane = [value for value in times if 1_600_000_000 * 10**9 < value < 2_600_000_000 * 10**9]
    if not sane:
        return requests
    delta = time.time_ns() - 300 * 10**9 - max(sane)
    return [_shift(request, delta) for request in requests]


def _times(request: Captured) -> list[int]:
    if "json" in request.headers["content-type"]:
        return [int(text) for text in re.findall(rb'UnixNano"\s*:\s*"?(\d{19})', _inflate(request))]
    message = _parse(request)
    if isinstance(message, ExportTraceServiceRequest):
        return [
            span.start_time_unix_nano
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
    return []


def _shift(request: Captured, delta: int) -> Captured:
    if "json" in request.headers["content-type"]:

        def moved(match: re.Match[bytes]) -> bytes:
            return match[1] + str(int(match[2]) + delta).encode()

        body = re.sub(rb'(UnixNano"\s*:\s*"?)(\d{19})', moved, _inflate(request))
        return _with_body(request, body)
    message = _parse(request)
    if isinstance(message, ExportTraceServiceRequest):
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    _shift_fields(span, ("start_time_unix_nano", "end_time_unix_nano"), delta)
                    for event in span.events:
                        _shift_fields(event, ("time_unix_nano",), delta)
    elif isinstance(message, ExportLogsServiceRequest):
        for resource_logs in message.resource_logs:
            for scope_logs in resource_logs.scope_logs:
                for record in scope_logs.log_records:
                    _shift_fields(record, ("time_unix_nano", "observed_time_unix_nano"), delta)
    else:
        return request
    return _with_body(request, message.SerializeToString())


def _shift_fields(message: Any, names: tuple[str, ...], delta: int) -> None:
    for name in names:
        value = getattr(message, name)
        if 1_600_000_000 * 10**9 < value < 2_600_000_000 * 10**9:
            setattr(message, name, value + delta)


def _parse(request: Captured) -> ExportTraceServiceRequest | ExportLogsServiceRequest | None:
    if request.path == "/v1/metrics":
        return None
    kind = ExportLogsServiceRequest if request.path.endswith("/v1/logs") else ExportTraceServiceRequest
    try:
        return kind.FromString(_inflate(request))
    except (DecodeError, OSError, zlib.error, EOFError):
        return None


def _inflate(request: Captured) -> bytes:
    encoding = request.headers.get("content-encoding")
    if encoding == "gzip":
        # A bomb has to stay one.
        with gzip.open(io.BytesIO(request.body)) as file:
            data = file.read(64 * 2**20)
        if len(data) == 64 * 2**20:
            raise EOFError
        return data
    if encoding == "deflate":
        return zlib.decompress(request.body)
    return request.body


def _with_body(request: Captured, body: bytes) -> Captured:
    encoding = request.headers.get("content-encoding")
    if encoding == "gzip":
        body = gzip.compress(body)
    elif encoding == "deflate":
        body = zlib.compress(body)
    return Captured(request.name, request.path, request.headers, body, request.expect)
