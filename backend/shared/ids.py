"""Identifiers: how public ids become the compact keys that are stored, and back."""

import hashlib
import os
import time
import uuid
from datetime import UTC, datetime

from xxhash import xxh3_64_intdigest, xxh3_128_hexdigest

_HEX = frozenset("0123456789abcdefABCDEF")
MAX_ID_LENGTH = 128


def is_hex(text: str, digits: int) -> bool:
    """Return whether ``text`` consists of exactly this many hexadecimal digits."""
    return len(text) == digits and _HEX.issuperset(text)


def trace_key(trace_id: str) -> bytes:
    """Return the 16 bytes under which a trace is stored.

    An OpenTelemetry id (32 hexadecimal digits) is its own bytes; any other text is hashed with BLAKE2b.
    """
    if is_hex(trace_id, 32):
        return bytes.fromhex(trace_id)
    return hashlib.blake2b(trace_id.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def span_key(span_id: str) -> int:
    """Return the signed 64-bit key under which a span is stored; see ``trace_key``."""
    if is_hex(span_id, 16):
        return int.from_bytes(bytes.fromhex(span_id), "big", signed=True)
    digest = hashlib.blake2b(span_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def flat_span_key(trace_id: str) -> int:
    """Return the key of the one span that a flat trace becomes."""
    return span_key("flat:" + trace_id)


def trace_hex(key: bytes) -> str:
    """Return the public form of a stored trace key: 32 lower-case hexadecimal digits."""
    return key.hex()


def span_hex(key: int) -> str:
    """Return the public form of a stored span key: 16 lower-case hexadecimal digits."""
    return format(key & 0xFFFFFFFFFFFFFFFF, "016x")


def new_uuid7(time_ns: int | None = None) -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562 §5.7), sortable by its millisecond time stamp."""
    milliseconds = (time.time_ns() if time_ns is None else time_ns) // 1_000_000
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def uuid7_time(value: uuid.UUID) -> datetime:
    """Return the time stamp inside a UUID of version 7, in UTC."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def content_digest(content: bytes) -> int:
    """Return a signed 64-bit digest (XXH3) that orders versions of the same thing; it proves nothing."""
    digest = xxh3_64_intdigest(content)
    return digest - (1 << 64) if digest >> 63 else digest


def body_digest(body: bytes) -> str:
    """Return the 128-bit digest (XXH3), in hexadecimal, by which a workspace's repeated requests are told."""
    return xxh3_128_hexdigest(body)
