"""Whatever is traced becomes bounded text, and nothing that it does reaches the application."""

import dataclasses
import datetime
import enum
import json
import threading
import uuid
from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

import pytest
from conftest import MakeClient
from fake_platform import FakePlatform
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_observability import AgentObservability
from agent_observability.serialise import MAX_TEXT, MAX_TOTAL, to_text
from agent_observability.testing import record


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: Any = None


class Model:
    """Looks as models of Pydantic do."""

    model_fields = {"name": None, "broken": None}  # noqa: RUF012
    name = "n"

    @property
    def broken(self) -> str:
        raise ValueError("no")


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __hash__(self) -> int:
        return 1

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __len__(self) -> int:
        raise RuntimeError("no length")


class MoreHostile(Hostile):
    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("no attribute")


class HostileDict(dict[Any, Any]):
    def items(self) -> Any:
        raise RuntimeError("no items")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("text", "text"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (1.5, "1.5"),
        ({"a": [1, "ü", None]}, '{"a":[1,"ü",null]}'),
        ((1, 2), "[1,2]"),
        ({1: 2, (3, 4): 5}, '{"1":2,"[3, 4]":5}'),
        (float("nan"), '"nan"'),
        ([float("inf")], '["inf"]'),
        (b"abc", '"<bytes: 3 bytes>"'),
        (Colour.RED, '"red"'),
        (Point(1, Point(2)), '{"x":1,"y":{"x":2,"y":null}}'),
        (OrderedDict(a=1), '{"a":1}'),
        (deque([1]), "[1]"),
        (datetime.date(2026, 1, 31), '"2026-01-31"'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        (Path("/tmp/x"), '"/tmp/x"'),
        ((number for number in range(1)), '"<generator>"'),
        (2**70, str(2**70)),
    ],
)
def test_values(value: object, text: str) -> None:
    assert to_text(value) == text


def test_what_cannot_be_read_is_named() -> None:
    cyclic: dict[str, Any] = {"a": 1}
    cyclic["self"] = cyclic
    assert json.loads(to_text(cyclic)) == {"a": 1, "self": "<cycle>"}
    assert json.loads(to_text(Hostile())) == "<Hostile: RuntimeError while it was read>"
    assert json.loads(to_text(HostileDict(a=1))) == "<HostileDict: RuntimeError while it was read>"
    assert json.loads(to_text(Model())) == {"name": "n", "broken": "<Model.broken: ValueError while it was read>"}
    assert json.loads(to_text(MoreHostile())) == "<MoreHostile: RuntimeError while it was read>"
    assert json.loads(to_text({"x": Hostile(), "y": 1})) == {
        "x": "<Hostile: RuntimeError while it was read>",
        "y": 1,
    }


def test_huge_values_are_cut_with_a_marker() -> None:
    assert to_text("x" * (MAX_TOTAL + 5)) == "x" * MAX_TOTAL + "<truncated: 5 more characters>"
    (cut,) = json.loads(to_text(["x" * (MAX_TEXT + 7)]))
    assert cut.endswith("<truncated: 7 more characters>")
    many = json.loads(to_text(list(range(1_000_000))))
    assert many[-1].startswith("<truncated: 99")
    assert len(many) < 10_000
    deep: Any = "end"
    for _ in range(100_000):
        deep = [deep]
    assert "too deep" in to_text(deep)
    wide = {str(number): "y" * 1000 for number in range(100_000)}
    assert len(to_text(wide)) < 2 * MAX_TOTAL
    assert to_text(10**10_000).startswith('"<int of')


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.booleans().map(lambda _: Hostile()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.binary(), inner) | st.tuples(inner),
    max_leaves=30,
)


@given(_values)
@settings(max_examples=500, deadline=None)
def test_any_value_becomes_text(value: object) -> None:
    text = to_text(value)
    if not isinstance(value, str):
        json.loads(text)


@given(_values, _values)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_argument_and_result_passes(value: object, result: object) -> None:
    obs = AgentObservability()

    @obs.trace()
    def call(argument: object, **named: object) -> object:
        return result

    with record(obs) as recording:
        assert call(value, more=value) is result
        with obs.trace_context(value, user_id=value, tags=[value], metadata={"m": value}) as span:  # type: ignore[arg-type,list-item]
            span.set_input(value)
            span.set_output(value)
    assert len(recording.spans) == 2


def test_anything_may_be_passed_to_anything(obs_calls: "Any", own_mistakes: list[Exception]) -> None:
    """Values of the wrong kind are mistakes of the caller that tracing counts and does not raise."""
    obs, recording = obs_calls
    for value in (None, Hostile(), MoreHostile(), "text", -1, float("nan"), [], {}, object(), "\ud800", "\0"):
        with obs.span(str(value) if not isinstance(value, Hostile) else "h") as span:
            span.set_cost(value)
            span.set_usage(value, value, model=value)
            span.tag(value)
            span.score("name", value, comment=value)
            span.feedback(value)
            span.outcome(value)
            span.handoff(value)
            obs.set_output(value)
    assert recording.names()
    own_mistakes.clear()


@pytest.fixture
def obs_calls() -> Any:
    obs = AgentObservability()
    with record(obs) as recording:
        yield obs, recording


def test_values_that_another_thread_changes(make_client: MakeClient) -> None:
    shared: dict[str, int] = {}
    ended = threading.Event()

    def change() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            shared[str(number % 500)] = number
            shared.pop(str((number * 7) % 500), None)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(2_000):
            assert to_text({"shared": shared, "h": object()})
            assert to_text(shared)
    finally:
        ended.set()
        thread.join()


def test_odd_text_is_delivered(make_client: MakeClient, fake: FakePlatform) -> None:
    obs = make_client()
    for text in ("\ud800 alone", "\0 nul", "😀", "x" * 500_000):
        with obs.span(text) as span:
            span.set_output(text)
            span.set_input({text: text})
    report = obs.flush(30)
    assert (report.created, report.stored) == (4, 4), report
    assert report.dropped == {}
