"""Laminar (``lmnr.*``): its own words for the type of a span; messages are raw OpenAI ones under common keys."""

from shared.domain import SpanKind
from shared.normalisation.kinds import read_kind

# A cached span replays the answer of a model call; an evaluation runs evaluators below it.
_WORDS = {"CACHED": SpanKind.LLM, "EXECUTOR": SpanKind.CHAIN, "EVALUATION": SpanKind.CHAIN}


def read_type(value: object) -> SpanKind | None:
    """Return the kind of ``lmnr.span.type``; ``DEFAULT`` says nothing."""
    own = _WORDS.get(value) if isinstance(value, str) else None
    return own or read_kind(value)
