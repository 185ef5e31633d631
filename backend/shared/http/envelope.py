"""The one shape of answers: data with pagination and meta, or an error with a code."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse

from shared.errors import ApiError

API_VERSION = "1.0"
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z


class JsonResponse(JSONResponse):
    """JSON written by orjson; times as RFC 3339, NaN as null.

    FastAPI documents the schema of answers of this class only because it derives from Starlette's.
    """

    def render(self, content: Any) -> bytes:
        """Return the content as JSON in UTF-8."""
        return orjson.dumps(content, option=_OPTIONS, default=str)


def meta(request: HTTPConnection, *, cached: bool = False) -> dict[str, object]:
    """Return what every enveloped answer says about itself."""
    started: float = request.scope.get("started") or time.perf_counter()
    return {
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "execution_time_ms": round((time.perf_counter() - started) * 1000, 3),
        "cached": cached,
        "version": API_VERSION,
        "request_id": request_id(request),
    }


def request_id(request: HTTPConnection) -> str:
    """Return the id under which this request appears in every log."""
    return str(request.scope.get("request_id", ""))


def success(
    request: Request,
    data: object,
    *,
    status: int = 200,
    pagination: Mapping[str, object] | None = None,
    cached: bool = False,
    headers: Mapping[str, str] | None = None,
) -> JsonResponse:
    """Return an enveloped answer; ``pagination`` holds cursor, has_more and limit on lists."""
    body: dict[str, object] = {"status": "success", "data": data}
    if pagination is not None:
        body["pagination"] = dict(pagination)
    body["meta"] = meta(request, cached=cached)
    return JsonResponse(body, status_code=status, headers=dict(headers or {}))


def failure(request: HTTPConnection, error: ApiError) -> JsonResponse:
    """Return the answer for an error."""
    body = {
        "status": "error",
        "error": {
            "code": error.code,
            "message": error.message,
            "details": [{"field": problem.field, "message": problem.message} for problem in error.details],
        },
        "meta": meta(request),
    }
    return JsonResponse(body, status_code=error.status, headers=error.headers)
