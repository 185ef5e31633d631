"""Bodies of requests: unpacked with a bound, and counted so that all of them together have one."""

import asyncio
import random
import zlib
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from types import TracebackType
from typing import Any, Self

import zstandard

from shared.errors import MalformedRequestError, PayloadTooLargeError, UnavailableError, UnsupportedMediaTypeError

MAX_BODY_BYTES = 20 * 1024 * 1024
# What may be worked on without handing the loop to other requests in between.
INLINE_BYTES = 1024 * 1024

_HEAVY_AT_A_TIME = 2
_STEP_BYTES = 64 * 1024
# Streams in one body, as gzip and zstd allow; millions of empty ones would take long and yield nothing.
_MAX_MEMBERS = 1000
# RFC 8878 recommends that decoders support this much and refuse more.
_MAX_WINDOW_BYTES = 8 * 1024 * 1024
# The decoder knows no bound on its output; a block of 4 bytes may become 128 KiB, so it gets little at a time.
_ZSTD_STEP_BYTES = 256
_GZIP, _ZLIB, _RAW_DEFLATE = 31, 15, -15

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class InflightBytes:
    """Bytes of bodies that are in memory; there is a bound for all requests together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0
        self.heavy = asyncio.Semaphore(_HEAVY_AT_A_TIME)

    def hold(self) -> "Hold":
        """Return a context in which one request counts its bytes."""
        return Hold(self)

    def take(self, size: int) -> None:
        """Count bytes.

        Raises:
            UnavailableError: There is no room for them.
        """
        if self.used + size > self._limit:
            raise UnavailableError(
                "Too many large requests at once.", retry_after=random.randint(1, 5), code="overloaded"
            )
        self.used += size

    def give_back(self, size: int) -> None:
        """Count bytes as gone."""
        self.used -= size


class Hold:
    """Bytes of one request, given back when it ends."""

    def __init__(self, inflight: InflightBytes) -> None:
        self._inflight = inflight
        self._size = 0

    def add(self, size: int) -> None:
        """Count more bytes of this request.

        Raises:
            UnavailableError: There is no room for them.
        """
        self._inflight.take(size)
        self._size += size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inflight.give_back(self._size)
        self._size = 0


async def collect(receive: Receive, declared: int | None, hold: Hold) -> bytes:
    """Return a body as it came.

    Args:
        receive: Source of the ASGI messages that hold it; what was announced of its length is not believed.
        declared: Value of ``Content-Length``.
        hold: Counts what is read.

    Raises:
        MalformedRequestError: The client left before the body was whole.
        PayloadTooLargeError: The body is over 20 MiB; it is not read to its end.
        UnavailableError: There is no room for it at the moment.
    """
    if declared is not None and declared > MAX_BODY_BYTES:
        raise too_large()
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise MalformedRequestError("The body ended early.")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise too_large()
        hold.add(len(chunk))
        parts.append(chunk)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def unpack(body: bytes, encoding: str, inflight: InflightBytes, hold: Hold) -> bytes:
    """Return a body without its compression.

    Args:
        body: As it came.
        encoding: Value of ``Content-Encoding``, empty when there was none.
        inflight: Bounds how many large bodies are unpacked at a time.
        hold: Counts what comes out.

    Raises:
        UnsupportedMediaTypeError: The encoding is not one of gzip, deflate, zstd and identity.
        MalformedRequestError: The body is damaged, cut off, or followed by something else.
        PayloadTooLargeError: More than 20 MiB come out.
        UnavailableError: There is no room for it at the moment.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    steps = _steps(body, encoding)
    parts: list[bytes] = []
    if not _take_steps(steps, parts, INLINE_BYTES):
        async with inflight.heavy:
            # Other requests go on while a large body is unpacked.
            await asyncio.to_thread(_take_steps, steps, parts, MAX_BODY_BYTES)
    size = sum(map(len, parts))
    hold.add(size)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def too_large() -> PayloadTooLargeError:
    """Return the answer to a body over the limit."""
    return PayloadTooLargeError(
        f"A body may have {MAX_BODY_BYTES} bytes, before and after decompression.", headers={"Connection": "close"}
    )


def _take_steps(steps: Iterator[bytes], parts: list[bytes], enough: int) -> bool:
    """Collect output until there is enough of it; return whether that was all."""
    size = sum(map(len, parts))
    for part in steps:
        parts.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise too_large()
        if size >= enough and enough < MAX_BODY_BYTES:
            return False
    return True


def _steps(body: bytes, encoding: str) -> Iterator[bytes]:
    if encoding in ("gzip", "x-gzip"):
        return _inflate(body, _GZIP)
    if encoding == "deflate":
        # The name means zlib's format (RFC 9110 §8.4.1.2); some send bare deflate data.
        is_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
        return _inflate(body, _ZLIB if is_zlib else _RAW_DEFLATE)
    if encoding == "zstd":
        return _decompress_zstd(body)
    raise UnsupportedMediaTypeError("Content-Encoding may be gzip, deflate, zstd or identity.")


def _inflate(body: bytes, window: int) -> Iterator[bytes]:
    position, rest = 0, b""
    for _ in range(_MAX_MEMBERS if window == _GZIP else 1):
        decoder = zlib.decompressobj(window)
        while not decoder.eof:
            # A little at a time: what is not yet read is copied at each step.
            if not rest:
                rest = body[position : position + _STEP_BYTES]
                position += len(rest)
            try:
                part = decoder.decompress(rest, _STEP_BYTES)
            except zlib.error as error:
                raise _damaged() from error
            if not part and not rest:
                raise _damaged()
            rest = decoder.unconsumed_tail
            yield part
        rest = decoder.unused_data
        if not rest and position == len(body):
            return
    raise _damaged()


def _decompress_zstd(body: bytes) -> Iterator[bytes]:
    position, rest = 0, b""
    for _ in range(_MAX_MEMBERS):
        decoder = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES).decompressobj()
        while not decoder.eof:
            if not rest:
                rest = body[position : position + _ZSTD_STEP_BYTES]
                position += len(rest)
            if not rest:
                raise _damaged()
            try:
                part = decoder.decompress(rest)
            except zstandard.ZstdError as error:
                raise _damaged() from error
            rest = b""
            yield part
        rest = decoder.unused_data
        if not rest and position == len(body):
            return
    raise _damaged()


def _damaged() -> MalformedRequestError:
    return MalformedRequestError("The body does not hold what its Content-Encoding says.", code="invalid_encoding")
