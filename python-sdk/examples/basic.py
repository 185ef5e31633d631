"""The least there is: two lines, and a traced function.

Run with AGENTOBS_API_KEY set: python basic.py
"""

from agent_observability import AgentObservability

obs = AgentObservability()


@obs.trace()
def answer(question: str) -> str:
    return f"I do not know, but I was asked: {question}"


with obs.trace_context(agent_id="support-bot", user_id="u-123", session_id="s-1", metadata={"plan": "pro"}):
    response = answer("Where is my order?")
    obs.set_output(response)
    obs.set_cost(0.0023)

print(obs.flush())
