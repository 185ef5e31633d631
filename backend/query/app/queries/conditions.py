"""From filter trees to conditions on ``traces t``; names are the program's own, values are bound."""

from collections.abc import Callable
from typing import Any

from query.app.fields import FieldType
from query.app.filter_tree import Comparison, Either, Every, Negation, Node, SpanMatch
from shared.domain import Status
from shared.normalisation.trace import MAX_LISTED

Bind = Callable[[object], str]

_TRACE_EXPRESSIONS = {
    "duration_ms": "t.duration_us",
    "ttft_ms": "t.ttft_us",
    "cost_usd": "t.cost_nano",
    "feedback": """(
  select f.rating from feedback f where f.workspace_id = t.workspace_id and f.trace_id = t.trace_id
  order by f.created_at desc, f.feedback_id desc limit 1
)""",
    "has_error": "(t.error_count > 0)",
    "has_user": "(t.user_id is not null)",
    "has_session": "(t.session_id is not null)",
    "has_feedback": (
        "exists (select from feedback f where f.workspace_id = t.workspace_id and f.trace_id = t.trace_id)"
    ),
    "has_score": "exists (select from scores c where c.workspace_id = t.workspace_id and c.trace_id = t.trace_id)",
}
_SPAN_EXPRESSIONS = {"duration_ms": "s.duration_us", "ttft_ms": "s.ttft_us", "cost_usd": "s.cost_nano"}
# The score of a name that is shown: the latest one, one of the whole trace before one of a span.
_SCORE = """(
  select {part} from scores c where c.workspace_id = t.workspace_id and c.trace_id = t.trace_id and c.name = {key}
  order by c.span_id is not null, c.created_at desc, c.score_id desc limit 1
)"""
_LABEL = "case when c.value_number is null and c.value_boolean is null then c.value_label end"
# The head of a trace bounds its spans to their days, and the range of the list keeps older days out of the plan.
_SPAN_EXISTS = """exists (
  select from trace_heads h join spans s on s.workspace_id = h.workspace_id and s.trace_id = h.trace_id
    and s.start_time between h.first_start and h.last_start
  where h.workspace_id = t.workspace_id and h.trace_id = t.trace_id and s.start_time >= {since} and {condition}{apart}
)"""
# Behind a subquery: its spans are looked up trace by trace, where else all spans of the range might be read.
_APART = " offset 0"
_FAILED = "t.error_count > 0"
_SUCCESS = int(Status.SUCCESS)
_ORDERS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
# What a trace row tells of its spans, and the column of the span that it is taken from.
_OF_SPANS = {"kinds": "s.kind", "tools": "s.tool_name", "services": "s.service"}
_LISTS = {"kind": "kinds", "tool_name": "tools", "service": "services"}


def condition(node: Node, bind: Bind, since: str) -> str:
    """Return a condition on ``traces t`` that is true where the node holds, and false or null elsewhere.

    Args:
        node: What to look for.
        bind: Takes a value and returns the parameter that stands for it.
        since: Expression for the time at which spans of wanted traces start at the earliest.
    """
    return _Compiler(bind, since).trace(node)


