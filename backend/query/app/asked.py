"""What a request for figures asks of the rollups."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from query.app.models.asking import RangeParameters
from query.app.models.metrics import MetricsRequest
from query.app.windows import Granularity, Window, choose_granularity, window_of
from shared.http.ranges import parse_range
from shared.rollups.spec import Level


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for figures: the window, the filters by dimension, and everything that the answer depends on."""

    window: Window
    now: datetime
    filters: Mapping[str, list[str]]
    parameters: Mapping[str, Any]

    @property
    def previous(self) -> Window:
        """Return the window that figures are compared with."""
        return self.window.previous(self.now)

    def granularity(self, finest: Level = Level.BASE) -> Granularity:
        """Return the granularity of the chart.

        Raises:
            InvalidFieldsError: The one asked for cannot be had.
        """
        return choose_granularity(self.parameters.get("granularity"), self.window, self.now, finest)

    def depending_on(self, **facts: object) -> "Asked":
        """Return the same with further facts that the answer depends on."""
        return replace(self, parameters={**self.parameters, **facts})

    @property
    def bounds(self) -> dict[str, datetime]:
        """Return the times that the answer names as its own."""
        return {"from": self.window.start, "to": self.window.until}


def read_asked(parameters: RangeParameters) -> Asked:
    """Return what parameters ask for.

    Raises:
        InvalidFieldsError: Names the parameter that is not valid.
    """
    now = datetime.now(UTC)
    found = parse_range(parameters.range_name, parameters.start, parameters.end, now=now)
    window = window_of(found, is_open=parameters.end is None, now=now)
    filters = {
        name: list(dict.fromkeys(values))
        for name, values in (("environment", parameters.environment), ("agent_id", parameters.agent_id))
        if values
    }
    return Asked(window, now, filters, parameters.model_dump(mode="json"))


def read_metrics_asked(body: MetricsRequest) -> Asked:
    """Return what a free query asks for; its filters are left to it.

    Raises:
        InvalidFieldsError: Names the field that is not valid.
    """
    now = datetime.now(UTC)
    found = parse_range(body.range_name, body.start, body.end, now=now)
    window = window_of(found, is_open=body.end is None, now=now)
    return Asked(window, now, {}, body.model_dump(mode="json"))
