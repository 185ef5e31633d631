"""Tools, an error that the agent gets over, and what became of it: score, feedback and outcome."""

from agent_observability import AgentObservability

obs = AgentObservability()


@obs.trace("find_order", kind="tool")
def find_order(number: int) -> dict[str, str]:
    if number < 1:
        raise LookupError(f"there is no order {number}")
    return {"order": str(number), "state": "shipped"}


@obs.trace("support-bot", agent_id="support-bot", tags=["example"])
def answer(question: str) -> str:
    try:
        find_order(0)
    except LookupError:
        obs.tag("corrected")
    found = find_order(7)
    with obs.span("ask-model", "llm", input=[{"role": "user", "content": question}]) as call:
        call.set_output(f"Your order is {found['state']}.")
        call.set_usage(300, 40, cached_tokens=100, model="gpt-4o", provider="openai")
    obs.score("grounded", True)
    obs.outcome(True, value_usd=12.5, name="question-answered")
    obs.feedback(1, comment="quick")
    return f"Your order is {found['state']}."


answer("Where is my order?")
print(obs.flush())
