"""The facts of one log record: GenAI events in all their forms."""

from collections.abc import Mapping

from shared.ids import content_digest
from shared.normalisation.dialects.genai import read_evaluation
from shared.normalisation.dialects.genai_events import EVALUATION_EVENT, EXCEPTION_EVENT, event_name, read_logs
from shared.normalisation.errors import describe_error
from shared.normalisation.model import LogFacts
from shared.normalisation.precedence import PRECEDENCE, RESOURCE_PRECEDENCE, Fact
from shared.normalisation.preview import conversation_preview
from shared.normalisation.values import ERROR_LIMIT, ID_LIMIT, INT8_MAX, clean, mapping, text
from shared.otlp.source import SourceLog


def normalise_log(log: SourceLog) -> LogFacts:
    """Return the facts of a log record that belong to its span or trace; never raises, whatever it holds.

    Fields may be attributes or, with some senders, entries of the body, which itself may be JSON text.
    """
    name = event_name(log)
    fields: Mapping[str, object] = log.attributes
    body = mapping(log.body)
    if any(isinstance(key, str) and key.startswith(("gen_ai.", "exception.", "error.")) for key in body):
        fields = {**body, **log.attributes}
    facts = LogFacts(
        trace_id=log.trace_id,
        span_id=log.span_id,
        time_ns=min(log.time_ns, INT8_MAX),
        event_name=clean(name, ID_LIMIT),
        digest=content_digest(log.raw),
        agent_id=_first_text(fields, Fact.AGENT),
        session_id=_first_text(fields, Fact.SESSION) or _shared(log, Fact.SESSION),
        user_id=_first_text(fields, Fact.USER) or _shared(log, Fact.USER),
    )
    stated = _first_text(fields, Fact.ERROR_TYPE)
    if name == EXCEPTION_EVENT or stated:
        message = fields.get("exception.message", fields.get("error.message"))
        facts.error_type, facts.error_message = describe_error(stated, message, text(log.body, ERROR_LIMIT) or "", ())
    if name == EVALUATION_EVENT or "gen_ai.evaluation.name" in fields:
        score = read_evaluation(fields)
        facts.scores = [score] if score else []
    content = read_logs([log])
    facts.input_preview = conversation_preview(list(content.messages), "user")
    facts.output_preview = conversation_preview(list(content.output), "assistant")
    if name.endswith((".system.message", ".system_message")):
        # Instructions are no question; a list that shows them says nothing about the trace.
        facts.input_preview = None
    return facts


def _first_text(fields: Mapping[str, object], fact: Fact) -> str | None:
    for key in PRECEDENCE[fact]:
        found = text(fields.get(key))
        if found:
            return found
    return None


def _shared(log: SourceLog, fact: Fact) -> str | None:
    return next((found for key in RESOURCE_PRECEDENCE[fact] if (found := text(log.scope.resource.get(key)))), None)
