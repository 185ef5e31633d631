"""Answers about quality."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from query.app.models.figures import Answer, Bounded, Charted, Figure, Name, Share


class ScoreFigures(Answer):
    """What was scored under one name."""

    name: str
    count: int
    mean: Annotated[float | None, Field(description="Of scores that are numbers")]
    min: float | None
    max: float | None
    true_share: Annotated[Share, Field(description="Of scores that are true or false")]
    labels: Annotated[int, Field(description="Scores that are labels")]


class QualityOverview(Bounded):
    """What judges, people and code said of traces in a range, by the time at which they said it."""

    quality_score: Annotated[Figure, Field(description="Mean of evaluations, 0 to 100")]
    evaluations: Figure
    feedback: Figure
    positive_feedback_share: Annotated[Figure, Field(description="Ratings 1 (thumbs up), 4 and 5; 0 and 3 are neither")]
    outcomes: Figure
    success_share: Figure
    scores: list[ScoreFigures]


class QualityPoint(Answer):
    """Evaluations and feedback of one bucket."""

    time: datetime
    quality_score: float | None
    evaluations: int
    positive_feedback: int
    negative_feedback: int


class QualityTrend(Charted):
    """Evaluations and feedback over time."""

    points: list[QualityPoint]


class AgentReliability(Answer):
    """How an agent's traces ended."""

    name: Name
    requests: int
    errors: int
    timeouts: int
    error_rate: Share


class QualityAnalytics(Bounded):
    """Reliability by agent beside what was said."""

    error_rate: Figure
    quality_score: float | None
    evaluations: int
    feedback: int
    positive_feedback_share: Share
    outcomes: int
    success_share: Share
    scores: list[ScoreFigures]
    by_agent: list[AgentReliability]
