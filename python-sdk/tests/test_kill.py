"""Kill the application, kill the platform: what was spooled is stored, once, and the accounts agree."""

import os
import threading
import time
from pathlib import Path

import programs
import pytest
from stack import Platform, Workspace

from agent_observability import AgentObservability, DeliveryReport

_TRACES = """
total = int(sys.argv[1])
for number in range(total):
    with obs.trace_context(f"trace-{number}", agent_id="worker", session_id="run"):
        with obs.span("think", "llm") as call:
            call.set_usage(100, 20, model="gpt-4o", provider="openai")
    if number % 50 == 0:
        report = obs.report()
        print(report.spooled + report.accepted + report.stored, flush=True)
        time.sleep(0.02)
"""


def die(spool_dir: Path) -> None:
    """Let runs look as if they had ended half a minute ago."""
    for heartbeat in spool_dir.rglob("heartbeat"):
        os.utime(heartbeat, (0, 0))


def left(spool_dir: Path) -> list[Path]:
    return [path for path in spool_dir.rglob("*") if path.suffix in (".batch", ".sent")]


def drain(workspace: Workspace, spool_dir: Path, spans: int = 1) -> DeliveryReport:
    """Deliver everything that others left, and a few spans more, which begin it."""
    obs = AgentObservability(workspace.key, workspace.platform.gateway, spool_dir=str(spool_dir))
    for _ in range(spans):
        with obs.span("after"):
            pass
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not (obs.flush(5).complete and not left(spool_dir)):
        time.sleep(0.2)
    return obs.shutdown(30)


def test_kill_of_the_application(workspace: Workspace, spool_dir: Path) -> None:
    process = programs.start(_TRACES, workspace.platform.gateway, workspace.key, spool_dir, "10000")
    assert process.stdout is not None
    safe = 0
    for line in process.stdout:
        safe = int(line)
        if safe > 8_000:
            break
    process.kill()
    process.communicate()
    assert 8_000 < safe < 20_000
    die(spool_dir)
    report = drain(workspace, spool_dir)
    assert (report.created, report.stored) == (1, 1)
    reported = workspace.reported(workspace.count_spans())
    assert reported["created"] == reported["delivered"] > safe
    assert reported["dropped"] == {}
    # Each span is stored once, and all that clients know to be stored are there.
    assert workspace.count_spans() == reported["delivered"]


def test_the_account_of_a_program_that_samples_and_ends(workspace: Workspace, spool_dir: Path) -> None:
    process = programs.start(
        _TRACES, workspace.platform.gateway, workspace.key, spool_dir, "2000", AGENTOBS_SAMPLE_RATE="0.5"
    )
    assert process.stdout is not None
    process.communicate(timeout=60)
    die(spool_dir)
    report = drain(workspace, spool_dir)
    assert report.complete
    reported = workspace.reported(4_001)
    assert reported["created"] == reported["delivered"] + reported["sampled"] == 4_001
    assert workspace.count_spans() == reported["delivered"]


@pytest.mark.timeout(300)
def test_kill_of_the_platform(platform: Platform, workspace: Workspace, spool_dir: Path) -> None:
    if not platform.is_own:
        pytest.skip("the platform of AGENTOBS_TEST_GATEWAY is left alone")
    obs = AgentObservability(workspace.key, platform.gateway, spool_dir=str(spool_dir))
    made = scores = 0
    ended = threading.Event()

    def work() -> None:
        nonlocal made, scores
        while not ended.is_set():
            with obs.trace_context("trace", agent_id="worker"), obs.span("step", "tool"):
                pass
            made += 2
            if made % 100 == 0:
                obs.score("good", True, trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
                made, scores = made + 1, scores + 1
            time.sleep(0.01)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        time.sleep(3)
        platform.kill()
        time.sleep(10)
        assert obs.report().spooled > 0
        platform.start()
        time.sleep(3)
    finally:
        ended.set()
        worker.join()
    report = obs.flush(120)
    assert (report.created, report.stored, report.complete) == (made, made, True)
    obs.shutdown(30)
    reported = workspace.reported(made)
    assert reported == {"created": made, "delivered": made, "sampled": 0, "dropped": {}}
    assert workspace.count_spans() == made - scores


def test_many_processes_share_a_spool(workspace: Workspace, spool_dir: Path) -> None:
    processes = [programs.start(_TRACES, workspace.platform.gateway, workspace.key, spool_dir, "300") for _ in range(8)]
    for number, process in enumerate(processes):
        if number % 2:
            time.sleep(0.3)
            process.kill()
        process.communicate(timeout=60)
    die(spool_dir)
    drainers = [
        programs.start(_TRACES + "obs.flush(30)", workspace.platform.gateway, workspace.key, spool_dir, "10")
        for _ in range(4)
    ]
    for process in drainers:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0, output
    drain(workspace, spool_dir)
    assert left(spool_dir) == []
    reported = workspace.reported(workspace.count_spans())
    assert reported["created"] == reported["delivered"] == workspace.count_spans()
