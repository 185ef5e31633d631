"""A LangGraph agent with a tool; its nodes, model calls and tools become spans.

Needs: pip install './python-sdk[langchain]' langchain langchain-openai langgraph
"""

from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

from agent_observability import AgentObservability

obs = AgentObservability()
obs.instrument("langchain")


@tool
def search(query: str) -> str:
    """Search orders."""
    return f"found: {query}"


agent = create_agent(ChatOpenAI(model="gpt-4o"), [search])
with obs.trace_context("langgraph-agent", agent_id="support-bot", user_id="u-123"):
    result = agent.invoke({"messages": [HumanMessage("Where is my order?")]})
    obs.set_output(result["messages"][-1].content)
print(obs.flush())
