"""Provider names: the many spellings that senders use and the ids under which prices are listed."""

import re

# fmt: off
_IDS = frozenset({
    "anthropic", "arcee", "avian", "aws", "azure", "baseten", "cerebras", "cloudflare", "cohere", "cursor",
    "databricks", "deepseek", "doubleword", "elevenlabs", "fireworks", "github-copilot", "google", "groq",
    "huggingface_cerebras", "huggingface_fireworks-ai", "huggingface_groq", "huggingface_hyperbolic",
    "huggingface_nebius", "huggingface_novita", "huggingface_nscale", "huggingface_ovhcloud", "huggingface_publicai",
    "huggingface_sambanova", "huggingface_together", "meta", "minimax", "mistral", "modal", "moonshotai", "novita",
    "openai", "openai-decisions", "openrouter", "ovhcloud", "perplexity", "quicksilverpro", "together", "typesafe",
    "voyageai", "x-ai", "zai", "zhipuai",
})
# fmt: on

_ALIASES = {
    "az": "azure",
    "gcp": "google",
    "gcp.gen_ai": "google",
    "palm": "google",
    "xai": "x-ai",
    "x_ai": "x-ai",
    "grok": "x-ai",
    "zhipu": "zhipuai",
    "z.ai": "zai",
    "z-ai": "zai",
    "togetherai": "together",
}

# Who hosts comes before whose model it is: azure.ai.openai bills as Azure, vertex_ai_anthropic as Google.
_CONTAINED = (
    ("azure", "azure"),
    ("bedrock", "aws"),
    ("amazon", "aws"),
    ("sagemaker", "aws"),
    ("vertex", "google"),
    ("openrouter", "openrouter"),
    ("together_ai", "together"),
    ("together-ai", "together"),
    ("together.", "together"),
    ("fireworks", "fireworks"),
    ("databricks", "databricks"),
    ("cloudflare", "cloudflare"),
    ("cerebras", "cerebras"),
    ("baseten", "baseten"),
    ("copilot", "github-copilot"),
    ("groq", "groq"),
    ("perplexity", "perplexity"),
    ("anthropic", "anthropic"),
    ("openai", "openai"),
    ("google", "google"),
    ("gemini", "google"),
    ("cohere", "cohere"),
    ("mistral", "mistral"),
    ("deepseek", "deepseek"),
    ("moonshot", "moonshotai"),
    ("voyage", "voyageai"),
    ("elevenlabs", "elevenlabs"),
    ("minimax", "minimax"),
    ("arcee", "arcee"),
    ("typesafe", "typesafe"),
    ("modal", "modal"),
)

# Frameworks and routers that put their own name where the provider belongs.
_ROUTERS = re.compile(
    r"litellm|langchain|langgraph|strands|pydantic|vercel|gateway|portkey|helicone|proxy|agent|openai[-_.]compatible"
    r"|^(?:unknown|custom|default|none|other|_other)?$"
)

_MAX_NAME_LENGTH = 128
_HUGGINGFACE = re.compile(r"hugging_?face")
_BEDROCK_MODEL = re.compile(
    r"^(?:arn:aws[\w-]*:bedrock:|(?:(?:us|us-gov|eu|apac|ap|au|jp|ca|global)\.)?"
    r"(?:ai21|amazon|anthropic|cohere|deepseek|meta|minimax|mistral|moonshotai|nvidia|openai|qwen|zai)\.)"
)
_IMPLIED = (
    ("anthropic", re.compile(r"claude")),
    ("cerebras", re.compile(r"cerebras")),
    ("cloudflare", re.compile(r"^@cf/")),
    ("cohere", re.compile(r"^command-")),
    ("cursor", re.compile(r"^composer-")),
    ("databricks", re.compile(r"^(?:databricks-|system\.ai\.)")),
    ("deepseek", re.compile(r"^deepseek")),
    ("elevenlabs", re.compile(r"^eleven_")),
    ("fireworks", re.compile(r"^accounts/fireworks/")),
    ("google", re.compile(r"gemini")),
    ("meta", re.compile(r"^(?:muse-wonder-1\.0$|muse-spark-)")),
    ("minimax", re.compile(r"^(?:minimax-m|minimax-01$|m2-her$)")),
    (
        "mistral",
        re.compile(
            r"^(?![^/]+/)(?:labs-)?(?:(?:mi|code|dev|magi|mini)stral|mixtral|pixtral|voxtral|open-(?:mistral|mixtral))"
        ),
    ),
    ("moonshotai", re.compile(r"^(?:kimi|moonshot)")),
    ("openai", re.compile(r"^(?:(?:ft:)?gpt-|chatgpt-|whisper-1$|tts-1|(?:ft:)?o[134]|text-embedding-(?:3-|ada))")),
    ("typesafe", re.compile(r"^jev-")),
    ("voyageai", re.compile(r"^voyage-")),
    ("x-ai", re.compile(r"grok")),
    ("zhipuai", re.compile(r"^glm-")),
)

FALLBACKS = {
    "azure": ("openai", "anthropic", "deepseek", "x-ai", "moonshotai"),
    "google": ("anthropic",),
}
"""Providers that sell other vendors' models at the vendors' prices."""


def implied_provider(model: str) -> str | None:
    """Return the provider that a model id alone points to, or None.

    Ids in the form of Amazon Bedrock (``eu.anthropic.claude-…``) point to ``aws``.
    """
    model = model.lower()
    if _BEDROCK_MODEL.match(model):
        return "aws"
    return next((provider for provider, pattern in _IMPLIED if pattern.search(model)), None)


def canonical_provider(name: str | None, model: str) -> str | None:
    """Return the id under which prices of this provider are listed.

    Args:
        name: As sent, for example ``gcp.vertex_ai`` or ``azure.ai.openai``; None or a router's or framework's
            name leave the model to decide.
        model: The model id, in lower case.

    Returns:
        None for a provider without listed prices, such as a model server of one's own.
    """
    if name is None:
        return implied_provider(model)
    name = name.strip().lower()
    if name in _IDS:
        return name
    if len(name) > _MAX_NAME_LENGTH:
        return None
    if alias := _ALIASES.get(name):
        return alias
    if _HUGGINGFACE.search(name):
        backend = re.split(r"[_/.:]", name)[-1]
        return f"huggingface_{backend}" if f"huggingface_{backend}" in _IDS else None
    if _ROUTERS.search(name):
        return implied_provider(model)
    return next((provider for part, provider in _CONTAINED if part in name), None)
