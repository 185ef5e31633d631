"""Sends dead letters through processing again, batch by batch."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from processing.app.publisher import append_replays
from processing.app.queries.letters import count_dead, find_dead, replay_letters
from shared.jobs.context import JobContext
from shared.jobs.types import ReplayParams
from shared.streams.contracts import pending_streams
from shared.streams.queue import PendingQueue

_BATCH = 200


async def run(context: JobContext) -> dict[str, Any]:
    """Replay the letters that are named or found; letters under way or replayed already are left alone.

    The checkpoint is the last letter of the last batch in order of their failure, so a run that goes on does not begin
    anew; a batch that was replayed and not noted down is harmless, since its letters are not dead any more. Letters
    that fail again while the job runs are not taken up again: the job ends at the letters of its beginning.
    """
    params = ReplayParams.model_validate(context.params)
    queue = PendingQueue(context.redis, pending_streams(context.settings.stream_shards))
    state = dict(context.checkpoint)
    if not state:
        state = await _begin(context, params)
        await context.save(state)
    until = datetime.fromisoformat(state["until"])
    while True:
        await context.check()
        letters = await find_dead(
            context.traces,
            context.workspace,
            identifiers=params.ids,
            reason=None if params.filter is None else params.filter.reason,
            since=None if params.filter is None else params.filter.from_,
            until=until,
            after=_position(state),
            limit=_BATCH,
        )
        if not letters:
            break
        identifiers = [identifier for _, identifier in letters]
        begun = await replay_letters(
            context.traces, context.workspace, identifiers, lambda entry: append_replays(queue, entry)
        )
        last_time, last_id = letters[-1]
        state |= {
            "replayed": state["replayed"] + len(begun),
            "looked_at": state["looked_at"] + len(letters),
            "after": [last_time.isoformat(), str(last_id)],
        }
        await context.save(state)
        total = max(1, state["total"])
        await context.progress(state["looked_at"] / total, f"{state['looked_at']} of {state['total']} dead letters")
    await context.log(f"{state['replayed']} of {state['total']} dead letters went into the queue again")
    return {"replayed": state["replayed"], "skipped": max(0, state["total"] - state["replayed"])}


async def _begin(context: JobContext, params: ReplayParams) -> dict[str, Any]:
    wanted = params.filter
    total, now = await count_dead(
        context.traces,
        context.workspace,
        identifiers=params.ids,
        reason=None if wanted is None else wanted.reason,
        since=None if wanted is None else wanted.from_,
        until=None if wanted is None else wanted.to,
    )
    if params.ids is not None and total < len(set(params.ids)):
        await context.log(f"{len(set(params.ids)) - total} of the letters named are not dead letters here", "warning")
    until = now if wanted is None or wanted.to is None else min(now, wanted.to)
    return {"until": until.isoformat(), "total": total, "looked_at": 0, "replayed": 0}


def _position(state: dict[str, Any]) -> tuple[datetime, UUID] | None:
    after: Sequence[str] | None = state.get("after")
    return None if after is None else (datetime.fromisoformat(after[0]), UUID(after[1]))
