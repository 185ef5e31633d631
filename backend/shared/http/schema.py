"""Pydantic models of the common answer shapes, for the OpenAPI document."""

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

Data = TypeVar("Data")


class Meta(BaseModel):
    """What every enveloped answer says about itself."""

    timestamp: str
    execution_time_ms: float
    cached: bool
    version: str
    request_id: str


class Pagination(BaseModel):
    """Where a list goes on; ``cursor`` is null on the last page."""

    cursor: str | None
    has_more: bool
    limit: int


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

    field: str
    message: str


class ErrorBody(BaseModel):
    """Stable code, a sentence for people, and the fields concerned."""

    code: str
    message: str
    details: list[FieldError]


class EnvelopedError(BaseModel):
    """An answer that reports an error."""

    status: Literal["error"]
    error: ErrorBody
    meta: Meta
