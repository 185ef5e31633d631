"""From a row of ``span_payloads`` back to what was sent."""

from collections.abc import Iterator

import orjson
import zstandard

from shared.domain import PayloadFormat
from shared.normalisation.dialects.flat import flat_to_source
from shared.normalisation.dialects.native import native_to_source
from shared.otlp.decode import decode_logs, decode_traces
from shared.otlp.source import SourceLog, SourceSpan


def read_payload(payload_format: PayloadFormat, body: bytes) -> Iterator[SourceSpan | SourceLog]:
    """Yield the spans, or with ``OTLP_LOGS`` the log records, of one payload.

    Args:
        payload_format: Encoding of the frame.
        body: The frame, compressed with Zstandard.

    Raises:
        zstandard.ZstdError: The body is damaged.
        ValueError: The frame is not in this format.
    """
    yield from read_frame(payload_format, inflate(body))


def inflate(body: bytes) -> bytes:
    """Return the frame of a payload.

    Raises:
        zstandard.ZstdError: The body is damaged.
    """
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


def read_frame(payload_format: PayloadFormat, frame: bytes) -> Iterator[SourceSpan | SourceLog]:
    """Yield the spans or log records in a frame, as ``read_payload`` does."""
    if payload_format is PayloadFormat.OTLP_TRACES:
        yield from decode_traces(frame)
    elif payload_format is PayloadFormat.OTLP_LOGS:
        yield from decode_logs(frame)
    elif payload_format is PayloadFormat.FLAT:
        # Items are stored with their time filled in, so the moment of arrival no longer matters.
        yield from (flat_to_source(item, 0) for item in orjson.loads(frame))
    else:
        yield from (native_to_source(item) for item in orjson.loads(frame))
