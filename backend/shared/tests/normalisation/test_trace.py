"""A trace's row is the same for any order and repetition of its spans, and counts nothing twice."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import CostSource, SpanKind, Status
from shared.normalisation.model import LogFacts, SpanRow
from shared.normalisation.trace import fold_trace, wins
from shared.tests.normalisation.builders import START, TRACE, row

LLM, AGENT, TOOL = SpanKind.LLM, SpanKind.AGENT, SpanKind.TOOL


def facts(span_id: int | None = 1, **values: object) -> LogFacts:
    made = LogFacts(trace_id=TRACE, span_id=span_id, time_ns=START, event_name="event", digest=0)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class TestStatus:
    def test_is_that_of_the_root_and_failing_children_are_counted(self) -> None:
        trace = fold_trace([row(1), row(2, 1, status=Status.ERROR), row(3, 1, status=Status.TIMEOUT)])
        assert (trace.status, trace.error_count) == (Status.SUCCESS, 2)

    def test_of_a_timed_out_root(self) -> None:
        assert fold_trace([row(1, status=Status.TIMEOUT)]).status is Status.TIMEOUT

    def test_without_a_root_is_an_error_when_any_orphan_failed(self) -> None:
        orphans = [row(2, 99, start=0), row(3, 98, start=5, status=Status.TIMEOUT)]
        trace = fold_trace(orphans)
        assert (trace.status, trace.has_root) == (Status.ERROR, False)

    def test_without_a_root_ignores_failures_below_the_orphans(self) -> None:
        trace = fold_trace([row(2, 99), row(3, 2, status=Status.ERROR)])
        assert (trace.status, trace.error_count) == (Status.SUCCESS, 1)

    def test_of_a_root_wins_over_a_failing_orphan(self) -> None:
        assert fold_trace([row(1, start=50), row(2, 99, status=Status.ERROR)]).status is Status.SUCCESS


class TestTimes:
    def test_start_is_the_earliest_and_duration_reaches_the_latest_end(self) -> None:
        trace = fold_trace([row(1, start=5_000, end=9_000), row(2, 1, start=1_000, end=30_000)])
        assert (trace.start_ns, trace.duration_us) == (START + 1_000, 29)

    def test_an_open_trace_has_no_duration(self) -> None:
        assert fold_trace([row(1, end=None)]).duration_us is None


class TestLabels:
    def test_come_from_any_span_root_first(self) -> None:
        trace = fold_trace(
            [
                row(3, 2, start=2, session_id="deep", user_id="u", tags=["b", "a"], environment="prod"),
                row(2, 1, start=1, session_id="middle"),
                row(1, tags=["a"]),
            ]
        )
        assert (trace.session_id, trace.user_id, trace.environment) == ("middle", "u", "prod")
        assert trace.tags == ["a", "b"]

    def test_agent_is_that_of_the_root_most_span_that_names_one(self) -> None:
        rows = [row(1), row(2, 1, start=9, agent_id="outer"), row(3, 2, start=1, agent_id="inner")]
        assert fold_trace(rows).agent_id == "outer"

    def test_a_real_root_goes_before_an_earlier_orphan(self) -> None:
        rows = [row(1, start=500, agent_id="root"), row(2, 99, start=0, agent_id="orphan")]
        trace = fold_trace(rows)
        assert (trace.agent_id, trace.root_span_id) == ("root", 1)

    def test_logs_fill_what_no_span_says(self) -> None:
        trace = fold_trace([row(1)], [facts(user_id="u", session_id="s", input_preview="hello")])
        assert (trace.user_id, trace.session_id, trace.input_preview) == ("u", "s", "hello")

    def test_metadata_is_merged_and_the_root_wins(self) -> None:
        trace = fold_trace([row(2, 1, metadata={"plan": "free", "n": "3"}), row(1, metadata={"plan": "pro"})])
        assert trace.metadata == {"plan": "pro", "n": "3"}


class TestUsage:
    def test_of_an_ancestor_is_not_added_to_that_of_its_descendants(self) -> None:
        rows = [
            row(1, kind=AGENT, tokens=300, cost=30),
            row(2, 1),
            row(3, 2, kind=LLM, tokens=100, cost=10),
            row(4, 2, kind=LLM, tokens=200, cost=20),
        ]
        trace = fold_trace(rows)
        assert (trace.tokens_input, trace.tokens_total, trace.cost_nano) == (300, 300, 30)
        assert (trace.llm_call_count, trace.span_count) == (2, 4)

    def test_zeros_of_a_descendant_do_not_hide_an_ancestors(self) -> None:
        assert fold_trace([row(1, tokens=50), row(2, 1, tokens=0)]).tokens_input == 50

    def test_of_one_response_counts_once(self) -> None:
        rows = [
            row(1),
            row(2, 1, tokens=100, response_id="r"),
            row(3, 1, tokens=100, response_id="r", cost=7),
            row(4, 1, tokens=100, response_id="other"),
        ]
        trace = fold_trace(rows)
        assert (trace.tokens_input, trace.cost_nano) == (200, 7)

    def test_a_tools_cost_is_added_to_that_of_the_calls(self) -> None:
        rows = [row(1), row(2, 1, tokens=10, cost=5), row(3, 1, kind=TOOL, cost=2)]
        assert fold_trace(rows).cost_nano == 7

    def test_absent_usage_stays_absent(self) -> None:
        trace = fold_trace([row(1), row(2, 1)])
        assert (trace.tokens_input, trace.tokens_total, trace.cost_nano) == (None, None, None)
        assert trace.cost_source is CostSource.UNPRICED

    @pytest.mark.parametrize(
        ("sources", "expected"),
        [
            ([CostSource.EXACT, CostSource.EXACT], CostSource.EXACT),
            ([CostSource.REPORTED, CostSource.PATTERN], CostSource.PATTERN),
            ([CostSource.EXACT, CostSource.UNPRICED], CostSource.PARTIAL),
            ([CostSource.UNPRICED, CostSource.UNPRICED], CostSource.UNPRICED),
        ],
    )
    def test_source_of_the_cost(self, sources: list[CostSource], expected: CostSource) -> None:
        rows = [row(1)]
        for index, source in enumerate(sources):
            cost = None if source is CostSource.UNPRICED else 5
            rows.append(row(index + 2, 1, kind=LLM, tokens=10, cost=cost, cost_source=source))
        assert fold_trace(rows).cost_source is expected


class TestErrors:
    def test_the_first_error_is_the_one_no_child_explains(self) -> None:
        rows = [
            row(1, status=Status.ERROR, error_message="wrapped"),
            row(2, 1, status=Status.ERROR, start=5, error_type="ToolTimeout", error_message="cause"),
            row(3, 1, status=Status.ERROR, start=9, error_message="later"),
        ]
        trace = fold_trace(rows)
        assert (trace.error_type, trace.error_message) == ("ToolTimeout", "cause")

    def test_an_exception_event_describes_a_failure_without_a_message(self) -> None:
        trace = fold_trace([row(1, status=Status.ERROR)], [facts(error_type="ValueError", error_message="bad")])
        assert (trace.error_type, trace.error_message) == ("ValueError", "bad")


class TestPreviews:
    def test_are_the_roots_else_the_first_speakers(self) -> None:
        rows = [
            row(1, input_preview="asked"),
            row(2, 1, kind=LLM, start=1, input_preview="inner", output_preview="first"),
            row(3, 1, kind=LLM, start=2, output_preview="last"),
        ]
        trace = fold_trace(rows)
        assert (trace.input_preview, trace.output_preview) == ("asked", "last")


class TestShape:
    def test_parent_cycles_end(self) -> None:
        rows = [row(1, 2, tokens=10), row(2, 3), row(3, 1), row(4, 4), row(5)]
        trace = fold_trace(rows)
        assert (trace.span_count, trace.tokens_input, trace.root_span_id) == (5, 10, 5)

    def test_ten_thousand_levels(self) -> None:
        rows = [row(1)] + [row(index, index - 1) for index in range(2, 10_001)]
        rows[-1].tokens_input = rows[-1].tokens_total = 7
        trace = fold_trace(rows[::-1])
        assert (trace.span_count, trace.tokens_input, trace.root_span_id) == (10_000, 7, 1)

    def test_a_hundred_thousand_spans(self) -> None:
        rows = [row(1)] + [row(index, index // 3 or 1, tokens=1) for index in range(2, 100_001)]
        leaves = {row_.span_id for row_ in rows} - {row_.parent_span_id for row_ in rows}
        assert fold_trace(rows).tokens_input == len(leaves)

    def test_no_span_is_no_trace(self) -> None:
        with pytest.raises(ValueError, match="at least one span"):
            fold_trace([])


IDS = st.integers(1, 7)


@st.composite
def span_rows(draw: st.DrawFn) -> SpanRow:
    made = row(
        draw(IDS),
        draw(st.one_of(st.none(), IDS)),
        kind=draw(st.sampled_from([LLM, AGENT, TOOL, SpanKind.OTHER])),
        status=draw(st.sampled_from(list(Status))),
        start=draw(st.integers(0, 5)),
        end=draw(st.one_of(st.none(), st.integers(5, 9))),
        tokens=draw(st.one_of(st.none(), st.integers(0, 3))),
        cost=draw(st.one_of(st.none(), st.integers(0, 3))),
        response_id=draw(st.one_of(st.none(), st.just("r"))),
        session_id=draw(st.one_of(st.none(), st.sampled_from(["s1", "s2"]))),
        tags=draw(st.lists(st.sampled_from(["a", "b"]), max_size=2)),
        input_preview=draw(st.one_of(st.none(), st.just("in"))),
        attribute_count=draw(st.integers(0, 2)),
    )
    # Versions with equal bytes are equal, so the digest tells the others apart.
    made.digest = hash((made.parent_span_id, made.kind, made.status, made.start_ns, made.tokens_input, made.cost_nano,
                        made.response_id, made.session_id, tuple(made.tags), made.input_preview)) >> 1  # fmt: skip
    return made


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(span_rows(), min_size=1, max_size=9), seed=st.integers(0, 1000))
def test_order_and_repetition_change_nothing(rows: list[SpanRow], seed: int) -> None:
    shuffled = rows + rows[: seed % len(rows)]
    random.Random(seed).shuffle(shuffled)
    assert fold_trace(shuffled) == fold_trace(rows)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(span_rows(), min_size=1, max_size=9))
def test_folding_known_winners_with_new_spans_equals_folding_all(rows: list[SpanRow]) -> None:
    kept: dict[int, SpanRow] = {}
    for version in rows:
        held = kept.get(version.span_id)
        if held is None or wins(version, held):
            kept[version.span_id] = version
    assert fold_trace(list(kept.values())) == fold_trace(rows)


@settings(max_examples=200, deadline=None)
@given(a=span_rows(), b=span_rows(), c=span_rows())
def test_the_version_rule_is_an_order(a: SpanRow, b: SpanRow, c: SpanRow) -> None:
    assert not (wins(a, b) and wins(b, a))
    assert not (wins(a, b) and wins(b, c)) or wins(a, c)


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (row(1, end=5), row(1, end=None, attribute_count=99)),
        (row(1, end=9), row(1, end=5, attribute_count=99)),
        (row(1, attribute_count=2), row(1, attribute_count=1, digest=99)),
        (row(1, digest=2), row(1, digest=1)),
    ],
)
def test_ended_then_later_then_fuller_then_larger_digest_wins(winner: SpanRow, loser: SpanRow) -> None:
    assert wins(winner, loser)
    assert not wins(loser, winner)
