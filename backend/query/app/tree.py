"""The order in which the spans of a trace are read: each parent before its children, siblings by time."""

from collections.abc import Iterator, Mapping, Sequence


def tree_order(span_ids: Sequence[int], parent_ids: Sequence[int | None]) -> list[int]:
    """Return the spans depth first.

    Roots come first, then spans whose parent is not in the trace, then cycles of parents, each entered at its earliest
    span; so every span appears exactly once whatever was sent. Nothing recurses: a trace may be any number of levels
    deep.

    Args:
        span_ids: All spans of a trace in the order of siblings.
        parent_ids: The parent of each, None for a root.
    """
    children: dict[int, list[int]] = {}
    known = set(span_ids)
    roots: list[int] = []
    orphans: list[int] = []
    for span_id, parent_id in zip(span_ids, parent_ids, strict=True):
        if parent_id is None:
            roots.append(span_id)
        elif parent_id != span_id and parent_id in known:
            children.setdefault(parent_id, []).append(span_id)
        else:
            orphans.append(span_id)
    order: list[int] = []
    seen: set[int] = set()
    for start in (*roots, *orphans):
        _visit(start, children, order, seen)
    if len(order) < len(known):
        for start in _cycle_entries(span_ids, parent_ids, seen):
            _visit(start, children, order, seen)
    return order


def _visit(start: int, children: Mapping[int, Sequence[int]], order: list[int], seen: set[int]) -> None:
    stack = [start]
    while stack:
        span_id = stack.pop()
        if span_id not in seen:
            seen.add(span_id)
            order.append(span_id)
            stack.extend(reversed(children.get(span_id, ())))


def _cycle_entries(span_ids: Sequence[int], parent_ids: Sequence[int | None], seen: set[int]) -> Iterator[int]:
    """Yield the earliest span of each cycle; the caller visits all that hangs on it before the next is looked for."""
    rank = {span_id: index for index, span_id in enumerate(span_ids)}
    for span_id in span_ids:
        if span_id in seen:
            continue
        path: dict[int, None] = {}
        above: int | None = span_id
        while above is not None and above not in path:
            path[above] = None
            above = parent_ids[rank[above]]
        walked = list(path)
        yield min(walked[walked.index(above) :], key=rank.__getitem__) if above is not None else span_id


def position_after(order: Sequence[int], span_id: int, position: int) -> int:
    """Return where a page goes on behind a span that was at a position when the page before was read."""
    if 0 <= position < len(order) and order[position] == span_id:
        return position + 1
    try:
        return order.index(span_id) + 1
    except ValueError:
        return min(max(position, 0), len(order))
