import asyncio
import gzip
import itertools
import os
import zlib
from typing import Any

import httpx
import psutil
import pytest
import zstandard
from fastapi import FastAPI

from ingestion.app.bodies import MAX_BODY_BYTES, InflightBytes
from ingestion.tests.conftest import Queue, client_of
from ingestion.tests.servers import exchange, serving
from shared.errors import UnavailableError
from shared.tests.otlp.messages import span, traces

PROTOBUF = {"Content-Type": "application/x-protobuf"}
MIB = 1024 * 1024


def head(key: str, *lines: str) -> bytes:
    fields = [
        "POST /v1/traces HTTP/1.1",
        "Host: x",
        f"X-API-Key: {key}",
        "Content-Type: application/x-protobuf",
        *lines,
    ]
    return ("\r\n".join(fields) + "\r\n\r\n").encode()


def gzip_bomb(size: int = 200 * MIB) -> bytes:
    compressor = zlib.compressobj(9, wbits=31)
    return b"".join(compressor.compress(bytes(MIB)) for _ in range(size // MIB)) + compressor.flush()


class TestSize:
    async def test_F27_a_declared_length_over_the_limit_is_refused_at_once(self, app: FastAPI, key: str) -> None:
        async with serving(app) as port:
            answer = await exchange(port, head(key, f"Content-Length: {MAX_BODY_BYTES + 1}"), b"x" * 1000)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in answer.lower()
        assert b"application/x-protobuf" in answer

    async def test_F27_a_chunked_body_over_the_limit_is_not_read_to_its_end(self, app: FastAPI, key: str) -> None:
        chunk = b"100000\r\n" + bytes(MIB) + b"\r\n"
        async with serving(app) as port:
            answer = await exchange(port, head(key, "Transfer-Encoding: chunked"), *[chunk] * 24)
        assert answer.startswith(b"HTTP/1.1 413")

    async def test_F27_a_length_that_promises_more_than_comes_is_no_request(
        self, app: FastAPI, key: str, queue: Queue
    ) -> None:
        async with serving(app) as port:
            answer = await exchange(port, head(key, "Content-Length: 500"), b"x" * 100, close=True)
        assert not answer.startswith(b"HTTP/1.1 2")
        assert await queue.requests() == []

    async def test_F27_a_length_that_promises_less_than_comes_does_not_smuggle(
        self, app: FastAPI, key: str, queue: Queue
    ) -> None:
        body = traces(span()).SerializeToString()
        async with serving(app) as port:
            await exchange(port, head(key, f"Content-Length: {len(body)}", "Connection: close"), body + b"POST / extra")
        assert (await queue.one()).body == body

    async def test_a_body_of_exactly_the_limit_is_read(self, client: httpx.AsyncClient) -> None:
        empty = len(traces(span(name="x" * MIB)).SerializeToString()) - MIB
        body = traces(span(name="x" * (MAX_BODY_BYTES - empty - 9))).SerializeToString()
        assert MAX_BODY_BYTES - 10 < len(body) <= MAX_BODY_BYTES
        assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200

    @pytest.mark.parametrize("path", ["/v1/traces", "/api/v1/traces", "/api/v1/traces/batch", "/api/v1/scores"])
    async def test_F27_every_address_has_the_limit(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.post(
            path, content=bytes(MAX_BODY_BYTES + 1), headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 413

    async def test_F27_more_than_fifty_thousand_spans_are_refused(self, client: httpx.AsyncClient) -> None:
        request = traces(span())
        request.resource_spans[0].scope_spans[0].spans.extend([span(name="")] * 50_000)
        answer = await client.post("/v1/traces", content=request.SerializeToString(), headers=PROTOBUF)
        assert answer.status_code == 413


class TestCompression:
    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("gzip", gzip_bomb()),
            ("gzip", gzip_bomb(15 * MIB) * 2),
            ("deflate", zlib.compress(bytes(64 * MIB))),
            ("zstd", zstandard.ZstdCompressor().compress(bytes(200 * MIB))),
        ],
        ids=["gzip", "members", "deflate", "zstd"],
    )
    async def test_F28_bombs_are_refused_at_the_limit(
        self, client: httpx.AsyncClient, encoding: str, body: bytes
    ) -> None:
        before = psutil.Process().memory_info().rss
        answer = await client.post("/v1/traces", content=body, headers={**PROTOBUF, "Content-Encoding": encoding})
        assert answer.status_code == 413
        assert psutil.Process().memory_info().rss - before < 60 * MIB

    async def test_F28_many_bombs_at_once_stay_within_bounds(self, app: FastAPI, client: httpx.AsyncClient) -> None:
        body, before = gzip_bomb(), psutil.Process().memory_info().rss
        headers = {**PROTOBUF, "Content-Encoding": "gzip"}

        async def send() -> int:
            return (await client.post("/v1/traces", content=body, headers=headers)).status_code

        statuses = await asyncio.gather(*(send() for _ in range(40)))
        assert set(statuses) == {413}
        assert psutil.Process().memory_info().rss - before < 250 * MIB
        assert app.state.ingestion.intake.inflight.used == 0

    @pytest.mark.parametrize(
        ("encoding", "body"),
        [
            ("gzip", gzip.compress(b"abc" * 1000)[:-5]),
            ("gzip", gzip.compress(b"abc") + b"garbage"),
            ("gzip", b""),
            ("gzip", b"not gzip at all"),
            ("gzip", gzip.compress(b"") * 2000),
            ("gzip", gzip.compress(gzip.compress(traces(span()).SerializeToString()))),
            ("deflate", zlib.compress(b"abc")[:-2]),
            ("deflate", zlib.compress(b"abc") + b"x"),
            ("zstd", zstandard.ZstdCompressor().compress(b"abc" * 1000)[:-3]),
            ("zstd", zstandard.ZstdCompressor().compress(b"abc") + b"garbage"),
            ("zstd", b""),
        ],
        # Compressed bytes hold the time, and xdist compares names.
        ids=itertools.count(),
    )
    async def test_F28_damaged_and_nested_bodies_are_refused(
        self, client: httpx.AsyncClient, queue: Queue, encoding: str, body: bytes
    ) -> None:
        answer = await client.post("/v1/traces", content=body, headers={**PROTOBUF, "Content-Encoding": encoding})
        assert answer.status_code == 400
        assert await queue.requests() == []

    @pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
    async def test_large_bodies_come_out_whole(self, client: httpx.AsyncClient, queue: Queue, encoding: str) -> None:
        body = traces(span(name=os.urandom(4 * MIB).hex())).SerializeToString()
        compress: Any = {
            "gzip": lambda: gzip.compress(body, 1),
            "deflate": lambda: zlib.compress(body, 1),
            "zstd": lambda: zstandard.ZstdCompressor().compress(body),
        }[encoding]
        headers = {**PROTOBUF, "Content-Encoding": encoding}
        assert (await client.post("/v1/traces", content=compress(), headers=headers)).status_code == 200
        assert (await queue.one()).body == body


class TestInflight:
    def test_bytes_are_bounded_and_given_back(self) -> None:
        inflight = InflightBytes(100)
        with inflight.hold() as first:
            first.add(60)
            with inflight.hold() as second, pytest.raises(UnavailableError):
                second.add(50)
            assert inflight.used == 60
        assert inflight.used == 0

    async def test_too_many_large_requests_at_once_are_asked_to_wait(self, start_app: Any, key: str) -> None:
        app = await start_app()
        app.state.ingestion.intake.inflight.take(255 * MIB)
        async with client_of(app, key) as client:
            answer = await client.post("/v1/traces", content=bytes(2 * MIB), headers=PROTOBUF)
            assert answer.status_code == 503
            assert 1 <= int(answer.headers["retry-after"]) <= 5
            small = await client.post("/v1/traces", content=traces(span()).SerializeToString(), headers=PROTOBUF)
            assert small.status_code == 200
