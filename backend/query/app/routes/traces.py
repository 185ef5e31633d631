"""Routes that read traces."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from query.app.basis import Answer, Basis
from query.app.content import ContentReader
from query.app.dependencies import (
    Caller,
    FacetQuery,
    NoParameters,
    SpanKey,
    SpanOptions,
    SpanPage,
    TraceQueryParameters,
    Traces,
)
from query.app.filters import TraceFilter, TraceQuery, read_facet_names, read_search
from query.app.models.traces import (
    PAGE_SPANS,
    Facets,
    SearchBody,
    Span,
    SpanWithPayload,
    TracePage,
    TraceWithSpans,
)
from query.app.presentation import Row, content_view, span_view, trace_view
from query.app.queries import listing
from query.app.queries import traces as queries
from query.app.queries.facets import count_facets
from query.app.routes.asking import Answers
from query.app.tree import position_after, tree_order
from shared.database import Connection
from shared.errors import NotFoundError
from shared.http.cursor import decode_cursor, encode_cursor, read_integer, read_time
from shared.http.envelope import success
from shared.http.paths import EncodedPathRoute
from shared.http.schema import Enveloped, EnvelopedPage, problems
from shared.ids import span_key, trace_hex

_TREE = "spans:tree"
# The index of texts follows behind what is stored, and nobody is told when it has caught up.
_TEXT_SECONDS = 10.0

TraceId = Annotated[str, Path(description="As sent, percent-encoded; a slash is %2F")]

router = APIRouter(
    prefix="/api/v1/traces",
    tags=["traces"],
    route_class=EncodedPathRoute,
    responses=problems(401, 403, 404, 422, 429, 503),
)


@router.get("", response_model=TracePage, summary="Traces, filtered and sorted")
async def list_traces(caller: Caller, answers: Answers, query: TraceQueryParameters) -> Response:
    """Return a page of traces; ``metadata.KEY=value`` and ``score.NAME=value`` filter by metadata and scores."""
    return await answers.keep(caller, lambda c: _page(caller.workspace_number, c, query))


@router.post(
    "/search",
    response_model=TracePage,
    dependencies=[NoParameters],
    responses=problems(400, 413),
    summary="Traces by a filter tree",
)
async def search_traces(request: Request, caller: Caller, answers: Answers, body: SearchBody) -> Response:
    """Return a page of the traces that fulfil a tree of and, or, not over the trace and any or all of its spans."""
    query = read_search(body, now=datetime.now(UTC))
    return await answers.keep(caller, lambda c: _page(caller.workspace_number, c, query), body=await request.body())


@router.get("/facets", response_model=Enveloped[Facets], summary="Values of traces with counts")
async def read_facets(caller: Caller, answers: Answers, asked: FacetQuery) -> Response:
    """Return the most frequent values of the traces that the same filters list, and how many began when."""
    parameters, found = asked
    names = read_facet_names(parameters.facets)

    async def compute(connection: Connection) -> Answer:
        counted = await count_facets(caller.workspace_number, connection, found, names, parameters.limit)
        return Answer(counted, _basis_of(found))

    return await answers.keep(caller, compute)


async def _page(workspace: int, connection: Connection, query: TraceQuery) -> Answer:
    page = await listing.list_traces(workspace, connection, query)
    wants_scores = not query.fields or "scores" in query.fields
    keys = [row["trace_id"] for row in page.rows] if wants_scores else []
    scores = await queries.read_scores(workspace, connection, keys) if keys else {}
    views = [trace_view(row, scores.get(row["trace_id"], {})) for row in page.rows]
    if query.fields:
        views = [{name: view[name] for name in query.fields} for view in views]
    pagination: dict[str, object] = {
        "cursor": page.cursor,
        "has_more": page.cursor is not None,
        "limit": query.limit,
    }
    if page.scanned_until is not None:
        pagination["scanned_until"] = page.scanned_until
    return Answer(views, _basis_of(query.filter), pagination)


def _basis_of(asked: TraceFilter) -> Basis:
    if asked.start is None or asked.end is None:
        return Basis.of_everything()
    basis = Basis.of_times(asked.start, asked.end)
    return basis if asked.text is None else basis.at_most(_TEXT_SECONDS)


@router.get(
    "/{trace_id}",
    response_model=Enveloped[TraceWithSpans],
    dependencies=[NoParameters],
    summary="One trace with the first thousand of its spans",
)
async def read_trace(caller: Caller, answers: Answers, trace_id: TraceId) -> Response:
    """Return a trace and its spans in tree order; ``spans_cursor`` continues them under ``/spans``."""
    workspace = caller.workspace_number

    async def compute(connection: Connection) -> Answer:
        head, row = await _find(workspace, connection, trace_id)
        scores = await queries.read_scores(workspace, connection, [head.key])
        spans, cursor = await _tree_page(workspace, connection, head, None, PAGE_SPANS)
        views = await _span_views(workspace, connection, head, _public_id(row), spans)
        view = trace_view(row, scores.get(head.key, {}))
        return Answer({**view, "spans": views, "spans_cursor": cursor}, head.basis)

    return await answers.keep(caller, compute)


@router.get("/{trace_id}/spans", response_model=EnvelopedPage[Span], summary="Spans of a trace")
async def list_spans(caller: Caller, answers: Answers, trace_id: TraceId, parameters: SpanPage) -> Response:
    """Return a page of spans in tree order, or, with ``parent``, of that span's children by time."""
    workspace = caller.workspace_number

    async def compute(connection: Connection) -> Answer:
        head, row = await _find(workspace, connection, trace_id)
        if parameters.parent is None:
            page = await _tree_page(workspace, connection, head, parameters.cursor, parameters.limit)
        else:
            parent = span_key(parameters.parent)
            page = await _children_page(workspace, connection, head, parent, parameters.cursor, parameters.limit)
        spans, cursor = page
        views = await _span_views(workspace, connection, head, _public_id(row), spans)
        pagination = {"cursor": cursor, "has_more": cursor is not None, "limit": parameters.limit}
        return Answer(views, head.basis, pagination)

    return await answers.keep(caller, compute)


