"""From the spans of one trace to its row, the same for any order and repetition of arrival."""

from collections.abc import Iterable, Sequence
from itertools import chain

from shared.domain import CostSource, SpanKind, Status
from shared.normalisation.labels import MAX_TAGS, merge_metadata
from shared.normalisation.model import LogFacts, SpanRow, TraceRow

MAX_LISTED = 50
MAX_TRACE_METADATA = 50
# Looking up a member of an enumeration takes longer than the comparison it is for.
_OK = Status.SUCCESS
_LLM = SpanKind.LLM
_TOOL = SpanKind.TOOL
_AGENT = SpanKind.AGENT
_ANSWERING = (SpanKind.LLM, SpanKind.EMBEDDING, SpanKind.RERANKER)
_SPEAKERS = (SpanKind.AGENT, SpanKind.LLM)


def wins(a: SpanRow, b: SpanRow) -> bool:
    """Return whether version ``a`` of a span replaces version ``b``.

    Ended wins over open, then the later end, then more attributes, then the larger digest, so that any order of arrival
    leaves the same version.
    """
    return _version(a) > _version(b)


def _version(row: SpanRow) -> tuple[bool, int, int, int]:
    return (row.end_ns is not None, row.end_ns or 0, row.attribute_count, row.digest)


def fold_trace(spans: Sequence[SpanRow], logs: Sequence[LogFacts] = ()) -> TraceRow:
    """Return the row of one trace.

    Args:
        spans: Its spans in any order; of several versions of one span the winner counts.
        logs: Facts of its log records; they fill what no span states.

    Raises:
        ValueError: There is no span.
    """
    rows = _winners(spans)
    if not rows:
        raise ValueError("A trace has at least one span.")
    ordered, parents, orphans = _order(rows)
    root = ordered[0]
    start = min(row.start_ns for row in ordered)
    ends = [row.end_ns for row in ordered if row.end_ns is not None]
    end = max(ends) if ends else None
    trace = TraceRow(
        trace_id=root.trace_id,
        start_ns=start,
        end_ns=end,
        duration_us=None if end is None else max(0, end - start) // 1000,
        name=root.name,
        status=_status(root, orphans),
        root_span_id=root.span_id,
        has_root=root.parent_span_id is None,
        span_count=len(ordered),
    )
    said = sorted(logs, key=lambda log: (log.time_ns, log.digest)) if logs else []
    _describe(trace, ordered)
    _fill_from_logs(trace, said)
    if trace.agent_id is None:
        # Some dialects name an agent by nothing but its span.
        trace.agent_id = _first(row.name or None for row in ordered if row.kind is _AGENT)
    _add_usage(trace, ordered, parents)
    if trace.error_count:
        _set_first_error(trace, ordered, parents, said)
    _set_previews(trace, root, ordered, said)
    return trace


def _winners(spans: Sequence[SpanRow]) -> list[SpanRow]:
    held: dict[int, SpanRow] = {}
    for row in spans:
        other = held.get(row.span_id)
        if other is None or wins(row, other):
            held[row.span_id] = row
    return list(held.values())


def _order(rows: list[SpanRow]) -> tuple[list[SpanRow], dict[int, int], list[SpanRow]]:
    """Return the spans root first and level by level, each span's parent that is present, and the orphans.

    A parent that never came makes its children orphans; a cycle is cut at its earliest span.
    """
    if len(rows) == 1:
        return rows, {}, [] if rows[0].parent_span_id is None else rows
    by_id = {row.span_id: row for row in rows}
    children: dict[int, list[SpanRow]] = {}
    roots: list[SpanRow] = []
    orphans: list[SpanRow] = []
    for row in rows:
        parent = row.parent_span_id
        if parent is None:
            roots.append(row)
        elif parent == row.span_id or parent not in by_id:
            orphans.append(row)
        else:
            children.setdefault(parent, []).append(row)
    parents: dict[int, int] = {}
    ordered: list[SpanRow] = []
    seen: set[int] = set()
    # Real roots go before orphans, whose true depth nobody knows.
    _walk(roots or orphans, orphans if roots else [], children, ordered, parents, seen)
    if len(ordered) < len(rows):
        for row in sorted((row for row in rows if row.span_id not in seen), key=_age):
            if row.span_id not in seen:
                orphans.append(row)
                _walk([row], [], children, ordered, parents, seen)
    return ordered, parents, orphans


