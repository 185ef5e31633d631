"""What the worker of the query service does beside jobs."""

from shared.jobs.parts import Background
from shared.jobs.periodic import Periodic

PERIODIC: list[Periodic] = []
BACKGROUND: list[Background] = []
