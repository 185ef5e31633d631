"""Builds the application of a service: the same errors, health, metrics and shutdown for each."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, Response

from shared.errors import ApiError, FieldProblem, InvalidFieldsError, MalformedRequestError, UnauthorizedError
from shared.http.envelope import JsonResponse, failure
from shared.http.guard import check_every_route_guarded, public
from shared.http.middleware import PlatformMiddleware
from shared.http.schema import Health, Readiness
from shared.settings import ServiceSettings
from shared.telemetry import render_metrics

Check = Callable[[], Awaitable[object]]

# Whoever asks for readiness gives up after a few seconds.
CHECK_SECONDS = 2.0
Lifespan = Callable[[FastAPI, AsyncExitStack], Awaitable[None]]

_STATUS_CODES = {404: "not_found", 405: "method_not_allowed", 406: "not_acceptable", 415: "unsupported_media_type"}


def create_service_app(
    service: str,
    settings: ServiceSettings,
    *,
    start: Lifespan,
    title: str,
    max_body_bytes: int | None = None,
    metrics_need_token: bool = False,
    middleware: Sequence[Middleware] = (),
    document: Path | None = None,
) -> FastAPI:
    """Return an application with health, readiness, metrics and error handling, and no routes of its own yet.

    Args:
        service: Name as in ``SERVICES``; labels metrics and logs.
        settings: The service's settings, kept in ``app.state.settings``.
        start: Acquires resources, entering each into the stack so that stopping is the reverse of starting. It sets
            ``app.state.authenticator`` and may set ``app.state.checks``, named readiness checks, and add to
            ``app.state.before_close`` what is to be done once no connection comes in any more.
        title: Shown in the OpenAPI document.
        max_body_bytes: Largest body; the settings' unless given.
        metrics_need_token: Whether /metrics wants ``METRICS_TOKEN`` (always, in production, when it is set).
        middleware: Layers between the platform's own and the routes, outermost first.
        document: OpenAPI document to serve instead of the application's own, as JSON.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        check_every_route_guarded(app)
        async with AsyncExitStack() as stack:
            await start(app, stack)
            yield

    app = FastAPI(
        title=title,
        version="0.1.0",
        lifespan=lifespan,
        default_response_class=JsonResponse,
        generate_unique_id_function=_operation_name,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=list(middleware),
    )
    app.state.settings = settings
    app.state.service = service
    app.state.draining = False
    app.state.before_close = []
    app.state.checks = {}
    app.add_exception_handler(ApiError, _answer_api_error)
    app.add_exception_handler(RequestValidationError, _answer_validation_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    _add_operational_routes(app, settings, metrics_need_token=metrics_need_token)
    if not settings.is_production:
        _add_document(app, document)
    app.add_middleware(
        PlatformMiddleware,
        service=service,
        max_body_bytes=max_body_bytes or settings.max_body_bytes,
        timeout_seconds=settings.request_timeout_seconds,
    )
    return app


def _operation_name(route: APIRoute) -> str:
    return route.name


def _add_operational_routes(app: FastAPI, settings: ServiceSettings, *, metrics_need_token: bool) -> None:
    guard = [Depends(public())]

    @app.get(
        "/health",
        dependencies=guard,
        response_model=Health,
        tags=["health"],
        summary="Whether the process is up",
    )
    async def health(request: Request) -> Response:
        """Answer as long as the process can; whether it is of use is what readiness says."""
        request.scope["quiet"] = True
        return JsonResponse({"status": "ok", "service": app.state.service, **getattr(app.state, "health_facts", {})})

    @app.get(
        "/ready",
        dependencies=guard,
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "It stops, or something cannot be reached"}},
        tags=["health"],
        summary="Whether each dependency can be reached",
    )
    async def ready(request: Request) -> Response:
        """Ask each dependency, and name the kind of error where one does not answer."""
        request.scope["quiet"] = True
        checks: Mapping[str, Check] = app.state.checks
        results = dict(zip(checks, await asyncio.gather(*map(_run_check, checks.values())), strict=True))
        is_ready = not app.state.draining and all(value == "ok" for value in results.values())
        status = "draining" if app.state.draining else "ready" if is_ready else "degraded"
        return JsonResponse({"status": status, "checks": results}, status_code=200 if is_ready else 503)

    @app.get(
        "/metrics",
        dependencies=guard,
        response_class=PlainTextResponse,
        responses={200: {"content": {"text/plain": {"example": "# TYPE http_requests_total counter"}}}},
        tags=["health"],
        summary="Metrics in Prometheus' text format",
    )
    async def metrics(request: Request) -> Response:
        """Return the process's metrics; the gateway wants the token of METRICS_TOKEN as bearer where it is set."""
        request.scope["quiet"] = True
        if metrics_need_token:
            _check_metrics_token(request, settings)
        body, content_type = render_metrics()
        return Response(body, media_type=content_type)


def _add_document(app: FastAPI, document: Path | None) -> None:
    @app.get("/openapi.json", dependencies=[Depends(public())], include_in_schema=False)
    async def openapi_document() -> Response:
        if document is None:
            return JsonResponse(app.openapi())
        return Response(await asyncio.to_thread(document.read_bytes), media_type=JsonResponse.media_type)


def _check_metrics_token(request: Request, settings: ServiceSettings) -> None:
    expected = settings.metrics_token.get_secret_value() if settings.metrics_token else None
    if expected is None:
        if settings.is_production:
            raise UnauthorizedError("Metrics are off until METRICS_TOKEN is set.")
        return
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise UnauthorizedError("Metrics need the token of METRICS_TOKEN.")


async def _run_check(check: Check) -> str:
    task = asyncio.ensure_future(check())
    # A driver may need long to give up on a server that hangs; the answer does not wait for that.
    await asyncio.wait({task}, timeout=CHECK_SECONDS)
    if not task.done():
        task.cancel()
        task.add_done_callback(_forget)
        return "TimeoutError"
    error = task.exception()
    return "ok" if error is None else type(error).__name__


def _forget(task: "asyncio.Future[object]") -> None:
    if not task.cancelled():
        task.exception()


async def _answer_api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return failure(request, error)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _STATUS_CODES.get(error.status_code, "request_refused")
    message = {404: "Not found.", 405: "This address does not take that method."}.get(error.status_code, "Refused.")
    return failure(request, ApiError(message, status=error.status_code, code=code, headers=error.headers))


async def _answer_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems: list[Any] = list(error.errors())
    if any(problem["type"] == "json_invalid" for problem in problems):
        return failure(request, MalformedRequestError("The body is not valid JSON."))
    return failure(request, InvalidFieldsError("Some fields are not valid.", details=field_problems(problems)))


def field_problems(problems: list[Any]) -> list[FieldProblem]:
    """Return pydantic's problems as field and message, without the values that were sent."""
    return [
        FieldProblem(
            ".".join(str(part) for part in problem["loc"] if part not in ("body", "query", "path", "header")),
            str(problem["msg"]).removeprefix("Value error, "),
        )
        for problem in problems[:50]
    ]
