"""The graph of a trace: agents, what they called, and how work passed between them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from query.app.graph import Evidence, Graph, build_graph
from query.app.models import graph as models
from query.app.queries import graph as queries
from query.app.queries import traces
from query.app.routes.graph import _handoffs
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, Api
from shared.domain import PayloadFormat, SpanKind, Status
from shared.ids import span_hex, trace_key
from shared.normalisation.spans import normalise_span
from shared.normalisation.trace import fold_trace
from shared.otlp.frame import frame_spans
from shared.testing.traces import recently, store_payload, store_trace
from shared.tests.normalisation.captures import FOLDER, capture_sets, read_request

PATH = "/api/v1/traces"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
START = recently()


def span(span_id: int, parent: int | None = None, kind: SpanKind = SpanKind.CHAIN, **columns: Any) -> dict[str, Any]:
    """Return columns of a span that starts as many milliseconds after the trace as its id says."""
    return {
        "span_id": span_id,
        "parent_span_id": parent,
        "kind": kind,
        "start_time": START + timedelta(milliseconds=span_id),
        **columns,
    }


def agent(span_id: int, parent: int | None, name: str, **columns: Any) -> dict[str, Any]:
    """Return columns of the span of an agent."""
    return span(span_id, parent, SpanKind.AGENT, name=f"invoke_agent {name}", agent_id=name, **columns)


def tool(span_id: int, parent: int | None, name: str, **columns: Any) -> dict[str, Any]:
    """Return columns of the span of a tool."""
    return span(span_id, parent, SpanKind.TOOL, name=name, tool_name=name, **columns)


async def read(api: Api, trace_id: str = TRACE, **params: object) -> Any:
    """Return the graph of a trace, which looks as it is described."""
    graph = (await api.read(f"{PATH}/{trace_id}/graph", params))["data"]
    models.Graph.model_validate(graph)
    return graph


def edges(graph: Any) -> list[tuple[str, str, str, int]]:
    """Return source, target, kind and count of each edge, sorted."""
    return sorted((edge["source"], edge["target"], edge["kind"], edge["count"]) for edge in graph["edges"])


def nodes(graph: Any) -> dict[str, Any]:
    """Return the nodes by their ids."""
    return {node["id"]: node for node in graph["nodes"]}


async def test_agents_calls_and_delegation(api: Api, database: asyncpg.Connection) -> None:
    spans = [
        span(1, None, name="app"),
        agent(2, 1, "planner", duration_us=9000, tokens_input=30, tokens_output=3, counted=False),
        span(3, 2, SpanKind.LLM, name="chat", model="gpt-4o", tokens_input=10, tokens_output=1, cost_nano=5 * 10**9),
        tool(4, 2, "search"),
        agent(5, 4, "worker", duration_us=2000),
        span(6, 5, SpanKind.LLM, name="chat", model="gpt-4o", tokens_input=20, tokens_output=2),
        tool(7, 5, "search", status=Status.ERROR, error_type="Boom", error_message="no"),
        agent(8, 2, "worker", duration_us=500, status=Status.ERROR),
        span(9, 8, SpanKind.RETRIEVER, name="docs"),
    ]
    await store_trace(database, WORKSPACE, TRACE, start_time=START, name="app", spans=spans)
    graph = await read(api)
    assert edges(graph) == [
        ("agent:planner", "agent:worker", "parent", 2),
        ("agent:planner", "model:gpt-4o", "call", 1),
        ("agent:planner", "tool:search", "call", 1),
        ("agent:worker", "model:gpt-4o", "call", 1),
        ("agent:worker", "retriever:docs", "call", 1),
        ("agent:worker", "tool:search", "call", 1),
        ("entry", "agent:planner", "parent", 1),
    ]
    by_id = nodes(graph)
    assert list(by_id) == [
        "entry",
        "agent:planner",
        "agent:worker",
        "model:gpt-4o",
        "tool:search",
        "retriever:docs",
    ]
    worker = by_id["agent:worker"]
    assert (worker["span_count"], worker["run_count"], worker["error_count"], worker["duration_ms"]) == (5, 2, 2, 2.5)
    assert (worker["tokens_input"], worker["tokens_total"], worker["cost_usd"]) == (20, 22, None)
    planner = by_id["agent:planner"]
    assert (planner["tokens_input"], planner["tokens_total"], planner["cost_usd"]) == (10, 11, 5.0)
    assert by_id["model:gpt-4o"]["tokens_total"] == 33
    assert by_id["entry"]["name"] == "app"
    assert graph["first_failure"] == {
        "node_id": "tool:search",
        "span_id": span_hex(7),
        "error": {"type": "Boom", "message": "no"},
    }
    assert [node_id for node_id, node in by_id.items() if node["is_first_failure"]] == ["tool:search"]
    (call,) = (edge for edge in graph["edges"] if (edge["source"], edge["target"]) == ("agent:worker", "tool:search"))
    assert call["error_count"] == 1
    assert (graph["loops"], graph["collapsed"], graph["spans_complete"], graph["links_complete"]) == (
        [],
        False,
        True,
        True,
    )


async def test_work_that_goes_round_is_counted(api: Api, database: asyncpg.Connection) -> None:
    names = ["writer", "critic"]
    spans = [span(1, None, name="app"), agent(2, 1, "writer"), agent(3, 1, "critic")]
    for turn in range(7):
        spans.append(tool(10 + turn, 2 + turn % 2, f"transfer_to_{names[(turn + 1) % 2]}"))
    await store_trace(database, WORKSPACE, TRACE, start_time=START, spans=spans)
    graph = await read(api)
    assert [edge for edge in edges(graph) if edge[2] == "handoff"] == [
        ("agent:critic", "agent:writer", "handoff", 3),
        ("agent:writer", "agent:critic", "handoff", 4),
    ]
    assert graph["loops"] == [{"nodes": ["agent:critic", "agent:writer"], "repeats": 6}]
    assert not [node for node in graph["nodes"] if node["kind"] == "tool"]


async def test_two_kinds_of_evidence_for_one_passage_are_one_step_of_a_loop(
    api: Api, database: asyncpg.Connection
) -> None:
    spans = [agent(1, None, "a"), tool(2, 1, "transfer_to_b"), agent(3, 2, "b"), agent(4, 3, "a"), agent(5, 4, "a")]
    await store_trace(database, WORKSPACE, TRACE, start_time=START, spans=spans)
    graph = await read(api)
    assert edges(graph) == [
        ("agent:a", "agent:b", "handoff", 1),
        ("agent:a", "agent:b", "parent", 1),
        ("agent:b", "agent:a", "parent", 1),
    ]
    assert graph["loops"] == [{"nodes": ["agent:a", "agent:b"], "repeats": 1}]


async def test_a_hand_off_to_an_agent_that_never_ran_is_shown(api: Api, database: asyncpg.Connection) -> None:
    spans = [agent(1, None, "triage"), tool(2, 1, "transfer_to_refund_desk", status=Status.ERROR)]
    await store_trace(database, WORKSPACE, TRACE, start_time=START, spans=spans)
    graph = await read(api)
    assert edges(graph) == [("agent:triage", "agent:refund_desk", "handoff", 1)]
    assert nodes(graph)["agent:refund_desk"]["span_count"] == 0


@pytest.mark.parametrize(
    ("tool_name", "attributes"),
    [
        ("transfer_to_agent", {"gcp.vertex.agent.tool_call_args": '{"agent_name": "Refund Desk"}'}),
        ("handoff_to_agent", {"gen_ai.tool.call.arguments": '{"agent_name": "refund_desk", "message": "m"}'}),
        ("Delegate work to coworker", {"input.value": '{"coworker": "refund desk", "task": "t"}'}),
        ("transfer_to_agent", {}),
    ],
)
async def test_the_target_of_a_hand_off_may_be_an_argument(
    api: Api, database: asyncpg.Connection, tool_name: str, attributes: dict[str, str]
) -> None:
    spans = [agent(1, None, "triage"), tool(2, 1, tool_name), agent(3, 1, "Refund Desk")]
    await store_trace(database, WORKSPACE, TRACE, start_time=START, spans=spans)
    item = {"trace_id": TRACE, "span_id": span_hex(2), "name": tool_name, "kind": "tool", "attributes": attributes}
    await store_payload(database, WORKSPACE, TRACE, [2], PayloadFormat.NATIVE, orjson.dumps([item]), start_time=START)
    graph = await read(api)
    found = [edge for edge in edges(graph) if edge[2] == "handoff"]
    if attributes:
        assert found == [("agent:triage", "agent:Refund Desk", "handoff", 1)]
    else:
        assert found == []
        assert f"tool:{tool_name}" in nodes(graph)


async def test_links_within_the_trace_and_to_others(api: Api, database: asyncpg.Connection) -> None:
    other, foreign = "a" * 32, "b" * 32
    await store_trace(database, WORKSPACE, other, name="the cause")
    await store_trace(database, OTHER_WORKSPACE, foreign, name="secret")
    spans = [span(1, None, name="app"), agent(2, 1, "a"), agent(3, 1, "b"), tool(4, 2, "t")]
    await store_trace(database, WORKSPACE, TRACE, start_time=START, spans=spans)
    links = [
        {"trace_id": TRACE, "span_id": span_hex(4)},
        {"trace_id": TRACE, "span_id": span_hex(3)},
        {"trace_id": TRACE, "span_id": span_hex(999)},
        {"trace_id": other, "span_id": span_hex(1)},
        {"trace_id": foreign, "span_id": span_hex(1)},
    ]
    item = {"trace_id": TRACE, "span_id": span_hex(3), "name": "b", "links": links}
    frame = orjson.dumps([item])
    for _ in range(2):
        await store_payload(database, WORKSPACE, TRACE, [3], PayloadFormat.NATIVE, frame, start_time=START)
    graph = await read(api)
    assert [edge for edge in edges(graph) if edge[2] == "link"] == [
        ("agent:a", "agent:b", "link", 1),
        (f"trace:{other}", "agent:b", "link", 1),
        (f"trace:{foreign}", "agent:b", "link", 1),
    ]
    by_id = nodes(graph)
    assert (by_id[f"trace:{other}"]["name"], by_id[f"trace:{other}"]["trace_id"]) == ("the cause", other)
    assert by_id[f"trace:{foreign}"]["name"] is None


async def test_links_in_protobuf_are_found(api: Api, database: asyncpg.Connection) -> None:
    sources, _ = read_request(FOLDER / "synthetic" / "multi_resource_scope_links.bin")
    linked = [source for source in sources if source.links]
    assert linked
    trace_id = linked[0].trace_id.hex()
    of_trace = [source for source in sources if source.trace_id.hex() == trace_id]
    rows = [{"span_id": source.span_id, "kind": SpanKind.AGENT, "name": source.name} for source in of_trace]
    await store_trace(database, WORKSPACE, trace_id, start_time=START, spans=rows)
    ids = [source.span_id for source in of_trace]
    frame = frame_spans(of_trace)
    await store_payload(database, WORKSPACE, trace_id, ids, PayloadFormat.OTLP_TRACES, frame, start_time=START)
    graph = await read(api, trace_id)
    expected = {
        (f"trace:{link.trace_id.hex()}", f"agent:{source.name}")
        for source in of_trace
        for link in source.links
        if link.trace_id != source.trace_id
    }
    assert {(edge["source"], edge["target"]) for edge in graph["edges"] if edge["kind"] == "link"} == expected


async def test_payloads_beyond_the_budget_are_told_of(
    api: Api, database: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("query.app.routes.graph.COMPRESSED_BUDGET", 10)
    await store_trace(database, WORKSPACE, TRACE, start_time=START)
    assert (await read(api))["links_complete"] is True
    await store_payload(database, WORKSPACE, TRACE, [1], PayloadFormat.NATIVE, b"[]" + b" " * 999, start_time=START)
    assert (await read(api))["links_complete"] is False


async def test_many_nodes_are_put_together_and_no_count_is_lost(api: Api, database: asyncpg.Connection) -> None:
    spans = [agent(1, None, "boss")]
    for number in range(60):
        spans.append(tool(100 + number, 1, f"tool-{number:02}"))
        spans.append(span(300 + number, 1, SpanKind.RETRIEVER, name=f"index-{number:02}"))
    spans += [tool(1000 + number, 1, "tool-07") for number in range(5)]
    spans += [tool(2000, 1, "rare", status=Status.ERROR)]
    await store_trace(database, WORKSPACE, TRACE, start_time=START, spans=spans)
    whole = await read(api)
    assert not whole["collapsed"]
    assert len(whole["nodes"]) == 122
    graph = await read(api, max_nodes=20)
    assert graph["collapsed"]
    assert len(graph["nodes"]) <= 20
    by_id = nodes(graph)
    assert {"agent:boss", "tool:tool-07", "tool:rare", "others:tool", "others:retriever"} <= set(by_id)
    assert by_id["others:tool"]["name"] is None
    for kind, number in (("tool", 61), ("retriever", 60)):
        of_kind = [node for node in graph["nodes"] if node["kind"] == kind]
        assert sum(node["grouped"] or 1 for node in of_kind) == number
    assert sum(edge["count"] for edge in graph["edges"]) == sum(edge["count"] for edge in whole["edges"]) == 126


async def test_even_agents_are_put_together_when_there_are_too_many(api: Api, database: asyncpg.Connection) -> None:
    spans = [agent(1, None, "boss"), *(agent(10 + number, 1, f"agent-{number}") for number in range(50))]
    await store_trace(database, WORKSPACE, TRACE, start_time=START, spans=spans)
    graph = await read(api, max_nodes=12)
    assert len(graph["nodes"]) <= 12
    assert graph["loops"] == []
    assert sum(edge["count"] for edge in graph["edges"]) == 50


async def test_F33_circles_orphans_and_spans_without_agents(api: Api, database: asyncpg.Connection) -> None:
    spans = [
        agent(1, 2, "a"),
        agent(2, 1, "b", status=Status.ERROR),
        span(3, 3, status=Status.ERROR),
        tool(4, 77, "lonely"),
        agent(5, 78, "c"),
    ]
    await store_trace(database, WORKSPACE, TRACE, start_time=START, spans=spans)
    graph = await read(api)
    assert edges(graph) == [
        ("agent:a", "agent:b", "parent", 1),
        ("agent:b", "agent:a", "parent", 1),
        ("entry", "tool:lonely", "call", 1),
    ]
    assert sum(node["span_count"] for node in graph["nodes"] if node["kind"] in ("entry", "agent")) == 5


async def test_the_graph_of_another_workspace_does_not_exist(api: Api, database: asyncpg.Connection) -> None:
    await store_trace(database, OTHER_WORKSPACE, TRACE)
    assert (await api.get(f"{PATH}/{TRACE}/graph")).status_code == 404
    assert (await api.get(f"{PATH}/none/graph")).status_code == 404


@pytest.mark.parametrize(
    ("params", "field"),
    [({"max_nodes": "9"}, "max_nodes"), ({"max_nodes": "1e9"}, "max_nodes"), ({"maxnodes": "50"}, "maxnodes")],
)
async def test_S42_bad_parameters_are_named(door: Api, params: dict[str, str], field: str) -> None:
    answer = await door.get(f"{PATH}/{TRACE}/graph", params)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"][0]["field"] == field


CAPTURED = {
    "oi_openai_agents": [
        ("agent:Triage", "agent:WeatherAgent", "handoff", 1),
        ("agent:WeatherAgent", "model:gpt-4o-mini-2024-07-18", "call", 4),
        ("agent:WeatherAgent", "tool:get_weather", "call", 2),
    ],
    "google_adk": [
        ("agent:weather_agent", "tool:get_weather", "call", 1),
        ("entry", "agent:weather_agent", "parent", 1),
    ],
    "distributed_two_services": [("entry", "agent:worker", "parent", 2), ("agent:worker", "model:gpt-4o", "call", 2)],
    "strands_latest": [("agent:weather_agent", "tool:get_weather", "call", 1)],
}


@pytest.mark.parametrize("name", CAPTURED)
def test_what_frameworks_send(name: str) -> None:
    graph = _graph_of_capture(name)
    found = {(edge["source"], edge["target"], edge["kind"], edge["count"]) for edge in graph.edges}
    assert set(CAPTURED[name]) <= found
    assert not [edge for edge in graph.edges if edge["kind"] == "link"]
    assert graph.loops == []


def _graph_of_capture(name: str) -> Graph:
    """Return the graph of the largest trace of a capture set, without what only payloads tell."""
    rows = [normalise_span(source) for source in capture_sets()[name][0]]
    key = max({row.trace_id for row in rows}, key=lambda trace: sum(row.trace_id == trace for row in rows))
    of_trace = [row for row in rows if row.trace_id == key]
    folded = fold_trace(of_trace)
    spans: Sequence[Any] = [
        {
            "span_id": row.span_id,
            "parent_span_id": row.parent_span_id,
            "start_time": START + timedelta(microseconds=(row.start_ns - folded.start_ns) // 1000),
            "duration_us": None if row.end_ns is None else (row.end_ns - row.start_ns) // 1000,
            "kind": row.kind,
            "status": row.status,
            "name": row.name,
            "agent_id": row.agent_id,
            "tool_name": row.tool_name,
            "model": row.model or row.model_requested,
            "counted": row.span_id in folded.counted,
            "tokens_input": row.tokens_input,
            "tokens_output": row.tokens_output,
            "tokens_total": row.tokens_total,
            "cost_nano": row.cost_nano,
        }
        for row in sorted(of_trace, key=lambda row: (row.start_ns, row.span_id))
    ]
    graph = build_graph(spans, key, folded.name, Evidence(handoffs=_handoffs(list(spans))), 400)
    totals = [node["tokens_total"] or 0 for node in graph.nodes if node["kind"] in ("entry", "agent")]
    assert sum(int(str(total)) for total in totals) == (folded.tokens_total or 0)
    return graph


async def test_statements_on_both_engines(each_traces_url: str) -> None:
    connection = await asyncpg.connect(each_traces_url)
    spans = [agent(1, None, "a"), agent(2, 1, "b", tokens_output=5)]
    await store_trace(connection, WORKSPACE, TRACE, start_time=START, spans=spans)
    await store_trace(connection, WORKSPACE, "other", name="other name", start_time=START - timedelta(days=3))
    for ids, size in (([1], 10), ([2], 3000), ([1, 2], 20)):
        await store_payload(
            connection, WORKSPACE, TRACE, ids, PayloadFormat.NATIVE, bytes(range(256)) * size, start_time=START
        )
    head = await traces.find_head(WORKSPACE, connection, TRACE)
    assert head is not None
    rows = await queries.read_graph_spans(WORKSPACE, connection, head, 10)
    assert [(row["span_id"], row["tokens_total"]) for row in rows] == [(1, None), (2, 5)]
    assert len(await queries.read_graph_spans(WORKSPACE, connection, head, 1)) == 1
    payloads, complete = await queries.read_payloads_within(WORKSPACE, connection, head, 10**6, [2])
    assert complete
    assert [2 in row["span_ids"] for row in payloads] == [True, True, False]
    largest = max(len(row["body"]) for row in payloads)
    payloads, complete = await queries.read_payloads_within(WORKSPACE, connection, head, largest - 1, [1])
    assert not complete
    assert payloads
    names = await queries.read_trace_names(WORKSPACE, connection, [trace_key("other"), trace_key("absent")])
    assert names == {trace_key("other"): ("other", "other name")}
    await connection.close()
