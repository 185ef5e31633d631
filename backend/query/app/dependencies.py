"""What the routes of the query service are given."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from query.app.filters import OPEN_PREFIXES, TraceFilter, TraceQuery, read_filter, read_query
from query.app.models.traces import FacetParameters, SpanPageParameters, SpanParameters, TraceParameters
from shared.auth.context import AuthContext
from shared.auth.permissions import Permission
from shared.database import Pool
from shared.http.guard import require
from shared.http.parameters import check_names
from shared.ids import span_key


def _names(model: type[Any]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


_TRACE_NAMES = _names(TraceParameters)
_FACET_NAMES = _names(FacetParameters)
_SPAN_PAGE_NAMES = _names(SpanPageParameters)
_SPAN_NAMES = _names(SpanParameters)


def _open_filters(request: Request, names: list[str]) -> list[tuple[str, str]]:
    given = request.query_params.multi_items()
    check_names((name for name, _ in given), names, OPEN_PREFIXES)
    return [(name, value) for name, value in given if name.startswith(OPEN_PREFIXES)]


def _trace_query(request: Request, parameters: Annotated[TraceParameters, Query()]) -> TraceQuery:
    return read_query(parameters, _open_filters(request, _TRACE_NAMES), now=datetime.now(UTC))


def _facet_query(
    request: Request, parameters: Annotated[FacetParameters, Query()]
) -> tuple[FacetParameters, TraceFilter]:
    return parameters, read_filter(parameters, _open_filters(request, _FACET_NAMES), now=datetime.now(UTC))


def _span_page(request: Request, parameters: Annotated[SpanPageParameters, Query()]) -> SpanPageParameters:
    check_names(request.query_params.keys(), _SPAN_PAGE_NAMES)
    return parameters


def _span_parameters(request: Request, parameters: Annotated[SpanParameters, Query()]) -> SpanParameters:
    check_names(request.query_params.keys(), _SPAN_NAMES)
    return parameters


def _no_parameters(request: Request) -> None:
    check_names(request.query_params.keys(), ())


def _span_id(span_id: Annotated[str, Path(description="Sixteen hexadecimal digits, or the sender's own id")]) -> int:
    return span_key(span_id)


def _pool(request: Request) -> Pool:
    pool: Pool = request.app.state.pool
    return pool


def _primary(request: Request) -> Pool:
    pool: Pool = request.app.state.primary
    return pool


def _metadata(request: Request) -> Pool:
    pool: Pool = request.app.state.metadata
    return pool


Caller = Annotated[AuthContext, Depends(require(Permission.READ))]
CostCaller = Annotated[AuthContext, Depends(require(Permission.COST_READ))]
CostWriter = Annotated[AuthContext, Depends(require(Permission.COST_WRITE))]
Writer = Annotated[AuthContext, Depends(require(Permission.WRITE))]
Traces = Annotated[Pool, Depends(_pool)]
Primary = Annotated[Pool, Depends(_primary)]
Metadata = Annotated[Pool, Depends(_metadata)]
TraceQueryParameters = Annotated[TraceQuery, Depends(_trace_query)]
FacetQuery = Annotated[tuple[FacetParameters, TraceFilter], Depends(_facet_query)]
SpanPage = Annotated[SpanPageParameters, Depends(_span_page)]
SpanOptions = Annotated[SpanParameters, Depends(_span_parameters)]
NoParameters = Depends(_no_parameters)
SpanKey = Annotated[int, Depends(_span_id)]
