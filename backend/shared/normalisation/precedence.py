"""The one table of precedence: for each canonical fact the attribute keys that state it, the winner first.

Keys are told apart by presence alone, never by scope or version, because several generations of a dialect arrive side
by side. The platform's own keys (``agentobs.*``) come first, then the vendors' explicit keys, then the shared
conventions, then hints. A key that ends in ``.*`` names a family: ``llm.input_messages.*`` stands for all keys with an
index below it, ``langsmith.metadata.*`` for all free names. Content that no attribute carries is taken from the span's
events, then from log records joined to it.
"""

from enum import IntEnum


class Fact(IntEnum):
    """Canonical facts in the order in which ``normalise_span`` reads them; content comes last as most spans skip it."""

    KIND = 1
    AGENT = 2
    SESSION = 3
    USER = 4
    MODEL = 5
    MODEL_REQUESTED = 6
    PROVIDER = 7
    TOKENS_INPUT = 8
    TOKENS_OUTPUT = 9
    TOKENS_TOTAL = 10
    TOKENS_CACHED = 11
    TOKENS_CACHE_WRITE = 12
    TOKENS_REASONING = 13
    USAGE = 14
    COST = 15
    TTFT = 16
    TOOL_NAME = 17
    ENTITY_NAME = 18
    ENVIRONMENT = 19
    RELEASE = 20
    TAGS = 21
    METADATA = 22
    RESPONSE_ID = 23
    LEVEL = 24
    ERROR_TYPE = 25
    ERROR_MESSAGE = 26
    SPAN_TYPE = 27
    SCORES = 28
    PARAMETERS = 29
    DOCUMENTS = 30
    SYSTEM = 31
    INPUT = 32
    OUTPUT = 33


