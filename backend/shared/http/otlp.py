"""Errors as OTLP exporters expect them: a ``google.rpc.Status`` in the encoding of the request."""

import orjson
from starlette.responses import Response

from shared.errors import ApiError

PROTOBUF = "application/x-protobuf"
JSON = "application/json"

# Values of google.rpc.Code.
_INVALID_ARGUMENT, _UNKNOWN, _NOT_FOUND, _PERMISSION_DENIED = 3, 2, 5, 7
_RESOURCE_EXHAUSTED, _UNAVAILABLE, _UNAUTHENTICATED = 8, 14, 16
STATUS_CODES = {
    400: _INVALID_ARGUMENT,
    401: _UNAUTHENTICATED,
    403: _PERMISSION_DENIED,
    404: _NOT_FOUND,
    405: _INVALID_ARGUMENT,
    409: 10,
    413: _RESOURCE_EXHAUSTED,
    415: _INVALID_ARGUMENT,
    422: _INVALID_ARGUMENT,
    429: _RESOURCE_EXHAUSTED,
    431: _INVALID_ARGUMENT,
    503: _UNAVAILABLE,
}


def otlp_failure(content_type: str, error: ApiError) -> Response:
    """Return an error as ``Status``: JSON for JSON requests, protobuf for all others.

    Source: OpenTelemetry Protocol Specification 1.x, "OTLP/HTTP Response", failures.

    Args:
        content_type: The request's content type.
        error: What went wrong.
    """
    code = STATUS_CODES.get(error.status, _UNKNOWN)
    if content_type.partition(";")[0].strip().lower() == JSON:
        body, media_type = orjson.dumps({"code": code, "message": error.message}), JSON
    else:
        text = error.message.encode()
        body, media_type = b"\x08" + bytes([code]) + b"\x12" + _varint(len(text)) + text, PROTOBUF
    return Response(body, status_code=error.status, media_type=media_type, headers=error.headers)


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)
