"""Rows of invented traces, made by the storing path itself and kept in a schema beside the data repeated from them."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from processing.app.batch import group_requests, render
from processing.app.items import DecodedRequest, SpanItem
from processing.app.processor import decode_steps
from processing.app.rows import SPAN_COLUMNS, TRACE_COLUMNS, copy_document, encode_trace
from shared.database import Connection
from shared.otlp.frame import frame_spans
from shared.pricing.book import PriceBook, load_book
from shared.streams.contracts import PendingRequest

from bench.patches import patchable
from bench.shapes import LONG, LONGEST, SESSION_MARK, USER_MARK, Shape, Shapes, frequencies
from bench.traffic import pack

SCHEMA = "bench"
BASE_NS = 1_735_689_600_000_000_000
ORDINARY = 2000
LONG_ONES = 4
_SEED = 20
_SPANS_A_PAYLOAD = 256
_MARKS = (SESSION_MARK.encode(), USER_MARK.encode())

_TABLES = f"""
drop schema if exists {SCHEMA} cascade;
create schema {SCHEMA};
create table {SCHEMA}.spans (like spans including defaults);
create table {SCHEMA}.traces (like traces including defaults);
create table {SCHEMA}.payloads (
  template int4 not null, start_time timestamptz not null, span_ids int8[] not null, format int2 not null,
  pieces bytea[] not null
);
create table {SCHEMA}.texts (
  template int4 primary key, first_start timestamptz, last_start timestamptz, text text not null,
  document tsvector generated always as (to_tsvector('simple', text)) stored
);
"""


@dataclass(frozen=True, slots=True)
class Templates:
    """What the templates are: ordinary ones are numbered from 0 on, then follow the long ones and the longest."""

    ordinary: int
    long: int
    spans_a_trace: float
    words: dict[str, int]


async def write_templates(connection: Connection) -> Templates:
    """Create the schema and fill it.

    Args:
        connection: Connection to the migrated traces database, as owner.
    """
    await connection.execute(_TABLES)
    shapes = Shapes(_SEED, BASE_NS)
    ordinary = shapes.ordinary(ORDINARY)
    listed = [*ordinary, *(shapes.trace(LONG) for _ in range(LONG_ONES)), shapes.trace(LONGEST)]
    book = await load_book(connection)
    made = [_make(number, shape, book) for number, shape in enumerate(listed)]
    await _copy(connection, "spans", SPAN_COLUMNS, (row for template in made for row in template.spans))
    await _copy(connection, "traces", TRACE_COLUMNS, (template.trace for template in made))
    await connection.copy_records_to_table(
        "payloads", schema_name=SCHEMA, records=[row for template in made for row in template.payloads]
    )
    texts = [(number, shape.text) for number, shape in enumerate(listed)]
    await connection.executemany(f"insert into {SCHEMA}.texts (template, text) values ($1, $2)", texts)  # noqa: S608
    await connection.execute(_ADD_BOUNDS)
    for table in ("spans", "traces", "payloads", "texts"):
        await connection.execute(f"analyze {SCHEMA}.{table}")
    return Templates(ORDINARY, LONG_ONES, sum(len(shape.spans) for shape in ordinary) / ORDINARY, frequencies(ordinary))


_ADD_BOUNDS = f"""
update {SCHEMA}.texts t set first_start = s.first_start, last_start = s.last_start
from (
  select workspace_id, min(start_time) as first_start, max(start_time) as last_start
  from {SCHEMA}.spans group by workspace_id
) s where s.workspace_id = t.template
"""  # noqa: S608

_PayloadRow = tuple[int, datetime, list[int], int, list[bytes]]


@dataclass(slots=True)
class _Made:
    spans: list[bytes]
    trace: bytes
    payloads: list[_PayloadRow]


def _make(number: int, shape: Shape, book: PriceBook) -> _Made:
    """Return the rows of a template, whose number takes the place of the workspace's."""
    body = pack(shape.spans, shape.resource)
    pending = PendingRequest(
        receipt_id=str(UUID(int=number)),
        workspace_id=number,
        workspace=str(UUID(int=0)),
        received_at=BASE_NS + 10 * 86_400_000_000_000,
        format="otlp_traces",
        size=len(body),
        received=len(shape.spans),
        retention_days=90,
    )
    decoded = DecodedRequest(pending)
    for _ in decode_steps(decoded, body, book):
        pass
    batch = group_requests([decoded])
    if decoded.poison or decoded.rejected or len(batch.groups) != 1:
        raise RuntimeError(f"a template was refused: {decoded.rejected} {decoded.poison[:1]}")
    ((_, group),) = batch.groups.items()
    rendered = render(group)
    assert rendered.trace is not None
    items = [item for _, item in group.spans.values()]
    return _Made(
        rendered.spans, encode_trace(number, rendered.trace, 1), list(_payloads(number, items, shape.spans[0].trace_id))
    )


def _payloads(number: int, items: Sequence[SpanItem], trace_id: bytes) -> Iterable[_PayloadRow]:
    for start in range(0, len(items), _SPANS_A_PAYLOAD):
        chunk = items[start : start + _SPANS_A_PAYLOAD]
        frame = frame_spans([item.source for item in chunk])
        marks = [trace_id, *(mark for mark in _MARKS if mark in frame)]
        yield (
            number,
            datetime.fromtimestamp(min(item.row.start_ns for item in chunk) // 1000 / 1e6, UTC),
            [item.row.span_id for item in chunk],
            int(chunk[0].payload_format),
            patchable(frame, marks),
        )


async def _copy(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    await connection.copy_to_table(
        table, schema_name=SCHEMA, columns=columns, format="binary", source=_source(copy_document(rows))
    )


async def _source(document: bytes) -> AsyncIterator[bytes]:
    yield document
