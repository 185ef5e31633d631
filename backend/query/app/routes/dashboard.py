"""Routes that answer with figures."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from query.app.asked import Asked, read_metrics_asked
from query.app.dashboards import cost, home, metrics, performance, quality, usage
from query.app.dependencies import Caller, CostCaller, CostWriter, Metadata
from query.app.models.asking import (
    AggregationParameters,
    ChartParameters,
    ErrorParameters,
    RangeParameters,
    RankingParameters,
    RecentParameters,
    StackParameters,
    TopUserParameters,
)
from query.app.models.cost import Budget, BudgetRequest, CostAnalytics, CostOverview, CostTrend, ModelCost
from query.app.models.home import Activity, Aggregation, Alert, HomeKpis
from query.app.models.metrics import MetricsAnswer, MetricsRequest
from query.app.models.performance import (
    ErrorGroups,
    LatencyOverTime,
    ModelFigures,
    PerformanceAnalytics,
    PerformanceOverview,
    Throughput,
)
from query.app.models.quality import QualityAnalytics, QualityOverview, QualityTrend
from query.app.models.usage import AgentShare, CallsOverTime, TopUser, UsageOverview
from query.app.queries import workspaces
from query.app.routes.asking import PROBLEMS, Answers, asked_by
from query.app.windows import Window
from shared.http.envelope import request_id
from shared.http.guard import GuardedRoute
from shared.http.parameters import check_names
from shared.http.schema import Enveloped, problems

router = APIRouter(prefix="/api/v1", route_class=GuardedRoute, responses=PROBLEMS)

Range = Annotated[Asked, Depends(asked_by(RangeParameters))]
Chart = Annotated[Asked, Depends(asked_by(ChartParameters))]
Stack = Annotated[Asked, Depends(asked_by(StackParameters))]
Ranking = Annotated[Asked, Depends(asked_by(RankingParameters))]
# As far back as the lists of what happened of late reach.
_RECENT = timedelta(days=30)
_RECENT_NAMES = list(RecentParameters.model_fields)


@router.get("/metrics/home-kpis", response_model=Enveloped[HomeKpis], tags=["home"], summary="Key figures")
async def read_home_kpis(caller: Caller, answers: Answers, asked: Chart) -> Response:
    """Return requests, latency, error rate, cost and quality of a range, compared and over time."""
    return await answers.answer(caller, asked, lambda c: home.home_kpis(caller.workspace_number, c, asked))


@router.get(
    "/metrics/aggregations", response_model=Enveloped[list[Aggregation]], tags=["home"], summary="Hours or days"
)
async def read_aggregations(
    caller: Caller, answers: Answers, asked: Annotated[Asked, Depends(asked_by(AggregationParameters))]
) -> Response:
    """Return the figures of every hour or day of a range."""
    return await answers.answer(caller, asked, lambda c: home.aggregations(caller.workspace_number, c, asked))


@router.post("/metrics/query", response_model=Enveloped[MetricsAnswer], tags=["home"], summary="Any figures")
async def query_metrics(caller: Caller, answers: Answers, body: MetricsRequest) -> Response:
    """Return measures split by dimensions.

    With a dimension or filter of spans (model, provider, kind, tool) spans are counted, otherwise traces. Beside agent,
    status, release or tool, model and provider count calls of models only. Users and sessions can be split and filtered
    by time and environment.
    """
    asked = read_metrics_asked(body)
    return await answers.answer(caller, asked, lambda c: metrics.run(caller.workspace_number, c, asked))


def _recent(request: Request, parameters: Annotated[RecentParameters, Query()]) -> Asked:
    check_names(request.query_params.keys(), _RECENT_NAMES)
    now = datetime.now(UTC)
    window = Window(now - _RECENT, now + timedelta(hours=1), now, is_open=True)
    filters = {
        name: values
        for name, values in (("environment", parameters.environment), ("agent_id", parameters.agent_id))
        if values
    }
    return Asked(window, now, filters, parameters.model_dump(mode="json"))


Recent = Annotated[Asked, Depends(_recent)]


@router.get("/activity/stream", response_model=Enveloped[list[Activity]], tags=["home"], summary="What happens")
async def read_activity(caller: Caller, answers: Answers, asked: Recent) -> Response:
    """Return the traces of the last month that started last, newest first."""
    limit = asked.parameters["limit"]
    return await answers.answer(
        caller, asked, lambda c: home.activity_stream(caller.workspace_number, c, limit, asked.filters)
    )


@router.get("/alerts/recent", response_model=Enveloped[list[Alert]], tags=["home"], summary="What stands out")
async def read_recent_alerts(caller: Caller, answers: Answers, asked: Recent) -> Response:
    """Return hours of the last day in which an agent failed more or was slower than in the 24 hours before.

    They are derived from the figures, and say so, as long as there are no rules for alerts.
    """
    limit = asked.parameters["limit"]
    return await answers.answer(
        caller, asked, lambda c: home.recent_alerts(caller.workspace_number, c, asked.now, limit, asked.filters)
    )


@router.get("/usage/overview", response_model=Enveloped[UsageOverview], tags=["usage"], summary="Usage")
async def read_usage(caller: Caller, answers: Answers, asked: Range) -> Response:
    """Return calls, users, agents and sessions of a range, compared with the one before."""
    return await answers.answer(caller, asked, lambda c: usage.overview(caller.workspace_number, c, asked))


@router.get(
    "/usage/calls-over-time", response_model=Enveloped[CallsOverTime], tags=["usage"], summary="Calls over time"
)
async def read_calls_over_time(caller: Caller, answers: Answers, asked: Stack) -> Response:
    """Return traces over time, in all and by agent."""
    return await answers.answer(caller, asked, lambda c: usage.calls_over_time(caller.workspace_number, c, asked))


@router.get(
    "/usage/agent-distribution", response_model=Enveloped[list[AgentShare]], tags=["usage"], summary="Calls by agent"
)
async def read_agent_distribution(caller: Caller, answers: Answers, asked: Range) -> Response:
    """Return each agent's share of the traces, and its speed, failures and cost."""
    return await answers.answer(caller, asked, lambda c: usage.agent_distribution(caller.workspace_number, c, asked))


