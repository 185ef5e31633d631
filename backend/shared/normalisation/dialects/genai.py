"""OpenTelemetry GenAI conventions as span attributes, current (1.37 and later) and older."""

from collections.abc import Mapping

from shared.normalisation.dialects.microsoft import finish_reason
from shared.normalisation.model import Score
from shared.normalisation.values import number, parse_json, sequence, text

_PARAMETER_PREFIX = "gen_ai.request."
_NOT_PARAMETERS = frozenset({"gen_ai.request.model"})


def read_evaluation(attributes: Mapping[str, object]) -> Score | None:
    """Return the score of ``gen_ai.evaluation.*`` attributes of a span, an event or a log record."""
    name = text(attributes.get("gen_ai.evaluation.name"))
    value = number(attributes.get("gen_ai.evaluation.score.value"))
    label = text(attributes.get("gen_ai.evaluation.score.label"))
    if name is None or (value is None and label is None):
        return None
    return Score(
        name=name,
        value=value if value is not None else label or "",
        source="code",
        comment=text(attributes.get("gen_ai.evaluation.explanation"), 1000),
    )


def read_parameters(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return the request's parameters under their short names (``temperature``, ``max_tokens`` …)."""
    cut = len(_PARAMETER_PREFIX)
    return {
        key[cut:]: parse_json(attributes[key])
        for key in attributes
        if key.startswith(_PARAMETER_PREFIX) and key not in _NOT_PARAMETERS
    }


def read_finish_reasons(attributes: Mapping[str, object]) -> list[str]:
    """Return the finish reasons, sent as a list, as JSON text or as a single word."""
    for key in (
        "gen_ai.response.finish_reasons",
        "gen_ai.response.finish_reason",
        "ai.response.finishReason",
        "llm.finish_reason",
        "llm.response.finish_reason",
    ):
        held = attributes.get(key)
        reasons = sequence(held) or ([held] if isinstance(held, str) and held else [])
        if reasons:
            return [finish_reason(str(reason)) for reason in reasons if reason]
    return []


def read_documents(attributes: Mapping[str, object]) -> list[dict[str, object]]:
    """Return the documents of ``gen_ai.retrieval.documents``."""
    documents: list[dict[str, object]] = []
    for item in sequence(attributes.get("gen_ai.retrieval.documents")):
        if isinstance(item, dict):
            documents.append({key: value for key, value in item.items() if value is not None})
        elif item is not None:
            documents.append({"content": item})
    return [document for document in documents if document]
