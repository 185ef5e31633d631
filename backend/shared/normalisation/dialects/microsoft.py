"""Microsoft Agent Framework and Semantic Kernel: names of workflow spans, names of enumerations as values."""

from collections.abc import Mapping

from shared.domain import SpanKind

_WORKFLOW_NAMES = ("workflow.", "executor.process", "edge_group.process", "message.send")


def kind_from_name(name: str, attributes: Mapping[str, object]) -> SpanKind | None:
    """Return the kind of a workflow's span, which states no operation."""
    if name.startswith(_WORKFLOW_NAMES) and any(key in attributes for key in _WORKFLOW_KEYS):
        return SpanKind.CHAIN
    return None


_WORKFLOW_KEYS = ("workflow.id", "executor.id", "edge_group.type", "message.type")


def finish_reason(value: str) -> str:
    """Return a finish reason sent as the name of an enumeration (``FinishReason.TOOL_CALLS``) in the common form."""
    head, mark, tail = value.partition("FinishReason.")
    return tail.lower() if mark and not head else value
