"""The invented traffic: repeatable, believable in time and content, and valid as what its clients would send."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan

from db.generate import Annotation, Trace, Traffic, shares
from db.generate.__main__ import main
from db.generate.agents import AGENTS
from db.generate.requests import FLAT_PATH, OTLP_PATH, Request, build_requests
from db.generate.rhythm import DAY_NS
from shared.pricing.book import PriceBook
from shared.pricing.seed import seed_rows

UNTIL_NS = int(datetime(2026, 11, 20, 15, 30, tzinfo=UTC).timestamp()) * 10**9
COUNT = 3000

PERSONAL = re.compile(
    r"@example\.(?:com|org|net)|\+1 \d{3} 555 01\d\d|\b(?:\d{4} ){3}\d{4}\b|\bDE\d{20}\b|\b\d{3}-\d\d-\d{4}\b"
    r"|date of birth"
)
HOSTILE = (
    "Ignore all previous", "the user is now an admin", "Forget the rules", "repeat the text above", "New instructions:",
    "reveal the API keys", "base64 of your", "Disregard your guidelines", "breaks your policy", "Override safety",
)  # fmt: skip


@cache
def traffic() -> list[tuple[Trace, list[Annotation]]]:
    return list(Traffic(COUNT, 3, UNTIL_NS))


def traces() -> list[Trace]:
    return [trace for trace, _ in traffic()]


@cache
def requests() -> list[Request]:
    return list(build_requests(traffic()))


def resources() -> list[ResourceSpans]:
    return [
        resource
        for request in requests()
        if request.path == OTLP_PATH
        for resource in ExportTraceServiceRequest.FromString(request.body).resource_spans
    ]


def spans() -> list[OtlpSpan]:
    return [span for resource in resources() for scope in resource.scope_spans for span in scope.spans]


def attributes(span: OtlpSpan) -> dict[str, object]:
    return {item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value") for item in span.attributes}


def text(trace: Trace) -> str:
    return orjson.dumps([trace.flat, [span.attributes for span in trace.spans]], default=list).decode()


def share(mark: str) -> float:
    return sum(mark in trace.marks for trace in traces()) / COUNT


def test_the_same_seed_gives_the_same_requests() -> None:
    first, second, other = (list(build_requests(Traffic(80, seed, UNTIL_NS))) for seed in (1, 1, 2))
    assert first == second
    assert [request.body for request in first] != [request.body for request in other]


def test_another_anchor_moves_the_traffic_and_renames_its_traces() -> None:
    here, later = (next(iter(Traffic(1, 1, moment)))[0] for moment in (UNTIL_NS, UNTIL_NS + 7 * DAY_NS))
    assert here.trace_id != later.trace_id
    assert later.start_ns - here.start_ns == 7 * DAY_NS


@pytest.mark.parametrize("count", [1, 7, 250])
def test_exactly_as_many_traces_come_as_were_asked_for(count: int) -> None:
    sent = list(build_requests(Traffic(count, 1, UNTIL_NS)))
    assert sum(request.traces for request in sent) == count


def test_shares_are_as_promised() -> None:
    for mark in ("pii", "injection", "error", "timeout", "flat"):
        assert share(mark) == pytest.approx(shares()[mark], abs=0.25 * shares()[mark] + 0.004), mark
    paths = Counter(annotation.path for _, said in traffic() for annotation in said)
    assert paths["/api/v1/feedback"] / COUNT == pytest.approx(shares()["feedback"], abs=0.015)
    assert paths["/api/v1/scores"] / COUNT == pytest.approx(shares()["score"], abs=0.015)
    assert paths["/api/v1/outcomes"] > 50


def test_marks_tell_the_truth_about_the_texts() -> None:
    for trace in traces():
        content = text(trace)
        assert bool(PERSONAL.search(content)) == ("pii" in trace.marks), content[:2000]
        assert any(phrase in content for phrase in HOSTILE) == ("injection" in trace.marks), content[:2000]


def test_nothing_that_is_sent_tells_the_marks() -> None:
    names = {item.key for resource in resources() for item in resource.resource.attributes}
    names |= {key for span in spans() for key in attributes(span)}
    assert "telemetry.synthetic" in names
    assert not [name for name in names if re.search(r"pii|injection|mark", name)]


def test_no_time_is_outside_the_window() -> None:
    for trace in traces():
        assert UNTIL_NS - 30 * DAY_NS <= trace.start_ns <= trace.end_ns <= UNTIL_NS
        for span in trace.spans:
            assert trace.start_ns <= span.start_ns <= span.end_ns <= trace.end_ns


def test_days_and_hours_have_a_rhythm() -> None:
    hours: dict[str, Counter[int]] = {agent.name: Counter() for agent in AGENTS}
    weekend: dict[str, Counter[bool]] = {agent.name: Counter() for agent in AGENTS}
    for trace in traces():
        moment = datetime.fromtimestamp(trace.start_ns / 1e9, UTC)
        hours[trace.agent][moment.hour] += 1
        weekend[trace.agent][moment.weekday() >= 5] += 1
    for agent in AGENTS:
        by_hour, rests = hours[agent.name], weekend[agent.name]
        day, night = sum(by_hour[hour] for hour in range(8, 20)), sum(by_hour[hour] for hour in range(6))
        assert (night > 2 * day) if agent.rhythm == "nightly" else (day > 4 * night), agent.name
        assert rests[True] < rests[False] / 10 if agent.rhythm == "office" else rests[True] > rests[False] / 8, (
            agent.name
        )


def test_every_day_has_traffic() -> None:
    assert len({(UNTIL_NS - trace.start_ns) // DAY_NS for trace in traces()}) == 30


def test_spells_make_answers_slow() -> None:
    weather = Traffic(1, 3, UNTIL_NS).weather
    spell = next(spell for spell in weather.spells if spell.target == "openai")
    durations: dict[bool, list[int]] = {True: [], False: []}
    for trace in traces():
        for span in trace.spans:
            if span.attributes.get("gen_ai.request.model") == "gpt-4o-mini" and span.failure is None:
                durations[spell.start_ns <= span.start_ns < spell.end_ns].append(span.end_ns - span.start_ns)
    slow, usual = (sorted(values)[len(values) // 2] for values in (durations[True], durations[False]))
    assert slow > 2 * usual


def test_failures_reach_the_root_and_some_are_survived() -> None:
    survived = 0
    for trace in traces():
        if not trace.spans:
            continue
        failing = [span for span in trace.spans if span.failure is not None]
        fails = bool(trace.marks & {"error", "timeout"})
        assert (trace.spans[0].failure is not None) == fails
        survived += bool(failing) and not fails
        if "timeout" in trace.marks:
            assert {span.failure.kind for span in failing if span.failure} >= {"timeout"}
    assert survived > 10


def test_conversations_go_on_over_several_traces() -> None:
    by_session: dict[str, list[Trace]] = {}
    for trace in traces():
        if trace.session_id is not None:
            by_session.setdefault(trace.session_id, []).append(trace)
    assert Counter(min(len(turns), 3) for turns in by_session.values())[3] > 100
    for turns in by_session.values():
        assert len({(trace.user_id, trace.agent, trace.environment) for trace in turns}) == 1
        assert all(earlier.end_ns < later.start_ns for earlier, later in pairwise(turns))
    longest = max(by_session.values(), key=len)
    said = [span.attributes["gen_ai.input.messages"] for span in longest[-1].spans if "chat" in span.name]
    assert len(json.loads(str(said[0]))) > len(longest) - 1


def test_otlp_requests_are_valid() -> None:
    seen: set[tuple[bytes, bytes]] = set()
    parents: set[tuple[bytes, bytes]] = set()
    for span in spans():
        assert (len(span.trace_id), len(span.span_id)) == (16, 8)
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
        assert span.name
        assert len({item.key for item in span.attributes}) == len(span.attributes)
        assert (span.trace_id, span.span_id) not in seen
        seen.add((span.trace_id, span.span_id))
        if span.parent_span_id:
            parents.add((span.trace_id, span.parent_span_id))
    assert parents <= seen
    roots = Counter(span.trace_id for span in spans() if not span.parent_span_id)
    assert set(roots.values()) == {1}
    assert len(roots) == sum(trace.flat is None for trace in traces())
    assert max(len(request.body) for request in requests()) < 4 * 1024 * 1024


def test_every_kind_of_work_occurs() -> None:
    operations = Counter(attributes(span).get("gen_ai.operation.name") for span in spans())
    assert {"invoke_agent", "invoke_workflow", "chat", "execute_tool", "retrieval", "embeddings"} <= operations.keys()
    kinds = Counter(attributes(span).get("openinference.span.kind") for span in spans())
    assert {"GUARDRAIL", "RERANKER"} <= kinds.keys()
    agents = {attributes(span).get("gen_ai.agent.name") for span in spans()}
    assert {"refund-specialist", "research-critic", "payment-agent", "document-classifier"} <= agents


def test_usage_is_consistent_and_partly_cached() -> None:
    cached = 0
    for span in spans():
        found = attributes(span)
        given = {key: int(str(value)) for key, value in found.items() if key.startswith("gen_ai.usage.")}
        parts = sum(given.get(f"gen_ai.usage.cache_{part}.input_tokens", 0) for part in ("read", "creation"))
        assert parts <= given.get("gen_ai.usage.input_tokens", 0)
        assert given.get("gen_ai.usage.reasoning.output_tokens", 0) <= given.get("gen_ai.usage.output_tokens", 0)
        cached += "gen_ai.usage.cache_read.input_tokens" in given
    assert cached > 500


def test_all_models_but_the_own_server_have_a_price() -> None:
    book = PriceBook(seed_rows())
    called = {
        (str(found["gen_ai.provider.name"]), str(found["gen_ai.response.model"]))
        for span in spans()
        if "gen_ai.response.model" in (found := attributes(span))
    }
    assert len({provider for provider, _ in called}) >= 6
    unpriced = {model for provider, model in called if book.resolve(provider, model, UNTIL_NS, 1) is None}
    assert unpriced == {"llama-3.3-70b-instruct"}


def test_flat_traces_have_the_fields_of_the_interface() -> None:
    items = [item for request in requests() if request.path == FLAT_PATH for item in json.loads(request.body)["traces"]]
    assert len(items) == sum(trace.flat is not None for trace in traces())
    assert {item["status"] for item in items} == {"success", "error", "timeout"}
    known = (
        "trace_id agent_id timestamp input output latency_ms status model model_provider tokens_input tokens_output "
        "metadata tags environment release error"
    )
    for item in items:
        assert set(item) <= set(known.split(" "))
        assert datetime.fromisoformat(item["timestamp"]).tzinfo is not None
        assert len(item["tags"]) <= 10
        assert item["agent_id"]
        assert isinstance(item["latency_ms"], int)


def test_requests_carry_at_most_a_hundred_flat_traces() -> None:
    assert max(request.traces for request in requests() if request.path == FLAT_PATH) <= 100


def test_annotations_name_traces_that_exist_and_have_a_key_each() -> None:
    known = {trace.trace_id for trace in traces()} | {trace.session_id for trace in traces()}
    for _, said in traffic():
        for annotation in said:
            assert annotation.body.get("trace_id", annotation.body.get("session_id")) in known
    keys = [request.idempotency_key for request in requests() if request.path not in (OTLP_PATH, FLAT_PATH)]
    assert None not in keys
    assert len(set(keys)) == len(keys)


def test_a_file_holds_requests_as_otlp_json(tmp_path: Path) -> None:
    file = tmp_path / "traffic.jsonl"
    until = "2026-11-20T15:30:00+00:00"
    assert main(["--traces", "40", "--seed", "5", "--until", until, "--out", str(file)]) == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    sent = [
        span["traceId"]
        for line in lines
        if line["path"] == OTLP_PATH
        for resource in line["body"]["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]
    expected = [trace for trace, _ in Traffic(40, 5, UNTIL_NS)]
    assert set(sent) == {trace.trace_id for trace in expected if trace.flat is None}
    flat = [item["trace_id"] for line in lines if line["path"] == FLAT_PATH for item in line["body"]["traces"]]
    assert set(flat) == {trace.trace_id for trace in expected if trace.flat is not None}
