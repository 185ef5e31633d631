"""Many agents at once: each call of a traced coroutine is a trace, and what runs within it belongs to it."""

import asyncio

from agent_observability import AgentObservability

obs = AgentObservability()


@obs.trace("look-up", kind="retriever")
async def look_up(question: str) -> list[str]:
    await asyncio.sleep(0.01)
    return [f"a document about {question}"]


@obs.trace("researcher")
async def research(question: str) -> str:
    documents = await asyncio.gather(look_up(question), look_up(f"more on {question}"))
    return f"{len(documents)} sources"


async def main() -> None:
    async with obs.trace_context("research-day", user_id="u-123"):
        await asyncio.gather(*(research(topic) for topic in ("tides", "wind", "rain")))


asyncio.run(main())
print(obs.flush())
