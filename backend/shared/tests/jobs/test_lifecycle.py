"""Jobs and real worker processes: to the end, killed, stopped, cancelled, and never twice."""

import asyncio
import base64
import pickle
import signal
import time
from itertools import pairwise
from typing import Any
from uuid import uuid4

import orjson

from shared.jobs import claims
from shared.jobs.client import cancel_job
from shared.jobs.wake import encode_wakeup, queue_of, wake
from shared.tests.jobs.conftest import Bench, steps

# Slots so long that none begins while a test runs.
_YEAR = 31_536_000.0


async def test_a_job_runs_to_its_end_and_tells_how(bench: Bench) -> None:
    bench.start()
    job = await bench.create()
    assert (job.status, job.progress, job.attempt) == ("queued", 0, 0)
    done = await bench.wait_for(job, "succeeded")
    assert (done.result, done.progress, done.attempt, done.error) == ({"done": 10}, 1, 1, None)
    assert done.started_at is not None
    assert done.finished_at is not None
    lines = await bench.lines(job)
    assert lines[0].startswith("attempt 1 began on processing-")
    assert "ao_live_secret" not in " ".join(lines)
    assert lines[-1] == "finished"


async def test_F36_a_killed_worker_s_job_goes_on_from_its_checkpoint_once(bench: Bench) -> None:
    first = bench.start()
    job = await bench.create(params=steps(60, 0.05))
    await bench.wait_for_steps(job, 12)
    bench.kill(first)
    done_before = len(await bench.steps(job))
    second = bench.start()
    done = await bench.wait_for(job, "succeeded")
    assert (done.attempt, done.result) == (2, {"done": 60})
    found = await bench.steps(job)
    # The step whose checkpoint was not written yet is the only one that may have been done again.
    assert len({name for name, _, _ in found}) == 60
    assert len(found) <= 61
    assert {pid for _, _, pid in found[done_before:]} == {second.pid}
    assert "taken over from a worker that was lost" in " ".join(await bench.lines(job))


async def test_a_stopping_worker_hands_its_job_on_without_using_up_an_attempt(bench: Bench) -> None:
    first = bench.start()
    job = await bench.create(params=steps(60, 0.05))
    await bench.wait_for_steps(job, 5)
    began = time.monotonic()
    first.send_signal(signal.SIGTERM)
    assert first.wait(20) == 0
    assert time.monotonic() - began < 15
    assert (await bench.read(job)).status == "queued"
    assert await bench.pool.fetchval("select count(*) from job_workers") == 0
    bench.start()
    done = await bench.wait_for(job, "succeeded")
    assert done.attempt == 1
    assert len(await bench.steps(job)) <= 61


async def test_cancelling_ends_a_running_job_within_five_seconds(bench: Bench) -> None:
    bench.start()
    quick, stubborn = await bench.create(params=steps(1000, 0.05)), await bench.create("cleanup")
    await bench.wait_for_steps(quick, 3)
    await bench.wait_for(stubborn, "running")
    for job in (quick, stubborn):
        asked = await cancel_job(bench.pool, bench.redis, workspace_id=bench.workspace, job_id=job.job_id)
        assert asked is not None
    for job in (quick, stubborn):
        ended = await bench.wait_for(job, "cancelled", seconds=5)
        assert ended.result is None
        assert "cancelled" in await bench.lines(job)
    noted = len(await bench.steps(quick))
    await asyncio.sleep(0.5)
    assert len(await bench.steps(quick)) == noted


async def test_a_waiting_job_is_cancelled_at_once_and_never_runs(bench: Bench) -> None:
    job = await bench.create()
    cancelled = await cancel_job(bench.pool, bench.redis, workspace_id=bench.workspace, job_id=job.job_id)
    assert cancelled is not None
    assert cancelled.status == "cancelled"
    assert await cancel_job(bench.pool, bench.redis, workspace_id=bench.workspace, job_id=job.job_id) is None
    bench.start()
    other = await bench.create()
    await bench.wait_for(other, "succeeded")
    assert await bench.steps(job) == []


