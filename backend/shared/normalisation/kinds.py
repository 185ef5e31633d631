"""Which kind a span is: the words the dialects use for it, and what overrides them."""

from shared.domain import SpanKind
from shared.normalisation.values import parse_json

_WORDS: dict[str, SpanKind] = {
    word: kind
    for kind, words in {
        SpanKind.LLM: (
            "llm chat chat_model completion text_completion generate_content generation generate "
            "multimodal_completion response inference chat_completion messages chat.completions"
        ),
        SpanKind.EMBEDDING: "embedding embeddings embed",
        SpanKind.AGENT: "agent invoke_agent create_agent",
        SpanKind.TOOL: "tool execute_tool tool_call function handoff mcp_tools mcp mcp_tool_call",
        SpanKind.CHAIN: (
            "chain workflow task prompt parser invoke_workflow execute_task agent_step step turn plan "
            "execute_event_loop_cycle query_engine synthesize runnable run_workflow pipeline executor"
        ),
        SpanKind.RETRIEVER: "retriever retrieval retrieve vector_db_retrieve vectorstore search_memory",
        SpanKind.RERANKER: "reranker rerank",
        SpanKind.GUARDRAIL: "guardrail apply_guardrail",
        SpanKind.EVALUATOR: "evaluator evaluation evaluate human_evaluator eval score",
        SpanKind.OTHER: "event memory",
    }.items()
    for word in words.split()
}
_VERCEL_OUTER_AGENTS = frozenset({"ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject"})


def read_kind(value: object) -> SpanKind | None:
    """Return the kind a word of any dialect stands for; None for words that say nothing (``span``, ``UNKNOWN``)."""
    if not isinstance(value, str):
        return None
    kind = _WORDS.get(value)
    if kind is not None or len(value) > 64:
        return kind
    if value.startswith("ai."):
        return _vercel_kind(value)
    word = parse_json(value) if value[:1] == '"' else value
    return _WORDS.get(word.lower()) if isinstance(word, str) else None


def read_entity_kind(value: object) -> SpanKind | None:
    """Return the kind of ``traceloop.span.kind``; ``task`` is so general that the operation's name goes before it."""
    return None if value == "task" else read_kind(value)


def _vercel_kind(operation: str) -> SpanKind | None:
    last = operation.rsplit(".", 1)[-1]
    if last in ("doGenerate", "doStream"):
        return SpanKind.LLM
    if last == "doEmbed":
        return SpanKind.EMBEDDING
    if last == "doRerank":
        return SpanKind.RERANKER
    if operation == "ai.toolCall":
        return SpanKind.TOOL
    return SpanKind.AGENT if operation in _VERCEL_OUTER_AGENTS else SpanKind.CHAIN