def _walk(
    level: list[SpanRow],
    second: list[SpanRow],
    children: dict[int, list[SpanRow]],
    ordered: list[SpanRow],
    parents: dict[int, int],
    seen: set[int],
) -> None:
    """Append level after level to ``ordered``; ``second`` joins the level below the first."""
    while level or second:
        level.sort(key=_age)
        below: list[SpanRow] = []
        seen.update(row.span_id for row in level)
        for row in level:
            ordered.append(row)
            for child in children.get(row.span_id, ()):
                if child.span_id not in seen:
                    parents[child.span_id] = row.span_id
                    below.append(child)
        level, second = below + second, []


def _age(row: SpanRow) -> tuple[int, int]:
    return (row.start_ns, row.span_id)


def _status(root: SpanRow, orphans: list[SpanRow]) -> Status:
    if root.parent_span_id is None:
        return root.status
    return Status.ERROR if any(row.status is not _OK for row in orphans) else Status.SUCCESS


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def _describe(trace: TraceRow, ordered: list[SpanRow]) -> None:
    """Take labels from the first span that has them, root first, and count what happened; one pass for speed."""
    agent = session = user = environment = release = external = None
    tags: dict[str, None] = {}
    services: dict[str, None] = {}
    models: dict[str, None] = {}
    providers: dict[str, None] = {}
    tools: dict[str, None] = {}
    kinds: set[SpanKind] = set()
    for row in ordered:
        kind = row.kind
        agent = agent or row.agent_id
        session = session or row.session_id
        user = user or row.user_id
        environment = environment or row.environment
        release = release or row.release
        external = external or row.external_trace_id
        if row.tags:
            tags.update(dict.fromkeys(row.tags))
        if row.service:
            services[row.service] = None
        if row.tool_name:
            tools[row.tool_name] = None
        kinds.add(kind)
        if kind is _TOOL:
            trace.tool_call_count += 1
        elif kind in _ANSWERING:
            trace.llm_call_count += kind is _LLM
            if row.model:
                models[row.model] = None
            if row.model_provider:
                providers[row.model_provider] = None
        if row.status is not _OK:
            trace.error_count += 1
        if row.ttft_us is not None and trace.ttft_us is None:
            trace.ttft_us = row.ttft_us
    if not models:
        models = dict.fromkeys(row.model for row in ordered if row.model)
        providers = providers or dict.fromkeys(row.model_provider for row in ordered if row.model_provider)
    trace.agent_id, trace.session_id, trace.user_id = agent, session, user
    trace.environment, trace.release, trace.external_trace_id = environment, release, external
    trace.tags = list(tags)[:MAX_TAGS]
    trace.services = list(services)[:MAX_LISTED]
    trace.models = list(models)[:MAX_LISTED]
    trace.providers = list(providers)[:MAX_LISTED]
    trace.tools = list(tools)[:MAX_LISTED]
    trace.kinds = sorted(kinds)
    if any(row.metadata for row in ordered):
        trace.metadata = merge_metadata((row.metadata for row in ordered), MAX_TRACE_METADATA)


def _fill_from_logs(trace: TraceRow, said: list[LogFacts]) -> None:
    trace.agent_id = trace.agent_id or _first(log.agent_id for log in said)
    trace.session_id = trace.session_id or _first(log.session_id for log in said)
    trace.user_id = trace.user_id or _first(log.user_id for log in said)


