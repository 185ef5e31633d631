"""Bodies and answers of saved views."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from query.app.models.traces import PageLimit, Selection, Sorted, Text, without_nul

Page = Literal["traces"]
Scope = Literal["private", "workspace"]
_DEFINITION: Any = {
    "range": "7d",
    "filter": {"field": "status", "op": "ne", "value": "success"},
    "columns": ["start_time", "name", "error"],
    "sort": "-start_time",
}


class ViewDefinition(Selection):
    """What a view shows: a search without its page, and the columns of the table."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DEFINITION]})

    columns: Annotated[
        list[Text], Field(default_factory=list, max_length=50, description="Fields of traces, in their order")
    ]
    sort: Sorted = "-start_time"
    limit: PageLimit = 50


class ViewBody(BaseModel):
    """A view as it is saved; saving again replaces all of it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"name": "Failures", "scope": "workspace", "definition": _DEFINITION}]},
    )

    name: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), AfterValidator(without_nul)
    ]
    scope: Annotated[Scope, Field(description="Who sees it: its owner, or everyone in the workspace")] = "private"
    page: Annotated[Page, Field(description="Page of the dashboard that it belongs to")] = "traces"
    definition: ViewDefinition


class ViewParameters(BaseModel):
    """Parameters of the list of views."""

    model_config = ConfigDict(extra="ignore")

    page: Annotated[Page | None, Field(description="Only views of this page")] = None


class View(BaseModel):
    """A saved view."""

    id: str = Field(examples=["0193fb5e-1c2d-7000-8000-000000000000"])
    name: str = Field(examples=["Failures"])
    scope: Scope
    page: Page
    definition: dict[str, Any] = Field(examples=[_DEFINITION])
    problem: str | None = Field(description="Why its filter no longer holds, null while it does", examples=[None])
    owner_id: str = Field(description="User or API key", examples=["0193fb5e-2222-7000-8000-000000000000"])
    can_change: bool = Field(description="Whether the caller may change or delete it")
    created_at: datetime
    updated_at: datetime


class DeletedView(BaseModel):
    """The view that is gone."""

    id: str = Field(examples=["0193fb5e-1c2d-7000-8000-000000000000"])
    deleted: Literal[True] = True
