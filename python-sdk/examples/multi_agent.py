"""Agents that hand over to each other, the second in another process: the trace goes along in W3C headers."""

import subprocess
import sys

from opentelemetry import context, propagate

from agent_observability import AgentObservability

obs = AgentObservability()


@obs.trace("billing", agent_id="billing")
def bill(order: str) -> str:
    return f"{order} is paid"


@obs.trace("triage", agent_id="triage")
def triage(question: str) -> str:
    obs.handoff("billing")
    headers: dict[str, str] = {}
    propagate.inject(headers)
    command = [sys.executable, __file__, headers["traceparent"]]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


if len(sys.argv) > 1:
    context.attach(propagate.extract({"traceparent": sys.argv[1]}))
    print(bill("order 7"))
else:
    with obs.trace_context(user_id="u-123", session_id="s-1"):
        print(triage("Is order 7 paid?"))
    print(obs.flush())
