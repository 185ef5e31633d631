"""Items that cannot be stored, and items that look as if they could not."""

import json
import os
from dataclasses import asdict
from typing import Any

import pytest
import zstandard

from processing.app import processor
from processing.tests.support import Bench, llm_span, make_span, request_of, trace_body
from shared.normalisation import spans
from shared.normalisation.model import SpanRow
from shared.streams.contracts import DATA_FIELD, HEADER_FIELD, TRACES_PENDING

MAGIC = "poison"


def poisoning(monkeypatch: pytest.MonkeyPatch, column: str, value: Any) -> None:
    """Make the normaliser return something for marked spans that no column takes."""
    normalise = spans.normalise_span

    def poison(source: Any) -> SpanRow:
        row = normalise(source)
        if MAGIC in source.attributes:
            setattr(row, column, value)
        return row

    monkeypatch.setattr(processor, "normalise_span", poison)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("kind", 99_999, "numeric_overflow"),
        ("tokens_input", 2**40, "numeric_overflow"),
        ("cost_nano", 2**80, "numeric_overflow"),
        ("ttft_us", float("nan"), "numeric_overflow"),
        ("session_id", 5, "normalisation_failed"),
        ("user_id", "random", "refused_by_database"),
    ],
)
async def test_F24_one_poisonous_row_among_five_hundred(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, column: str, value: Any, reason: str
) -> None:
    if value == "random":
        # Too long for the index over users, however it is compressed.
        value = os.urandom(8000).hex()
    poisoning(monkeypatch, column, value)
    traces = [os.urandom(16) for _ in range(50)]
    spans = [llm_span(traces[number % 50], number + 1) for number in range(500)]
    spans[321] = llm_span(traces[321 % 50], 322, attributes={MAGIC: True})
    neighbour = await bench.send(trace_body(make_span(os.urandom(16), 1)))
    pending = await bench.send(trace_body(*spans))
    await bench.process(60)
    (letter,) = await bench.rows("dead_letters")
    assert (letter["reason"], letter["item_index"], letter["span_id"]) == (reason, 321, 322)
    assert letter["trace_id"].bytes == traces[321 % 50]
    assert await bench.counts(pending) == (500, 499, 0, 0, 1)
    assert len(await bench.rows("spans")) == 500
    assert await bench.counts(neighbour) == (1, 1, 0, 0, 0)
    await bench.check_sums()


async def test_F24_nul_in_a_name_costs_nothing_but_the_nul(bench: Bench) -> None:
    pending = await bench.send(trace_body(make_span(os.urandom(16), 1, name="a\0b", session__id="x\0y")))
    await bench.process()
    assert await bench.counts(pending) == (1, 1, 0, 0, 0)
    (row,) = await bench.rows("spans")
    assert "\0" not in row["name"] + row["session_id"]


async def test_F24_poison_in_one_request_of_an_entry_spares_the_others(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoning(monkeypatch, "user_id", os.urandom(8000).hex())
    requests = [request_of(trace_body(make_span(os.urandom(16), 1))) for _ in range(6)]
    requests[4] = request_of(
        trace_body(make_span(os.urandom(16), 1, attributes={MAGIC: 1}), make_span(os.urandom(16), 2))
    )
    await bench.append(*requests)
    await bench.process(60)
    for number, (pending, _) in enumerate(requests):
        assert await bench.counts(pending) == ((2, 1, 0, 0, 1) if number == 4 else (1, 1, 0, 0, 0))
    await bench.check_sums()


async def test_invalid_items_beside_traces_become_dead_letters(bench: Bench) -> None:
    pending = await bench.send(
        [{"trace_id": "a", "name": "q", "value": 1}, {"trace_id": "a", "name": "q", "value": None}, {"name": "q"}, 5],
        "scores",
    )
    await bench.process()
    receipt = await bench.receipt(pending)
    assert (receipt["received"], receipt["stored"], receipt["dead_lettered"]) == (4, 1, 3)
    letters = await bench.rows("dead_letters", "item_index")
    assert [letter["payload"] for letter in letters][1] == b'[{"name":"q"}]'
    await bench.check_sums()


async def test_F24_entries_whose_headers_are_none_cost_nothing_but_themselves(bench: Bench) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"receipt_id": 5},
        {"receipt_id": "x"},
        {"workspace_id": "7"},
        {"workspace_id": -1},
        {"workspace": None},
        {"format": "words"},
        {"format": ["flat"]},
        {"size": "many"},
        {"received": None},
        {"received": 2**70},
        {"rejected": {"late": "one"}},
        {"rejected": 3},
        {"digest": "abc"},
        {"replay_of": "x"},
    )
    pending, body = request_of(trace_body(make_span(os.urandom(16), 1)))
    data = zstandard.ZstdCompressor().compress(body)
    requests = [[asdict(pending) | changed] for changed in wrong]
    headers = [b"{", b"[]", *(json.dumps({"requests": listed}).encode() for listed in ([7], {}, *requests))]
    for header in headers:
        await bench.redis.xadd(TRACES_PENDING, {HEADER_FIELD: header, DATA_FIELD: data})
    good = await bench.send(body)
    await bench.process()
    assert await bench.counts(good) == (1, 1, 0, 0, 0)
    letters = {(row["workspace_id"], row["reason"], row["payload"]) for row in await bench.rows("dead_letters")}
    assert letters == {(0, "undecodable", data)}
    assert await bench.pool.fetchval("select count(*) from dead_letters") == len(headers)


