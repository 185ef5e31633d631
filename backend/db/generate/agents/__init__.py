"""The invented agents."""

from db.generate.agents import coding, documents, research, sql, support, travel, triage
from db.generate.agents.base import Agent

AGENTS: tuple[Agent, ...] = (
    support.AGENT,
    research.AGENT,
    coding.AGENT,
    sql.AGENT,
    travel.AGENT,
    documents.AGENT,
    triage.AGENT,
)
"""Who sends traffic; the shares add up to 1. The last one sends flat traces."""

__all__ = ["AGENTS", "Agent"]
