"""What the gateway adds to every operation: credentials, headers, and the errors that can occur before a route runs."""

from typing import Any

from contract.sources import Operation
from shared.auth.links import SIGNATURE
from shared.auth.permissions import ROLE_PERMISSIONS, SCOPE_PERMISSIONS
from shared.http.otlp import JSON, PROTOBUF, STATUS_CODES
from shared.http.schema import PROBLEMS

_ERROR = {"$ref": "#/components/schemas/EnvelopedError"}
_STATUS = {"$ref": "#/components/schemas/OtlpStatus"}
_LIMIT_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
# The gateway answers these itself, before it counts anything.
OPERATIONAL = ("/health", "/ready", "/metrics")

SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token (JWT) of `POST /api/v1/auth/login`, or an API key.",
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key."},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "An API key as password, with any user name. The bare key in `Authorization` does as well.",
    },
    "link": {
        "type": "apiKey",
        "in": "query",
        "name": SIGNATURE,
        "description": "A signed link: the query of an answer's `download_url`, with all that stands in it.",
    },
}

HEADERS: dict[str, Any] = {
    "X-Request-ID": (
        "Names the request in every log; taken over from the request when it has 8 to 64 letters, digits or `_.:-`.",
        {"type": "string", "examples": ["4bf92f3577b34da6a3ce929d0e0e4736"]},
    ),
    "X-RateLimit-Limit": ("What may be used at once.", {"type": "integer", "examples": [12000]}),
    "X-RateLimit-Remaining": ("What is left of it.", {"type": "integer", "examples": [11999]}),
    "X-RateLimit-Reset": ("Seconds until all of it is there again.", {"type": "integer", "examples": [1]}),
    "X-Receipt-ID": (
        "Receipt of what was queued; `GET /api/v1/receipts/{receipt_id}` says what became of it.",
        {"type": "string", "format": "uuid", "examples": ["0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"]},
    ),
    "Retry-After": ("Seconds to wait before the same request may succeed.", {"type": "integer", "examples": [2]}),
    "WWW-Authenticate": ("The scheme to use.", {"type": "string", "examples": ["Bearer"]}),
    "Idempotency-Replayed": (
        "`true` on an answer that an earlier request with the same Idempotency-Key got.",
        {"type": "string", "examples": ["true"]},
    ),
}
HEADER_COMPONENTS = {
    name: {"description": description, "schema": schema} for name, (description, schema) in HEADERS.items()
}

PARAMETER_COMPONENTS: dict[str, Any] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Within 24 hours the same key and body get the same answer; another body is 422.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "order-7-attempt-1",
    },
}

_NAMES = {
    400: "Malformed",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Gone",
    413: "TooLarge",
    415: "UnsupportedMediaType",
    416: "RangeNotSatisfiable",
    422: "InvalidFields",
    429: "RateLimited",
    431: "HeadersTooLarge",
    503: "Unavailable",
}

OTLP_STATUS = {
    "type": "object",
    "description": "`google.rpc.Status`, as OTLP answers errors.",
    "properties": {
        "code": {"type": "integer", "description": "Value of `google.rpc.Code`", "examples": [3]},
        "message": {"type": "string", "examples": ["The body is not valid JSON."]},
    },
    "required": ["code", "message"],
}


def response_components() -> dict[str, Any]:
    """Return the errors that operations share, in the two forms in which they are answered."""
    found = {}
    for status, name in _NAMES.items():
        problem = PROBLEMS[status]
        found[name] = {
            "description": problem.meaning,
            "headers": _headers(*_error_headers(status)),
            "content": {JSON: {"schema": _ERROR, "example": problem.example()}},
        }
        if status in STATUS_CODES:
            found[f"Otlp{name}"] = {
                "description": problem.meaning,
                "headers": _headers(*_error_headers(status)),
                "content": {
                    PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
                    JSON: {
                        "schema": _STATUS,
                        "example": {"code": STATUS_CODES[status], "message": problem.message},
                    },
                },
            }
    return dict(sorted(found.items()))


def error_reference(status: int, *, otlp: bool) -> dict[str, Any]:
    """Return a reference to the shared answer of an error status."""
    return {"$ref": f"#/components/responses/{'Otlp' if otlp else ''}{_NAMES[status]}"}


def is_common_error(status: int) -> bool:
    """Return whether an error status has a shared answer."""
    return status in _NAMES


def expected_errors(operation: Operation) -> set[int]:
    """Return the errors that can occur for an operation whatever its route does."""
    if operation.path in OPERATIONAL:
        return {401, 431} if operation.path == "/metrics" else {431}
    statuses = {400, 429, 431, 503}
    if operation.permission is not None:
        statuses |= {401, 403}
    if takes_body(operation) or operation.method == "POST":
        statuses |= {413, 415, 422}
    if operation.method == "POST":
        statuses.add(409)
    parameters = operation.description.get("parameters", ())
    if parameters:
        statuses.add(422)
    if any(parameter["in"] == "path" for parameter in parameters):
        statuses.add(404)
    return statuses


def takes_body(operation: Operation) -> bool:
    """Return whether an operation has a body."""
    return "requestBody" in operation.description


def success_headers(operation: Operation) -> dict[str, Any]:
    """Return the headers of an answer that is no error."""
    names = ["X-Request-ID"]
    if operation.path not in OPERATIONAL:
        names += _LIMIT_HEADERS
    if operation.service == "ingestion" and not operation.path.endswith("/metrics"):
        names.append("X-Receipt-ID")
    if operation.method == "POST":
        names.append("Idempotency-Replayed")
    return _headers(*names)


def error_headers(status: int) -> dict[str, Any]:
    """Return the headers of an error."""
    return _headers(*_error_headers(status))


def security_of(operation: Operation) -> list[dict[str, list[str]]]:
    """Return the credentials that an operation takes, none where anybody may ask."""
    if operation.permission is None:
        return []
    if any(operation.permission in allowed for allowed in SCOPE_PERMISSIONS.values()):
        return [{"bearer": []}, {"apiKey": []}, {"basic": []}]
    return [{"bearer": []}]


def permission_text(operation: Operation) -> str:
    """Return a sentence that says who may use an operation."""
    permission = operation.permission
    if permission is None:
        return "Needs no credential."
    roles = [role for role, allowed in ROLE_PERMISSIONS.items() if permission in allowed]
    scopes = [f"`{scope}`" for scope, allowed in SCOPE_PERMISSIONS.items() if permission in allowed]
    of_roles = ("any role" if len(roles) == len(ROLE_PERMISSIONS) else f"roles {', '.join(roles)}") if roles else ""
    keys = f"keys with the scope {' or '.join(scopes)}" if scopes else "API keys do not do"
    return f"Permission `{permission}`: {'; '.join(part for part in (of_roles, keys) if part)}."


def _error_headers(status: int) -> list[str]:
    names = ["X-Request-ID"]
    if status in (429, 503):
        names.append("Retry-After")
    if status == 401:
        names.append("WWW-Authenticate")
    return names + list(_LIMIT_HEADERS if status == 429 else ())


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
