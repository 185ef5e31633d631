"""Route that reads the graph of a trace."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from query.app.basis import Answer, Basis
from query.app.dependencies import Caller
from query.app.evidence import COMPRESSED_BUDGET, EvidenceReader
from query.app.graph import Evidence, build_graph, failure_view
from query.app.models.graph import Graph, GraphParameters
from query.app.presentation import Row
from query.app.queries import graph as queries
from query.app.queries import traces
from query.app.routes.asking import Answers
from shared.database import Connection
from shared.domain import PayloadFormat, SpanKind
from shared.errors import NotFoundError
from shared.http.parameters import check_names
from shared.http.paths import EncodedPathRoute
from shared.http.schema import Enveloped, problems
from shared.ids import trace_hex
from shared.normalisation.handoffs import Handoff, read_handoff

_MOST_SPANS = 100_000
# What the content of each costs to read keeps a trace of nothing but hand-offs from taking long.
_MOST_OPEN_HANDOFFS = 2000
_MOST_LINKED_TRACES = 200
_NAMES = tuple(GraphParameters.model_fields)

router = APIRouter(
    prefix="/api/v1/traces",
    tags=["traces"],
    route_class=EncodedPathRoute,
    responses=problems(401, 403, 404, 422, 429, 503),
)


def _parameters(request: Request, parameters: Annotated[GraphParameters, Query()]) -> GraphParameters:
    check_names(request.query_params.keys(), _NAMES)
    return parameters


@router.get(
    "/{trace_id}/graph",
    response_model=Enveloped[Graph],
    summary="Agents of a trace, what they called, and how work passed between them",
)
async def read_graph(
    caller: Caller,
    answers: Answers,
    trace_id: Annotated[str, Path(description="As sent, percent-encoded; a slash is %2F")],
    parameters: Annotated[GraphParameters, Depends(_parameters)],
) -> Response:
    """Return a graph of what spans state: spans below spans, hand-offs, links, calls; nothing is told from times."""
    return await answers.keep(caller, lambda c: _graph(caller.workspace_number, c, trace_id, parameters.max_nodes))


async def _graph(workspace: int, connection: Connection, trace_id: str, max_nodes: int) -> Answer:
    head = await traces.find_head(workspace, connection, trace_id)
    row = None if head is None else await traces.read_trace(workspace, connection, head)
    if head is None or row is None:
        raise NotFoundError
    spans = await queries.read_graph_spans(workspace, connection, head, _MOST_SPANS + 1)
    spans_complete = len(spans) <= _MOST_SPANS
    del spans[_MOST_SPANS:]
    handoffs = await asyncio.to_thread(_handoffs, spans)
    wanted = [span_id for span_id, handoff in handoffs.items() if handoff.target is None]
    payloads, complete = await queries.read_payloads_within(
        workspace, connection, head, COMPRESSED_BUDGET, wanted[:_MOST_OPEN_HANDOFFS]
    )
    reader = EvidenceReader(handoffs)
    await asyncio.to_thread(_read_all, reader, payloads)
    key = head.key.bytes
    linked = sorted({trace for links in reader.links.values() for trace, _ in links if trace != key})
    names = await queries.read_trace_names(workspace, connection, linked[:_MOST_LINKED_TRACES]) if linked else {}
    evidence = Evidence(reader.links, reader.handoffs, names)
    graph = await asyncio.to_thread(build_graph, spans, key, row["name"], evidence, max_nodes)
    failed = [] if graph.failed_span is None else [graph.failed_span]
    failed_rows = await traces.read_spans(workspace, connection, head, failed) if failed else []
    answer = {
        "trace_id": row["external_id"] or trace_hex(key),
        "nodes": graph.nodes,
        "edges": graph.edges,
        "loops": graph.loops,
        "first_failure": failure_view(failed_rows[0] if failed_rows else None, graph.failed_node),
        "collapsed": graph.collapsed,
        "spans_complete": spans_complete,
        "links_complete": complete and reader.complete,
    }
    # A trace that this one links to may be of any day, and is shown by its name.
    return Answer(answer, Basis.of_everything() if linked else head.basis)


def _handoffs(spans: Sequence[Row]) -> dict[int, Handoff]:
    found: dict[int, Handoff] = {}
    # Thousands of spans bear a few names.
    read: dict[tuple[int, str, str | None], Handoff | None] = {}
    for span in spans:
        said = (span["kind"], span["name"], span["tool_name"])
        if said not in read:
            read[said] = read_handoff(SpanKind(span["kind"]), span["name"], span["tool_name"])
        handoff = read[said]
        if handoff is not None:
            found[span["span_id"]] = handoff
    return found


def _read_all(reader: EvidenceReader, payloads: list[Row]) -> None:
    for payload in payloads:
        reader.add(PayloadFormat(payload["format"]), payload["body"], payload["span_ids"])
