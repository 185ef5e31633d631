"""A FastAPI application: each request is a trace, and feedback names it later.

Needs: pip install fastapi uvicorn; run with: python fastapi_app.py
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from agent_observability import AgentObservability

obs = AgentObservability(service_name="support-api")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    obs.shutdown()


app = FastAPI(lifespan=lifespan)


@obs.trace("answer", kind="chain")
async def answer(question: str) -> str:
    return f"I was asked: {question}"


@app.get("/ask")
async def ask(question: str, user: str) -> dict[str, str | None]:
    async with obs.trace_context(agent_id="support-bot", user_id=user) as trace:
        return {"answer": await answer(question), "trace_id": trace.trace_id}


@app.post("/thumbs-up")
async def thumbs_up(trace_id: str) -> None:
    obs.feedback(1, trace_id=trace_id)


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8080")), log_level="warning")
