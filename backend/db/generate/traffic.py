"""The traffic of a period: which agent serves whom and when, what goes wrong, and what people say about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from db.generate.agents import AGENTS, Agent
from db.generate.rhythm import DAY_NS, Calendar, Weather
from db.generate.story import SECOND_NS, Scene, Session, Span, Trace, Value, encode

_SHARES = {
    "pii": 0.06,
    "injection": 0.015,
    "error": 0.04,
    "timeout": 0.008,
    "flat": 0.06,
    "feedback": 0.08,
    "score": 0.10,
}
# Spells add what is missing to the share of errors.
_ERRORS_IN_FAIR_WEATHER = 0.037
_OUTCOMES_OF_SESSIONS = 0.25
_INTERACTIVE = sum(agent.share for agent in AGENTS if agent.users)
_COMMENTS = {
    -1: ("That did not answer my question.", "Wrong order.", "Took far too long.", "It gave up half way.", None, None),
    1: ("Quick and helpful, thanks.", "Exactly what I needed.", "Better than waiting in the line.", None, None, None),
}
_REGIONS = ("eu-west", "eu-north", "us-east", "ap-south")
_PLANS = ("free", "pro", "pro", "enterprise")


def shares() -> dict[str, float]:
    """Return which part of all traces holds what, by the marks of ``Trace`` and kinds of annotation."""
    return dict(_SHARES)


@dataclass(frozen=True, slots=True)
class Annotation:
    """What is said about a trace or session afterwards, with the address of the API that takes it."""

    path: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class _Visit:
    """A session before it is played."""

    number: int
    agent: Agent
    turns: int
    start_ns: int


class Traffic:
    """A number of traces spread over the days before a moment; equal arguments give equal traces.

    Args:
        traces: How many.
        seed: Another seed gives other people, texts and times.
        until_ns: The moment, in nanoseconds since the Unix epoch; no span ends after it.
        days: How far back the traffic goes.
    """

    def __init__(self, traces: int, seed: int, until_ns: int, days: int = 30) -> None:
        self.traces = traces
        self.seed = seed
        self.until_ns = until_ns
        self.since_ns = until_ns - days * DAY_NS
        self.weather = Weather(seed, self.since_ns, until_ns)
        self._calendars = {
            rhythm: Calendar(rhythm, self.since_ns, until_ns) for rhythm in {agent.rhythm for agent in AGENTS}
        }

    def __iter__(self) -> Iterator[tuple[Trace, list[Annotation]]]:
        """Yield the traces, session by session in the order in which these start, and what is said about each."""
        left = self.traces
        for visit in self._plan():
            for trace, annotations in self._play(visit):
                if left == 0:
                    return
                left -= 1
                yield trace, annotations

    def _plan(self) -> list[_Visit]:
        rng = Random(f"plan {self.seed}")
        weights = [agent.share / agent.mean_turns for agent in AGENTS]
        visits: list[_Visit] = []
        planned = 0
        while planned < self.traces:
            agent = rng.choices(AGENTS, weights)[0]
            turns = rng.choices(range(1, len(agent.turns) + 1), agent.turns)[0]
            visits.append(_Visit(len(visits), agent, turns, self._calendars[agent.rhythm].draw(rng)))
            planned += turns
        return sorted(visits, key=lambda visit: visit.start_ns)

    def _play(self, visit: _Visit) -> list[tuple[Trace, list[Annotation]]]:
        agent = visit.agent
        rng = Random(f"visit {self.seed} {visit.number}")
        models, weights = zip(*agent.models, strict=True)
        user = f"{agent.users[0]}-{int(agent.users[1] * rng.random() ** 2.2):04d}" if agent.users else None
        identity = self._digest(f"session {visit.number}", 6).hex()
        session = Session(
            f"{agent.name}-{identity}" if user else None, user, visit.turns, rng.choices(models, weights)[0]
        )
        environment = rng.choices(("production", "staging", "development"), (0.86, 0.1, 0.04))[0]
        played: list[Trace] = []
        now_ns = visit.start_ns
        for turn in range(visit.turns):
            session.turn = turn
            trace = self._trace(visit, rng, session, environment, now_ns)
            played.append(trace)
            now_ns = trace.end_ns + int(rng.uniform(15, 240) * SECOND_NS)
        late = played[-1].end_ns - self.until_ns
        if late > 0:
            for trace in played:
                trace.shift(-late)
        return [(trace, self._annotate(agent, rng, trace, trace is played[-1])) for trace in played]

    def _trace(self, visit: _Visit, rng: Random, session: Session, environment: str, start_ns: int) -> Trace:
        agent = visit.agent
        marks = self._marks(rng, session, start_ns)
        scene = Scene(rng, session, self.weather, start_ns, marks, agent.tools)
        details = {"region": rng.choice(_REGIONS), "plan": rng.choice(_PLANS), "turn": str(session.turn + 1)}
        attributes: dict[str, Value] = {"tag.tags": list(agent.tags), "metadata": encode(details)}
        scene.perform(f"invoke_agent {agent.name}", agent.name, agent.play, attributes)
        position = (start_ns - self.since_ns) / (self.until_ns - self.since_ns)
        ahead = environment != "production"
        release = agent.releases[min(int(position * len(agent.releases)) + ahead, len(agent.releases) - 1)]
        trace = Trace(
            trace_id=self._digest(f"trace {visit.number} {session.turn}", 16).hex(),
            agent=agent.name,
            service=agent.service,
            environment=environment,
            release=release,
            session_id=session.session_id,
            user_id=session.user_id,
            start_ns=start_ns,
            end_ns=scene.spans[0].end_ns,
            marks=marks,
            spans=scene.spans,
            output=scene.answer,
        )
        if agent is AGENTS[-1]:
            _flatten(trace, session, details)
        return trace

    def _marks(self, rng: Random, session: Session, at_ns: int) -> frozenset[str]:
        failures = max(
            self.weather.failures(session.model.provider, at_ns),
            self.weather.failures("tools", at_ns),
            _ERRORS_IN_FAIR_WEATHER,
        )
        fate = rng.random()
        fails = (
            {"timeout"} if fate < _SHARES["timeout"] else {"error"} if fate < _SHARES["timeout"] + failures else set()
        )
        return frozenset(fails | {mark for mark in ("pii", "injection") if rng.random() < _SHARES[mark]})

    def _annotate(self, agent: Agent, rng: Random, trace: Trace, is_last: bool) -> list[Annotation]:
        failed = bool(trace.marks & {"error", "timeout"})
        annotations = []
        if agent.users and rng.random() < _SHARES["feedback"] / _INTERACTIVE:
            rating = -1 if rng.random() < (0.85 if failed else 0.16) else 1
            feedback: dict[str, object] = {"trace_id": trace.trace_id, "rating": rating, "user_id": trace.user_id}
            feedback["comment"] = rng.choice(_COMMENTS[rating])
            annotations.append(Annotation("/api/v1/feedback", _without_none(feedback)))
        if rng.random() < _SHARES["score"]:
            judged = round(min(1.0, max(0.0, rng.gauss(0.35 if failed else 0.82, 0.12))), 2)
            score: dict[str, object] = {"name": "helpfulness", "value": judged, "source": "judge"}
            if not agent.users:
                score = {"name": "fields_valid", "value": not failed and rng.random() < 0.95, "source": "code"}
            annotations.append(Annotation("/api/v1/scores", {"trace_id": trace.trace_id, **score}))
        if is_last and agent.outcome and rng.random() < _OUTCOMES_OF_SESSIONS:
            name, least, most = agent.outcome
            success = not failed and rng.random() < 0.7
            outcome: dict[str, object] = {"session_id": trace.session_id, "name": name, "success": success}
            outcome["value_usd"] = round(rng.uniform(least, most), 2) if success else None
            annotations.append(Annotation("/api/v1/outcomes", _without_none(outcome)))
        return annotations

    def _digest(self, name: str, size: int) -> bytes:
        return blake2b(f"{self.seed} {self.until_ns} {name}".encode(), digest_size=size).digest()


def _without_none(body: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in body.items() if value is not None}


def _flatten(trace: Trace, session: Session, details: dict[str, str]) -> None:
    """Turn a trace into the one record that a program without instrumentation would send."""
    root, *_, call = trace.spans
    trace.trace_id = f"triage-{trace.trace_id[:20]}"
    trace.marks |= {"flat"}
    trace.spans = []
    status = "success" if root.failure is None else "timeout" if root.failure.kind == "timeout" else "error"
    trace.flat = _without_none(
        {
            "trace_id": trace.trace_id,
            "agent_id": trace.agent,
            "input": session.facts["input"],
            "output": trace.output or None,
            "latency_ms": (trace.end_ns - trace.start_ns) // 1_000_000,
            "status": status,
            "error": None if root.failure is None else root.failure.message,
            "model": session.model.requested,
            "model_provider": session.model.provider,
            "tokens_input": _tokens(call, "input"),
            "tokens_output": _tokens(call, "output"),
            "metadata": {**details, "queue": session.facts["queue"], "synthetic": "true"},
            "tags": ["triage", session.facts["priority"]],
            "environment": trace.environment,
            "release": trace.release,
        }
    )


def _tokens(call: Span, direction: str) -> Value | None:
    return call.attributes.get(f"gen_ai.usage.{direction}_tokens")