@router.get(
    "/{trace_id}/spans/{span_id}", response_model=Enveloped[SpanWithPayload], summary="One span with its payload"
)
async def read_span(
    request: Request, caller: Caller, pool: Traces, trace_id: TraceId, span_id: SpanKey, options: SpanOptions
) -> Response:
    """Return a span and what was sent for it, read by today's normaliser."""
    workspace = caller.workspace_number
    async with queries.snapshot(pool) as connection:
        head, row = await _find(workspace, connection, trace_id)
        spans = await queries.read_spans(workspace, connection, head, [span_id])
        if not spans:
            raise NotFoundError
        reader = ContentReader(span_id)
        async for payload_format, body in queries.iter_payloads(workspace, connection, head, span_id):
            # A payload may hold megabytes; other requests go on meanwhile.
            await asyncio.to_thread(reader.add, payload_format, body)
    view = span_view(spans[0], _public_id(row), has_payload=reader.found)
    content = await asyncio.to_thread(lambda: content_view(reader.content(), full=options.full))
    return success(request, {**view, **content})


async def _find(workspace: int, connection: Connection, trace_id: str) -> tuple[queries.TraceHead, Row]:
    head = await queries.find_head(workspace, connection, trace_id)
    row = None if head is None else await queries.read_trace(workspace, connection, head)
    if head is None or row is None:
        raise NotFoundError
    return head, row


def _public_id(row: Row) -> str:
    return row["external_id"] or trace_hex(row["trace_id"].bytes)


async def _tree_page(
    workspace: int, connection: Connection, head: queries.TraceHead, cursor: str | None, limit: int
) -> tuple[list[Row], str | None]:
    after = None if cursor is None else decode_cursor(cursor, _TREE, (read_integer, read_integer))
    span_ids, parent_ids = await queries.read_tree(workspace, connection, head)
    order = await asyncio.to_thread(tree_order, span_ids, parent_ids)
    start = 0 if after is None else position_after(order, *after)
    page = order[start : start + limit]
    stop = start + len(page)
    next_cursor = encode_cursor(_TREE, page[-1], stop - 1) if page and stop < len(order) else None
    return await queries.read_spans(workspace, connection, head, page), next_cursor


async def _children_page(
    workspace: int, connection: Connection, head: queries.TraceHead, parent: int, cursor: str | None, limit: int
) -> tuple[list[Row], str | None]:
    kind = f"spans:children:{parent}"
    after = None if cursor is None else decode_cursor(cursor, kind, (read_time, read_integer))
    rows = await queries.read_children(workspace, connection, head, parent, after, limit + 1)
    has_more = len(rows) > limit
    del rows[limit:]
    next_cursor = encode_cursor(kind, rows[-1]["start_time"], rows[-1]["span_id"]) if has_more else None
    return rows, next_cursor


async def _span_views(
    workspace: int, connection: Connection, head: queries.TraceHead, trace_id: str, spans: Sequence[Row]
) -> list[dict[str, object]]:
    span_ids = [span["span_id"] for span in spans]
    with_payload = await queries.read_with_payload(workspace, connection, head, span_ids) if span_ids else set()
    return [span_view(span, trace_id, has_payload=span["span_id"] in with_payload) for span in spans]
