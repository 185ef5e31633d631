"""Background jobs: asked for, watched, cancelled and repeated."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import ValidationError
from starlette.responses import Response

from gateway.app.dependencies import Caller, Gateway, GatewayDep, parse_id
from gateway.app.models.jobs import JobHour, JobLine, JobRequest, JobStatistics, JobView, PublicType, WorkerView
from gateway.app.queries import audit, jobs
from gateway.app.queries.audit import AuditEvent
from shared.auth.context import AuthContext
from shared.auth.permissions import Permission
from shared.database import Connection
from shared.errors import ConflictError, FieldProblem, ForbiddenError, InvalidFieldsError, NotFoundError
from shared.http.application import field_problems
from shared.http.cursor import MAX_CURSOR_LENGTH, decode_cursor, encode_cursor, read_integer, read_time, read_uuid
from shared.http.envelope import success
from shared.http.guard import GuardedRoute, require
from shared.http.parameters import check_names
from shared.http.schema import Enveloped, EnvelopedPage, problems
from shared.jobs.client import MAX_UNFINISHED, Record
from shared.jobs.store import Job
from shared.jobs.types import JOB_TYPES, STATUSES, JobStatus

router = APIRouter(
    prefix="/api/v1/jobs", tags=["jobs"], route_class=GuardedRoute, responses=problems(400, 401, 403, 422, 429, 503)
)

_CURSOR, _LOG_CURSOR = "jobs", "job_logs"
_UNFINISHED = ("queued", "running")

OwnJobs = Depends(require(Permission.WRITE))
AllJobs = Depends(require(Permission.ADMIN))
JobId = Annotated[str, Path(description="Id of the job", examples=["0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"])]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH, description="Where the page before this one ended")]


@router.post(
    "",
    status_code=202,
    dependencies=[OwnJobs],
    response_model=Enveloped[JobView],
    summary="Have something done in the background",
)
async def create_job(body: JobRequest, request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Return a job that waits for a worker; what a type needs of the caller is the same as doing it at once."""
    check_names(request.query_params.keys(), ())
    _check_type(caller, body.type)
    return _answer(request, await _create(request, caller, gateway, body.type, body.params), status=202)


@router.get(
    "",
    dependencies=[OwnJobs],
    response_model=EnvelopedPage[JobView],
    summary="Jobs, newest first; members see their own, administrators all",
)
async def list_jobs(
    request: Request,
    caller: Caller,
    gateway: GatewayDep,
    status: Annotated[JobStatus | None, Query(description=f"One of {', '.join(STATUSES)}")] = None,
    kind: Annotated[PublicType | None, Query(alias="type", description="Type of the job")] = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Most jobs of a page")] = 50,
) -> Response:
    """Return a page of jobs."""
    check_names(request.query_params.keys(), ("status", "type", "cursor", "limit"))
    before: tuple[datetime, uuid.UUID] | None = None
    if cursor is not None:
        created_at, job_id = decode_cursor(cursor, _CURSOR, [read_time, read_uuid])
        before = (created_at, job_id)
    found = await jobs.list_page(
        gateway.pool,
        uuid.UUID(caller.workspace_id),
        statuses=None if status is None else (status,),
        kind=kind,
        before=before,
        limit=limit + 1,
        **_scope(caller),
    )
    page, has_more = found[:limit], len(found) > limit
    following = encode_cursor(_CURSOR, page[-1].created_at, page[-1].job_id) if has_more else None
    return success(
        request,
        [JobView.of(job).model_dump() for job in page],
        pagination={"cursor": following, "has_more": has_more, "limit": limit},
    )


@router.get(
    "/workers", dependencies=[AllJobs], response_model=EnvelopedPage[WorkerView], summary="Workers of the platform"
)
async def list_workers(request: Request, gateway: GatewayDep) -> Response:
    """Return the workers that were seen within the hour, and how many jobs each runs."""
    check_names(request.query_params.keys(), ())
    rows = await jobs.list_workers(gateway.pool)
    data = [WorkerView(name=row["worker"], **{k: v for k, v in row.items() if k != "worker"}) for row in rows]
    return success(
        request,
        [worker.model_dump() for worker in data],
        pagination={"cursor": None, "has_more": False, "limit": max(1, len(data))},
    )


