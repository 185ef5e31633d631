"""What the worker of the query service does beside jobs."""

from query.app.config import Settings
from shared.exports import open_storage
from shared.jobs.parts import Background
from shared.jobs.periodic import Periodic, Slot


async def remove_expired_exports(slot: Slot) -> None:
    """Remove exported files whose time is over, and parts of files that were given up."""
    settings = slot.settings
    assert isinstance(settings, Settings)
    await open_storage(settings).remove_older(settings.export_days)


PERIODIC: list[Periodic] = [Periodic("exports.cleanup", 3600.0, remove_expired_exports)]
BACKGROUND: list[Background] = []