@router.get("/usage/top-users", response_model=Enveloped[list[TopUser]], tags=["usage"], summary="Busiest users")
async def read_top_users(
    caller: Caller, answers: Answers, asked: Annotated[Asked, Depends(asked_by(TopUserParameters))]
) -> Response:
    """Return the users with the most traces, tokens or cost."""
    return await answers.answer(caller, asked, lambda c: usage.top_users(caller.workspace_number, c, asked))


@router.get("/cost/overview", response_model=Enveloped[CostOverview], tags=["cost"], summary="Cost and budget")
async def read_cost(caller: CostCaller, answers: Answers, metadata: Metadata, asked: Range) -> Response:
    """Return the cost of a range, how it was found, and the month's budget and projection."""
    budget = await workspaces.read_budget(caller.workspace_id, metadata)
    asked = asked.depending_on(budget=[budget.monthly_usd, *budget.thresholds_percent])
    return await answers.answer(caller, asked, lambda c: cost.overview(caller.workspace_number, c, asked, budget))


@router.get("/cost/trend", response_model=Enveloped[CostTrend], tags=["cost"], summary="Cost over time")
async def read_cost_trend(caller: CostCaller, answers: Answers, asked: Stack) -> Response:
    """Return the cost over time, in all, added up, and by model."""
    return await answers.answer(caller, asked, lambda c: cost.trend(caller.workspace_number, c, asked))


@router.get("/cost/by-model", response_model=Enveloped[list[ModelCost]], tags=["cost"], summary="Cost by model")
async def read_cost_by_model(caller: CostCaller, answers: Answers, asked: Ranking) -> Response:
    """Return what each model cost, the dearest first."""
    return await answers.answer(caller, asked, lambda c: cost.by_model(caller.workspace_number, c, asked))


def _this_month(request: Request) -> Asked:
    check_names(request.query_params.keys(), ())
    now = datetime.now(UTC)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Asked(Window(month, now + timedelta(hours=1), now, is_open=True), now, {}, {})


@router.get("/cost/budget", response_model=Enveloped[Budget], tags=["cost"], summary="The month's budget")
async def read_budget(
    caller: CostCaller, answers: Answers, metadata: Metadata, asked: Annotated[Asked, Depends(_this_month)]
) -> Response:
    """Return what of the month's budget is spent, and what the month will come to."""
    budget = await workspaces.read_budget(caller.workspace_id, metadata)
    asked = asked.depending_on(budget=[budget.monthly_usd, *budget.thresholds_percent])
    return await answers.answer(
        caller, asked, lambda c: cost.read_budget(caller.workspace_number, c, budget, asked.now)
    )


