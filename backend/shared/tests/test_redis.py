"""The batcher: one pipeline for concurrent commands, each answer to its own caller."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shared.redis import RedisBatcher, connect


@pytest.fixture
async def client(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    yield client
    await client.aclose()


async def test_every_caller_gets_its_own_answer(client: Redis) -> None:
    batcher = RedisBatcher(client, limit=16)
    answers = await asyncio.gather(*(batcher.submit("ECHO", str(number)) for number in range(200)))
    assert answers == [str(number).encode() for number in range(200)]


async def test_an_error_reaches_only_the_command_that_caused_it(client: Redis) -> None:
    batcher = RedisBatcher(client)
    answers = await asyncio.gather(
        batcher.submit("SET", "text", "x"),
        batcher.submit("INCR", "text"),
        batcher.submit("GET", "text"),
        return_exceptions=True,
    )
    assert isinstance(answers[1], ResponseError)
    assert answers[2] == b"x"


async def test_a_cancelled_caller_disturbs_nobody(client: Redis) -> None:
    batcher = RedisBatcher(client)
    futures = [asyncio.ensure_future(batcher.submit("ECHO", str(number))) for number in range(10)]
    futures[3].cancel()
    answers = await asyncio.gather(*futures, return_exceptions=True)
    assert isinstance(answers[3], asyncio.CancelledError)
    assert answers[9] == b"9"


async def test_a_read_is_never_older_than_its_submission(client: Redis) -> None:
    batcher = RedisBatcher(client)
    await client.set("epoch", "0")
    other = connect_again = connect(_url(client))
    for number in range(1, 60):
        waiting = [asyncio.ensure_future(batcher.read("GET", "epoch")) for _ in range(5)]
        await asyncio.sleep(0)
        await other.set("epoch", str(number))
        assert await batcher.read("GET", "epoch") == str(number).encode()
        await asyncio.gather(*waiting)
    await connect_again.aclose()


async def test_a_server_that_is_gone_fails_every_caller() -> None:
    gone = connect("redis://127.0.0.1:1")
    batcher = RedisBatcher(gone)
    answers = await asyncio.gather(*(batcher.submit("PING") for _ in range(3)), return_exceptions=True)
    assert all(isinstance(answer, (RedisError, OSError)) for answer in answers)
    await gone.aclose()


def _url(client: Redis) -> str:
    arguments = client.connection_pool.connection_kwargs
    return f"unix://:{arguments['password']}@{arguments['path']}?db=0"


async def test_a_cancelled_reader_disturbs_nobody_who_shares_the_read(client: Redis) -> None:
    batcher = RedisBatcher(client)
    await client.set("epoch", "1")
    readers = [asyncio.ensure_future(batcher.read("GET", "epoch")) for _ in range(3)]
    readers[0].cancel()
    answers = await asyncio.gather(*readers, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [b"1", b"1"]


async def test_a_server_that_is_gone_is_not_asked_again_at_once(redis_url: str) -> None:
    gone = connect("redis://127.0.0.1:1")
    batcher = RedisBatcher(gone, outage_seconds=0.2)
    with pytest.raises(RedisError):
        await batcher.submit("PING")
    batcher._client = connect(redis_url)
    with pytest.raises(RedisError):
        await batcher.submit("PING")
    await asyncio.sleep(0.2)
    assert await batcher.submit("PING") in (b"PONG", True)
    await gone.aclose()
    await batcher._client.aclose()


async def test_F22_a_command_whose_answer_is_lost_is_not_sent_again(client: Redis) -> None:
    """The queue would hold the same requests twice."""
    address = client.connection_pool.connection_kwargs
    upstream_path = address.get("path")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if upstream_path:
            there, back = await asyncio.open_unix_connection(upstream_path)
        else:
            there, back = await asyncio.open_connection(address["host"], address["port"])

        async def answers() -> None:
            while data := await there.read(65536):
                writer.write(data)

        answering = asyncio.create_task(answers())
        while data := await reader.read(65536):
            if b"XADD" in data:
                answering.cancel()
                back.write(data)
                await back.drain()
                await asyncio.sleep(0.05)
                break
            back.write(data)
        writer.close()
        back.close()

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        broken = connect(f"redis://:{address['password']}@127.0.0.1:{port}/{address.get('db', 0)}")
        try:
            with pytest.raises(RedisError):
                await broken.xadd("stream", {"a": "b"})
        finally:
            await broken.aclose()
    assert await client.xlen("stream") == 1
