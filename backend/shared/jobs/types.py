"""The types of jobs: who may ask for one, with which parameters, and which service's worker runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from shared.auth.permissions import Permission

JobService = Literal["query", "processing"]
JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
STATUSES: tuple[JobStatus, ...] = ("queued", "running", "succeeded", "failed", "cancelled")

MAX_REPLAYED_IDS = 10_000
_MAX_FIELDS = 100
_MAX_NAME = 256


def _storable(moment: datetime) -> datetime:
    if not 1 < moment.year < 9999:
        raise ValueError("must lie in the years 2 to 9998")
    return moment


# In whichever zone, it is a time in UTC that a database takes.
_Moment = Annotated[AwareDatetime, AfterValidator(_storable)]


class JobParams(BaseModel):
    """Parameters of a job; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", str_max_length=10_000)


class ExportParams(JobParams):
    """Traces to write to a file: a filter as trace search takes it, and the columns wanted (all when absent)."""

    format: Literal["csv", "jsonl", "parquet"] = Field(description="Format of the file", examples=["csv"])
    filter: dict[str, Any] = Field(default_factory=dict, description="Filter as for a search of traces")
    fields: Annotated[list[str], Field(min_length=1, max_length=_MAX_FIELDS)] | None = Field(
        None, description="Columns in their order; all when absent"
    )


class _Range(JobParams):
    """A range of time; its end is not part of it."""

    from_: _Moment = Field(alias="from", description="First moment", examples=["2026-01-01T00:00:00Z"])
    to: _Moment = Field(description="First moment after the range", examples=["2026-01-08T00:00:00Z"])

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.from_ >= self.to:
            raise ValueError("'from' must lie before 'to'")
        return self


class RepriceParams(_Range):
    """Spans whose cost is worked out again by the prices known now; a dry run changes nothing."""

    dry_run: bool = Field(False, description="Only tell what would change")
    provider: Annotated[str, Field(min_length=1, max_length=_MAX_NAME)] | None = Field(
        None, description="Only spans of this provider", examples=["openai"]
    )
    model: Annotated[str, Field(min_length=1, max_length=_MAX_NAME)] | None = Field(
        None, description="Only spans of this model, as answered or as asked for", examples=["gpt-4o"]
    )


class ReplayFilter(JobParams):
    """Which dead letters to send through processing again; what is given must all agree."""

    reason: Annotated[str, Field(max_length=100)] | None = Field(None, description="Reason of the failure")
    from_: _Moment | None = Field(None, alias="from", description="Failed at this time or later")
    to: _Moment | None = Field(None, description="Failed before this time")


class ReplayParams(JobParams):
    """Dead letters, named one by one or by a filter; an empty filter means all."""

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_REPLAYED_IDS)] | None = Field(
        None, description="Ids of dead letters"
    )
    filter: ReplayFilter | None = Field(None, description="Filter instead of ids")

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("give either ids or filter")
        return self


class CleanupParams(JobParams):
    """Removal of what has expired in the workspace."""


class ReindexParams(JobParams):
    """Traces without an entry in the full-text index get one; without bounds, all of them."""

    from_: _Moment | None = Field(None, alias="from", description="Traces that start at this time or later")
    to: _Moment | None = Field(None, description="Traces that start before this time")


class DeleteWorkspaceParams(JobParams):
    """Removal of all data of a workspace that was deleted."""


@dataclass(frozen=True, slots=True)
class JobType:
    """What holds for all jobs of a type.

    ``permission`` is what creating, keeping and retrying one requires; None means that the platform alone creates
    them. ``concurrency`` is how many may run at a time in one workspace.
    """

    name: str
    service: JobService
    permission: Permission | None
    params: type[JobParams]
    max_attempts: int = 5
    concurrency: int = 1


_TYPES = (
    JobType("export", "query", Permission.WRITE, ExportParams, concurrency=2),
    JobType("reprice", "processing", Permission.WRITE, RepriceParams),
    JobType("replay", "processing", Permission.ADMIN, ReplayParams),
    JobType("cleanup", "processing", Permission.ADMIN, CleanupParams),
    JobType("reindex", "processing", Permission.ADMIN, ReindexParams),
    JobType("delete_workspace", "processing", None, DeleteWorkspaceParams, max_attempts=20),
)
JOB_TYPES: Mapping[str, JobType] = {kind.name: kind for kind in _TYPES}
# What may be asked for through the API.
PUBLIC_TYPES: tuple[str, ...] = tuple(kind.name for kind in _TYPES if kind.permission is not None)


def params_of(kind: JobType, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return validated parameters as JSON values.

    Raises:
        pydantic.ValidationError: They are not what the type takes.
    """
    checked = kind.params.model_validate(dict(params))
    return checked.model_dump(mode="json", by_alias=True, exclude_none=True)
