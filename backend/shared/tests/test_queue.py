"""The pending streams: entries and counts move together."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.redis import connect
from shared.streams.contracts import (
    DATA_FIELD,
    HEADER_FIELD,
    PROCESSING_GROUP,
    PendingRequest,
    decode_header,
    encode_header,
    pending_streams,
)
from shared.streams.queue import Backlog, PendingQueue

RECEIPT, OTHER_RECEIPT = "0193fb5e-0000-7000-8000-000000000001", "0193fb5e-0000-7000-8000-000000000002"


def request(receipt: str, received: int = 1) -> PendingRequest:
    return PendingRequest(
        receipt_id=receipt,
        workspace_id=7,
        workspace="11111111-1111-1111-1111-111111111111",
        received_at=1,
        format="otlp_traces",
        size=3,
        received=received,
        retention_days=90,
    )


@pytest.fixture
async def queue(redis_url: str) -> AsyncIterator[PendingQueue]:
    client = connect(redis_url)
    yield PendingQueue(client, pending_streams(2))
    await client.aclose()


async def test_append_counts_entries_items_and_bytes_of_all_shards(queue: PendingQueue) -> None:
    await queue.append(0, [request("a", 5), request("b", 2)], b"xyz")
    await queue.append(1, [request("c")], b"12")
    assert await queue.backlog() == Backlog(entries=2, items=8, bytes=5)
    assert await queue.waiting_workspace("b") == 7
    assert await queue.waiting_workspace("unknown") is None


async def test_settling_twice_lowers_the_counts_once(queue: PendingQueue) -> None:
    requests = [request("a", 5)]
    identifier = await queue.append(0, requests, b"xyz")
    stream = queue.streams[0]
    await queue.client.xgroup_create(stream, PROCESSING_GROUP, id="0")
    await queue.client.xreadgroup(PROCESSING_GROUP, "worker", {stream: ">"})
    await queue.append(0, [request("later")], b"x")
    for _ in range(2):
        await queue.settle(stream, PROCESSING_GROUP, [(identifier, requests, 3)])
    assert await queue.backlog() == Backlog(entries=1, items=1, bytes=1)
    assert await queue.waiting_workspace("a") is None
    assert await queue.client.xlen(stream) == 1
    assert (await queue.client.xpending(stream, PROCESSING_GROUP))["pending"] == 0


async def test_entry_carries_header_and_data(queue: PendingQueue) -> None:
    requests = [request(RECEIPT), request(OTHER_RECEIPT)]
    await queue.append(0, requests, b"\x00body")
    entries: Any = await queue.client.xrange(queue.streams[0])
    [(_, fields)] = entries
    assert decode_header(fields[HEADER_FIELD]) == requests
    assert fields[DATA_FIELD] == b"\x00body"


def test_header_of_a_newer_sender_is_understood() -> None:
    encoded = (
        encode_header([request(RECEIPT)]).replace(b'"v":1', b'"v":1,"x":2').replace(b'"size":3', b'"size":3,"new":[]')
    )
    assert decode_header(encoded) == [request(RECEIPT)]


@pytest.mark.parametrize("header", [b"{}", b"[]", b'{"requests":[{}]}', b'{"requests":[3]}', b"\xff"])
def test_foreign_header_is_refused(header: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_header(header)