PRECEDENCE: dict[Fact, tuple[str, ...]] = {
    Fact.KIND: (
        "agentobs.kind",
        "langfuse.observation.type",
        "openinference.span.kind",
        "langsmith.span.kind",
        "mlflow.spanType",
        "lmnr.span.type",
        "traceloop.span.kind",
        "gen_ai.operation.name",
        "ai.operationId",
        "llm.request.type",
        "span_data.type",
    ),
    Fact.AGENT: (
        "agentobs.agent_id",
        "gen_ai.agent.name",
        "agent.name",
        "langsmith.metadata.lc_agent_name",
        "traceloop.association.properties.lc_agent_name",
        "agent_name",
        "crewai.agent.role",
        "ai.telemetry.functionId",
        "gen_ai.agent.id",
        "agent.id",
        "agno.agent.id",
    ),
    Fact.SESSION: (
        "agentobs.session_id",
        "session.id",
        "langfuse.session.id",
        "langfuse.sessionId",
        "langsmith.metadata.session_id",
        "langsmith.metadata.thread_id",
        "langsmith.metadata.conversation_id",
        "traceloop.association.properties.session_id",
        "traceloop.association.properties.sessionId",
        "lmnr.association.properties.session_id",
        "ai.telemetry.metadata.sessionId",
        "ai.telemetry.metadata.session_id",
        "ai.settings.context.sessionId",
        "ai.settings.context.session_id",
        "mlflow.trace.session",
        "gen_ai.conversation.id",
        "gcp.vertex.agent.session_id",
        "traceloop.association.properties.thread_id",
        "traceloop.association.properties.chat_id",
        "traceloop.association.properties.conversation_id",
        "ai.telemetry.metadata.threadId",
        "ai.telemetry.metadata.chatId",
        "metadata.session_id",
        "trace.group_id",
        "session_id",
        "thread_id",
    ),
    Fact.USER: (
        "agentobs.user_id",
        "user.id",
        "langfuse.user.id",
        "langfuse.userId",
        "enduser.id",
        "langsmith.metadata.user_id",
        "traceloop.association.properties.user_id",
        "traceloop.association.properties.userId",
        "lmnr.association.properties.user_id",
        "ai.telemetry.metadata.userId",
        "ai.telemetry.metadata.user_id",
        "ai.settings.context.userId",
        "ai.settings.context.user_id",
        "mlflow.trace.user",
        "metadata.user_api_key_end_user_id",
        "metadata.user_api_key_user_id",
        "metadata.user_id",
        "gen_ai.user",
        "llm.user",
        "gcp.vertex.agent.user_id",
        "user_id",
    ),
    Fact.MODEL: (
        "agentobs.model",
        "gen_ai.response.model",
        "llm.response.model_name",
        "langfuse.observation.model.name",
        "mlflow.llm.model",
        "ai.response.model",
        "llm.response.model",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
    ),
    Fact.MODEL_REQUESTED: (
        "agentobs.model_requested",
        "gen_ai.request.model",
        "llm.request.model_name",
        "llm.request.model",
        "ai.model.id",
        "langsmith.metadata.ls_model_name",
        "traceloop.association.properties.ls_model_name",
        "model_name",
        "litellm.provider.model",
        "model",
    ),
    Fact.PROVIDER: (
        "agentobs.model_provider",
        "gen_ai.provider.name",
        "gen_ai.system",
        "llm.provider",
        "llm.system",
        "mlflow.llm.provider",
        "ai.model.provider",
        "langsmith.metadata.ls_provider",
        "traceloop.association.properties.ls_provider",
        "error.llm_provider",
    ),
    Fact.TOKENS_INPUT: (
        "agentobs.tokens_input",
        "gen_ai.usage.input_tokens",
        "llm.token_count.prompt",
        "gen_ai.usage.prompt_tokens",
        "llm.usage.prompt_tokens",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
    ),
    Fact.TOKENS_OUTPUT: (
        "agentobs.tokens_output",
        "gen_ai.usage.output_tokens",
        "llm.token_count.completion",
        "gen_ai.usage.completion_tokens",
        "llm.usage.completion_tokens",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
    ),
    Fact.TOKENS_TOTAL: (
        "agentobs.tokens_total",
        "gen_ai.usage.total_tokens",
        "llm.token_count.total",
        "llm.usage.total_tokens",
        "ai.usage.totalTokens",
        "ai.usage.tokens",
    ),
    Fact.TOKENS_CACHED: (
        "agentobs.tokens_cached",
        "gen_ai.usage.cache_read.input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cached_tokens",
        "gen_ai.usage.cached_input_tokens",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cached_tokens",
        "gen_ai.usage.input_token_details",
        "ai.usage.cachedInputTokens",
        "ai.usage.inputTokenDetails.cacheReadTokens",
    ),
    Fact.TOKENS_CACHE_WRITE: (
        "agentobs.tokens_cache_write",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_write.input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.details.cache_creation_input_tokens",
        "gen_ai.usage.input_token_details",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
    ),
    Fact.TOKENS_REASONING: (
        "agentobs.tokens_reasoning",
        "gen_ai.usage.reasoning.output_tokens",
        "llm.token_count.completion_details.reasoning",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "ai.usage.reasoningTokens",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "gen_ai.usage.experimental.reasoning_tokens",
        "gen_ai.usage.output_token_details",
    ),
    # Whole usage objects; they fill what the keys above leave open.
    Fact.USAGE: (
        "langfuse.observation.usage_details",
        "mlflow.chat.tokenUsage",
        "langsmith.metadata.usage_metadata",
        "gen_ai.usage.raw",
        "metadata.usage_object",
    ),
    Fact.COST: (
        "agentobs.cost_usd",
        "langfuse.observation.cost_details",
        "gen_ai.cost.total_cost",
        "llm.cost.total",
        "operation.cost",
        "gen_ai.usage.cost",
        "gen_ai.usage.total_cost",
        "mlflow.llm.cost",
        "ai.usage.cost",
    ),
    Fact.TTFT: (
        "agentobs.ttft_ms",
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.client.operation.time_to_first_chunk",
        "ai.response.msToFirstChunk",
        "langfuse.observation.completion_start_time",
        "gen_ai.server.time_to_first_token",
    ),
    Fact.TOOL_NAME: ("agentobs.tool_name", "gen_ai.tool.name", "tool.name", "ai.toolCall.name", "tool_name"),
    # An agent's or a tool's name, whichever the span is.
    Fact.ENTITY_NAME: (
        "traceloop.entity.name",
        "graph.node.name",
        "graph.node.id",
        "langsmith.trace.name",
        "mlflow.spanFunctionName",
    ),
    Fact.ENVIRONMENT: (
        "agentobs.environment",
        "langfuse.environment",
        "deployment.environment.name",
        "deployment.environment",
    ),
    Fact.RELEASE: ("agentobs.release", "langfuse.release", "langfuse.version"),
    # All of these are merged, in this order.
    Fact.TAGS: (
        "agentobs.tags",
        "langfuse.trace.tags",
        "langfuse.tags",
        "tag.tags",
        "langsmith.span.tags",
        "ai.telemetry.metadata.tags",
        "lmnr.association.properties.tags",
        "traceloop.association.properties.tags",
        "logfire.tags",
    ),
    Fact.METADATA: (
        "agentobs.metadata",
        "langfuse.trace.metadata.*",
        "langfuse.metadata",
        "langfuse.observation.metadata.*",
        "ai.telemetry.metadata.*",
        "ai.settings.context.*",
        "lmnr.association.properties.metadata.*",
        "traceloop.association.properties.*",
        "langsmith.metadata.*",
        "mlflow.traceTag.*",
        "metadata",
    ),
    Fact.RESPONSE_ID: ("agentobs.response_id", "gen_ai.response.id", "ai.response.id", "llm.response.id"),
    Fact.LEVEL: ("agentobs.status", "langfuse.observation.level"),
    Fact.ERROR_TYPE: ("agentobs.error.type", "error.type", "exception.type"),
    Fact.ERROR_MESSAGE: (
        "agentobs.error.message",
        "exception.message",
        "error.message",
        "langfuse.observation.status_message",
    ),
    Fact.SPAN_TYPE: ("logfire.span_type",),
    Fact.SCORES: (
        "gen_ai.evaluation.name",
        "annotations.*",
        "evaluations.*",
        "trace.annotations.*",
        "trace.evaluations.*",
        "session.annotations.*",
        "session.evaluations.*",
    ),
    Fact.DOCUMENTS: (
        "agentobs.documents",
        "retrieval.documents.*",
        "reranker.output_documents.*",
        "gen_ai.retrieval.documents",
    ),
    # Present with a model on a span that only claims to be an agent: it is a model call.
    Fact.PARAMETERS: ("llm.invocation_parameters",),
    Fact.SYSTEM: ("gen_ai.system_instructions", "agentobs.system"),
    Fact.INPUT: (
        "agentobs.messages",
        "agentobs.input",
        "langfuse.observation.input",
        "gen_ai.input.messages",
        "llm.input_messages.*",
        "gen_ai.prompt.*",
        "ai.prompt.messages",
        "ai.prompt",
        "mlflow.spanInputs",
        "pydantic_ai.all_messages",
        "all_messages_events",
        "events",
        "gen_ai.prompt",
        "gcp.vertex.agent.llm_request",
        "gen_ai.tool.call.arguments",
        "tool_arguments",
        "gcp.vertex.agent.tool_call_args",
        "ai.toolCall.args",
        "input.value",
        "gen_ai.retrieval.query.text",
        "traceloop.entity.input",
        "gen_ai.task.input",
        "lmnr.span.input",
        "raw_input",
        "request_data",
        "ai.value",
        "ai.values",
        "langfuse.trace.input",
        "mlflow.traceInputs",
        "tool.parameters",
        "llm.prompts",
    ),
    Fact.OUTPUT: (
        "agentobs.output_messages",
        "agentobs.output",
        "langfuse.observation.output",
        "gen_ai.output.messages",
        "llm.output_messages.*",
        "gen_ai.completion.*",
        "ai.response.text",
        "ai.response.object",
        "ai.response.toolCalls",
        "ai.result.text",
        "ai.result.object",
        "ai.result.toolCalls",
        "mlflow.spanOutputs",
        "final_result",
        "gen_ai.completion",
        "gcp.vertex.agent.llm_response",
        "gen_ai.tool.call.result",
        "tool_response",
        "gcp.vertex.agent.tool_response",
        "ai.toolCall.result",
        "output.value",
        "traceloop.entity.output",
        "gen_ai.task.output",
        "lmnr.span.output",
        "response_data",
        "gen_ai.retrieval.documents",
        "langfuse.trace.output",
        "mlflow.traceOutputs",
        "all_messages_events",
        "pydantic_ai.all_messages",
        "events",
    ),
}

# Facts that a resource may state for all its spans, winner first; attributes of the span win over them.
RESOURCE_PRECEDENCE: dict[Fact, tuple[str, ...]] = {
    Fact.ENVIRONMENT: ("langfuse.environment", "deployment.environment.name", "deployment.environment"),
    Fact.RELEASE: ("langfuse.release", "service.version"),
    Fact.SESSION: ("session.id",),
    Fact.USER: ("user.id", "enduser.id"),
}
SERVICE_KEYS = ("service.name", "openinference.project.name")
