"""What a span measured: tokens, cost and the time to the first token."""

from collections.abc import Mapping
from typing import Any

from shared.domain import NANO_PER_USD, CostSource
from shared.normalisation.dialects import google_adk, langfuse, strands
from shared.normalisation.model import SpanRow
from shared.normalisation.precedence import Fact
from shared.normalisation.usage import Usage, read_usage
from shared.normalisation.values import INT4_MAX, INT8_MAX, number

# Looking up a member of an enumeration takes longer than reading the fact, so the storing path uses these.
_USAGE = int(Fact.USAGE)
_TOKENS = slice(int(Fact.TOKENS_INPUT), int(Fact.TOKENS_REASONING) + 1)


def add_usage(values: list[Any], key: str, value: object) -> None:
    """Add a whole usage object to the facts; the first statement wins, later ones fill what it leaves open."""
    stated = langfuse.read_usage_details(value) if key.startswith("langfuse.") else read_usage(value)
    held = values[_USAGE]
    if isinstance(held, Usage):
        held.fill(stated)
    else:
        values[_USAGE] = stated


def set_usage(row: SpanRow, values: list[Any], attributes: Mapping[str, object]) -> None:
    """Set the token counts of a row from the facts read; single counts win over usage objects."""
    tokens = values[_TOKENS]
    stated = values[_USAGE]
    if stated is None and tokens == _NO_TOKENS:
        return
    usage = Usage(*tokens)
    if isinstance(stated, Usage):
        usage.fill(stated)
    if "gcp.vertex.agent.event_id" in attributes or "gcp.vertex.agent.llm_response" in attributes:
        google_adk.settle_usage(usage, attributes)
    usage.settle()
    row.tokens_input = _clamp(usage.input)
    row.tokens_output = _clamp(usage.output)
    row.tokens_total = _clamp(usage.total)
    row.tokens_cached = _clamp(usage.cached)
    row.tokens_cache_write = _clamp(usage.cache_write)
    row.tokens_reasoning = _clamp(usage.reasoning)


_NO_TOKENS: list[object] = [None] * 6


def _clamp(count: int | None) -> int | None:
    return count if count is None or count <= INT4_MAX else INT4_MAX


def set_cost(row: SpanRow, usd: float | None) -> None:
    """Set the cost that the sender reported, in USD; a negative one is none."""
    if usd is not None and usd >= 0:
        row.cost_nano = min(round(usd * NANO_PER_USD), INT8_MAX)
        row.cost_source = CostSource.REPORTED


def read_ttft(key: str, value: object, start_ns: int) -> int | None:
    """Return microseconds; most keys count seconds, some milliseconds, Langfuse sends the moment."""
    if key.startswith("langfuse."):
        moment = langfuse.read_first_token(value, start_ns)
        return None if moment is None else min(moment, INT8_MAX)
    if key == strands.FIRST_TOKEN_KEY:
        milliseconds = strands.read_first_token(value)
    else:
        count = number(value)
        milliseconds = count if count is None or key in _MILLISECOND_KEYS else count * 1000
    return None if milliseconds is None or milliseconds < 0 else min(round(milliseconds * 1000), INT8_MAX)


_MILLISECOND_KEYS = ("agentobs.ttft_ms", "ai.response.msToFirstChunk")
