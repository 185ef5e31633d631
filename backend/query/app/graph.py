"""Who worked for whom in a trace: agents, what they called, and how work passed between them.

Every edge rests on something that was sent: a span below another one, a span that hands over, a link. Times decide the
order of an answer and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from query.app.circles import strongly_connected
from query.app.presentation import Row, dollars, milliseconds
from query.app.tree import tree_order
from shared.domain import SpanKind, Status
from shared.ids import span_hex, trace_hex
from shared.normalisation.handoffs import Handoff

NodeKind = Literal["entry", "agent", "tool", "model", "retriever", "guardrail", "evaluator", "trace"]
EdgeKind = Literal["parent", "handoff", "link", "call"]
# A trace and a span of it, as a link names them.
LinkTarget = tuple[bytes, int]

_LEAF_KINDS: dict[int, NodeKind] = {
    SpanKind.TOOL: "tool",
    SpanKind.LLM: "model",
    SpanKind.EMBEDDING: "model",
    SpanKind.RERANKER: "model",
    SpanKind.RETRIEVER: "retriever",
    SpanKind.GUARDRAIL: "guardrail",
    SpanKind.EVALUATOR: "evaluator",
}
_KINDS: tuple[NodeKind, ...] = ("entry", "agent", "model", "tool", "retriever", "guardrail", "evaluator", "trace")
_KIND_ORDER = {kind: place for place, kind in enumerate(_KINDS)}
_OK = int(Status.SUCCESS)
_AGENT = int(SpanKind.AGENT)
_MODELS = (SpanKind.LLM, SpanKind.EMBEDDING, SpanKind.RERANKER)

# Stands for the names of nodes that were put together; no name holds NUL.
_OTHERS = "\x00"

_Key = tuple[NodeKind, str]
_EdgeKey = tuple[_Key, _Key, EdgeKind]


@dataclass(slots=True)
class _Node:
    spans: int = 0
    runs: int = 0
    errors: int = 0
    tokens_input: int | None = None
    tokens_output: int | None = None
    tokens_total: int | None = None
    cost_nano: int | None = None
    duration_us: int | None = None
    first: datetime | None = None
    last: datetime | None = None
    grouped: int = 0

    def take(self, span: Row) -> None:
        self.spans += 1
        self.errors += span["status"] != _OK
        if span["counted"]:
            self.tokens_input = _plus(self.tokens_input, span["tokens_input"])
            self.tokens_output = _plus(self.tokens_output, span["tokens_output"])
            self.tokens_total = _plus(self.tokens_total, span["tokens_total"])
            self.cost_nano = _plus(self.cost_nano, span["cost_nano"])
        self.see(span["start_time"])

    def run(self, span: Row) -> None:
        self.runs += 1
        self.duration_us = _plus(self.duration_us, span["duration_us"])

    def see(self, moment: datetime) -> None:
        if self.first is None or moment < self.first:
            self.first = moment
        if self.last is None or moment > self.last:
            self.last = moment

    def merge(self, other: "_Node") -> None:
        for name in ("spans", "runs", "errors"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("tokens_input", "tokens_output", "tokens_total", "cost_nano", "duration_us"):
            setattr(self, name, _plus(getattr(self, name), getattr(other, name)))
        for moment in (other.first, other.last):
            if moment is not None:
                self.see(moment)
        self.grouped += max(1, other.grouped)


@dataclass(slots=True)
class _Edge:
    count: int
    errors: int
    first: datetime
    last: datetime

    def merge(self, other: "_Edge") -> None:
        self.count += other.count
        self.errors += other.errors
        self.first = min(self.first, other.first)
        self.last = max(self.last, other.last)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What spans say beyond their rows: links by span, ends of hand-offs by span, names of linked traces by key."""

    links: Mapping[int, Iterable[LinkTarget]] = field(default_factory=dict)
    handoffs: Mapping[int, Handoff] = field(default_factory=dict)
    trace_names: Mapping[bytes, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph ready to be answered; ``failed_span`` is the span whose failure no failing child explains."""

    nodes: list[dict[str, object]]
    edges: list[dict[str, object]]
    loops: list[dict[str, object]]
    failed_span: int | None
    failed_node: str | None
    collapsed: bool


def build_graph(spans: Sequence[Row], trace: bytes, name: str, evidence: Evidence, most_nodes: int) -> Graph:
    """Return the graph of a trace, the same for any order in which its spans arrived.

    Args:
        spans: Rows of its spans by time.
        trace: Key of the trace.
        name: Name of the trace, which the node of spans without an agent bears.
        evidence: Links and hand-offs.
        most_nodes: With more nodes than these, those that were used least are put together by kind.
    """
    builder = _Builder(spans, trace, evidence)
    failed = _origin(spans)
    failed_key = None if failed is None else builder.places[failed]
    nodes, edges, moved = _collapse(builder.nodes, builder.edges, most_nodes, failed_key)
    if failed_key is not None:
        failed_key = moved.get(failed_key, failed_key)
    ids = {key: _node_id(key, node) for key, node in nodes.items()}
    names = evidence.trace_names
    return Graph(
        nodes=[
            _node_view(ids[key], key, nodes[key], name, names, is_failed=key == failed_key)
            for key in sorted(nodes, key=lambda key: _node_order(key, nodes[key]))
        ],
        edges=[
            _edge_view(ids, key, edges[key])
            for key in sorted(edges, key=lambda key: (edges[key].first, ids[key[0]], ids[key[1]], key[2]))
        ],
        loops=_loops(edges, ids),
        failed_span=failed,
        failed_node=None if failed_key is None else ids[failed_key],
        collapsed=bool(moved),
    )


class _Builder:
    """Assigns each span to an agent, then counts nodes and edges."""

    def __init__(self, spans: Sequence[Row], trace: bytes, evidence: Evidence) -> None:
        self.nodes: dict[_Key, _Node] = {}
        self.edges: dict[_EdgeKey, _Edge] = {}
        # The most particular node that each span counts for.
        self.places: dict[int, _Key] = {}
        self._rows = {span["span_id"]: span for span in spans}
        self._owners: dict[int, _Key] = {}
        self._evidence = evidence
        order = tree_order([span["span_id"] for span in spans], [span["parent_span_id"] for span in spans])
        for span_id in order:
            self._assign(self._rows[span_id])
        self._spelt = self._spellings()
        for span_id in order:
            self._connect(self._rows[span_id])
        for span_id in sorted(evidence.links):
            if span_id in self._rows:
                self._link(self._rows[span_id], trace, evidence.links[span_id])

    def _assign(self, span: Row) -> None:
        """Give a span to the agent that it names, else to that of the span above it."""
        above = self._owners.get(span["parent_span_id"])
        stated = span["agent_id"] or (span["name"] if span["kind"] == _AGENT else None)
        owner: _Key = ("agent", stated) if stated else above or ("entry", "")
        self._owners[span["span_id"]] = self.places[span["span_id"]] = owner
        node = self.nodes.setdefault(owner, _Node())
        node.take(span)
        if above != owner:
            node.run(span)

    def _connect(self, span: Row) -> None:
        owner = self._owners[span["span_id"]]
        above = self._owners.get(span["parent_span_id"])
        if above is not None and above != owner and span["parent_span_id"] != span["span_id"]:
            self._add(above, owner, "parent", span)
        handoff = self._evidence.handoffs.get(span["span_id"])
        if handoff is not None and handoff.target is not None:
            source = owner if handoff.source is None else self._agent_named(handoff.source, span)
            self._add(source, self._agent_named(handoff.target, span), "handoff", span)
            return
        kind = _LEAF_KINDS.get(span["kind"])
        if kind is None:
            return
        called = span["tool_name"] if kind == "tool" else span["model"] if span["kind"] in _MODELS else None
        leaf: _Key = (kind, called or span["name"])
        node = self.nodes.setdefault(leaf, _Node())
        node.take(span)
        node.run(span)
        self.places[span["span_id"]] = leaf
        self._add(owner, leaf, "call", span)

    def _link(self, span: Row, trace: bytes, targets: Iterable[LinkTarget]) -> None:
        """Add an edge from what a span links to: that came first and brought it about."""
        owner = self._owners[span["span_id"]]
        for target_trace, target_span in sorted(set(targets)):
            if target_trace == trace:
                source = self._owners.get(target_span, owner)
            else:
                source = ("trace", trace_hex(target_trace))
                self.nodes.setdefault(source, _Node()).see(span["start_time"])
            if source != owner:
                self._add(source, owner, "link", span)

    def _add(self, source: _Key, target: _Key, kind: EdgeKind, span: Row) -> None:
        new = _Edge(1, int(span["status"] != _OK), span["start_time"], span["start_time"])
        edge = self.edges.setdefault((source, target, kind), new)
        if edge is not new:
            edge.merge(new)

    def _spellings(self) -> dict[str, _Key | None]:
        """Return the agents by their names without case and punctuation, None for names that fit several."""
        found: dict[str, _Key | None] = {}
        for key in self.nodes:
            if key[0] == "agent":
                plain = _plain(key[1])
                found[plain] = None if plain in found else key
        return found

    def _agent_named(self, name: str, span: Row) -> _Key:
        """Return the agent that a hand-off names; tools spell ``WeatherAgent`` as ``weather_agent``."""
        key: _Key = ("agent", name)
        if key not in self.nodes:
            key = self._spelt.get(_plain(name)) or key
        # An agent that never ran is there all the same, since somebody handed over to it.
        self.nodes.setdefault(key, _Node()).see(span["start_time"])
        return key


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum()) or name


def _plus(total: int | None, count: int | None) -> int | None:
    if count is None:
        return total
    return count if total is None else total + count


def _origin(spans: Sequence[Row]) -> int | None:
    """Return the earliest failing span that no failing child explains; rows are in order of time."""
    failing = [span for span in spans if span["status"] != _OK]
    explained = {span["parent_span_id"] for span in failing if span["parent_span_id"] != span["span_id"]}
    found = next((span["span_id"] for span in failing if span["span_id"] not in explained), None)
    # In a circle of parents each explains the other.
    return failing[0]["span_id"] if found is None and failing else found


def _collapse(
    nodes: dict[_Key, _Node], edges: dict[_EdgeKey, _Edge], most: int, kept: _Key | None
) -> tuple[dict[_Key, _Node], dict[_EdgeKey, _Edge], dict[_Key, _Key]]:
    """Return the graph with at most so many nodes, and into which node each one that is gone went."""
    if len(nodes) <= most:
        return nodes, edges, {}
    # Agents go last, and of the same rank those that were used most stay.
    ranked = sorted(nodes, key=lambda key: (key != kept, key[0] not in ("entry", "agent"), -nodes[key].spans, key))
    stay = max(1, most - len(_KIND_ORDER))
    moved: dict[_Key, _Key] = {key: (key[0], _OTHERS) for key in ranked[stay:] if key[0] != "entry"}
    left = {key: node for key, node in nodes.items() if key not in moved}
    for key, target in moved.items():
        left.setdefault(target, _Node()).merge(nodes[key])
    joined: dict[_EdgeKey, _Edge] = {}
    for (source, target, kind), edge in edges.items():
        at = (moved.get(source, source), moved.get(target, target), kind)
        if at in joined:
            joined[at].merge(edge)
        else:
            joined[at] = edge
    return left, joined, moved


def _loops(edges: Mapping[_EdgeKey, _Edge], ids: Mapping[_Key, str]) -> list[dict[str, object]]:
    """Return each set of agents that work came back to, with how often one that had it before got it again.

    Both kinds of evidence may tell of one passage, so of two edges between the same agents the larger counts.
    """
    steps: dict[tuple[_Key, _Key], int] = {}
    for (source, target, kind), edge in edges.items():
        if (
            kind in ("parent", "handoff")
            and source[0] == target[0] == "agent"
            and _OTHERS not in (source[1], target[1])
        ):
            steps[source, target] = max(steps.get((source, target), 0), edge.count)
    below: dict[_Key, list[_Key]] = {}
    for source, target in steps:
        below.setdefault(source, []).append(target)
    found: list[dict[str, object]] = []
    for group in strongly_connected(below):
        inside = sum(count for (source, target), count in steps.items() if source in group and target in group)
        if inside:
            repeats = inside - (len(group) - 1)
            found.append({"nodes": sorted(ids[key] for key in group), "repeats": repeats})
    return sorted(found, key=lambda loop: str(loop["nodes"]))


def _node_id(key: _Key, node: _Node) -> str:
    return f"others:{key[0]}" if node.grouped else key[0] if key[0] == "entry" else f"{key[0]}:{key[1]}"


def _node_order(key: _Key, node: _Node) -> tuple[int, bool, datetime | None, str]:
    return (_KIND_ORDER[key[0]], bool(node.grouped), node.first, key[1])


def _node_view(
    node_id: str, key: _Key, node: _Node, name: str, traces: Mapping[bytes, tuple[str, str]], *, is_failed: bool
) -> dict[str, object]:
    trace_id = None
    label: str | None = key[1]
    if node.grouped:
        label = None
    elif key[0] == "entry":
        label = name
    elif key[0] == "trace":
        trace_id, label = traces.get(bytes.fromhex(key[1]), (key[1], None))
    return {
        "id": node_id,
        "kind": key[0],
        "name": label,
        "trace_id": trace_id,
        "grouped": node.grouped or None,
        "span_count": node.spans,
        "run_count": node.runs,
        "error_count": node.errors,
        "tokens_input": node.tokens_input,
        "tokens_output": node.tokens_output,
        "tokens_total": node.tokens_total,
        "cost_usd": dollars(node.cost_nano),
        "duration_ms": milliseconds(node.duration_us),
        "first_seen": node.first,
        "last_seen": node.last,
        "is_first_failure": is_failed,
    }


def _edge_view(ids: Mapping[_Key, str], key: _EdgeKey, edge: _Edge) -> dict[str, object]:
    source, target, kind = key
    return {
        "source": ids[source],
        "target": ids[target],
        "kind": kind,
        "count": edge.count,
        "error_count": edge.errors,
        "first_seen": edge.first,
        "last_seen": edge.last,
    }


def failure_view(span: Row | None, node_id: str | None) -> dict[str, object] | None:
    """Return what failed first, from the row of its span."""
    if span is None:
        return None
    return {
        "node_id": node_id,
        "span_id": span_hex(span["span_id"]),
        "error": {"type": span["error_type"], "message": span["error_message"]},
    }
