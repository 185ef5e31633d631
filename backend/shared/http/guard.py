"""Authentication and permission of a route, as a dependency that no route can lack."""

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Protocol

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Mount

from shared.auth.context import AuthContext
from shared.auth.internal import TOKEN_HEADER, WORKSPACE_HEADER, InternalTokenVerifier
from shared.auth.permissions import Permission
from shared.errors import UnauthorizedError


class Authenticator(Protocol):
    """Finds out who makes a request."""

    async def authenticate(self, connection: HTTPConnection) -> AuthContext:
        """Return the verified context.

        Raises:
            UnauthorizedError: There is no valid credential.
        """


class InternalAuthenticator:
    """Accepts only what the gateway signed for this service."""

    def __init__(self, verifier: InternalTokenVerifier) -> None:
        self._verifier = verifier

    async def authenticate(self, connection: HTTPConnection) -> AuthContext:
        """Return the context of the internal token."""
        token = connection.headers.get(TOKEN_HEADER)
        if not token:
            raise UnauthorizedError("This address is for other services; use the gateway.")
        return self._verifier.verify(token, connection.headers.get(WORKSPACE_HEADER))


class Guard:
    """Dependency that requires a permission, or, with None, marks a route as open to everyone."""

    def __init__(self, permission: Permission | None) -> None:
        self.permission = permission

    async def __call__(self, connection: HTTPConnection) -> AuthContext | None:
        """Return the context of the request, None on an open route."""
        if self.permission is None:
            return None
        context = await authenticate(connection)
        context.check(self.permission)
        for name in ("workspace_id", "workspace"):
            context.check_workspace(connection.query_params.get(name))
        return context

    def __hash__(self) -> int:
        return hash(self.permission)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Guard) and other.permission == self.permission


def require(permission: Permission) -> Guard:
    """Return the dependency of a route that needs a permission; it yields the ``AuthContext``."""
    return Guard(permission)


def public() -> Guard:
    """Return the dependency of a route that needs no credential."""
    return Guard(None)


async def authenticate(connection: HTTPConnection) -> AuthContext:
    """Return who makes the request, verified once a request.

    Raises:
        UnauthorizedError: There is no valid credential.
    """
    context: AuthContext | None = connection.scope.get("auth_context")
    if context is None:
        authenticator: Authenticator = connection.app.state.authenticator
        context = await authenticator.authenticate(connection)
        connection.scope["auth_context"] = context
    return context


class GuardedRoute(APIRoute):
    """Route that asks its guard before it reads the body; pass it to ``APIRouter`` as ``route_class``.

    FastAPI alone parses the body first, so a stranger would learn from the answer whether a body is well-formed.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of this route."""
        handle = super().get_route_handler()
        guard = _find(self.dependant)

        async def handle_guarded(request: Request) -> Response:
            if guard is not None:
                await guard(request)
            # FastAPI would answer 400 to whatever goes wrong while it reads.
            await request.body()
            return await handle(request)

        return handle_guarded


Endpoint = Callable[..., Awaitable[Any]]


def guarded(permission: Permission | None) -> Callable[[Endpoint], Endpoint]:
    """Mark an endpoint of a plain Starlette route; the endpoint calls ``authenticate`` itself."""

    def mark(endpoint: Endpoint) -> Endpoint:
        endpoint.__guard__ = Guard(permission)  # type: ignore[attr-defined]
        return endpoint

    return mark


def iter_guards(app: FastAPI) -> Iterator[tuple[RouteContext, Guard | None]]:
    """Yield every route, those of included routers too, with its guard, or None when it has none."""
    for context in iter_route_contexts(app.routes):
        dependant: Dependant | None = getattr(context, "dependant", None)
        if isinstance(context.original_route, Mount):
            yield context, None
        elif dependant is not None:
            yield context, _find(dependant)
        else:
            yield context, getattr(context.endpoint, "__guard__", None)


def _find(dependant: Dependant) -> Guard | None:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Guard):
            return dependency.call
        found = _find(dependency)
        if found is not None:
            return found
    return None


def check_every_route_guarded(app: FastAPI) -> None:
    """Refuse to start an application with a route that forgot its guard.

    Raises:
        RuntimeError: Names the routes.
    """
    bare = [context.path or repr(context.original_route) for context, guard in iter_guards(app) if guard is None]
    if bare:
        raise RuntimeError(f"routes without a guard: {', '.join(sorted(bare))}")
