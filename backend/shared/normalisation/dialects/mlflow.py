"""MLflow tracing: every value JSON-quoted, the request's parameters under bare keys."""

from collections.abc import Mapping

from shared.normalisation.values import parse_json, sequence

_MARK = "mlflow.spanType"
_PARAMETERS = (
    "temperature",
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "top_p",
    "top_k",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "n",
    "frequency_penalty",
    "presence_penalty",
    "reasoning",
    "reasoning_effort",
    "response_format",
    "tool_choice",
)


def read_parameters(attributes: Mapping[str, object]) -> dict[str, object]:
    """Return the request's parameters; bare keys mean this only on spans that MLflow marked."""
    if _MARK not in attributes:
        return {}
    return {key: parse_json_scalar(attributes[key]) for key in _PARAMETERS if key in attributes}


def read_tool_definitions(attributes: Mapping[str, object]) -> list[object]:
    """Return the definitions in ``mlflow.chat.tools``, else in the bare key ``tools``."""
    return sequence(attributes.get("mlflow.chat.tools")) or (
        sequence(attributes.get("tools")) if _MARK in attributes else []
    )


def read_prompt(attributes: Mapping[str, object]) -> tuple[str | None, str | None]:
    """Return name and version of the first linked prompt."""
    for item in sequence(attributes.get("mlflow.linkedPrompts")):
        if isinstance(item, dict) and item.get("name"):
            version = item.get("version")
            return str(item["name"]), None if version is None else str(version)
    return None, None


def parse_json_scalar(value: object) -> object:
    """Return a number, truth value or structure sent as JSON text; other text stays text."""
    parsed = parse_json(value)
    if isinstance(parsed, str) and len(parsed) < 32:
        if parsed in ("true", "false"):
            return parsed == "true"
        for convert in (int, float):
            try:
                return convert(parsed)
            except ValueError:
                continue
    return parsed
