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
        SpanKind.OTHER: "event memory executor_process http pipeline_executor",
    }.items()
    for word in words.split()
}
_VERCEL_OUTER_AGENTS = frozenset({"ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject"})
_ADK_NAMES = {"invocation": SpanKind.CHAIN, "call_llm": SpanKind.LLM}


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


def kind_from_name(name: str, scope: str) -> SpanKind | None:
    """Return the kind that Google ADK 1.x and Logfire's bridge state in the span's name only."""
    if scope == "gcp.vertex.agent":
        if name.startswith("agent_run"):
            return SpanKind.AGENT
        return SpanKind.TOOL if name.startswith("execute_tool") else _ADK_NAMES.get(name)
    if scope.startswith("logfire.openai"):
        if name.startswith(("Agent run", "Handoff")):
            return SpanKind.AGENT if name.startswith("Agent") else SpanKind.TOOL
        if name.startswith("Function:"):
            return SpanKind.TOOL
        if name.startswith("Guardrail"):
            return SpanKind.GUARDRAIL
        if name.startswith(("OpenAI agents", "Trace:")):
            return SpanKind.CHAIN
    return None
