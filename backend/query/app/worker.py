"""What the worker of the query service does beside jobs."""

import asyncio
import time
from pathlib import Path

from query.app.config import Settings
from shared.jobs.parts import Background
from shared.jobs.periodic import Periodic, Slot

_DAY_SECONDS = 86_400
# A part that nobody has written to for a day belongs to a job that will not go on.
_PART_DAYS = 1


async def remove_expired_exports(slot: Slot) -> None:
    """Remove exported files whose time is over, and parts of files that were given up."""
    settings = slot.settings
    assert isinstance(settings, Settings)
    await asyncio.to_thread(remove_files, Path(settings.exports_folder), settings.export_days)


def remove_files(folder: Path, days: int) -> int:
    """Remove files that were last written so many days ago, and return how many."""
    removed = 0
    for path in folder.glob("*/*"):
        kept = _PART_DAYS if path.suffix == ".part" else days
        if path.is_file() and time.time() - path.stat().st_mtime > kept * _DAY_SECONDS:
            path.unlink(missing_ok=True)
            removed += 1
    return removed


PERIODIC: list[Periodic] = [Periodic("exports.cleanup", 3600.0, remove_expired_exports)]
BACKGROUND: list[Background] = []
