"""Route that lists agents."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import Response

from query.app.actors import agent_view
from query.app.asked import Asked
from query.app.dependencies import Caller, Metadata
from query.app.figures import latency
from query.app.models.actors import Agent
from query.app.models.asking import RangeParameters
from query.app.queries import agents as queries
from query.app.routes.asking import PROBLEMS, Answers, asked_by
from shared.database import Connection
from shared.http.guard import GuardedRoute
from shared.http.schema import Enveloped

router = APIRouter(prefix="/api/v1/agents", tags=["agents"], route_class=GuardedRoute, responses=PROBLEMS)


@router.get("", response_model=Enveloped[list[Agent]], summary="Agents that ran in the range, most used first")
async def list_agents(
    caller: Caller, metadata: Metadata, answers: Answers, asked: Annotated[Asked, Depends(asked_by(RangeParameters))]
) -> Response:
    """Return every agent with its traces, failures, latency and cost; percentiles are within 2 %."""
    environments = asked.filters.get("environment", [])

    async def compute(connection: Connection) -> list[dict[str, Any]]:
        workspace = caller.workspace_number
        rows = await queries.read_agent_totals(
            workspace, connection, asked.window, environments, asked.filters.get("agent_id", [])
        )
        rows.sort(key=lambda row: (-row["n"], row["agent_id"]))
        found = [row["agent_id"] for row in rows]
        seen = await queries.read_last_seen(workspace, connection, found, asked.window, environments)
        named = await queries.read_agent_names(caller.workspace_id, metadata, found)
        return [agent_view(row, latency(row), named.get(row["agent_id"]), seen.get(row["agent_id"])) for row in rows]

    return await answers.answer(caller, asked, compute)