class _Compiler:
    def __init__(self, bind: Bind, since: str) -> None:
        self._bind = bind
        self._since = since

    def trace(self, node: Node) -> str:
        return self._node(node, self._trace_leaf)

    def _node(self, node: Node, leaf: Callable[[Comparison], str]) -> str:
        if isinstance(node, Comparison):
            return leaf(node)
        if isinstance(node, SpanMatch):
            return self._any_span(node.part)
        if isinstance(node, Negation):
            return f"({self._node(node.part, leaf)}) is not true"
        joint = " and " if isinstance(node, Every) else " or "
        return "(" + joint.join(self._node(part, leaf) for part in node.parts) + ")"

    def _any_span(self, part: Node) -> str:
        is_shown = _shows(part)
        hint = f"{self._hint(part)} and " if is_shown else ""
        return f"({hint}{self._exists(self._node(part, self._span_leaf), apart=is_shown)})"

    def _exists(self, condition: str, *, apart: bool = False) -> str:
        return _SPAN_EXISTS.format(since=self._since, condition=condition, apart=_APART if apart else "")

    def _hint(self, part: Node) -> str:
        """Return what the row of a trace shows if one of its spans fulfils a condition that shows in rows."""
        if isinstance(part, (Every, Either)):
            joint = " and " if isinstance(part, Every) else " or "
            return "(" + joint.join(self._hint(inner) for inner in part.parts if _shows(inner)) + ")"
        if not isinstance(part, Comparison) or _is_status(part):
            return _FAILED
        name = _LISTS[part.field.name]
        kind = "int2" if name == "kinds" else "text"
        return f"({_unknown(name)} or t.{name} && {self._bind(part.value)}::{kind}[])"

    def _span_leaf(self, leaf: Comparison) -> str:
        name = leaf.field.name
        return self._plain(leaf, _SPAN_EXPRESSIONS.get(name, f"s.{name}"))

    def _trace_leaf(self, leaf: Comparison) -> str:
        name = leaf.field.name
        if leaf.field.type is FieldType.METADATA:
            return self._metadata(leaf)
        if leaf.field.type is FieldType.SCORE:
            return self._score(leaf)
        if leaf.field.type is FieldType.FLAG:
            return _TRACE_EXPRESSIONS[name]
        if name in _OF_SPANS:
            return self._of_spans(leaf)
        if leaf.field.type is FieldType.LIST:
            return self._list(leaf, f"t.{name}")
        return self._plain(leaf, _TRACE_EXPRESSIONS.get(name, f"t.{name}"))

    def _plain(self, leaf: Comparison, expression: str) -> str:
        if leaf.op == "exists":
            return f"{expression} is not null"
        if leaf.op in _ORDERS:
            kind = "timestamptz" if leaf.field.type is FieldType.TIME else "int8"
            return f"{expression} {_ORDERS[leaf.op]} {self._bind(leaf.value)}::{kind}"
        if leaf.op == "in":
            kinds = {FieldType.CHOICE: "int2", FieldType.NUMBER: "int8", FieldType.TRACE_ID: "uuid"}
            kind = kinds.get(leaf.field.type, "text")
            # With one value an index by it and time gives the order of the list as well.
            if len(leaf.value) == 1:
                return f"{expression} = {self._bind(leaf.value[0])}::{kind}"
            return f"{expression} = any({self._bind(leaf.value)}::{kind}[])"
        return self._matches(leaf, expression)

    def _matches(self, leaf: Comparison, expression: str) -> str:
        texts = [_escaped(text) for text in leaf.value]
        if leaf.op == "contains":
            return f"{expression} ilike any({self._bind([f'%{text}%' for text in texts])}::text[])"
        return f"{expression} like any({self._bind([f'{text}%' for text in texts])}::text[])"

    def _list(self, leaf: Comparison, expression: str) -> str:
        if leaf.op == "exists":
            return f"cardinality({expression}) > 0"
        if leaf.op == "in":
            kind = "int2" if leaf.field.type is FieldType.CHOICES else "text"
            return f"{expression} && {self._bind(leaf.value)}::{kind}[]"
        return f"exists (select from unnest({expression}) item where {self._matches(leaf, 'item')})"

    def _of_spans(self, leaf: Comparison) -> str:
        """Ask the row, and the spans where the row cannot know."""
        name = leaf.field.name
        listed = self._list(leaf, f"t.{name}")
        column = _OF_SPANS[name]
        if leaf.op == "in":
            kind = "int2" if leaf.field.type is FieldType.CHOICES else "text"
            of_span = f"{column} = any({self._bind(leaf.value)}::{kind}[])"
        else:
            of_span = self._plain(leaf, column)
        return f"case when {_unknown(name)} then {self._exists(of_span)} else {listed} end"

    def _metadata(self, leaf: Comparison) -> str:
        key = f"{self._bind(leaf.key)}::text"
        text = f"(t.metadata ->> {key})"
        if leaf.op == "exists":
            return f"{text} is not null"
        if leaf.op == "in":
            return f"{text} = any({self._bind(leaf.value)}::text[])"
        if leaf.op == "is":
            return f"(t.metadata -> {key}) = to_jsonb({self._bind(leaf.value)}::boolean)"
        number = f"case when jsonb_typeof(t.metadata -> {key}) = 'number' then (t.metadata -> {key})::numeric end"
        return self._number(leaf, f"({number})") or self._matches(leaf, text)

    def _score(self, leaf: Comparison) -> str:
        key = f"{self._bind(leaf.key)}::text"
        if leaf.op == "exists":
            return _SCORE.format(part="true", key=key)
        if leaf.op == "in":
            return f"{_SCORE.format(part=_LABEL, key=key)} = any({self._bind(leaf.value)}::text[])"
        if leaf.op == "is":
            truth = "case when c.value_number is null then c.value_boolean end"
            return f"{_SCORE.format(part=truth, key=key)} = {self._bind(leaf.value)}::boolean"
        return self._number(leaf, _SCORE.format(part="c.value_number::numeric", key=key))

    def _number(self, leaf: Comparison, expression: str) -> str:
        sign = "=" if leaf.op == "equals" else _ORDERS.get(leaf.op)
        return f"{expression} {sign} {self._bind(leaf.value)}::numeric" if sign else ""


def _unknown(name: str) -> str:
    """Return the condition that a row may not list everything: it is older than the lists, or a list is full."""
    return "t.kinds is null" if name == "kinds" else f"(t.kinds is null or cardinality(t.{name}) >= {MAX_LISTED})"


def _shows(part: Node) -> bool:
    """Return whether the row of a trace shows anything if one of its spans fulfils a condition."""
    if isinstance(part, Every):
        return any(_shows(inner) for inner in part.parts)
    if isinstance(part, Either):
        return all(_shows(inner) for inner in part.parts)
    if isinstance(part, Negation):
        inner = part.part
        return isinstance(inner, Comparison) and _is_status(inner) and _SUCCESS in inner.value
    if not isinstance(part, Comparison) or part.op != "in":
        return False
    return _SUCCESS not in part.value if _is_status(part) else part.field.name in _LISTS


def _is_status(leaf: Comparison) -> bool:
    return leaf.field.name == "status" and leaf.op == "in"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


class Binder:
    """Collects the arguments of a statement; the workspace is the first."""

    def __init__(self, workspace: int) -> None:
        """Begin with the workspace."""
        self.arguments: list[Any] = [workspace]

    def __call__(self, value: object) -> str:
        """Add a value and return the parameter that stands for it."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"
