"""Random histories of a workspace: pieces arrive, traces are deleted and sent again, prices change and are applied."""

import asyncio
import random
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processing.app.queries.deletion import Deletion, delete_trace
from processing.tests.jobs_support import OWNER, add_price, do, window
from processing.tests.support import WORKSPACE, WORKSPACE_ID, Bench
from shared.database import Pool
from shared.rollups.queries import fold
from tests.figures.traffic import Traffic

# Of the models of the traffic one that nobody else has a price for, and one that the price list knows.
OWN_MODEL = "unheard-of-1"
LISTED_MODEL = "gpt-4o"
_RECORDS = ("scores", "feedback", "outcomes")
_DELETIONS = 4
_REPRICINGS = 2


@dataclass(frozen=True)
class Price:
    """What the workspace pays for a model from a time on, in whole nano-dollars a token."""

    input: int
    output: int
    since: datetime | None

    def cost(self, tokens_input: int, tokens_output: int) -> int:
        """Return nano-dollars."""
        return tokens_input * self.input + tokens_output * self.output


@dataclass
class History:
    """Lives through a history on a bench, and knows what must be stored after it.

    Attributes:
        spans: Ids of the spans of each trace that is to be there.
        records: Number of scores, feedback and outcomes of each trace that are to be there.
        prices: What the workspace pays at last, by model.
        gone: Traces that were deleted and have not come back.
    """

    bench: Bench
    metadata: Pool
    traffic: Traffic
    spans: dict[bytes, set[int]] = field(default_factory=lambda: defaultdict(set))
    records: dict[str, dict[bytes, int]] = field(default_factory=dict)
    prices: dict[str, Price] = field(default_factory=dict)
    gone: set[bytes] = field(default_factory=set)
    returned: int = 0

    async def live(self) -> None:
        """Let everything happen, while a worker works and deltas are folded at moments of chance."""
        bench, pick = self.bench, random.Random(self.traffic.random.random())
        self.records = {name: defaultdict(int) for name in _RECORDS}
        bodies = list(self.traffic.requests())
        moments = pick.sample(range(len(bodies) // 3, len(bodies)), _DELETIONS + _REPRICINGS)
        deletions, repricings = set(moments[:_DELETIONS]), set(moments[_DELETIONS:])
        repricing: asyncio.Task[None] | None = None
        async with bench.worker(processing_batch_entries=5):
            for number, body in enumerate(bodies):
                await self._send(body)
                await self._say(pick)
                if pick.random() < 0.2:
                    await asyncio.sleep(0.05)
                    await fold_some(bench, pick.choice((1, 7, 10_000)))
                if number in deletions:
                    await self._delete_some(pick, bodies[: number + 1])
                if number in repricings:
                    # One at a time, as the platform has it; what arrives goes on arriving.
                    if repricing is not None:
                        await repricing
                    await self._change_prices(pick)
                    repricing = asyncio.create_task(self._reprice())
            if repricing is not None:
                await repricing
            await bench.drain(60)
        # Whatever the worker stored by old prices meanwhile.
        await self._reprice()

    async def _send(self, body: bytes) -> None:
        await self.bench.send(body)
        for trace_id, span_id in _keys(body):
            self.returned += trace_id in self.gone
            self.gone.discard(trace_id)
            self.spans[trace_id].add(span_id)

    async def _say(self, pick: random.Random) -> None:
        """Send what somebody or something says of a trace."""
        trace_id = pick.choice(sorted(self.spans))
        time = datetime.now(UTC) - timedelta(seconds=pick.randrange(500_000))
        said = {"trace_id": trace_id.hex(), "timestamp": time.isoformat()}
        kind = pick.choice(_RECORDS)
        item = {
            "scores": {**said, "name": pick.choice(("helpful", "exact")), "value": pick.random(), "source": "code"},
            "feedback": {**said, "rating": pick.choice((-1, 0, 1, 2, 3, 4, 5))},
            "outcomes": {**said, "success": pick.random() < 0.7},
        }[kind]
        await self.bench.send([item], kind)  # type: ignore[arg-type]
        self.records[kind][trace_id] += 1

    async def _delete_some(self, pick: random.Random, sent: list[bytes]) -> None:
        """Delete traces, each once everything is stored, and send some of it again, bodies as they were."""
        for trace_id in pick.sample(sorted(self.spans), 3):
            await self.bench.drain(60)
            key = uuid.UUID(bytes=trace_id)
            asked = Deletion(WORKSPACE, uuid.UUID(WORKSPACE_ID), "user", OWNER, "history", trace_id.hex(), key)
            assert await delete_trace(self.bench.pool, self.metadata, asked)
            self.gone.add(trace_id)
            del self.spans[trace_id]
            for counts in self.records.values():
                counts.pop(trace_id, None)
            parts = [body for body in sent if any(found == trace_id for found, _ in _keys(body))]
            for body in pick.sample(parts, pick.randint(0, len(parts))):
                await self._send(body)

    async def _change_prices(self, pick: random.Random) -> None:
        since = datetime.now(UTC) - timedelta(seconds=pick.randrange(100_000, 400_000))
        for model, begin in ((OWN_MODEL, None), (LISTED_MODEL, since)):
            price = Price(pick.randrange(1, 9) * 500, pick.randrange(1, 9) * 2_000, begin)
            await self.bench.pool.execute(
                "update price_versions set replaced_at = now()"
                " where workspace_id = $1 and model = $2 and replaced_at is null",
                WORKSPACE,
                model,
            )
            a_million = {"input": price.input / 1000, "output": price.output / 1000}
            await add_price(self.bench, model, a_million, valid_from=begin)
            self.prices[model] = price

    async def _reprice(self) -> None:
        await do(self.bench, self.metadata, "reprice", window())


async def fold_some(bench: Bench, limit: int) -> None:
    """Fold some deltas of each source."""
    async with bench.pool.acquire() as connection:
        await fold(connection, limit)


def _keys(body: bytes) -> set[tuple[bytes, int]]:
    """Return the traces and spans of a body."""
    return {
        (span.trace_id, int.from_bytes(span.span_id, "big", signed=True))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
