"""LangSmith's OpenTelemetry mode: token details as the ``repr`` of Python mappings, tags as one comma string."""

from shared.normalisation.usage import read_usage
from shared.normalisation.values import mapping


def read_cached(value: object) -> int | None:
    """Return the cached tokens in ``gen_ai.usage.input_token_details``."""
    return read_usage({"input_token_details": mapping(value)}).cached


def read_cache_write(value: object) -> int | None:
    """Return the tokens written to the cache in ``gen_ai.usage.input_token_details``."""
    return read_usage({"input_token_details": mapping(value)}).cache_write


def read_reasoning(value: object) -> int | None:
    """Return the reasoning tokens in ``gen_ai.usage.output_token_details``."""
    return read_usage({"output_token_details": mapping(value)}).reasoning


def split_tags(value: str) -> list[str]:
    """Return the tags of a comma string without the marks LangGraph adds for its own steps."""
    return [tag for tag in (part.strip() for part in value.split(",")) if not is_internal_tag(tag)]


def is_internal_tag(tag: str) -> bool:
    """Return whether a tag only marks a step of LangChain's execution."""
    return tag.startswith(("graph:step:", "seq:step:", "map:key:", "langsmith:"))
