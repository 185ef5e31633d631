"""Jobs of the query service, by type."""

from query.app.jobs import export
from shared.jobs.context import Handler

HANDLERS: dict[str, Handler] = {"export": export.run}
