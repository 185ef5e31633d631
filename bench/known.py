"""Looks up in stored data what questions are made of, and who may ask them."""

import uuid
from collections.abc import Sequence

import asyncpg
from shared.auth.context import AuthContext

from bench.asking import Asker
from bench.dataset import Dataset
from bench.questions import Known, Request
from bench.stack import Stack
from bench.templates import ORDINARY


async def callers_of(stack: Stack, workspaces: Sequence[int]) -> list[AuthContext]:
    """Return an owner of each of these workspaces."""
    connection = await asyncpg.connect(stack.setting("POSTGRES_URL"))
    try:
        rows = await connection.fetch(
            "select workspace_id::text as id, number from workspaces where number = any($1)", workspaces
        )
    finally:
        await connection.close()
    ids = {row["number"]: row["id"] for row in rows}
    subject = str(uuid.uuid4())
    return [AuthContext(ids[number], number, "user", subject, role="owner") for number in workspaces]


_SELECT_EXAMPLES = """
select encode(uuid_send(t.trace_id), 'hex') as trace_id, t.start_time, t.name, t.agent_id, t.session_id, t.user_id,
  t.models, t.providers, t.environment, t.release, t.tags, t.tools, t.services, t.error_type,
  (select lpad(to_hex(s.span_id), 16, '0') from spans s
   where s.workspace_id = t.workspace_id and s.trace_id = t.trace_id limit 1) as span_id
from traces t where t.workspace_id = $1 and t.trace_id = any($2::uuid[])
"""


async def known_of(stack: Stack, dataset: Dataset, asker: Asker) -> Known:
    """Return what questions about these data are made of."""
    connection = await asyncpg.connect(stack.setting("TIMESCALE_URL"))
    try:
        rows = await connection.fetch(
            _SELECT_EXAMPLES, dataset.workspaces[0], [uuid.UUID(trace) for trace in dataset.sample]
        )
    finally:
        await connection.close()
    longest = (await asker.ask(Request(f"/traces/{dataset.longest}"))).data
    return Known(
        until=dataset.until,
        agents=dataset.agents,
        examples=[dict(row) for row in rows],
        words=dataset.words,
        rare_words=dataset.order_words,
        traces=dataset.sample,
        thousand=dataset.thousand,
        longest=dataset.longest,
        longest_root=longest["spans"][0]["span_id"],
        longest_cursor=longest["spans_cursor"],
        workspaces=len(dataset.workspaces),
        templates=ORDINARY,
    )
