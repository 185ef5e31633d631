"""The models that the invented agents call, with the pace at which they answer."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """A model as clients meet it.

    ``requested`` and ``answered`` are the ids of request and response; ``first_token`` is in seconds, ``pace`` in
    tokens a second; ``caches`` tells whether repeated prompts are read from a cache and ``thinks`` which part of the
    output is reasoning. ``gateway_usd`` is what a gateway reports per million input and output tokens.
    """

    provider: str
    requested: str
    answered: str
    first_token: float
    pace: float
    caches: bool = False
    thinks: float = 0.0
    gateway_usd: tuple[float, float] | None = None


GPT_4O = Model("openai", "gpt-4o", "gpt-4o-2024-08-06", 0.55, 80, caches=True)
GPT_4O_MINI = Model("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 0.4, 110, caches=True)
GPT_41 = Model("openai", "gpt-4.1", "gpt-4.1-2025-04-14", 0.6, 85, caches=True)
GPT_41_MINI = Model("openai", "gpt-4.1-mini", "gpt-4.1-mini", 0.45, 105, caches=True)
GPT_5 = Model("openai", "gpt-5", "gpt-5", 1.8, 70, caches=True, thinks=0.55)
AZURE_GPT_4O = Model("azure.ai.openai", "gpt-4o", "gpt-4o", 0.7, 75)
CLAUDE_SONNET = Model("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 0.9, 65, caches=True)
CLAUDE_HAIKU = Model("anthropic", "claude-haiku-4-5", "claude-haiku-4-5-20251001", 0.5, 120, caches=True)
BEDROCK_SONNET = Model(
    "aws.bedrock", "anthropic.claude-sonnet-4-20250514-v1:0", "anthropic.claude-sonnet-4-20250514-v1:0", 1.0, 60
)
GEMINI_PRO = Model("gcp.gemini", "gemini-2.5-pro", "gemini-2.5-pro", 1.4, 75, caches=True, thinks=0.35)
GEMINI_FLASH = Model("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash", 0.5, 150)
MISTRAL_LARGE = Model("mistral_ai", "mistral-large-latest", "mistral-large-latest", 0.6, 70, gateway_usd=(2.0, 6.0))
LLAMA_OWN = Model("vllm", "llama-3.3-70b-instruct", "llama-3.3-70b-instruct", 0.3, 45)

EMBEDDING = Model("openai", "text-embedding-3-small", "text-embedding-3-small", 0.12, 0)
RERANKER = Model("cohere", "rerank-v3.5", "rerank-v3.5", 0.2, 0)
