"""How soon the dashboard's pages are there in Chromium, and how smooth a trace of 30,000 spans is."""

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from launcher.config import PROJECT
from launcher.dashboard import NODE_MISSING, Dashboard
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from bench.report import print_table
from bench.sender import send
from bench.shapes import LONGEST, Shapes
from bench.stack import Stack, running_stack
from bench.traffic import pack

NAME = "dashboard"
_PROTOBUF = "application/x-protobuf"
_SPANS_PER_REQUEST = 512
_STORED_SECONDS = 120
# The trace of 30,000 spans takes eleven hours; spans of the future are refused.
_BEFORE_NS = 13 * 3600 * 10**9
_PAINT_MS, _CHANGE_MS, _FRAME_MS = 2000, 300, 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("--repeats", type=int, default=5, help="visits of each page, with nothing cached (default 5)")
    parser.add_argument("--spans", type=int, default=LONGEST, help=f"of the long trace (default {LONGEST:,})")
    parser.add_argument("--seed", type=int, default=7, help="of the long trace, which has to have failed spans")


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Start a platform with the demo's data and a long trace, measure in Chromium, and return the figures.

    Raises:
        RuntimeError: Node is missing, or a part of the measurement failed.
    """
    dashboard = Dashboard.find()
    if dashboard is None:
        raise RuntimeError(NODE_MISSING)
    await asyncio.to_thread(dashboard.install)
    await asyncio.to_thread(dashboard.build)
    folder = Path(tempfile.mkdtemp(prefix="agentobs-bench-"))
    try:
        async with running_stack(folder=folder) as stack:
            await _command(sys.executable, "-m", "db.generate", "--demo", "--url", stack.gateway, env=stack.environment)
            demo = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
            trace_id = await _send_long_trace(stack, demo["api_key"], options)
            figures = await _measure(stack, demo, trace_id, options.repeats)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    figures["spans"] = options.spans
    _print(figures)
    return figures


async def _send_long_trace(stack: Stack, key: str, options: argparse.Namespace) -> str:
    """Send one trace over OTLP in requests as exporters make them, and return its id once all of it can be read."""
    print(f"a trace of {options.spans:,} spans …", flush=True)
    shape = Shapes(options.seed, time.time_ns() - _BEFORE_NS).trace(options.spans)
    if not any(span.status.code == Status.STATUS_CODE_ERROR for span in shape.spans):
        # The way to the next failure is measured as well.
        raise RuntimeError(f"no span of the trace of seed {options.seed} failed: take another --seed")
    bodies = [
        pack(shape.spans[at : at + _SPANS_PER_REQUEST], shape.resource)
        for at in range(0, len(shape.spans), _SPANS_PER_REQUEST)
    ]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": _PROTOBUF}
    await send(f"{stack.ingestion}/v1/traces", bodies, headers=headers, connections=2)
    trace_id = shape.spans[0].trace_id.hex()
    deadline = time.monotonic() + _STORED_SECONDS
    async with httpx.AsyncClient(base_url=stack.gateway, headers=headers, timeout=30) as client:
        while time.monotonic() < deadline:
            answer = await client.get(f"/api/v1/traces/{trace_id}")
            if answer.status_code == httpx.codes.OK and answer.json()["data"]["span_count"] == options.spans:
                return trace_id
            await asyncio.sleep(0.5)
    raise RuntimeError(f"the trace of {options.spans:,} spans was not stored within {_STORED_SECONDS} seconds")


async def _measure(stack: Stack, demo: dict[str, Any], trace_id: str, repeats: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        file.write_text("{}", encoding="utf-8")
        port = stack.deployment.given["FRONTEND_PORT"]
        environment = {
            **os.environ,
            "E2E_DASHBOARD_URL": f"http://localhost:{port}",
            "E2E_GATEWAY_URL": stack.gateway,
            "E2E_EMAIL": demo["email"],
            "E2E_PASSWORD": demo["password"],
            "E2E_LONG_TRACE": trace_id,
            "MEASURE_FILE": str(file),
            "MEASURE_REPEATS": str(repeats),
        }
        npm = shutil.which("npm")
        if npm is None:
            raise RuntimeError("npm was not found")
        await _command(npm, "run", "--silent", "measure", env=environment, folder=PROJECT / "frontend")
        figures: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return figures


async def _command(*command: str, env: dict[str, str], folder: Path = PROJECT / "backend") -> None:
    process = await asyncio.create_subprocess_exec(*command, env=env, cwd=folder)
    if await process.wait():
        raise RuntimeError(f"{' '.join(command)} ended with exit code {process.returncode}")


def _print(figures: dict[str, Any]) -> None:
    changes = {name: {row["page"]: row for row in figures[name]} for name in ("route_change", "route_change_at_once")}

    def pair(row: dict[str, Any] | None) -> str:
        return f"{row['median_ms']} / {row['slowest_ms']}" if row else ""

    print_table(
        "Milliseconds, median / slowest: a first visit; a click in the navigation until the page has its data",
        ["page", f"largest paint (aim {_PAINT_MS})", f"click (aim {_CHANGE_MS})", "click without resting on the link"],
        [
            [row["page"], pair(row), *(pair(found.get(row["page"])) for found in changes.values())]
            for row in figures["largest_contentful_paint"]
        ],
    )
    trace = figures["long_trace"]
    print_table(
        f"A trace of {figures['spans']:,} spans, milliseconds (aim: no frame over {_FRAME_MS})",
        ["step", "longest between frames", "longest frame", "not answering"],
        [[step, *frames.values()] for step, frames in trace["steps"].items()],
    )
    print(
        f"\nFirst spans after {trace['first_spans_ms']:,} ms, all after {trace['all_spans_ms']:,} ms;"
        f" {trace['rows_in_the_document']} rows in the document."
    )