@router.put(
    "/cost/budget",
    response_model=Enveloped[Budget],
    responses=problems(400, 404, 413, 415),
    tags=["cost"],
    summary="Set the month's budget",
)
async def write_budget(
    request: Request, caller: CostWriter, answers: Answers, metadata: Metadata, body: BudgetRequest
) -> Response:
    """Set or remove the budget of a month and the percentages at which it warns."""
    asked = _this_month(request)
    kept = (await workspaces.read_budget(caller.workspace_id, metadata)).thresholds_percent
    thresholds = body.thresholds_percent or list(kept)
    actor = workspaces.Actor(caller.principal, caller.subject_id, request_id(request))
    await workspaces.write_budget(caller.workspace_id, metadata, actor, body.monthly_usd, thresholds)
    amount = None if body.monthly_usd is None else float(body.monthly_usd)
    budget = workspaces.Budget(amount, tuple(thresholds))
    asked = asked.depending_on(budget=[budget.monthly_usd, *budget.thresholds_percent])
    return await answers.answer(
        caller, asked, lambda c: cost.read_budget(caller.workspace_number, c, budget, asked.now)
    )


@router.get(
    "/performance/overview", response_model=Enveloped[PerformanceOverview], tags=["performance"], summary="Speed"
)
async def read_performance(caller: Caller, answers: Answers, asked: Range) -> Response:
    """Return percentiles, error rate and throughput, compared with the range before, and the slowest spans."""
    return await answers.answer(caller, asked, lambda c: performance.overview(caller.workspace_number, c, asked))


@router.get(
    "/performance/latency", response_model=Enveloped[LatencyOverTime], tags=["performance"], summary="Speed over time"
)
async def read_latency(caller: Caller, answers: Answers, asked: Chart) -> Response:
    """Return percentiles of durations and of times to the first token over time."""
    return await answers.answer(
        caller, asked, lambda c: performance.latency_over_time(caller.workspace_number, c, asked)
    )


@router.get(
    "/performance/throughput", response_model=Enveloped[Throughput], tags=["performance"], summary="Traces over time"
)
async def read_throughput(caller: Caller, answers: Answers, asked: Chart) -> Response:
    """Return how many traces started over time, by how they ended."""
    return await answers.answer(caller, asked, lambda c: performance.throughput(caller.workspace_number, c, asked))


@router.get("/performance/errors", response_model=Enveloped[ErrorGroups], tags=["performance"], summary="What fails")
async def read_errors(
    caller: Caller, answers: Answers, asked: Annotated[Asked, Depends(asked_by(ErrorParameters))]
) -> Response:
    """Return failures of spans grouped by type and normalised message, the most frequent first."""
    return await answers.answer(caller, asked, lambda c: performance.error_groups(caller.workspace_number, c, asked))


@router.get("/analytics/costs", response_model=Enveloped[CostAnalytics], tags=["analytics"], summary="Cost by cause")
async def analyse_costs(caller: CostCaller, answers: Answers, asked: Range) -> Response:
    """Return the cost by agent, environment, model and provider."""
    return await answers.answer(caller, asked, lambda c: cost.analytics(caller.workspace_number, c, asked))


@router.get(
    "/analytics/performance",
    response_model=Enveloped[PerformanceAnalytics],
    tags=["analytics"],
    summary="Speed by agent, model and tool",
)
async def analyse_performance(caller: Caller, answers: Answers, asked: Range) -> Response:
    """Return how fast and how reliable agents, models and tools are."""
    return await answers.answer(caller, asked, lambda c: performance.analytics(caller.workspace_number, c, asked))


@router.get("/analytics/quality", response_model=Enveloped[QualityAnalytics], tags=["analytics"], summary="Reliability")
async def analyse_quality(caller: Caller, answers: Answers, asked: Range) -> Response:
    """Return reliability by agent beside scores, feedback and outcomes."""
    return await answers.answer(caller, asked, lambda c: quality.analytics(caller.workspace_number, c, asked))


@router.get(
    "/analytics/models", response_model=Enveloped[list[ModelFigures]], tags=["analytics"], summary="Models compared"
)
async def analyse_models(caller: Caller, answers: Answers, asked: Range) -> Response:
    """Return models side by side: calls, failures, speed, tokens and cost."""
    return await answers.answer(caller, asked, lambda c: performance.models(caller.workspace_number, c, asked))


@router.get("/quality/overview", response_model=Enveloped[QualityOverview], tags=["quality"], summary="Quality")
async def read_quality(caller: Caller, answers: Answers, asked: Range) -> Response:
    """Return mean scores, feedback, outcomes and evaluations given in a range."""
    return await answers.answer(caller, asked, lambda c: quality.overview(caller.workspace_number, c, asked))


@router.get("/quality/trend", response_model=Enveloped[QualityTrend], tags=["quality"], summary="Quality over time")
async def read_quality_trend(caller: Caller, answers: Answers, asked: Chart) -> Response:
    """Return evaluations and feedback over time."""
    return await answers.answer(caller, asked, lambda c: quality.trend(caller.workspace_number, c, asked))