@router.get(
    "/active",
    dependencies=[AllJobs],
    response_model=EnvelopedPage[JobView],
    summary="Jobs of the workspace that wait or run",
)
async def list_active_jobs(request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Return all jobs that have not ended, whoever asked for them."""
    check_names(request.query_params.keys(), ())
    found = await jobs.list_page(
        gateway.pool, uuid.UUID(caller.workspace_id), statuses=_UNFINISHED, everybody=True, limit=MAX_UNFINISHED
    )
    return success(
        request,
        [JobView.of(job).model_dump() for job in found],
        pagination={"cursor": None, "has_more": False, "limit": MAX_UNFINISHED},
    )


@router.get(
    "/stats",
    dependencies=[AllJobs],
    response_model=Enveloped[JobStatistics],
    summary="Jobs of the workspace by status, type and hour",
)
async def read_job_statistics(request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Return how many jobs there are, and what became of them hour by hour over the last day."""
    check_names(request.query_params.keys(), ())
    counts, hours = await jobs.count(gateway.pool, uuid.UUID(caller.workspace_id))
    by_status: dict[str, int] = {}
    by_type: dict[str, dict[str, int]] = {}
    for row in counts:
        by_status[row["status"]] = by_status.get(row["status"], 0) + row["number"]
        by_type.setdefault(row["type"], {})[row["status"]] = row["number"]
    data = JobStatistics(
        by_status=by_status,
        by_type=by_type,
        oldest_waiting_seconds=max((row["oldest_waiting_seconds"] or 0.0 for row in counts), default=0.0) or None,
        hours=[JobHour(**row) for row in hours],
    )
    return success(request, data.model_dump())


@router.get(
    "/{job_id}",
    dependencies=[OwnJobs],
    response_model=Enveloped[JobView],
    responses=problems(404),
    summary="One job with progress and result",
)
async def read_job(job_id: JobId, request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Return a job; that of somebody else exists for administrators only."""
    check_names(request.query_params.keys(), ())
    return _answer(request, await _find(gateway, caller, job_id))


@router.delete(
    "/{job_id}",
    dependencies=[OwnJobs],
    response_model=Enveloped[JobView],
    responses=problems(404, 409),
    summary="Cancel a job",
)
async def cancel_job(job_id: JobId, request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Ask for the end of a job: one that waits ends at once, one that runs within five seconds."""
    check_names(request.query_params.keys(), ())
    found = await _find(gateway, caller, job_id)
    job = await gateway.jobs.cancel(caller, found.job_id, _record(gateway, request, "cancel_job"))
    if job is None:
        raise ConflictError("The job has ended.", code="job_ended")
    return _answer(request, job)


@router.get(
    "/{job_id}/logs",
    dependencies=[OwnJobs],
    response_model=EnvelopedPage[JobLine],
    responses=problems(404),
    summary="What a job has logged",
)
async def list_job_logs(
    job_id: JobId,
    request: Request,
    caller: Caller,
    gateway: GatewayDep,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most lines of a page")] = 200,
) -> Response:
    """Return a page of the log in the order of its lines."""
    check_names(request.query_params.keys(), ("cursor", "limit"))
    job = await _find(gateway, caller, job_id)
    after = 0 if cursor is None else int(decode_cursor(cursor, _LOG_CURSOR, [read_integer])[0])
    rows = await jobs.list_logs(gateway.pool, job.workspace_id, job.job_id, after, limit + 1)
    page, has_more = rows[:limit], len(rows) > limit
    following = encode_cursor(_LOG_CURSOR, page[-1]["job_log_id"]) if has_more else None
    return success(
        request,
        [JobLine(time=row["logged_at"], level=row["level"], message=row["message"]).model_dump() for row in page],
        pagination={"cursor": following, "has_more": has_more, "limit": limit},
    )


@router.post(
    "/{job_id}/retry",
    status_code=202,
    dependencies=[OwnJobs],
    response_model=Enveloped[JobView],
    responses=problems(404, 409),
    summary="Have an ended job done again",
)
async def retry_job(job_id: JobId, request: Request, caller: Caller, gateway: GatewayDep) -> Response:
    """Return a new job of the caller with type and parameters of one that has ended."""
    check_names(request.query_params.keys(), ())
    job = await _find(gateway, caller, job_id)
    if not job.has_ended:
        raise ConflictError("The job has not ended.", code="job_not_ended")
    _check_type(caller, job.type)
    again = await _create(request, caller, gateway, job.type, job.params, retry_of=job.job_id)
    return _answer(request, again, status=202)


def _answer(request: Request, job: Job, status: int = 200) -> Response:
    return success(request, JobView.of(job).model_dump(), status=status)


def _scope(caller: AuthContext) -> dict[str, Any]:
    """Return whose jobs a caller may see."""
    return {
        "everybody": Permission.ADMIN in caller.permissions,
        "user_id": None if caller.user_id is None else uuid.UUID(caller.user_id),
        "key_id": None if caller.key_id is None else uuid.UUID(caller.key_id),
    }


async def _find(gateway: Gateway, caller: AuthContext, job_id: str) -> Job:
    job = await jobs.find(gateway.pool, uuid.UUID(caller.workspace_id), parse_id(job_id), **_scope(caller))
    if job is None:
        raise NotFoundError
    return job


def _check_type(caller: AuthContext, kind: str) -> None:
    known = JOB_TYPES.get(kind)
    if known is None or known.permission is None:
        raise ForbiddenError("Jobs of this type are made by the platform alone.")
    caller.check(known.permission)


async def _create(
    request: Request,
    caller: AuthContext,
    gateway: Gateway,
    kind: str,
    params: dict[str, Any],
    *,
    retry_of: uuid.UUID | None = None,
) -> Job:
    action = "create_job" if retry_of is None else "retry_job"
    try:
        return await gateway.jobs.create(caller, kind, params, _record(gateway, request, action), retry_of=retry_of)
    except ValidationError as error:
        details = [
            FieldProblem(f"params.{problem.field}".rstrip("."), problem.message)
            for problem in field_problems(error.errors(include_url=False, include_input=False))
        ]
        raise InvalidFieldsError("The parameters do not fit the type of the job.", details=details) from error


def _record(gateway: Gateway, request: Request, action: str) -> Record:
    """Return what writes a line of the audit log in the transaction of the change."""

    async def record(connection: Connection, job: Job) -> None:
        details: dict[str, object] = {"type": job.type}
        if job.retry_of is not None:
            details["retry_of"] = job.retry_of
        event = AuditEvent(action, job.workspace_id, "job", str(job.job_id), details=details)
        await audit.append(connection, gateway.actor(request), event)

    return record
