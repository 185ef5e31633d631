"""Ids in paths that may hold any character."""

from urllib.parse import unquote

from starlette.routing import Match
from starlette.types import Scope

from shared.http.guard import GuardedRoute


class EncodedPathRoute(GuardedRoute):
    """Route that splits the path before it decodes it, so that an id in it may hold any character, a slash too."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return how well the route fits a request, with the decoded parameters of its path."""
        encoded = scope.get("raw_path") or b""
        match, child_scope = super().matches({**scope, "path": encoded.decode("latin-1")})
        if match != Match.NONE:
            # Bytes that are not UTF-8 stay apart from every text, so they name nothing that is stored.
            parameters: dict[str, str] = child_scope["path_params"]
            child_scope["path_params"] = {
                name: unquote(value, errors="surrogateescape") for name, value in parameters.items()
            }
        return match, child_scope
