"""The full-text index as a condition on ``traces t``."""

from collections.abc import Callable

from query.app.fulltext import TextQuery

# The document of an earlier start of the trace may lie in another day for a moment, hence all parts of the key; the
# bounds, which the join implies, keep other days out of the plan.
_MATCHES = """exists (
  select from search_documents d
  where d.workspace_id = t.workspace_id and d.trace_id = t.trace_id and d.start_time = t.start_time
    and d.workspace_id = $1 and d.start_time >= {since} and d.start_time < {until}
    and d.document @@ {query}::text::tsquery
)"""


def text_condition(query: TextQuery, bind: Callable[[object], str], since: str, until: str) -> str:
    """Return a condition on ``traces t`` that is true for traces whose text matches.

    Args:
        query: What ``parse_text_query`` returned.
        bind: Takes a value and returns the parameter that stands for it; the workspace is ``$1``.
        since: Expression for the start of the range, for example the parameter ``$2``.
        until: Expression for its end, which is not part of it.
    """
    return _MATCHES.format(since=since, until=until, query=bind(query.expression))
