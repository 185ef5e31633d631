"""Jobs of the processing service, by type."""

from processing.app.jobs import cleanup, replay
from shared.jobs.context import Handler

HANDLERS: dict[str, Handler] = {"cleanup": cleanup.run, "replay": replay.run}
