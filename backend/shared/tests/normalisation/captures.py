"""Reads the captured requests of real frameworks."""

import gzip
import json
import zlib
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

from shared.otlp.decode import decode_logs, decode_traces
from shared.otlp.source import SourceLog, SourceSpan

FOLDER = Path(__file__).parents[3] / "tests" / "data" / "captures"
NOT_OTLP = ("scores", "ingestion", "metrics")


@cache
def capture_sets() -> dict[str, tuple[list[SourceSpan], list[SourceLog]]]:
    """Return the spans and log records of every capture set by its name."""
    sets: dict[str, tuple[list[SourceSpan], list[SourceLog]]] = defaultdict(lambda: ([], []))
    for headers in sorted(FOLDER.glob("*.headers.json")):
        spans, logs = read_request(headers.with_name(headers.name.removesuffix(".headers.json") + ".bin"))
        name = headers.name.split(".")[0]
        sets[name][0].extend(spans)
        sets[name][1].extend(logs)
    return dict(sets)


def read_request(path: Path) -> tuple[list[SourceSpan], list[SourceLog]]:
    """Return the spans and log records in one captured request."""
    meta: dict[str, Any] = json.loads(path.with_suffix(".headers.json").read_text())
    headers = {key.lower(): value for key, value in meta["headers"]}
    target = meta.get("path", "/v1/traces")
    if target.rstrip("/").endswith(NOT_OTLP):
        return [], []
    body = path.read_bytes()
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    elif headers.get("content-encoding") == "deflate":
        body = zlib.decompress(body)
    is_json = headers.get("content-type", "").startswith("application/json")
    if target.endswith("/logs"):
        return [], list(decode_logs(body, json=is_json))
    return list(decode_traces(body, json=is_json)), []


def oracle() -> dict[str, int]:
    """Return the sum of input tokens over the leaves of each capture set."""
    sums: dict[str, int] = {}
    for line in (FOLDER / "usage_oracle.txt").read_text().splitlines():
        name, _, rest = line.partition(" ")
        sums[name] = int(rest.split("leaf_in=")[1].split()[0])
    return sums
