"""Answers of the usage page."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from query.app.models.figures import Answer, Bounded, Charted, Dollars, Figure, Latency, Name, Percent, Share, Tokens


class UsageOverview(Bounded):
    """How much a workspace is used; users and sessions are null when agents are filtered."""

    calls: Annotated[Figure, Field(description="Traces")]
    llm_calls: Figure
    tool_calls: Figure
    tokens_total: Figure
    active_agents: Figure
    unique_users: Annotated[Figure, Field(description="Exact")]
    sessions: Annotated[Figure, Field(description="Exact")]
    avg_calls_per_user: Figure


class AgentCalls(Answer):
    """The traces of one agent over time."""

    agent_id: Name
    is_other: Annotated[bool, Field(description="Whether this is the sum of all agents that are not listed")]
    total: int
    calls: Annotated[list[int], Field(description="One number a time")]


class CallsOverTime(Charted):
    """Traces over time."""

    times: Annotated[list[datetime], Field(description="Starts of the buckets")]
    calls: list[int]
    errors: list[int]
    by_agent: list[AgentCalls]


class AgentShare(Latency):
    """What one agent did."""

    agent_id: Name
    calls: int
    share_percent: Percent
    errors: int
    error_rate: Share
    llm_calls: int
    tool_calls: int
    tokens_total: Tokens
    cost_usd: Dollars


class TopUser(Answer):
    """What one user did."""

    user_id: str
    calls: Figure
    errors: int
    tokens_total: Tokens
    cost_usd: Dollars
    last_active: Annotated[datetime | None, Field(description="Start of the last trace that is stored")]
