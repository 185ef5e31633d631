"""Parameters and answer of the graph of a trace."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from query.app.models.traces import ErrorFacts


class GraphParameters(BaseModel):
    """Parameters of the graph of a trace."""

    model_config = ConfigDict(extra="ignore")

    max_nodes: Annotated[
        int, Field(ge=10, le=2000, description="With more nodes, those used least are put together by kind")
    ] = 400


class GraphNode(BaseModel):
    """An agent, or something that agents call; tokens and cost follow the leaf rule."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(description="Names the node within this graph", examples=["agent:support"])
    kind: Literal["entry", "agent", "tool", "model", "retriever", "guardrail", "evaluator", "trace"] = Field(
        description="entry: spans above or beside all agents; trace: another trace, to which a span links"
    )
    name: str | None = Field(
        description="Null for nodes that were put together and for a trace that is not stored", examples=["support"]
    )
    trace_id: str | None = Field(description="Of a node of kind trace", examples=[None])
    grouped: int | None = Field(description="How many nodes were put together here, null for none", examples=[None])
    span_count: int = Field(description="Spans; an agent's include those of its calls", examples=[7])
    run_count: int = Field(description="How often it was begun: runs of an agent, calls of a tool", examples=[2])
    error_count: int = Field(description="Spans that failed", examples=[0])
    tokens_input: int | None = Field(examples=[1234])
    tokens_output: int | None = Field(examples=[56])
    tokens_total: int | None = Field(examples=[1290])
    cost_usd: float | None = Field(examples=[0.0031])
    duration_ms: float | None = Field(description="Sum over its runs", examples=[812.4])
    first_seen: datetime | None
    last_seen: datetime | None
    is_first_failure: bool = Field(description="Whether the failure that explains the others happened here")


class GraphEdge(BaseModel):
    """How often work passed from one node to another, and what says so."""

    model_config = ConfigDict(extra="forbid")

    source: str = Field(description="Id of a node", examples=["agent:triage"])
    target: str = Field(description="Id of a node", examples=["agent:support"])
    kind: Literal["parent", "handoff", "link", "call"] = Field(
        description=(
            "parent: spans of the target lie below spans of the source; handoff: a span hands over; "
            "link: a span of the target links to the source; call: the source calls a tool, model or retriever"
        )
    )
    count: int = Field(description="Spans that say so", examples=[1])
    error_count: int = Field(description="Those of them that failed", examples=[0])
    first_seen: datetime
    last_seen: datetime


class GraphLoop(BaseModel):
    """Agents between which work went round."""

    model_config = ConfigDict(extra="forbid")

    nodes: list[str] = Field(examples=[["agent:critic", "agent:writer"]])
    repeats: int = Field(description="How often one of them got work again after the first time", examples=[3])


class FirstFailure(BaseModel):
    """The earliest failure that no failing child explains."""

    model_config = ConfigDict(extra="forbid")

    node_id: str | None = Field(examples=["tool:search"])
    span_id: str = Field(examples=["00f067aa0ba902b7"])
    error: ErrorFacts


class Graph(BaseModel):
    """Who worked for whom in a trace."""

    model_config = ConfigDict(extra="forbid")

    trace_id: str = Field(examples=["4bf92f3577b34da6a3ce929d0e0e4736"])
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    loops: list[GraphLoop]
    first_failure: FirstFailure | None
    collapsed: bool = Field(description="Whether nodes were put together")
    spans_complete: bool = Field(description="False when only the first 100,000 spans were counted")
    links_complete: bool = Field(description="False when payloads were too large to look for links in all of them")
