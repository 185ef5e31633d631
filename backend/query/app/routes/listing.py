"""What the lists of sessions and of users have in common."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel
from starlette.responses import Response

from query.app.actors import Listing, place_of
from query.app.basis import Answer, Basis
from query.app.presentation import Row
from query.app.queries import actors, rollups
from query.app.routes.asking import Answers
from shared.auth.context import AuthContext
from shared.database import Connection
from shared.errors import NotFoundError
from shared.rollups.spec import Rollup

PathId = Annotated[str, Path(description="As sent, percent-encoded", examples=["chat-7f3a"])]


def path_id(text: str) -> str:
    """Return an id of a path, which the database can be asked for.

    Raises:
        NotFoundError: The text can name nothing that is stored.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotFoundError from None
    if "\x00" in text:
        raise NotFoundError
    return text


def names_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the names of a model's parameters as requests spell them."""
    return tuple(field.alias or name for name, field in model.model_fields.items())


async def answer_listing(
    caller: AuthContext,
    answers: Answers,
    listing: Listing,
    column: actors.Column,
    rollup: Rollup,
    view: Callable[[Row], dict[str, Any]],
) -> Response:
    """Return a page of a list.

    Args:
        caller: Who asks.
        answers: Keeps the page.
        listing: What is asked for.
        column: Column of ``traces`` whose values are listed.
        rollup: Rollup that sums by the same values.
        view: Makes the public form of an entry.
    """
    workspace, window = caller.workspace_number, listing.window

    async def compute(connection: Connection) -> Answer:
        entries, cursor = await _page(workspace, connection, listing, column, rollup)
        rows = await actors.read_figures(workspace, connection, column, entries, window.start, window.end)
        pagination = {"cursor": cursor, "has_more": cursor is not None, "limit": listing.limit}
        return Answer([view(row) for row in rows], Basis.of_times(window.start, window.end), pagination)

    return await answers.keep(caller, compute)


async def _page(
    workspace: int, connection: Connection, listing: Listing, column: actors.Column, rollup: Rollup
) -> tuple[list[str], str | None]:
    """Return the ids on a page and the cursor of the next one."""
    limit = listing.limit
    if listing.measure is None:
        walk = actors.Walk(
            column=column,
            start=listing.window.start,
            end=listing.window.end,
            ceiling=listing.ceiling,
            by_first=listing.sort == "first_activity",
            filters=listing.filters,
            has_error=listing.has_error,
            after=listing.after,
            limit=limit,
        )
        found = await actors.walk(workspace, connection, walk)
        cursor = listing.cursor(*place_of(found[limit - 1])) if len(found) > limit else None
        return [row["actor"] for row in found[:limit]], cursor
    measure = listing.measure
    ask = rollups.Ask(rollup, listing.window, [measure], (column,), filters=listing.filters)
    found = await rollups.read_top(workspace, connection, ask, order=measure, limit=limit + 1, after=listing.after)
    cursor = listing.cursor(found[limit - 1][measure], found[limit - 1][column]) if len(found) > limit else None
    return [row[column] for row in found[:limit]], cursor
