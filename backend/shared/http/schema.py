"""Pydantic models of the common answer shapes, and the common errors, for the OpenAPI document."""

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

Data = TypeVar("Data")


class Meta(BaseModel):
    """What every enveloped answer says about itself."""

    timestamp: str = Field(description="When it was answered, RFC 3339", examples=["2026-01-31T12:00:00.000Z"])
    execution_time_ms: float = Field(description="Time the service took", examples=[4.2])
    cached: bool = Field(description="Whether the data come from the cache of results")
    version: str = Field(description="Version of the API", examples=["1.0"])
    request_id: str = Field(description="As in X-Request-ID", examples=["4bf92f3577b34da6a3ce929d0e0e4736"])


class Pagination(BaseModel):
    """Where a list goes on; ``cursor`` is null on the last page."""

    cursor: str | None = Field(description="Send it as cursor to get the next page", examples=[None])
    has_more: bool = Field(description="Whether there is a next page")
    limit: int = Field(description="Most items of a page", examples=[50])


class Enveloped(BaseModel, Generic[Data]):
    """An answer with one object."""

    status: Literal["success"]
    data: Data
    meta: Meta


class EnvelopedPage(BaseModel, Generic[Data]):
    """An answer with a page of a list."""

    status: Literal["success"]
    data: list[Data]
    pagination: Pagination
    meta: Meta


class FieldError(BaseModel):
    """One field that was refused and why."""

    field: str = Field(examples=["limit"])
    message: str = Field(examples=["Input should be less than or equal to 1000"])


class ErrorBody(BaseModel):
    """Stable code, a sentence for people, and the fields concerned."""

    code: str = Field(description="Snake case, stable", examples=["invalid_fields"])
    message: str = Field(examples=["Some fields are not valid."])
    details: list[FieldError]


class EnvelopedError(BaseModel):
    """An answer that reports an error."""

    status: Literal["error"]
    error: ErrorBody
    meta: Meta


class Health(BaseModel):
    """The process is up; a service may add facts of its own."""

    status: Literal["ok"]
    service: str = Field(examples=["gateway"])


class Readiness(BaseModel):
    """Whether the service can work, and what each dependency answered: ``ok`` or the kind of the error."""

    status: Literal["ready", "degraded", "draining"]
    checks: dict[str, str] = Field(examples=[{"postgres": "ok", "redis": "ok", "query": "ok"}])


@dataclass(frozen=True, slots=True)
class Problem:
    """An error that many routes answer: what the status means, and an example of it."""

    meaning: str
    code: str
    message: str
    field: tuple[str, str] | None = None

    def example(self) -> dict[str, Any]:
        """Return an answer with this error."""
        details = [] if self.field is None else [{"field": self.field[0], "message": self.field[1]}]
        return {
            "status": "error",
            "error": {"code": self.code, "message": self.message, "details": details},
            "meta": {
                "timestamp": "2026-01-31T12:00:00.000Z",
                "execution_time_ms": 0.4,
                "cached": False,
                "version": "1.0",
                "request_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            },
        }


PROBLEMS: dict[int, Problem] = {
    400: Problem("The request cannot be read.", "malformed_request", "The body is not valid JSON."),
    401: Problem(
        "There is no credential, or it is not valid.",
        "unauthorized",
        "A valid API key or access token is required.",
    ),
    403: Problem(
        "The credential is known and does not allow this: role, scope, or another workspace than its own.",
        "forbidden",
        "This needs the permission 'write', which the role does not have.",
    ),
    404: Problem("It does not exist, or belongs to another workspace.", "not_found", "Not found."),
    409: Problem(
        "The request contradicts what is stored, or the first request with its Idempotency-Key is under way.",
        "conflict",
        "The request contradicts what is stored.",
    ),
    410: Problem("It is no longer there.", "gone", "The link has expired."),
    413: Problem("The body is too large.", "payload_too_large", "The body is larger than 1048576 bytes."),
    415: Problem(
        "Content type or encoding is not one of those taken.",
        "unsupported_media_type",
        "The body must be application/json.",
    ),
    416: Problem("The file has no such part.", "range_not_satisfiable", "The file has no such part."),
    422: Problem(
        "The request can be read and holds values that are not allowed; details names them.",
        "invalid_fields",
        "Some parameters do not exist.",
        ("agent", "is not a parameter; the nearest is 'agent_id'"),
    ),
    429: Problem("A quota is used up; Retry-After says for how long.", "rate_limited", "Too many requests; wait."),
    431: Problem("The headers are too large.", "headers_too_large", "The headers are too large."),
    503: Problem(
        "The platform is overloaded or a part of it is down; the same request may succeed after Retry-After seconds.",
        "unavailable",
        "A part of the platform cannot be reached at the moment.",
    ),
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a router or route that answers these error statuses, with an example of each."""
    return {
        status: {
            "model": EnvelopedError,
            "description": PROBLEMS[status].meaning,
            "content": {"application/json": {"example": PROBLEMS[status].example()}},
        }
        for status in statuses
    }
