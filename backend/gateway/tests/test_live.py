"""Live events: each once and in order, also for those who come back, who lag behind, or who come and go."""

import asyncio
import random
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gateway.app.live.frames import Frame
from gateway.app.live.outbox import MAX_WAITING, Outbox
from gateway.app.main import create_app
from gateway.app.routes.live import close_all
from gateway.tests.conftest import Account, SettingsFactory, join
from gateway.tests.sockets import Stage, Watcher, staged
from shared.streams.events import EVENTS, KEPT_EVENTS, Event, EventId, add_event, publish_event
from shared.telemetry import CACHE_LOOKUPS

BACKEND = Path(__file__).parents[2]


@pytest.fixture
async def stage(make_settings: SettingsFactory, redis_url: str) -> AsyncIterator[Stage]:
    async with staged(create_app(make_settings(live_sockets_per_credential=1_000)), redis_url) as stage:
        yield stage


async def test_events_come_in_order_with_time_and_id(stage: Stage) -> None:
    owner = await stage.register()
    watcher, ready = await stage.watch(owner)
    assert ready["data"] == {"workspace_id": owner.workspace_id, "resumed": False, "heartbeat_seconds": 25}
    sent: list[tuple[str, dict[str, Any]]] = [
        ("traces.stored", {"trace_ids": ["a", "b"], "count": 2}),
        ("job.updated", {"job_id": "1", "type": "export", "status": "running", "progress": 0.5}),
        ("alert.changed", {"alert_id": "2", "nested": {"deep": ["é", None, 1.5]}}),
        ("prices.changed", {}),
        ("data.deleted", {}),
    ]
    for event, data in sent:
        await publish_event(stage.redis, owner.workspace_id, event, data)
    frames = [await watcher.frame() for _ in sent]
    assert [(frame["event"], frame["data"]) for frame in frames] == sent
    ids = [EventId.parse(frame["id"]) for frame in [ready, *frames]]
    assert ids == sorted(set(ids))
    assert all(frame["time"].endswith("Z") for frame in frames)
    with pytest.raises(ValueError, match="not an event"):
        await publish_event(stage.redis, owner.workspace_id, "traces.lost", {})
    await watcher.say({"type": "ping"})
    assert (await watcher.frame())["event"] == "pong"


async def test_who_comes_back_gets_what_was_missed_once(stage: Stage) -> None:
    owner = await stage.register()
    watcher, ready = await stage.watch(owner)
    last = ready["id"]
    number = 0
    for _ in range(5):
        for _ in range(3):
            await publish_event(stage.redis, owner.workspace_id, "alert.changed", {"n": number})
            number += 1
        # The connection breaks after any of the frames.
        seen = random.randint(1, 3)
        frames = [await watcher.frame() for _ in range(seen)]
        assert [frame["data"]["n"] for frame in frames] == list(range(number - 3, number - 3 + seen))
        await watcher.socket.close()
        await publish_event(stage.redis, owner.workspace_id, "alert.changed", {"n": number})
        number += 1
        watcher, ready = await stage.watch(owner, last=frames[-1]["id"])
        assert (ready["id"], ready["data"]["resumed"]) == (frames[-1]["id"], True)
        replayed = [await watcher.frame() for _ in range(4 - seen)]
        assert [frame["data"]["n"] for frame in replayed] == list(range(number - 4 + seen, number))
        last = replayed[-1]["id"]
    await watcher.socket.close()
    watcher, _ = await stage.watch(owner, last=last)
    await publish_event(stage.redis, owner.workspace_id, "alert.changed", {"n": "new"})
    assert (await watcher.frame())["data"] == {"n": "new"}


async def test_who_was_away_in_a_quiet_workspace_resumes_at_its_first_event(stage: Stage) -> None:
    owner = await stage.register()
    watcher, ready = await stage.watch(owner)
    await watcher.socket.close()
    await stage.settled(0)
    await stage.publish(owner.workspace_id, "first")
    watcher, ready = await stage.watch(owner, last=ready["id"])
    assert ready["data"]["resumed"]
    assert (await watcher.frame())["data"]["trace_ids"] == ["first"]


@pytest.mark.parametrize("last", ["0-0", "1-1", "999999999999999-0", "none", "$", "5 5", "9" * 300])
async def test_who_was_away_too_long_is_told_to_read_anew(stage: Stage, last: str) -> None:
    owner = await stage.register()
    await stage.publish(owner.workspace_id, "kept")
    watcher, ready = await stage.watch(owner, last=last)
    assert not ready["data"]["resumed"]
    frame = await watcher.frame()
    assert (frame["event"], frame["data"], frame["id"]) == ("resync", {"reason": "too_old"}, ready["id"])
    await stage.publish(owner.workspace_id, "new")
    assert (await watcher.frame())["data"]["trace_ids"] == ["new"]


