"""Answers to OTLP requests, in the encoding of the request.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from typing import Literal

import orjson

from shared.otlp.scan import ScanResult
from shared.otlp.wire import write_field, write_varint

_REJECTED_FIELD = {"traces": "rejectedSpans", "logs": "rejectedLogRecords", "metrics": "rejectedDataPoints"}


def otlp_answer(signal: Literal["traces", "logs", "metrics"], result: ScanResult | None, *, json: bool) -> bytes:
    """Return an Export…ServiceResponse; ``partial_success`` is set only when something was refused."""
    if result is None or not result.rejected:
        return b"{}" if json else b""
    message = "; ".join(result.messages)
    if json:
        # 64-bit integers are text in JSON.
        partial = {_REJECTED_FIELD[signal]: str(result.rejected_count), "errorMessage": message}
        return orjson.dumps({"partialSuccess": partial})
    partial_success = b"\x08" + write_varint(result.rejected_count) + write_field(b"\x12", message.encode())
    return write_field(b"\x0a", partial_success)
