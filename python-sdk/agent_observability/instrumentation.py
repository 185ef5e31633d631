"""Switching on what traces other libraries: their maintained instrumentations, each only if it is installed."""

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from agent_observability.guard import guard, notices


@dataclass(frozen=True)
class Instrumentation:
    """A package that traces a library."""

    name: str
    library: str
    module: str
    instrumentor: str


_PACKAGES = (
    Instrumentation("openai", "openai", "openinference.instrumentation.openai", "OpenAIInstrumentor"),
    Instrumentation("anthropic", "anthropic", "openinference.instrumentation.anthropic", "AnthropicInstrumentor"),
    Instrumentation(
        "google-genai", "google.genai", "openinference.instrumentation.google_genai", "GoogleGenAIInstrumentor"
    ),
    Instrumentation("langchain", "langchain_core", "openinference.instrumentation.langchain", "LangChainInstrumentor"),
    Instrumentation(
        "llama-index", "llama_index.core", "openinference.instrumentation.llama_index", "LlamaIndexInstrumentor"
    ),
    Instrumentation(
        "openai-agents", "agents", "openinference.instrumentation.openai_agents", "OpenAIAgentsInstrumentor"
    ),
    Instrumentation("crewai", "crewai", "openinference.instrumentation.crewai", "CrewAIInstrumentor"),
)
switched_on: set[str] = set()


def switch_on(names: Iterable[str], *, capture_content: bool) -> list[str]:
    """Switch on the instrumentations of these names, all without any, and return the names of those that are on.

    Args:
        names: Names of libraries.
        capture_content: Whether they may record prompts and answers.
    """
    known: dict[str, Callable[[], bool]] = {
        **{package.name: _package_switch(package, capture_content) for package in _PACKAGES},
        "pydantic-ai": lambda: _switch_pydantic_ai(capture_content),
    }
    asked = list(names) or list(known)
    for name in asked:
        switch = known.get(name)
        if switch is None:
            notices.warn(f"instrument_{name}", "There is no instrumentation %s; there are %s.", name, ", ".join(known))
        elif name not in switched_on:
            with guard:
                if switch():
                    switched_on.add(name)
    return [name for name in asked if name in switched_on]


def _package_switch(package: Instrumentation, capture_content: bool) -> Callable[[], bool]:
    return lambda: _switch_package(package, capture_content)


def _switch_package(package: Instrumentation, capture_content: bool) -> bool:
    if not _is_installed(package.library) or not _is_installed(package.module):
        return False
    instrumentor: Any = getattr(importlib.import_module(package.module), package.instrumentor)()
    if instrumentor.is_instrumented_by_opentelemetry:
        return True
    instrumentor.instrument(**_options(package.name, capture_content))
    return True


def _options(name: str, capture_content: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if not capture_content:
        configuration: Any = importlib.import_module("openinference.instrumentation")
        options["config"] = configuration.TraceConfig(hide_inputs=True, hide_outputs=True)
    return options


def _switch_pydantic_ai(capture_content: bool) -> bool:
    """Let Pydantic AI emit the spans that it makes itself."""
    if not _is_installed("pydantic_ai"):
        return False
    agents: Any = importlib.import_module("pydantic_ai")
    settings: Any = importlib.import_module("pydantic_ai.models.instrumented")
    agents.Agent.instrument_all(settings.InstrumentationSettings(include_content=capture_content))
    return True


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