async def test_who_misses_more_than_is_kept_is_told_to_read_anew(stage: Stage) -> None:
    owner = await stage.register()
    watcher, ready = await stage.watch(owner)
    await watcher.socket.close()
    async with stage.redis.pipeline(transaction=False) as pipeline:
        for number in range(2 * KEPT_EVENTS):
            add_event(pipeline, owner.workspace_id, "alert.changed", {"n": number})
        await pipeline.execute()
    assert await stage.redis.xlen(f"events:{owner.workspace_id}") < 1.2 * KEPT_EVENTS
    assert 0 < await stage.redis.ttl(f"events:{owner.workspace_id}") <= 3_600
    watcher, ready = await stage.watch(owner, last=ready["id"])
    assert (ready["data"]["resumed"], (await watcher.frame())["event"]) == (False, "resync")


async def test_a_thousand_missed_events_are_replayed(stage: Stage) -> None:
    owner = await stage.register()
    await stage.publish(owner.workspace_id, "before")
    watcher, ready = await stage.watch(owner)
    await watcher.socket.close()
    async with stage.redis.pipeline(transaction=False) as pipeline:
        for number in range(KEPT_EVENTS - 1):
            add_event(pipeline, owner.workspace_id, "alert.changed", {"n": number})
        await pipeline.execute()
    watcher, ready = await stage.watch(owner, last=ready["id"])
    frames = [await watcher.frame() for _ in range(KEPT_EVENTS - 1)]
    assert [frame["data"]["n"] for frame in frames] == list(range(KEPT_EVENTS - 1))


async def test_only_what_was_asked_for_is_sent(stage: Stage) -> None:
    owner = await stage.register()
    watcher, _ = await stage.watch(owner)
    await watcher.say({"type": "subscribe", "events": ["job.updated", "prices.changed"]})
    assert (await watcher.frame())["data"] == {"events": ["job.updated", "prices.changed"]}
    await stage.publish(owner.workspace_id, "unwanted")
    await publish_event(stage.redis, owner.workspace_id, "job.updated", {"job_id": "1"})
    assert (await watcher.frame())["event"] == "job.updated"
    await watcher.say({"type": "subscribe", "events": list(EVENTS)})
    assert (await watcher.frame())["event"] == "subscribed"
    await stage.publish(owner.workspace_id, "wanted")
    assert (await watcher.frame())["data"]["trace_ids"] == ["wanted"]


def _frame(number: int, event: str, **data: Any) -> Frame:
    return Frame.of(Event(EventId(number, 0), event, data))


async def test_F51_what_waits_is_told_as_briefly_as_possible() -> None:
    outbox = Outbox(limit=4)
    for number in range(300):
        assert outbox.offer(_frame(number, "traces.stored", trace_ids=[f"t{number % 150}"], count=1))
    assert outbox.offer(_frame(300, "job.updated", job_id="a", progress=0))
    assert outbox.offer(_frame(301, "job.updated", job_id="b", progress=0))
    for number in range(302, 400):
        assert outbox.offer(_frame(number, "job.updated", job_id="a", progress=number))
    first, second, third = [await outbox.take() for _ in range(3)]
    assert len(first.data["trace_ids"]) == 100
    assert (first.data["count"], first.id) == (300, EventId(299, 0))
    assert (second.data["job_id"], third.data) == ("b", {"job_id": "a", "progress": 399})
    assert [str(frame.id) for frame in (first, second, third)] == ["299-0", "301-0", "399-0"]
    for number in range(400, 404):
        assert outbox.offer(_frame(number, "alert.changed", n=number))
    assert not outbox.offer(_frame(404, "alert.changed", n=404))


async def test_F51_repeated_traces_count_once_while_all_are_named() -> None:
    outbox = Outbox()
    outbox.offer(_frame(1, "traces.stored", trace_ids=["a", "b"], count=2))
    outbox.offer(_frame(2, "traces.stored", trace_ids=["b", "c"], count=2))
    assert (await outbox.take()).data == {"trace_ids": ["a", "b", "c"], "count": 3}


async def test_F51_one_who_does_not_read_is_closed_and_the_others_are_served(stage: Stage) -> None:
    owner = await stage.register()
    readers = [(await stage.watch(owner))[0] for _ in range(3)]
    ticket = await stage.ticket(owner.headers)
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", stage.port))
        head = (
            f"GET /ws/{owner.workspace_id} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            f"Sec-WebSocket-Protocol: v1, ticket.{ticket}\r\n\r\n"
        )
        raw.sendall(head.encode())
        await stage.settled(4)
        await asyncio.sleep(0.2)
        waiting: list[int] = []

        async def publish() -> None:
            for number in range(1_500):
                await publish_event(stage.redis, owner.workspace_id, "alert.changed", {"n": number, "pad": "x" * 8_000})
                waiting.append(max((len(item.outbox) for item in stage.app.state.gateway.live.hub.sockets), default=0))

        async def read(watcher: Watcher) -> list[int]:
            return [(await watcher.frame_of("alert.changed"))["data"]["n"] for _ in range(1_500)]

        _, *seen = await asyncio.gather(publish(), *(read(watcher) for watcher in readers))
        assert seen == [list(range(1_500))] * 3
        assert max(waiting) <= MAX_WAITING
        await stage.settled(3)
        # The closing frame stands behind what the system had taken; whoever never reads it is cut off in the end.
        received = await asyncio.to_thread(_read_to_the_end, raw)
        assert b"\x03\xf5you read too slowly" in received or len(received) < 1_500 * 8_000


