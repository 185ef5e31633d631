"""Where exported files lie: in a folder, or in a bucket of S3 or of what speaks its protocol."""

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from shared.errors import UnavailableError
from shared.jobs.config import WorkerSettings
from shared.logging import get_logger

CHUNK_BYTES = 1024 * 1024
# A part that nobody has written to for a day belongs to a job that will not go on.
_PART_DAYS = 1
_DAY_SECONDS = 86_400
_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Whatever else lies in a folder or a bucket that somebody named is not ours to remove.
_FILE = re.compile(rf"{_UUID}/{_UUID}\.(?:csv|jsonl|parquet)\Z")
_PART = re.compile(rf"{_UUID}/{_UUID}(?:\.[a-z]+)?\.part\Z")

# S3 takes parts of 5 MiB and more, and 10,000 of them: a file may have 80 GB.
_UPLOAD_PART_BYTES = 8 * 1024 * 1024
_UPLOADS_AT_ONCE = 2
_CONNECT_SECONDS = 5
_REQUEST_SECONDS = 120
_RETRIES = 3
_RETRY_SECONDS = 20
_LOGGED_CHARACTERS = 1000

logger = get_logger(__name__)


def key_of(workspace_id: object, job_id: object, file_format: str) -> str:
    """Return the name of a job's file; it is made of ids only."""
    return f"{workspace_id}/{job_id}.{file_format}"


def part_path(folder: str, workspace_id: object, job_id: object, file_format: str = "") -> Path:
    """Return where a job writes on the worker's disk until its file is whole.

    Args:
        folder: Folder of exported files.
        workspace_id: Public id of the workspace.
        job_id: Id of the job.
        file_format: Set for a second file, made of the first.
    """
    ending = f".{file_format}.part" if file_format else ".part"
    return Path(folder) / str(workspace_id) / f"{job_id}{ending}"


class ExportStorage(Protocol):
    """Keeps exported files under names of ``key_of``.

    Every method raises ``UnavailableError`` when what it keeps them in cannot be reached.
    """

    async def keep(self, path: Path, key: str) -> None:
        """Take a whole file from the worker's disk, in place of one of that name."""

    async def size_of(self, key: str) -> int | None:
        """Return the length of a file in bytes, None when there is none."""

    def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes of a file from ``start`` until before ``end``, a piece at a time."""

    async def remove_of(self, workspace_id: str) -> None:
        """Remove all files and parts of a workspace."""

    async def remove_older(self, days: int) -> int:
        """Remove files that are so many days old, and parts that were given up, and return how many."""


def open_storage(settings: WorkerSettings) -> ExportStorage:
    """Return where the settings say that files lie; nothing is connected to yet."""
    folder = FolderStorage(Path(settings.exports_folder))
    return BucketStorage(settings, folder) if settings.export_s3_bucket else folder


class FolderStorage:
    """A folder that query and the workers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, path: Path, key: str) -> None:
        """Rename a file, which lies on the same disk."""
        await asyncio.to_thread(path.replace, self._folder / key)

    async def size_of(self, key: str) -> int | None:
        """Return the length of a file in bytes, None when there is none."""
        try:
            return (await asyncio.to_thread((self._folder / key).stat)).st_size
        except FileNotFoundError:
            return None

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield a part of a file; one that is removed meanwhile is read to its end."""
        with await asyncio.to_thread((self._folder / key).open, "rb") as file:
            file.seek(start)
            while start < end:
                chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, end - start))
                if not chunk:
                    raise OSError("an exported file is shorter than it was")
                start += len(chunk)
                yield chunk

    async def remove_of(self, workspace_id: str) -> None:
        """Remove the folder of a workspace."""
        await asyncio.to_thread(shutil.rmtree, self._folder / workspace_id, ignore_errors=True)

    async def remove_older(self, days: int) -> int:
        """Remove files by the time they were last written."""
        return await asyncio.to_thread(self._remove_older, days)

    def _remove_older(self, days: int) -> int:
        removed = 0
        for path in self._folder.glob("*/*"):
            name = path.relative_to(self._folder).as_posix()
            kept = days if _FILE.match(name) else _PART_DAYS if _PART.match(name) else None
            if kept is not None and time.time() - path.stat().st_mtime > kept * _DAY_SECONDS:
                path.unlink(missing_ok=True)
                removed += 1
        return removed


class BucketStorage:
    """A bucket; the folder holds what workers have not finished."""

    def __init__(self, settings: WorkerSettings, folder: FolderStorage) -> None:
        # Nobody pays for it who keeps files in a folder.
        from obstore.store import S3Store

        config: dict[str, Any] = {"region": settings.aws_region}
        if settings.aws_endpoint_url:
            config["endpoint"] = settings.aws_endpoint_url
        if settings.aws_access_key_id:
            config["access_key_id"] = settings.aws_access_key_id
            config["secret_access_key"] = settings.aws_secret_access_key.get_secret_value()
        self._store = S3Store(
            settings.export_s3_bucket,
            prefix=settings.export_s3_prefix or None,
            config=config,  # type: ignore[arg-type]
            client_options={
                "allow_http": settings.aws_endpoint_url.startswith("http://"),
                "connect_timeout": timedelta(seconds=_CONNECT_SECONDS),
                "timeout": timedelta(seconds=_REQUEST_SECONDS),
            },
            retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
        )
        self._folder = folder

    async def keep(self, path: Path, key: str) -> None:
        """Upload a file in parts, so that no more than two of them are in memory, and remove it from the disk."""
        with _reached():
            await self._store.put_async(key, path, chunk_size=_UPLOAD_PART_BYTES, max_concurrency=_UPLOADS_AT_ONCE)
        await asyncio.to_thread(path.unlink)

    async def size_of(self, key: str) -> int | None:
        """Return the length of an object in bytes, None when there is none."""
        with _reached():
            try:
                return int((await self._store.head_async(key))["size"])
            except FileNotFoundError:
                return None

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield a part of an object by one request a piece, so that a slow reader keeps no connection waiting."""
        while start < end:
            upto = min(start + CHUNK_BYTES, end)
            with _reached():
                chunk = bytes(await self._store.get_range_async(key, start=start, end=upto))
            start = upto
            yield chunk

    async def remove_of(self, workspace_id: str) -> None:
        """Remove the objects and the parts of a workspace."""
        await self._folder.remove_of(workspace_id)
        await self._remove(f"{workspace_id}/", None)

    async def remove_older(self, days: int) -> int:
        """Remove objects by the time they were uploaded, and parts from the disk."""
        removed = await self._folder.remove_older(days)
        return removed + await self._remove(None, datetime.now(UTC) - timedelta(days=days))

    async def _remove(self, prefix: str | None, before: datetime | None) -> int:
        removed = 0
        with _reached():
            async for page in self._store.list(prefix, chunk_size=1000):
                keys = [
                    item["path"]
                    for item in page
                    if _FILE.match(item["path"]) and (before is None or item["last_modified"] < before)
                ]
                if keys:
                    await self._store.delete_async(keys)
                removed += len(keys)
        return removed


@contextmanager
def _reached() -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, FileNotFoundError) as error:
        # Messages quote addresses and answers of the store, which are for whoever runs the platform.
        reason = str(error).partition("\n\n")[0][:_LOGGED_CHARACTERS]
        logger.warning("export_storage_failed", error=type(error).__name__, reason=reason)
        raise UnavailableError(
            f"The storage of exports does not do its part ({type(error).__name__}).", code="dependency_unavailable"
        ) from error