async def test_F36_a_job_longer_than_the_visibility_timeout_runs_once(bench: Bench) -> None:
    bench.start(visibility_seconds=1)
    job = await bench.create(params=steps(50, 0.1))
    await bench.wait_for_steps(job, 1)
    # A second worker, and wake-ups that come again, as after a timeout of the broker.
    bench.start(visibility_seconds=1)
    for _ in range(5):
        await wake(bench.redis, "processing", [(bench.workspace, job.job_id)] * 3)
        await asyncio.sleep(0.5)
    done = await bench.wait_for(job, "succeeded")
    assert done.attempt == 1
    found = await bench.steps(job)
    assert [name for name, _, _ in found] == [f"step {number}" for number in range(50)]
    assert len({pid for _, _, pid in found}) == 1


async def test_F36_a_worker_that_hung_cannot_write_when_it_is_back(bench: Bench) -> None:
    hung = bench.start()
    job = await bench.create(params=steps(40, 0.1))
    await bench.wait_for_steps(job, 3)
    hung.send_signal(signal.SIGSTOP)
    await bench.age(job)
    bench.start()
    await bench.wait_for_steps(job, 12)
    hung.send_signal(signal.SIGCONT)
    done = await bench.wait_for(job, "succeeded")
    assert (done.attempt, done.result) == (2, {"done": 40})
    checkpoint = orjson.loads(await bench.pool.fetchval("select checkpoint::text from jobs"))
    assert checkpoint == {"done": 40}
    # It had one step under way when it was stopped.
    assert len([pid for _, _, pid in await bench.steps(job) if pid == hung.pid]) <= 5
    assert (await bench.lines(job)).count("finished") == 1


async def test_a_dependency_that_is_away_is_waited_for(bench: Bench) -> None:
    bench.start()
    job = await bench.create("reindex")
    await bench.wait_for_steps(job, 1)
    waiting = await bench.wait_for(job, "queued")
    assert waiting.error == "the mainspring is away"
    # The pause is shortened from outside; the wake-up comes from the worker's regular look.
    await bench.pool.execute("update jobs set run_after = now() - interval '1 s', woken_at = now() - interval '2 s'")
    done = await bench.wait_for(job, "succeeded")
    assert (done.attempt, done.result) == (2, {"attempt": 2})
    assert "the next in" in " ".join(await bench.lines(job))


async def test_an_unexpected_error_fails_the_job_without_its_message(bench: Bench) -> None:
    bench.start()
    job = await bench.create("reindex", {"from": "2026-01-01T00:00:00Z"})
    failed = await bench.wait_for(job, "failed")
    assert failed.error == "an unexpected error (ZeroDivisionError)"
    assert failed.attempt == 1
    assert "secret" not in " ".join(await bench.lines(job))


async def test_jobs_whose_wake_up_was_lost_are_found(bench: Bench) -> None:
    job = await bench.create()
    await bench.redis.flushall()
    await bench.pool.execute("update jobs set woken_at = now() - interval '1 minute'")
    bench.start()
    await bench.wait_for(job, "succeeded")


async def test_as_many_jobs_of_a_type_run_in_a_workspace_as_may_and_others_are_not_kept_waiting(bench: Bench) -> None:
    other = await bench.add_workspace()
    other_owner = await bench.add_member("owner", other)
    own = [await bench.create(params=steps(20, 0.05)) for _ in range(3)]
    theirs = await bench.create(params=steps(20, 0.05), workspace_id=other, owner_id=other_owner)
    bench.start()
    await bench.wait_for(theirs, "succeeded")
    for job in own:
        await bench.wait_for(job, "succeeded")
    spans = await bench.pool.fetch(
        "select started_at, finished_at from jobs where workspace_id = $1 order by started_at", bench.workspace
    )
    assert all(before["finished_at"] <= after["started_at"] for before, after in pairwise(spans))
    last = max(row["finished_at"] for row in spans)
    assert (await bench.read(theirs)).finished_at < last


async def test_S05_a_job_is_not_to_be_had_under_another_workspace_or_service(bench: Bench) -> None:
    job, other = await bench.create(), await bench.add_workspace()
    for workspace, service in ((other, "processing"), (uuid4(), "processing"), (bench.workspace, "query")):
        assert await claims.claim(bench.pool, workspace, job.job_id, service=service, worker="w") is None
    found = await bench.read(job)
    assert (found.status, found.attempt) == ("queued", 0)
    assert await claims.claim(bench.pool, bench.workspace, job.job_id, service="processing", worker="w") is not None