def _read_to_the_end(raw: socket.socket) -> bytes:
    raw.settimeout(15)
    received = bytearray()
    with suppress(ConnectionError):
        while chunk := raw.recv(1 << 20):
            received += chunk
    return bytes(received)


async def test_F52_nobody_hears_what_they_did_not_ask_for(stage: Stage) -> None:
    schedule = random.Random(52)
    accounts = [await stage.register() for _ in range(3)]
    published = Counter[str]()
    is_over = asyncio.Event()

    async def publish() -> None:
        while not is_over.is_set():
            account = schedule.choice(accounts)
            data = {"workspace": account.workspace_id, "n": published[account.workspace_id]}
            published[account.workspace_id] += 1
            await publish_event(stage.redis, account.workspace_id, "alert.changed", data)
            await asyncio.sleep(schedule.choice([0, 0, 0.001, 0.01]))

    async def come_and_go(account: Account, seed: int) -> int:
        course = random.Random(seed)
        last, following, heard = None, None, 0
        for _ in range(12):
            watcher = await stage.open(account.workspace_id, await stage.ticket(account.headers), last=last)
            wanted = True
            for _ in range(course.randint(0, 12)):
                if course.random() < 0.25:
                    wanted = not wanted
                    await watcher.say({"type": "subscribe", "events": ["alert.changed"] if wanted else ["job.updated"]})
                    while (frame := await watcher.frame())["event"] != "subscribed":
                        pass
                    # Whoever asked for less in between has a gap of their own making.
                    last, following = None, None
                    continue
                if not wanted:
                    with pytest.raises(TimeoutError):
                        await watcher.socket.receive(timeout=0.02)
                    continue
                frame = await watcher.frame_of("alert.changed")
                assert frame["data"]["workspace"] == account.workspace_id
                assert following in (None, frame["data"]["n"])
                last, following = frame["id"], frame["data"]["n"] + 1
                heard += 1
            if not wanted:
                last, following = None, None
            if course.random() < 0.5:
                await watcher.socket.close()
            else:
                transport: Any = watcher.socket.get_extra_info("socket")
                transport.shutdown(socket.SHUT_RDWR)
                await watcher.socket.close()
        return heard

    publisher = asyncio.create_task(publish())
    heard = await asyncio.gather(*(come_and_go(accounts[seed % 3], seed) for seed in range(18)))
    is_over.set()
    await publisher
    assert sum(heard) > 100
    await stage.settled(0)
    hub = stage.app.state.gateway.live.hub
    assert (hub._channels, hub._counts) == ({}, {})


async def test_F50_two_hundred_come_back_at_once_and_miss_nothing(
    make_settings: SettingsFactory, redis_url: str
) -> None:
    settings = make_settings(live_sockets_per_credential=40, live_close_seconds=0.5)
    misses = CACHE_LOOKUPS.labels("gateway", "sessions", "miss")
    async with staged(create_app(settings), redis_url) as stage:
        owner = await stage.register()
        people = [owner, *[await join(stage.client, owner, "member") for _ in range(9)]]
        watchers = [(await stage.watch(person))[0] for person in people for _ in range(20)]
        await stage.publish(owner.workspace_id, "before")
        lasts = [(await watcher.frame())["id"] for watcher in watchers]
        # What the server does before it stops.
        await close_all(stage.app.state.gateway)
        assert [await watcher.close_code() for watcher in watchers] == [1012] * 200
    async with staged(create_app(settings), redis_url) as stage:
        for number in range(3):
            await stage.publish(owner.workspace_id, f"away {number}")
        looked_up = misses._value.get()

        async def come_back(person: Account, last: str) -> Watcher:
            return (await stage.watch(person, last=last))[0]

        back = [
            come_back(person, lasts[20 * index + place]) for index, person in enumerate(people) for place in range(20)
        ]
        watchers = await asyncio.gather(*back)
        assert misses._value.get() - looked_up <= 200
        await stage.publish(owner.workspace_id, "after")
        expected = ["away 0", "away 1", "away 2", "after"]
        assert await asyncio.gather(*(watcher.traces(4) for watcher in watchers)) == [expected] * 200
        await publish_event(stage.redis, owner.workspace_id, "prices.changed", {})
        assert {(await watcher.frame())["event"] for watcher in watchers} == {"prices.changed"}
