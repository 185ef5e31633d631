"""agno and Google ADK through OpenInference: the arguments of a tool call where others put its schema."""

from shared.normalisation.values import parse_structure


def read_tool_arguments(value: object) -> object:
    """Return ``tool.parameters`` if it holds arguments, None if it holds the schema of the parameters."""
    parsed = parse_structure(value)
    if not isinstance(parsed, dict):
        return None
    is_schema = "properties" in parsed or parsed.get("type") == "object"
    return None if is_schema else parsed