def _add_usage(trace: TraceRow, ordered: list[SpanRow], parents: dict[int, int]) -> None:
    """Add tokens and cost under the leaf rule.

    A span counts only if no descendant reports usage, and of several spans with one response id the fullest counts. A
    cost without tokens counts only if no descendant reports a cost either.
    """
    used_below: set[int] = set()
    paid_below: set[int] = set()
    counted: list[SpanRow] = []
    for row in reversed(ordered):
        key = row.span_id
        uses = _reports_usage(row)
        pays = row.cost_nano is not None
        used = key in used_below
        paid = key in paid_below
        if (uses or pays) and not used and (uses or not paid):
            counted.append(row)
        if (uses or used or pays or paid) and key in parents:
            if uses or used:
                used_below.add(parents[key])
            if pays or paid:
                paid_below.add(parents[key])
    counted = _one_per_response(counted)
    trace.counted = {row.span_id for row in counted}
    for row in counted:
        trace.tokens_input = _plus(trace.tokens_input, row.tokens_input)
        trace.tokens_output = _plus(trace.tokens_output, row.tokens_output)
        total = row.tokens_total
        if total is None and _reports_usage(row):
            total = (row.tokens_input or 0) + (row.tokens_output or 0)
        trace.tokens_total = _plus(trace.tokens_total, total)
        trace.tokens_cached = _plus(trace.tokens_cached, row.tokens_cached)
        trace.tokens_cache_write = _plus(trace.tokens_cache_write, row.tokens_cache_write)
        trace.tokens_reasoning = _plus(trace.tokens_reasoning, row.tokens_reasoning)
        trace.cost_nano = _plus(trace.cost_nano, row.cost_nano)
    sources = {row.cost_source for row in counted if row.cost_nano is not None}
    if sources:
        unpriced = any(row.cost_nano is None for row in counted)
        # Of several ways to find a cost the weakest describes the sum.
        trace.cost_source = CostSource.PARTIAL if unpriced else min(sources)


def _reports_usage(row: SpanRow) -> bool:
    return bool(row.tokens_input or row.tokens_output or row.tokens_total)


def _one_per_response(counted: list[SpanRow]) -> list[SpanRow]:
    best: dict[str, SpanRow] = {}
    for row in counted:
        if row.response_id is not None:
            other = best.get(row.response_id)
            if other is None or _fullness(row) > _fullness(other):
                best[row.response_id] = row
    return [row for row in counted if row.response_id is None or best[row.response_id] is row]


def _fullness(row: SpanRow) -> tuple[int, bool, int, int]:
    return (row.tokens_total or 0, row.cost_nano is not None, -row.start_ns, row.span_id)


def _plus(total: int | None, count: int | None) -> int | None:
    if count is None:
        return total
    return count if total is None else total + count


def _set_first_error(trace: TraceRow, ordered: list[SpanRow], parents: dict[int, int], said: list[LogFacts]) -> None:
    """Describe the earliest failure that no failing child explains."""
    failing = [row for row in ordered if row.status is not _OK]
    explained = {parents.get(row.span_id) for row in failing}
    origin = min((row for row in failing if row.span_id not in explained), key=_age)
    trace.error_type, trace.error_message = origin.error_type, origin.error_message
    if trace.error_message is None:
        for log in said:
            if log.span_id == origin.span_id and log.error_message:
                trace.error_type = trace.error_type or log.error_type
                trace.error_message = log.error_message
                return


def _set_previews(trace: TraceRow, root: SpanRow, ordered: list[SpanRow], said: list[LogFacts]) -> None:
    trace.input_preview, trace.output_preview = root.input_preview, root.output_preview
    if trace.input_preview and trace.output_preview:
        return
    speakers = [row for row in ordered if row.kind in _SPEAKERS]
    trace.input_preview = _first(
        chain([root.input_preview], (row.input_preview for row in speakers), (log.input_preview for log in said))
    )
    # The last answer of the outermost speaker that has one is what the trace came to.
    trace.output_preview = _first(
        chain(
            [root.output_preview],
            (row.output_preview for row in speakers if row.kind is _AGENT),
            (row.output_preview for row in sorted(speakers, key=_age, reverse=True)),
            (log.output_preview for log in reversed(said)),
        )
    )
