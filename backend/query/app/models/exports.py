"""Bodies and answers of exports."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from query.app.models.traces import Text, TextSearch
from shared.http.ranges import RangeName
from shared.jobs.types import JobStatus

Format = Literal["csv", "jsonl", "parquet"]
_FILTER: Any = {"range": "7d", "filter": {"field": "status", "op": "eq", "value": "error"}}
_BODY: Any = {"format": "csv", **_FILTER, "fields": ["start_time", "trace_id", "agent_id", "cost_usd"]}
_LINK = (
    "/api/v1/exports/0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81/download?expires=1769861700"
    "&holder=user.0193fb5e-0000-7000-8000-000000000002.0193fb5e-0000-7000-8000-000000000001"
    ".5f0c1d8e-6a4b-4c7d-9e21-3b8a7c6d5e4f&signature=GxqVbQyT5y3mS1uJ0Lr8nW2oKfD7aHc9eZpXvR4iB6M"
)


class ExportBody(BaseModel):
    """Traces to write to a file: range and filter as in a search of traces."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_BODY]})

    format: Annotated[Format, Field(description="csv (safe for spreadsheets), jsonl or parquet")]
    range_name: Annotated[RangeName | None, Field(alias="range", description="24h unless given")] = None
    start: Annotated[str | None, Field(alias="from", max_length=64, description="RFC 3339 time")] = None
    end: Annotated[str | None, Field(alias="to", max_length=64, description="RFC 3339 time; now unless given")] = None
    filter: Annotated[dict[str, Any] | None, Field(description="A filter tree as in a search of traces")] = None
    q: TextSearch = None
    fields: Annotated[
        list[Text] | None, Field(min_length=1, max_length=64, description="Fields in their order; all unless given")
    ] = None


class Export(BaseModel):
    """An export and, once it succeeded, where its file can be had."""

    id: Annotated[str, Field(examples=["0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"])]
    status: JobStatus
    progress: Annotated[float, Field(description="From 0 to 1")]
    message: Annotated[str | None, Field(description="What is being done")]
    format: Format
    rows: Annotated[int | None, Field(description="Traces in the file")]
    bytes: Annotated[int | None, Field(description="Size of the file")]
    error: str | None
    created_at: datetime
    finished_at: datetime | None
    expires_at: Annotated[datetime | None, Field(description="When the file is removed")]
    download_url: Annotated[
        str | None,
        Field(
            description="Path at the gateway; for some minutes it needs no credential, and each look gives a new one",
            examples=[_LINK],
        ),
    ]


class LinkParameters(BaseModel):
    """What stands in the query of a signed link; the gateway has checked it."""

    model_config = ConfigDict(extra="forbid")

    expires: Annotated[str | None, Field(max_length=12, description="Of download_url: when the link ends")] = None
    holder: Annotated[str | None, Field(max_length=128, description="Of download_url: whose rights it lends")] = None
    signature: Annotated[str | None, Field(max_length=64, description="Of download_url: proves the others")] = None
