"""Errors that reach a client, each with a stable code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field that was refused and why."""

    field: str
    message: str


class ApiError(Exception):
    """An error answer: HTTP status, stable snake_case code and a sentence for people."""

    status = 500
    code = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        details: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status or self.status
        self.code = code or self.code
        self.details = tuple(details)
        self.headers = dict(headers or {})


class MalformedRequestError(ApiError):
    """The request cannot be read at all."""

    status, code = 400, "malformed_request"


class UnauthorizedError(ApiError):
    """No credential, or one that is not valid."""

    status, code = 401, "unauthorized"

    def __init__(
        self, message: str = "A valid API key or access token is required.", *, code: str | None = None
    ) -> None:
        super().__init__(message, code=code, headers={"WWW-Authenticate": "Bearer"})


class ForbiddenError(ApiError):
    """The credential is known and does not allow this."""

    status, code = 403, "forbidden"


class NotFoundError(ApiError):
    """The object does not exist, or belongs to another workspace; the two look the same."""

    status, code = 404, "not_found"

    def __init__(self, message: str = "Not found.", *, code: str | None = None) -> None:
        super().__init__(message, code=code)


class ConflictError(ApiError):
    """The request contradicts what is stored."""

    status, code = 409, "conflict"


class PayloadTooLargeError(ApiError):
    """The body is larger than the limit, before or after decompression; the rest of it is not read."""

    status, code = 413, "payload_too_large"

    def __init__(self, message: str, *, code: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, code=code, headers={"Connection": "close", **(headers or {})})


class UnsupportedMediaTypeError(ApiError):
    """Content type or encoding is not one of those accepted."""

    status, code = 415, "unsupported_media_type"


class InvalidFieldsError(ApiError):
    """The request can be read and holds values that are not allowed."""

    status, code = 422, "invalid_fields"


class RateLimitedError(ApiError):
    """A quota of the caller is used up."""

    status, code = 429, "rate_limited"

    def __init__(self, message: str, retry_after: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after), **(headers or {})})


class UnavailableError(ApiError):
    """The platform is overloaded or a dependency is down; the same request may succeed later."""

    status, code = 503, "unavailable"

    def __init__(self, message: str, *, retry_after: int = 2, code: str | None = None) -> None:
        super().__init__(message, code=code, headers={"Retry-After": str(retry_after)})
