"""Checks address, clock and key, sends a trace and waits until it is stored."""

import argparse
import http.client
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime

from agent_observability.client import AgentObservability
from agent_observability.config import Settings
from agent_observability.http import Answer, Connection
from agent_observability.spool import find_folder, workspace_folder

# The platform takes times up to an hour ahead of its own.
_MAX_AHEAD_SECONDS = 3_600
_NOTICED_SECONDS = 5
_WAIT_SECONDS = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("--timeout", type=float, default=_WAIT_SECONDS, help="longest wait for the trace, in seconds")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print one line a check and return the exit code, 1 when one failed."""
    connection = Connection(settings.endpoint, settings.api_key or "", timeout=min(options.timeout, 10.0))
    with closing(connection):
        for is_well, line in _checks(connection, settings, options.timeout):
            print(f"{'ok  ' if is_well else 'FAIL'}  {line}", flush=True)
            if not is_well:
                return 1
    return 0


def _checks(connection: Connection, settings: Settings, timeout: float) -> Iterator[tuple[bool, str]]:
    try:
        began = time.time()
        answer = connection.request("GET", "/health")
    except (OSError, http.client.HTTPException) as error:
        yield False, f"{settings.endpoint} does not answer: {error or type(error).__name__}"
        return
    if not answer.is_ok:
        yield False, f"{settings.endpoint}/health answers {answer.status}: is that the platform's gateway?"
        return
    yield True, f"{settings.endpoint} answers"
    yield _check_clock(answer, (began + time.time()) / 2)
    yield _check_spool(settings)
    yield _check_delivery(connection, settings, timeout)


def _check_clock(answer: Answer, now: float) -> tuple[bool, str]:
    stated = answer.headers.get("date")
    if stated is None:
        return True, "the clock cannot be compared: the answer has no Date"
    ahead = now - parsedate_to_datetime(stated).timestamp()
    if abs(ahead) <= _NOTICED_SECONDS:
        return True, "the clock agrees with the platform's"
    said = f"the clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} the platform's"
    if ahead > _MAX_AHEAD_SECONDS:
        return False, f"{said}: it refuses traces from more than an hour ahead"
    return True, f"{said}: traces appear at the wrong time"


def _check_spool(settings: Settings) -> tuple[bool, str]:
    if not settings.spool:
        return True, "the spool is off: traces are kept in memory only until they are stored"
    workspace = workspace_folder(settings.endpoint, settings.api_key or "")
    folder = find_folder(settings.spool_dir, workspace)
    if folder is None:
        return True, "no folder can be written for the spool: traces are kept in memory only until they are stored"
    waiting = sum(path.suffix in (".batch", ".sent") for path in folder.rglob("*"))
    others = sum(path.suffix == ".batch" for path in folder.parent.rglob("*")) - sum(
        path.suffix == ".batch" for path in folder.rglob("*")
    )
    said = f"the spool is {folder}, {waiting} batches wait there"
    if others:
        said += f"; {others} of other keys or endpoints wait beside it, which programs with these send"
    return True, said


def _check_delivery(connection: Connection, settings: Settings, timeout: float) -> tuple[bool, str]:
    refusal = _refusal(connection)
    if refusal is not None:
        return False, refusal
    with tempfile.TemporaryDirectory(prefix="agentobs-doctor-") as folder:
        obs = AgentObservability(settings.api_key, settings.endpoint, spool_dir=folder, sample_rate=1.0)
        with obs.trace_context("doctor", agent_id="doctor") as span:
            span.set_output("This trace was sent by agent-observability doctor.")
        began = time.monotonic()
        report = obs.shutdown(timeout)
    if report.stored == 1:
        return True, f"trace {span.trace_id} is stored, after {time.monotonic() - began:.1f} s"
    if report.rejected:
        return False, f"the trace was rejected: {', '.join(report.rejected)}"
    where = "accepted, but not stored" if report.accepted else "not accepted"
    return False, f"the trace was {where} after {timeout:.0f} s"


def _refusal(connection: Connection) -> str | None:
    """Return why the key may not send, None when it may; an empty request is valid and stores nothing."""
    try:
        answer = connection.request("POST", "/v1/traces", b"", {"Content-Type": "application/x-protobuf"})
    except (OSError, http.client.HTTPException) as error:
        return f"the platform does not take traces: {error or type(error).__name__}"
    if answer.status == 401:
        return "the API key is not known: is it complete, of this platform, and not withdrawn?"
    if answer.status == 403:
        return "the API key may not send: it needs the scope ingest"
    return None if answer.is_ok else f"the platform does not take traces: status {answer.status}"
