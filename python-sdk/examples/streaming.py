"""Generators: the span ends when the last part was read, and its output is all parts together."""

from collections.abc import Iterator

from agent_observability import AgentObservability

obs = AgentObservability()


@obs.trace("stream-answer", kind="llm")
def stream_answer(question: str) -> Iterator[str]:
    yield from ("It ", "arrives ", "on ", "Thursday.")
    obs.set_usage(input_tokens=42, output_tokens=8, model="gpt-4o", provider="openai")


with obs.trace_context("chat", agent_id="support-bot"):
    for part in stream_answer("Where is my order?"):
        print(part, end="", flush=True)
print()
print(obs.flush())