async def test_items_that_cannot_be_found_again_are_counted_as_unreadable(bench: Bench) -> None:
    pending, body = request_of(trace_body(make_span(os.urandom(16), 1)))
    pending.received = 3
    await bench.append((pending, body))
    await bench.process()
    receipt = await bench.receipt(pending)
    assert (receipt["received"], receipt["stored"], receipt["rejected"]) == (3, 1, 2)
    assert receipt["reasons"] == '{"unreadable": 2}'


async def test_F42_large_and_many_attributes_are_stored_and_kept_out_of_lists(bench: Bench) -> None:
    trace_id = os.urandom(16)
    many = {f"key{number}": number for number in range(10_000)}
    wide = {f"wide{number}": "x" * 65_536 for number in range(128)}
    pending = await bench.send(
        trace_body(
            make_span(trace_id, 1, name="n" * 1_000_000, gen_ai__agent__name="a" * 1_000_000),
            make_span(trace_id, 2, 1, input__value="v" * 1_000_000),
            make_span(trace_id, 3, 1, attributes=many),
            make_span(trace_id, 4, 1, attributes=wide),
        )
    )
    await bench.process(60)
    assert await bench.counts(pending) == (4, 4, 0, 0, 0)
    sizes = await bench.pool.fetch("select octet_length(s::text) as size from spans s")
    assert max(row["size"] for row in sizes) < 20_000
    assert await bench.pool.fetchval("select max(octet_length(t::text)) from traces t") < 20_000


async def test_F42_deep_and_long_traces_are_folded(bench: Bench) -> None:
    trace_id = os.urandom(16)
    depth = 3_000
    spans = [make_span(trace_id, number, number - 1 or None) for number in range(1, depth + 1)]
    for start in range(0, depth, 1000):
        await bench.send(trace_body(*spans[start : start + 1000]))
    await bench.process(60, processing_batch_items=1000)
    (trace,) = await bench.rows("traces")
    assert trace["span_count"] == depth
    payloads = await bench.rows("span_payloads")
    assert max(len(row["span_ids"]) for row in payloads) <= 256


NAMES = {
    "composed": "\u00e9",
    "decomposed": "e\u0301",
    "right to left": "\u202eevil",
    "zero width": "a\u200bb",
    "joined": "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "encoded nul": "%00",
    "path": "../../etc",
    "quotes": "'\";--",
    "long": "\U0001d518" * 255,
    "formula": "=cmd()",
    "noncharacter": "\ud7ff\uffff",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
async def test_F43_names_are_stored_as_sent(bench: Bench, name: str) -> None:
    trace_id = os.urandom(16)
    attributes = {"gen_ai.agent.name": name, "session.id": name, "openinference.span.kind": "AGENT"}
    await bench.send(trace_body(make_span(trace_id, 1, attributes=attributes)))
    await bench.process()
    (trace,) = await bench.rows("traces")
    assert (trace["agent_id"], trace["session_id"]) == (name, name)
