"""Jobs of the query service, by type."""

from shared.jobs.context import Handler

HANDLERS: dict[str, Handler] = {}
