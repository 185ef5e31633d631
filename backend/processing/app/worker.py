"""What the worker of the processing service does beside jobs."""

from processing.app.search import indexer
from shared.jobs.parts import Background
from shared.jobs.periodic import Periodic

PERIODIC: list[Periodic] = []
BACKGROUND: list[Background] = [indexer.run]