async def test_S05_wake_ups_without_a_workspace_are_refused_and_harm_nobody(bench: Bench) -> None:
    worker = bench.start()
    message = orjson.loads(encode_wakeup("processing", bench.workspace, uuid4()))
    for body in (b"[[],{},{}]", b'[[],{"job_id":"x","workspace_id":"y"},{}]', b'[["a"],{"x":1},{}]'):
        await bench.redis.lpush(queue_of("processing"), orjson.dumps(message | {"body": _base64(body)}))
    await wake(bench.redis, "processing", [(bench.workspace, uuid4()), (uuid4(), uuid4())])
    job = await bench.create()
    await bench.wait_for(job, "succeeded")
    assert worker.poll() is None, bench.output()
    assert "wake_up_refused" in bench.output()


async def test_S46_messages_that_are_not_plain_json_are_not_even_read(bench: Bench) -> None:
    marker = bench.folder / "owned"

    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return open, (str(marker), "w")

    worker = bench.start()
    job = await bench.create()
    message = orjson.loads(encode_wakeup("processing", bench.workspace, uuid4()))
    bomb = base64.b64encode(pickle.dumps(Bomb())).decode()
    for kind in ("application/x-python-serialize", "application/x-yaml", "application/json"):
        await bench.redis.lpush(
            queue_of("processing"),
            orjson.dumps(message | {"body": bomb, "content-type": kind, "content-encoding": "binary"}),
        )
    foreign = message | {"headers": message["headers"] | {"task": "os.system"}}
    await bench.redis.lpush(queue_of("processing"), orjson.dumps(foreign))
    after = await bench.create(params=steps(3, 0.01))
    await bench.wait_for(job, "succeeded")
    await bench.wait_for(after, "succeeded", seconds=60)
    assert worker.poll() is None, bench.output()
    assert not marker.exists()


async def test_messages_that_are_none_neither_end_nor_hold_up_a_worker(bench: Bench) -> None:
    message = orjson.loads(encode_wakeup("processing", bench.workspace, uuid4()))
    broken = [
        b"\xff\x00not JSON",
        b"",
        b"[]",
        b"7",
        b"null",
        b"{}",
        *(orjson.dumps({name: value for name, value in message.items() if name != left}) for left in message),
        orjson.dumps(message | {"properties": {}}),
        orjson.dumps(message | {"headers": {}}),
        orjson.dumps(message | {"body": "not base64!"}),
        orjson.dumps(message | {"body": _base64(b"[[],[],7]")}),
        orjson.dumps(message | {"properties": message["properties"] | {"delivery_info": 7}}),
    ]
    worker = bench.start()
    await bench.wait_for(await bench.create(), "succeeded")
    for garbage in broken:
        await bench.redis.lpush(queue_of("processing"), garbage)
    await bench.wait_for(await bench.create(), "succeeded")
    assert worker.poll() is None, bench.output()
    assert "message_refused" in bench.output()


async def test_S10_a_job_ends_when_its_owner_loses_the_right_to_it(bench: Bench) -> None:
    bench.start()
    admin = await bench.add_member("admin")
    changes = (
        "update workspace_members set role = 'viewer' where user_id = $1",
        "delete from workspace_members where user_id = $1",
        "update users set is_active = false where user_id = $1",
    )
    for change in changes:
        admin = await bench.add_member("admin")
        job = await bench.create(params=steps(1000, 0.05), owner_id=admin)
        await bench.wait_for_steps(job, 2)
        await bench.pool.execute(change, admin)
        ended = await bench.wait_for(job, "cancelled", seconds=8)
        assert ended.error == "whoever asked for the job may not have it done any more"
    running = await bench.create(params=steps(1000, 0.05))
    await bench.wait_for_steps(running, 2)
    waiting = await bench.create(params=steps(5, 0.05))
    await bench.pool.execute("update workspaces set deleted_at = now() where workspace_id = $1", bench.workspace)
    await bench.wait_for(running, "cancelled", seconds=8)
    await bench.wait_for(waiting, "cancelled", seconds=30)
    assert await bench.steps(waiting) == []


