"""Provider names: the many spellings that senders use and the ids under which prices are listed."""

import re

from shared.normalisation.providers import canonical_provider

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

_MAX_NAME_LENGTH = 128
_HUGGINGFACE = re.compile(r"hugging_?face")
FALLBACKS = {
    "azure": ("openai", "anthropic", "deepseek", "x-ai", "moonshotai"),
    "google": ("anthropic",),
}
"""Providers that sell other vendors' models at the vendors' prices."""


def listed_provider(name: str | None, model: str) -> str | None:
    """Return the id under which prices of this provider are listed.

    Args:
        name: As sent or as normalised, for example ``gcp.vertex_ai`` or ``azure.ai.openai``; None and a framework's
            name leave the model to decide.
        model: The model id, in lower case.

    Returns:
        None for a provider without listed prices, such as a model server of one's own.
    """
    name = canonical_provider(name, model)
    if name is None or name in _IDS:
        return name
    if len(name) > _MAX_NAME_LENGTH:
        return None
    if alias := _ALIASES.get(name):
        return alias
    if _HUGGINGFACE.search(name):
        backend = re.split(r"[_/.:]", name)[-1]
        return f"huggingface_{backend}" if f"huggingface_{backend}" in _IDS else None
    return next((provider for part, provider in _CONTAINED if part in name), None)


def own_provider(name: str | None, model: str) -> str:
    """Return the name under which a workspace's own price of a provider is kept and looked up.

    Args:
        name: As in ``listed_provider``.
        model: The model id, in lower case.

    Returns:
        The id under which prices of the provider are listed; of other providers the name itself, in lower case; empty
        when neither name nor model says who it is.
    """
    return listed_provider(name, model) or (name or "").strip().lower()
