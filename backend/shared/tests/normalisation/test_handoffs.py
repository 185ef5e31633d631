"""Which spans hand over, as the frameworks say it."""

import pytest

from shared.domain import SpanKind
from shared.normalisation.handoffs import Handoff, complete_handoff, read_handoff
from shared.normalisation.model import SpanContent


@pytest.mark.parametrize(
    ("kind", "name", "tool_name", "expected"),
    [
        (SpanKind.TOOL, "handoff to WeatherAgent", "handoff to WeatherAgent", Handoff(None, "WeatherAgent")),
        (SpanKind.OTHER, "handoff from Triage to Refund Desk", None, Handoff("Triage", "Refund Desk")),
        (SpanKind.TOOL, "Triage → Refund.handoff", None, Handoff("Triage", "Refund")),
        (SpanKind.TOOL, "Handoff: {from_agent} → {to_agent}", None, Handoff(None, None)),
        (SpanKind.TOOL, "execute_tool transfer_to_alice", "transfer_to_alice", Handoff(None, "alice")),
        (SpanKind.TOOL, "x", "Handoff-transfer_to_RefundAgent", Handoff(None, "RefundAgent")),
        (SpanKind.TOOL, "x", "handoff_to_billing", Handoff(None, "billing")),
        (SpanKind.TOOL, "x", "transfer_back_to_supervisor", Handoff(None, "supervisor")),
        (SpanKind.TOOL, "x", "transfer_to_agent", Handoff(None, None)),
        (SpanKind.TOOL, "x", "Delegate work to coworker", Handoff(None, None)),
        (SpanKind.TOOL, "x", "transfer_money", None),
        (SpanKind.TOOL, "get_weather", "get_weather", None),
        (SpanKind.LLM, "handoff to WeatherAgent", None, None),
        (SpanKind.AGENT, "transfer_to_alice", None, None),
        (SpanKind.TOOL, "x", "transfer_to_", None),
        (SpanKind.TOOL, "", None, None),
    ],
)
def test_names(kind: SpanKind, name: str, tool_name: str | None, expected: Handoff | None) -> None:
    assert read_handoff(kind, name, tool_name) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (SpanContent(tool_arguments={"agent_name": "b"}), Handoff(None, "b")),
        (SpanContent(tool_arguments='{"to_agent": "b", "reason": "r"}'), Handoff(None, "b")),
        (SpanContent(input={"coworker": "b"}), Handoff(None, "b")),
        (SpanContent(attributes={"from_agent": "a", "to_agent": "b"}), Handoff("a", "b")),
        (SpanContent(attributes={"gen_ai.handoff.from_agent": "a", "gen_ai.handoff.to_agent": "b"}), Handoff("a", "b")),
        (SpanContent(tool_arguments=["b"]), Handoff(None, None)),
        (SpanContent(tool_arguments={"agent_name": {"x": 1}}), Handoff(None, None)),
    ],
)
def test_arguments(content: SpanContent, expected: Handoff) -> None:
    assert complete_handoff(Handoff(None, None), content) == expected


def test_what_a_name_states_stays() -> None:
    content = SpanContent(tool_arguments={"agent_name": "c"})
    assert complete_handoff(Handoff(None, "b"), content) == Handoff(None, "b")
