"""Canonical provider names.

One form for all dialects: the lower-case value of the OpenTelemetry GenAI convention where it has one (``openai``,
``aws.bedrock``, ``gcp.gemini``, ``mistral_ai`` …). Other spellings are folded onto it only when they surely mean the
same endpoint; a bare ``google`` does not say whether it is the Gemini API or Vertex AI and stays as it is. Names of
frameworks (``langchain``, ``strands-agents``) say who called, not who answered: they hold only if nothing better is
known.
"""

import re
from functools import lru_cache

_ALIASES = {
    "az.ai.openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azureopenai": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google-genai": "gcp.gemini",
    "googleai": "gcp.gemini",
    "google_ai_studio": "gcp.gemini",
    "google-gla": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "vertexai": "gcp.vertex_ai",
    "vertex_ai": "gcp.vertex_ai",
    "vertex-ai": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "google.vertex": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "mistral-ai": "mistral_ai",
    "xai": "x_ai",
    "x-ai": "x_ai",
    "watsonx": "ibm.watsonx.ai",
    "together_ai": "together",
    "togetherai": "together",
    "fireworks_ai": "fireworks",
}
_FRAMEWORKS = frozenset(
    {
        "langchain",
        "langgraph",
        "strands-agents",
        "strands",
        "gcp.vertex.agent",
        "litellm",
        "crewai",
        "llama_index",
        "llamaindex",
        "openai_agents",
        "pydantic_ai",
        "microsoft.agent_framework",
        "semantic_kernel",
        "agno",
        "smolagents",
        "traceloop",
        "custom",
        "unknown",
    }
)
# Vercel's AI SDK appends the API surface to the provider: "openai.chat", "google.vertex.chat".
_SURFACE = re.compile(
    r"\.(chat|responses|completions?|embeddings?|messages|image|speech|transcription|textEmbedding|text-embedding)$"
)
# Open weights (llama, qwen, gemma) are served by many, so they imply nobody.
_IMPLIED = (
    (re.compile(r"^(gpt-|chatgpt|o[1345](-|$)|codex|davinci|babbage|dall-e|whisper|tts-)"), "openai"),
    (re.compile(r"^text-embedding-(3|ada)"), "openai"),
    (re.compile(r"^claude"), "anthropic"),
    (re.compile(r"^(gemini|text-embedding-00|gemini-embedding)"), "google"),
    (re.compile(r"^(mistral|ministral|codestral|pixtral|magistral|devstral|open-mi[sx]tral)"), "mistral_ai"),
    (re.compile(r"^(command|c4ai-|embed-(english|multilingual|v\d)|rerank-)"), "cohere"),
    (re.compile(r"^deepseek"), "deepseek"),
    (re.compile(r"^grok"), "x_ai"),
    (re.compile(r"^sonar"), "perplexity"),
    (re.compile(r"^(us\.|eu\.|apac\.|global\.)?(anthropic|amazon|meta|cohere|mistral|ai21)\.[a-z]"), "aws.bedrock"),
    (re.compile(r"^(amazon\.)?nova-(micro|lite|pro|premier)"), "aws.bedrock"),
)
# A gateway's model name states the provider before a slash: "openai/gpt-4o", "anthropic/claude-sonnet-4".
_PREFIXED = frozenset(
    (
        "openai",
        "anthropic",
        "google",
        "mistral",
        "mistralai",
        "cohere",
        "deepseek",
        "groq",
        "xai",
        "x-ai",
        "azure",
        "bedrock",
        "vertex_ai",
        "gemini",
    )
)


@lru_cache(maxsize=4096)
def canonical_provider(sent: str | None, model: str | None) -> str | None:
    """Return the canonical name of who answered.

    Args:
        sent: The provider as sent, any case and spelling, or None.
        model: The model as answered or requested, used when ``sent`` is missing or names a framework. Without a model
            a framework's name says nothing.
    """
    name = None
    if sent:
        name = sent.strip().lower()
        name = _SURFACE.sub("", name) if "." in name and not name.startswith(("gcp.", "aws.", "azure.")) else name
        name = _ALIASES.get(name, name)
        if name and name not in _FRAMEWORKS:
            return name
    if not model:
        return None
    return implied_provider(model) or name or None


def implied_provider(model: str | None) -> str | None:
    """Return the provider that a model's name implies, or None when several serve it under that name."""
    if not model:
        return None
    lowered = model.strip().lower()
    if "/" in lowered:
        prefix, lowered = lowered.split("/", 1)
        if prefix in _PREFIXED:
            return _ALIASES.get(prefix, prefix)
        # "models/gemini-2.5-flash", "publishers/google/models/gemini…"
        lowered = lowered.rsplit("/", 1)[-1]
    if lowered.startswith("ft:"):
        lowered = lowered[3:]
    for pattern, provider in _IMPLIED:
        if pattern.match(lowered):
            return provider
    return None