async def test_F40_what_recurs_happens_once_a_slot_although_its_holder_hangs(bench: Bench) -> None:
    holder = bench.start(periodic={"chime": _YEAR}, SLOT_PAUSE="4")
    await _wait_for_slot(bench, 1)
    holder.send_signal(signal.SIGSTOP)
    second = bench.start(periodic={"chime": _YEAR})
    await bench.wait_for_steps("chime", 1)
    holder.send_signal(signal.SIGCONT)
    # Time for the first to finish what it was at, and to try.
    await asyncio.sleep(5)
    found = await bench.steps("chime")
    assert [(fence, pid) for _, fence, pid in found] == [(2, second.pid)], bench.output()
    slot: Any = await bench.pool.fetchrow("select fence, finished_at from periodic_slots where name = 'chime'")
    assert slot["fence"] == 2
    assert slot["finished_at"] is not None


async def test_several_workers_do_each_slot_once(bench: Bench) -> None:
    for _ in range(2):
        bench.start(periodic={"tick": 4.0})
    await bench.wait_for_steps("tick", 3)
    found = [step for step, _, _ in await bench.steps("tick")]
    assert len(found) == len(set(found))


async def test_a_worker_shows_itself_and_is_gone_after_its_end(bench: Bench) -> None:
    worker = bench.start()
    job = await bench.create()
    await bench.wait_for(job, "succeeded")
    row: Any = await bench.pool.fetchrow("select worker, service, slots from job_workers")
    assert (row["service"], row["slots"]) == ("processing", 2)
    assert (await bench.read(job)).worker == row["worker"]
    worker.terminate()
    assert worker.wait(20) == 0
    assert await bench.pool.fetchval("select count(*) from job_workers") == 0


async def test_F36_only_the_present_run_may_write(bench: Bench) -> None:
    job = await bench.create()
    arguments: dict[str, Any] = {"service": "processing", "worker": "w"}
    first = await claims.claim(bench.pool, bench.workspace, job.job_id, **arguments)
    assert isinstance(first, claims.Claim)
    assert await claims.claim(bench.pool, bench.workspace, job.job_id, **arguments) is None
    await bench.pool.execute("update jobs set heartbeat_at = now() - interval '20 s'")
    second = await claims.claim(bench.pool, bench.workspace, job.job_id, **arguments)
    assert isinstance(second, claims.Claim)
    assert second.taken_over
    for held, is_written in ((first, False), (second, True)):
        assert (await claims.heartbeat(bench.pool, held) is not None) is is_written
        assert await claims.report(bench.pool, held, 0.5, "half") is is_written
        assert await claims.save(bench.pool, held, {"at": 1, "text": "a\0b\ud800"}) is is_written
        assert await claims.log(bench.pool, held, "info", "line\0") is is_written
    assert not await claims.finish(bench.pool, first, "failed")
    assert await claims.finish(bench.pool, second, "succeeded", result={})
    assert not await claims.report(bench.pool, second, 0.7, None)


async def test_F36_simultaneous_wake_ups_lead_to_one_run(bench: Bench) -> None:
    job = await bench.create()
    taken = await asyncio.gather(
        *(
            claims.claim(bench.pool, bench.workspace, job.job_id, service="processing", worker=str(number))
            for number in range(8)
        )
    )
    assert len([claim for claim in taken if claim is not None]) == 1


async def test_a_job_that_loses_its_worker_again_and_again_fails(bench: Bench) -> None:
    job = await bench.create()
    for _ in range(5):
        claim = await claims.claim(bench.pool, bench.workspace, job.job_id, service="processing", worker="w")
        assert isinstance(claim, claims.Claim)
        await bench.pool.execute("update jobs set heartbeat_at = now() - interval '20 s'")
    ended = await claims.claim(bench.pool, bench.workspace, job.job_id, service="processing", worker="w")
    assert ended == claims.Ended("replay", "failed")
    assert (await bench.read(job)).error == "the worker was lost 5 times"


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()


async def _wait_for_slot(bench: Bench, fence: int) -> None:
    while await bench.pool.fetchval("select fence from periodic_slots where name = 'chime'") != fence:
        await asyncio.sleep(0.05)
