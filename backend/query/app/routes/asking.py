"""What routes have in common: the times asked of, filters, and answers that are kept."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeVar

import orjson
from fastapi import Depends, Query, Request
from starlette.responses import Response

from query.app.asked import Asked, read_asked
from query.app.basis import Answer, Basis
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
# While data arrive, figures about the present are as good as new for so long.
_GRACE_SECONDS = 2.0


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
        self, caller: AuthContext, asked: Asked, compute: Callable[[Connection], Awaitable[object]]
    ) -> Response:
        """Return the enveloped answer to a request for figures.

        Args:
            caller: Who asks.
            asked: What for.
            compute: Computes the data.
        """

        async def figures(connection: Connection) -> Answer:
            # Figures are compared with those of the window before.
            basis = Basis.of_times(asked.previous.start, asked.window.end)
            if asked.window.is_open:
                basis = basis.with_grace(_GRACE_SECONDS)
            return Answer(await compute(connection), basis)

        return await self._keep(caller, asked.parameters, figures)

    async def keep(
        self, caller: AuthContext, compute: Callable[[Connection], Awaitable[Answer]], *, body: bytes = b""
    ) -> Response:
        """Return the enveloped answer to a request whose address and body tell everything that it depends on.

        Args:
            caller: Who asks.
            compute: Computes the answer.
            body: Body of the request.
        """
        scope = self._request.scope
        # As it was sent: what an id in a path means may be no text.
        asked = {name: scope[name].decode("latin-1") for name in ("raw_path", "query_string")}
        asked["body"] = hashlib.blake2b(body, digest_size=20).hexdigest()
        return await self._keep(caller, asked, compute)

    async def _keep(
        self, caller: AuthContext, parameters: Mapping[str, object], compute: Callable[[Connection], Awaitable[Answer]]
    ) -> Response:
        async def load() -> Answer:
            async with snapshot(self._pool) as connection:
                return await compute(connection)

        found, cached = await self._cache.answer(caller, self._request.scope["route"].path, parameters, load)
        data = orjson.Fragment(found.data)
        return success(self._request, data, cached=cached, pagination=found.pagination)


Answers = Annotated[Kept, Depends(Kept)]
