"""Writes the traces of a search to a file."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from query.app import exports
from query.app.filters import Place, TraceQuery, read_fields, read_search
from query.app.models.traces import SearchBody
from query.app.presentation import TRACE_FIELDS, trace_view
from query.app.queries import listing
from query.app.queries.traces import read_scores, snapshot
from shared.errors import InvalidFieldsError
from shared.exports import key_of, open_storage, part_path
from shared.jobs.context import JobCancelledError, JobContext
from shared.jobs.types import ExportParams

_PAGE = 1000
# Between two pages, whoever asks the database meanwhile has it.
_REST_SHARE = 0.25
_WALK_SECONDS = 2.0
_NOTHING: dict[str, Any] = {"after": None, "rows": 0, "bytes": 0, "read": False}


async def run(context: JobContext) -> dict[str, Any]:
    """Write the file page by page, oldest first; each page is a snapshot of its own.

    The checkpoint is the last row and the length of what is on disk, so that a run that goes on cuts off what came
    behind it and repeats no row. Traces that arrive meanwhile may be in the file or not.
    """
    params = ExportParams.model_validate(context.params)
    state = dict(context.checkpoint)
    query = read_export(params, now=datetime.now(UTC))
    if not state:
        start, end = query.filter.start, query.filter.end
        assert start is not None
        assert end is not None
        state = {"start": start.isoformat(), "end": end.isoformat(), **_NOTHING}
        await context.save(state)
    start, end = datetime.fromisoformat(state["start"]), datetime.fromisoformat(state["end"])
    query = replace(query, filter=replace(query.filter, start=start, end=end), after=_place(state))
    folder: str = context.settings.exports_folder
    part = part_path(folder, context.workspace_id, context.job_id)
    written = await asyncio.to_thread(exports.size_of, part)
    if (written or 0) < state["bytes"] or (written is None and state["read"]):
        await context.log("what was written is gone; beginning anew", "warning")
        state |= _NOTHING
        query = replace(query, after=None)
    try:
        if not state["read"]:
            await _write(context, params, query, part, state)
        await context.progress(0.99, "finishing the file")
        size = await _finish(context, params, query.fields, part)
    except (JobCancelledError, asyncio.CancelledError):
        if context.given_up:
            for path in part.parent.glob(f"{context.job_id}*.part"):
                path.unlink(missing_ok=True)
        raise
    await context.log(f"wrote {state['rows']} traces, {size} bytes")
    return {"format": params.format, "rows": state["rows"], "bytes": size}


async def _finish(context: JobContext, params: ExportParams, fields: Sequence[str], part: Path) -> int:
    """Put the file where it can be had, and return its size in bytes; done again, it does the same."""
    whole = part
    if params.format == "parquet":
        folder = context.settings.exports_folder
        whole = part_path(folder, context.workspace_id, context.job_id, params.format)
        await asyncio.to_thread(exports.write_parquet, part, whole, fields)
    size = (await asyncio.to_thread(whole.stat)).st_size
    storage = open_storage(context.settings)
    await storage.keep(whole, key_of(context.workspace_id, context.job_id, params.format))
    await asyncio.to_thread(part.unlink, missing_ok=True)
    return size


def read_export(params: ExportParams, *, now: datetime) -> TraceQuery:
    """Return the traces and fields that an export asks for.

    Raises:
        InvalidFieldsError: Names the part of the filter that is not valid.
    """
    unfit = {"sort", "limit", "cursor", "fields"} & set(params.filter)
    if unfit:
        raise InvalidFieldsError(f"A filter of an export has no {unfit.pop()}.")
    try:
        body = SearchBody.model_validate({**params.filter, "sort": "start_time", "limit": _PAGE})
    except ValueError as error:
        raise InvalidFieldsError("The filter is not that of a search.") from error
    fields = read_fields("fields", params.fields or TRACE_FIELDS)
    return replace(read_search(body, now=now), fields=fields)


async def _write(
    context: JobContext, params: ExportParams, query: TraceQuery, part: Path, state: dict[str, Any]
) -> None:
    start, end = query.filter.start, query.filter.end
    assert start is not None
    assert end is not None
    with await asyncio.to_thread(exports.open_part, part) as file:
        file.truncate(state["bytes"])
        file.seek(state["bytes"])
        if not state["bytes"] and params.format == "csv":
            file.write(exports.csv_header(query.fields))
        while True:
            await context.check()
            began = time.monotonic()
            async with snapshot(context.traces) as connection:
                page = await listing.list_traces(context.workspace, connection, query, walk_seconds=_WALK_SECONDS)
                keys = [row["trace_id"] for row in page.rows] if "scores" in query.fields else []
                scores = await read_scores(context.workspace, connection, keys) if keys else {}
            views = [trace_view(row, scores.get(row["trace_id"], {})) for row in page.rows]
            file.write(await asyncio.to_thread(_rows, params.format, views, query.fields))
            await asyncio.to_thread(exports.sync, file)
            place = page.next_place
            state |= {"rows": state["rows"] + len(views), "bytes": file.tell(), "read": place is None}
            if place is not None:
                state["after"] = [place.start_time.isoformat(), str(place.key)]
            await context.save(state)
            if place is None:
                return
            query = replace(query, after=place)
            done = (place.start_time - start) / max(end - start, timedelta(seconds=1))
            await context.progress(min(0.98, done), f"{state['rows']} traces")
            await asyncio.sleep(_REST_SHARE * (time.monotonic() - began))


def _rows(file_format: str, views: Sequence[dict[str, Any]], fields: Sequence[str]) -> bytes:
    return exports.csv_rows(views, fields) if file_format == "csv" else exports.json_rows(views, fields)


def _place(state: dict[str, Any]) -> Place | None:
    after = state["after"]
    return None if after is None else Place(None, datetime.fromisoformat(after[0]), UUID(after[1]))
