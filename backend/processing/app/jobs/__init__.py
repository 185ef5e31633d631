"""Jobs of the processing service, by type."""

from processing.app.jobs import cleanup, delete_workspace, reindex, replay, reprice
from shared.jobs.context import Handler

HANDLERS: dict[str, Handler] = {
    "cleanup": cleanup.run,
    "delete_workspace": delete_workspace.run,
    "reindex": reindex.run,
    "replay": replay.run,
    "reprice": reprice.run,
}
