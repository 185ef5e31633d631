"""Token counts in the many shapes they are sent in."""

from dataclasses import dataclass

from shared.normalisation.values import first, integer, mapping

_INPUT = (
    "input_tokens",
    "prompt_tokens",
    "inputTokens",
    "promptTokens",
    "input",
    "prompt_token_count",
    "promptTokenCount",
    "inputTokenCount",
    "input_token_count",
    "prompt",
)
_OUTPUT = (
    "output_tokens",
    "completion_tokens",
    "outputTokens",
    "completionTokens",
    "output",
    "candidates_token_count",
    "candidatesTokenCount",
    "outputTokenCount",
    "output_token_count",
    "generated_token_count",
    "completion",
)
_TOTAL = ("total_tokens", "totalTokens", "total", "total_token_count", "totalTokenCount")
_CACHED = (
    "cache_read_input_tokens",
    "cached_tokens",
    "cached_input_tokens",
    "cache_read_tokens",
    "cachedInputTokens",
    "cacheReadInputTokens",
    "cacheReadTokens",
    "input_cached_tokens",
    "input_cache_read",
    "cache_read",
    "cached",
    "cached_content_token_count",
    "cachedContentTokenCount",
)
_CACHE_WRITE = (
    "cache_creation_input_tokens",
    "cache_write_input_tokens",
    "cache_write_tokens",
    "cacheWriteInputTokens",
    "cacheWriteTokens",
    "input_cache_creation",
    "input_cache_write",
    "cache_creation",
    "cache_write",
)
_REASONING = (
    "reasoning_tokens",
    "reasoningTokens",
    "output_reasoning_tokens",
    "output_reasoning",
    "reasoning",
    "thoughts_token_count",
    "thoughtsTokenCount",
)
_INPUT_DETAILS = (
    "input_token_details",
    "input_tokens_details",
    "prompt_tokens_details",
    "inputTokenDetails",
    "input_details",
)
_OUTPUT_DETAILS = (
    "output_token_details",
    "output_tokens_details",
    "completion_tokens_details",
    "outputTokenDetails",
    "output_details",
)


@dataclass(slots=True)
class Usage:
    """Token counts of one span; ``input`` includes cached and ``output`` includes reasoning tokens once settled."""

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cached: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None

    def fill(self, other: "Usage") -> None:
        """Take over what is still open from another statement about the same call."""
        if self.input is None and self.output is None:
            self.input, self.output = other.input, other.output
        elif self.output is None:
            self.output = other.output
        self.total = other.total if self.total is None else self.total
        self.cached = other.cached if self.cached is None else self.cached
        self.cache_write = other.cache_write if self.cache_write is None else self.cache_write
        self.reasoning = other.reasoning if self.reasoning is None else self.reasoning

    def settle(self) -> None:
        """Make input inclusive of cached and output of reasoning tokens, and find the total.

        Senders that count the parts apart betray it: a part exceeds its whole, or the total they state holds the parts
        on top.
        """
        parts = (self.cached or 0) + (self.cache_write or 0)
        if parts and self.input is not None:
            whole = self.input + parts + (self.output or 0)
            apart = self.total is not None and self.total in (whole, whole + (self.reasoning or 0))
            if apart or parts > self.input:
                self.input += parts
        if self.reasoning and self.output is not None:
            apart = self.total is not None and self.total == (self.input or 0) + self.output + self.reasoning
            if apart or self.reasoning > self.output:
                self.output += self.reasoning
        if self.total is None and (self.input is not None or self.output is not None):
            self.total = (self.input or 0) + (self.output or 0)


def read_usage(value: object) -> Usage:
    """Return the counts in a usage object of any vendor, given as a mapping, JSON text or ``repr`` text."""
    source = mapping(value)
    if not source:
        return Usage()
    inputs = mapping(first(source, _INPUT_DETAILS))
    outputs = mapping(first(source, _OUTPUT_DETAILS))
    return Usage(
        input=_count(source, _INPUT),
        output=_count(source, _OUTPUT),
        total=_count(source, _TOTAL),
        cached=_either(source, inputs, _CACHED),
        cache_write=_either(source, inputs, _CACHE_WRITE),
        reasoning=_either(source, outputs, _REASONING),
    )


def _count(source: dict[str, object], names: tuple[str, ...]) -> int | None:
    for name in names:
        count = integer(source.get(name))
        if count is not None:
            return count
    return None


def _either(source: dict[str, object], details: dict[str, object], names: tuple[str, ...]) -> int | None:
    count = _count(details, names)
    return _count(source, names) if count is None else count
