"""Routes of exports: asking for a file, looking how far it is, having it."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response, StreamingResponse

from query.app import exports
from query.app.config import Settings
from query.app.dependencies import Caller, Metadata, NoParameters, Writer
from query.app.downloads import read_byte_range
from query.app.jobs.export import read_export
from query.app.models.exports import Export, ExportBody, LinkParameters
from query.app.queries.workspaces import Actor, append_audit
from shared.auth.context import AuthContext
from shared.auth.links import SignedLinks
from shared.auth.permissions import Permission
from shared.database import Connection
from shared.errors import ConflictError, NotFoundError
from shared.exports import ExportStorage, key_of
from shared.http.envelope import request_id, success
from shared.http.guard import GuardedRoute
from shared.http.schema import Enveloped, problems
from shared.jobs import store
from shared.jobs.client import create_job
from shared.jobs.store import Job
from shared.jobs.types import ExportParams

router = APIRouter(
    prefix="/api/v1/exports",
    tags=["exports"],
    route_class=GuardedRoute,
    responses=problems(401, 403, 404, 422, 429, 503),
)
ExportId = Annotated[str, Path(description="Id of the export", examples=["0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"])]


@router.post(
    "",
    status_code=202,
    dependencies=[NoParameters],
    response_model=Enveloped[Export],
    responses=problems(400, 413, 415),
    summary="Write traces to a file",
)
async def create_export(request: Request, caller: Writer, metadata: Metadata, body: ExportBody) -> Response:
    """Return an export that a worker will make; its range is fixed now, and its file holds traces oldest first."""
    filters = body.model_dump(by_alias=True, exclude_none=True, include={"range_name", "start", "end", "filter", "q"})
    params = ExportParams(format=body.format, filter=filters, fields=body.fields)
    found = read_export(params, now=datetime.now(UTC)).filter
    assert found.start is not None
    assert found.end is not None
    filters = {key: value for key, value in filters.items() if key in ("filter", "q")}
    filters |= {"from": found.start.isoformat(), "to": found.end.isoformat()}

    async def record(connection: Connection, job: Job) -> None:
        actor = Actor(caller.principal, caller.subject_id, request_id(request))
        details: dict[str, object] = {"format": body.format}
        await append_audit(connection, job.workspace_id, actor, "create_export", "job", str(job.job_id), details)

    job = await create_job(
        metadata,
        request.app.state.queue_client,
        workspace_id=caller.workspace_id,
        owner_id=caller.user_id,
        key_id=caller.key_id,
        type="export",
        params={"format": body.format, "filter": filters, "fields": body.fields},
        record=record,
    )
    return success(request, await _view(request, caller, job), status=202)


async def _own(caller: Caller, metadata: Metadata, export_id: ExportId) -> Job:
    """Return an export of the caller; administrators have those of everybody in the workspace."""
    try:
        identifier = uuid.UUID(export_id)
    except ValueError:
        raise NotFoundError from None
    async with metadata.acquire() as connection:
        job = await store.find(connection, uuid.UUID(caller.workspace_id), identifier)
    if job is None or job.type != "export" or not _may_have(caller, job):
        raise NotFoundError
    return job


def _may_have(caller: AuthContext, job: Job) -> bool:
    owner = job.owner_id or job.key_id
    return Permission.ADMIN in caller.permissions or str(owner) == caller.subject_id


Own = Annotated[Job, Depends(_own)]


@router.get(
    "/{export_id}",
    dependencies=[NoParameters],
    response_model=Enveloped[Export],
    summary="How far an export is, and where its file can be had",
)
async def read_export_state(request: Request, caller: Caller, job: Own) -> Response:
    """Return an export with a new link to its file; members see their own, administrators all."""
    return success(request, await _view(request, caller, job))


_BODIES = {
    "text/csv": {"schema": {"type": "string"}, "example": "start_time,trace_id\r\n"},
    "application/x-ndjson": {"schema": {"type": "string"}},
    "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
}


@router.get(
    "/{export_id}/download",
    response_class=Response,
    responses={
        200: {"description": "The file", "content": _BODIES},
        206: {"description": "The part of the file that Range names", "content": _BODIES},
        **problems(409, 416),
    },
    openapi_extra={"security": [{"bearer": []}, {"apiKey": []}, {"basic": []}, {"link": []}]},
    summary="The file of an export",
)
async def download_export(
    request: Request, caller: Caller, metadata: Metadata, job: Own, link: Annotated[LinkParameters, Query()]
) -> Response:
    """Return the file, as an attachment; with the query of ``download_url`` no other credential is needed."""
    if job.status != "succeeded":
        raise ConflictError("The export has no file, or not yet.", code="export_not_ready")
    size = await _size(request, job)
    if size is None:
        raise NotFoundError("The file has been removed.", code="export_expired")
    tag = f'"{job.job_id}-{size}"'
    # Without its tag, a part might be added to another file.
    wanted = request.headers.get("range") if request.headers.get("if-range", tag) == tag else None
    part = read_byte_range(wanted, size)
    async with metadata.acquire() as connection, connection.transaction():
        actor = Actor(caller.principal, caller.subject_id, request_id(request))
        await append_audit(connection, job.workspace_id, actor, "download_export", "job", str(job.job_id), {})
    # However slow the reader, the file is read as it goes out and nothing else is held.
    request.scope["deadline"].reschedule(None)
    file_format = job.params["format"]
    start, end = part or (0, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Disposition": f'attachment; filename="traces-{job.created_at:%Y%m%d-%H%M%S}.{file_format}"',
        "Content-Length": str(end - start),
        "ETag": tag,
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return StreamingResponse(
        _storage(request).read(_key(job), start, end),
        status_code=200 if part is None else 206,
        media_type=exports.MEDIA_TYPES[file_format],
        headers=headers,
    )


def _storage(request: Request) -> ExportStorage:
    storage: ExportStorage = request.app.state.exports
    return storage


def _key(job: Job) -> str:
    return key_of(job.workspace_id, job.job_id, job.params["format"])


async def _size(request: Request, job: Job) -> int | None:
    return await _storage(request).size_of(_key(job)) if job.status == "succeeded" else None


async def _view(request: Request, caller: AuthContext, job: Job) -> dict[str, object]:
    settings: Settings = request.app.state.settings
    result = job.result or {}
    is_there = job.finished_at is not None and await _size(request, job) is not None
    expires = job.finished_at + timedelta(days=settings.export_days) if is_there and job.finished_at else None
    links: SignedLinks = request.app.state.links
    path = f"{router.prefix}/{job.job_id}/download"
    return {
        "id": str(job.job_id),
        "status": job.status,
        "progress": job.progress,
        "message": job.message,
        "format": job.params["format"],
        "rows": result.get("rows"),
        "bytes": result.get("bytes"),
        "error": job.error,
        "created_at": job.created_at,
        "finished_at": job.finished_at,
        "expires_at": expires,
        "download_url": links.make(path, caller, settings.export_link_seconds) if is_there else None,
    }
