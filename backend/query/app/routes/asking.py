"""What the dashboard's routes have in common: the times asked of, filters, and answers that are kept."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeVar

from fastapi import Depends, Query, Request
from starlette.responses import Response

from query.app.asked import Asked, read_asked
from query.app.cache import ResultCache
from query.app.models.asking import RangeParameters
from query.app.queries.traces import snapshot
from shared.auth.context import AuthContext
from shared.database import Connection, Pool
from shared.http.envelope import success
from shared.http.parameters import check_names
from shared.http.schema import problems

PROBLEMS = problems(401, 403, 422, 429, 503)
P = TypeVar("P", bound=RangeParameters)


def asked_by(model: type[P]) -> Callable[[Request, P], Asked]:
    """Return the dependency that reads parameters of a model and refuses all others."""
    names = [field.alias or name for name, field in model.model_fields.items()]

    def read(request: Request, parameters: Annotated[P, Query()]) -> Asked:
        check_names(request.query_params.keys(), names)
        return read_asked(parameters)

    read.__annotations__["parameters"] = Annotated[model, Query()]
    return read


class Kept:
    """Answers a request from the cache, or computes the answer in one snapshot of the traces database."""

    def __init__(self, request: Request) -> None:
        """Take what answering needs from the application."""
        self._request = request
        self._cache: ResultCache = request.app.state.cache
        self._pool: Pool = request.app.state.pool

    async def answer(
        self,
        caller: AuthContext,
        asked: Asked,
        compute: Callable[[Connection], Awaitable[object]],
        *,
        pagination: Mapping[str, object] | None = None,
    ) -> Response:
        """Return the enveloped answer.

        Args:
            caller: Who asks.
            asked: What for.
            compute: Computes the data.
            pagination: Shown on lists.
        """

        async def load() -> object:
            async with snapshot(self._pool) as connection:
                return await compute(connection)

        name = self._request.scope["route"].path
        data, cached = await self._cache.answer(caller, name, asked.parameters, asked.window, load)
        return success(self._request, data, cached=cached, pagination=pagination)


Answers = Annotated[Kept, Depends(Kept)]
