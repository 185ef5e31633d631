"""The innermost layer before the routes."""

from collections.abc import Sequence

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send


class Shortcut:
    """Passes requests to routes of a fixed path at once; the framework's layers cost as much as reading a trace.

    The routes stay routes of the application: what is not found here, such as another method, goes the usual way.
    """

    def __init__(self, app: ASGIApp, *, routes: Sequence[Route]) -> None:
        self._app = app
        self._routes = {route.path.encode(): route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and scope["method"] == "POST":
            route = self._routes.get(scope["raw_path"])
            if route is not None:
                scope["route"] = route
                await route.app(scope, receive, send)
                return
        await self._app(scope, receive, send)
