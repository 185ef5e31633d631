"""Forks, ends of programs, and platforms that never answer: nothing hangs and nothing is lost."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import programs
import pytest
from fake_platform import FakePlatform, Response


def names(fake: FakePlatform) -> list[str]:
    return sorted(span.name for span in fake.spans.values())


@pytest.fixture
def silent() -> Iterator[str]:
    """Return the address of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def hold() -> None:
            try:
                while True:
                    held.append(server.accept()[0])
            except OSError:
                return

        threading.Thread(target=hold, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        for connection in held:
            connection.close()


def test_a_short_program_delivers_before_it_ends(fake: FakePlatform, spool_dir: Path) -> None:
    programs.run("with obs.span('only'): pass", fake.url, "key", spool_dir)
    assert names(fake) == ["only"]


def test_a_program_ends_although_the_platform_never_answers(silent: str, spool_dir: Path) -> None:
    programs.run("with obs.span('only'): pass", silent, "key", spool_dir)
    assert len(list(spool_dir.rglob("*.batch"))) == 1


def test_a_program_ends_although_nobody_listens(spool_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        endpoint = f"http://127.0.0.1:{probe.getsockname()[1]}"
    programs.run("with obs.span('only'): pass", endpoint, "key", spool_dir)
    assert len(list(spool_dir.rglob("*.batch"))) == 1


def test_a_program_that_fails_delivers_too(fake: FakePlatform, spool_dir: Path) -> None:
    process = programs.start("with obs.span('fails'): raise ValueError('no')", fake.url, "key", spool_dir)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.rstrip().endswith("ValueError: no")
    assert names(fake) == ["fails"]


def test_what_atexit_functions_trace_is_delivered(fake: FakePlatform, spool_dir: Path) -> None:
    """They run in the opposite order of their registration, so those of the application come before."""
    source = """
import atexit
@atexit.register
def last():
    with obs.span('last'): pass
"""
    programs.run(source, fake.url, "key", spool_dir)
    assert names(fake) == ["last"]


def test_an_interrupt_delivers(fake: FakePlatform, spool_dir: Path) -> None:
    source = "with obs.span('waits'):\n    print('ready', flush=True)\n    time.sleep(60)"
    process = programs.start(source, fake.url, "key", spool_dir)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(2)
    process.communicate(timeout=60)
    assert names(fake) == ["waits"]


def test_a_fork_begins_anew(fake: FakePlatform, spool_dir: Path) -> None:
    source = """
with obs.span('before'): pass
pid = os.fork()
with obs.span('child' if pid == 0 else 'parent'): pass
report = obs.flush(30)
expected = 1 if pid == 0 else 2
assert (report.created, report.stored) == (expected, expected), report
if pid:
    _, status = os.waitpid(pid, 0)
    assert status == 0
"""
    programs.run(source, fake.url, "key", spool_dir)
    assert names(fake) == ["before", "child", "parent"]


def test_a_fork_amid_tracing_threads_does_not_hang(fake: FakePlatform, spool_dir: Path) -> None:
    source = """
import threading
ended = False
def work():
    while not ended:
        with obs.span('noise'): pass
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for _ in range(20):
    pid = os.fork()
    if pid == 0:
        with obs.span('child'): pass
        obs.flush(10)
        os._exit(0)
    os.waitpid(pid, 0)
ended = True
for thread in threads: thread.join()
"""
    programs.run(source, fake.url, "key", spool_dir)
    assert names(fake).count("child") == 20


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_children_of_multiprocessing_deliver(fake: FakePlatform, spool_dir: Path, tmp_path: Path, method: str) -> None:
    (tmp_path / "job.py").write_text(
        "from agent_observability import AgentObservability\n"
        "obs = AgentObservability()\n"
        "@obs.trace('job')\n"
        "def job(number): return number * 2\n"
    )
    source = f"""
import multiprocessing
sys.path.insert(0, {str(tmp_path)!r})
from job import job
with obs.span('parent'): pass
with multiprocessing.get_context({method!r}).Pool(2) as pool:
    assert pool.map(job, range(6)) == [0, 2, 4, 6, 8, 10]
    pool.close()
    pool.join()
"""
    programs.run(source, fake.url, "key", spool_dir)
    assert names(fake) == ["job"] * 6 + ["parent"]


def test_a_program_without_a_key_runs_the_same(fake: FakePlatform, spool_dir: Path) -> None:
    source = """
@obs.trace()
def double(number): return number * 2
with obs.trace_context(agent_id='a') as span:
    obs.set_output(double(2)); obs.score('x', 1); span.tag('t')
assert double(3) == 6
report = obs.flush()
assert report.created == 0 and report.complete
"""
    output = programs.run(source, fake.url, "", spool_dir)
    assert output == "Nothing is traced: there is no API key. Set AGENTOBS_API_KEY or pass api_key.\n"
    assert fake.requests == []
    assert not spool_dir.exists()


def test_memory_stays_bounded_while_the_platform_is_away(spool_dir: Path, fake: FakePlatform) -> None:
    fake.always("/v1/traces", Response(503))
    source = """
import resource
text = 'x' * 20_000
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
def work(spans):
    for _ in range(spans):
        with obs.span('big', input=text + str(time.perf_counter())): pass
work(4_000)
obs.flush(0.1)
before = peak()
work(20_000)
report = obs.flush(0.1)
assert report.created == 24_000
assert report.spooled + report.queued + sum(report.dropped.values()) == 24_000, report
print(peak() - before)
"""
    output = programs.run(source, fake.url, "key", spool_dir, AGENTOBS_SPOOL_MAX_BYTES="2000000")
    grown = int(output.splitlines()[-1])
    # 400 MB were traced; the queue holds 64 MB of them at most.
    assert grown < 150_000


def test_a_suspended_process_does_not_mind_that_its_files_were_taken(fake: FakePlatform, spool_dir: Path) -> None:
    end = fake.always("/v1/traces", Response(503))
    source = """
with obs.span('first'): pass
obs.flush(0.5)
print('ready', flush=True)
sys.stdin.readline()
time.sleep(1)
with obs.span('second'): pass
report = obs.flush(30)
assert report.stored == 1 and report.spooled == 1, report
"""
    process = programs.start(source, fake.url, "key", spool_dir)
    assert process.stdout is not None
    assert "ready\n" in iter(process.stdout.readline, "")
    for run in list(spool_dir.rglob("heartbeat")):
        for path in run.parent.iterdir():
            path.unlink()
        run.parent.rmdir()
    end()
    output, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0, output
    assert names(fake) == ["second"]
