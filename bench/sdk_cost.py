"""What a traced call costs an application: the SDKs beside bare OpenTelemetry spans and Langfuse's SDKs."""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import sys
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bench.report import print_table

NAME = "sdk"

_ROOT = Path(__file__).parents[1]
_OWN = _ROOT / ".bench"
_PROGRAMS = _ROOT / "bench" / "sdk"
_LANGFUSE = "langfuse==5.0.4"
_LIBRARIES = ("opentelemetry", "agent-observability", "langfuse")
_MEASURES = ("thread_us", "cpu_us", "wall_us")

Figures = dict[str, dict[str, dict[str, float]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("--calls", type=int, default=20_000, help="calls of each kind in a round (default 20,000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, in which the libraries take turns (default 5)")


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure each library in a process of its own, in turns, against a server that takes everything."""
    figures: dict[str, Any] = {}
    with _sink() as endpoint:
        python = await _python_environment()
        command = [str(python), str(_PROGRAMS / "measure.py")]
        figures["python"] = await _measure("Python", command, endpoint, options)
        node = await _node_environment()
        if node is not None:
            figures["node"] = await _measure("Node", node, endpoint, options)
    return figures


async def _measure(title: str, command: Sequence[str], endpoint: str, options: argparse.Namespace) -> Figures:
    rounds: dict[str, list[Any]] = {library: [] for library in _LIBRARIES}
    for _ in range(options.rounds):
        for library in _LIBRARIES:
            output = await _output(*command, library, endpoint, str(options.calls))
            rounds[library].append(json.loads(output.splitlines()[-1]))
    figures: Figures = {
        library: {
            kind: {measure: _median(one[kind][measure] for one in results) for measure in _MEASURES}
            for kind in ("root", "nested")
        }
        for library, results in rounds.items()
    }
    rows = []
    for kind in ("root", "nested"):
        bare = figures["opentelemetry"][kind]["thread_us"]
        for library in _LIBRARIES:
            row = figures[library][kind]
            ratio = f"{row['thread_us'] / bare:.2f}"
            rows.append([kind, library, *(f"{row[measure]:.1f}" for measure in _MEASURES), ratio])
    print_table(
        f"{title}: microseconds a traced call, medians of {options.rounds} rounds of {options.calls:,} calls",
        ["call", "library", "calling thread", "CPU of the process", "wall clock", "thread ÷ OpenTelemetry"],
        rows,
    )
    return figures


def _median(values: Iterator[float]) -> float:
    return round(statistics.median(values), 2)


async def _output(*command: str, cwd: Path | None = None) -> str:
    foreign = ("AGENTOBS_", "LANGFUSE_", "OTEL_", "PYTHONPATH")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{errors.decode()}")
    return output.decode()


async def _python_environment() -> Path:
    """Return the interpreter of an environment with this SDK as it is now, and Langfuse's."""
    python = _OWN / "sdk-python" / "bin" / "python"
    if not python.exists():
        await _output(sys.executable, "-m", "venv", "--without-pip", str(python.parents[1]))
    wanted = [str(_ROOT / "python-sdk"), _LANGFUSE]
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check"]
    install = [*pip, "install", "--quiet"]
    await _output(*install, *wanted)
    await _output(*install, "--force-reinstall", "--no-deps", wanted[0])
    return python


async def _node_environment() -> list[str] | None:
    """Return the command that measures in Node, None where there is no Node."""
    npm = shutil.which("npm")
    if npm is None or not (_PROGRAMS / "package.json").exists():
        print("  Node is not installed: only Python is measured")
        return None
    await _output(npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", cwd=_PROGRAMS)
    return ["node", str(_PROGRAMS / "measure.mjs")]


class _Sink(BaseHTTPRequestHandler):
    """Takes whatever it is sent; every receipt says stored."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                self.rfile.read(size + 2)
            self.rfile.readline()
        else:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(b"{}", {"X-Receipt-ID": str(uuid.uuid4())})

    def do_GET(self) -> None:
        self._answer(b'{"state":"stored","received":1,"stored":1000000}', {})

    def _answer(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def _sink() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
