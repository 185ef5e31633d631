"""What failed: the fallback chain from error attributes over exception events to the status message."""

import re
from collections.abc import Sequence

from shared.normalisation.values import ERROR_LIMIT, ID_LIMIT, clean, text
from shared.otlp.source import SourceEvent

# Types that say nothing, used by senders that bury the real one in the message.
_EMPTY_TYPES = frozenset({"exception", "error", "baseexception", "_other", "builtins.exception"})
_TYPE_IN_TEXT = re.compile(
    r"^([A-Za-z_][\w.]{2,120}?(?:Error|Exception|Timeout|Interrupt|Warning|Exit|Failure))\s*[:(]"
)
_QUOTED = re.compile(r"""^[\w.]+\(\s*(['"])(.*?)\1""", re.DOTALL)
_TRACEBACK = "Traceback (most recent call last)"
_TIMEOUTS = ("timeout", "timedout", "timed_out", "deadline_exceeded", "deadlineexceeded")


def describe_error(
    error_type: str | None, message: object, status_message: str, events: Sequence[SourceEvent]
) -> tuple[str | None, str | None]:
    """Return the type and the message of a failure.

    Args:
        error_type: The type stated in an attribute, if any.
        message: The message stated in an attribute, if any.
        status_message: The message of the span's status.
        events: Events of the span; the last ``exception`` among them counts.
    """
    said = text(message, ERROR_LIMIT)
    for event in reversed(events):
        if event.name == "exception":
            error_type = error_type or text(event.attributes.get("exception.type"))
            said = text(event.attributes.get("exception.message"), ERROR_LIMIT) or said
            break
    raw = said or status_message
    if error_type is None or error_type.lower() in _EMPTY_TYPES:
        found = _TYPE_IN_TEXT.match(raw[:256])
        error_type = found.group(1) if found else error_type
    shown = raw.split(_TRACEBACK, 1)[0].strip() if raw else ""
    quoted = _QUOTED.match(shown)
    if quoted and error_type and shown.startswith(error_type.rsplit(".", 1)[-1]):
        shown = quoted.group(2)
    return error_type, clean(shown, ERROR_LIMIT) or None


def is_timeout(error_type: str | None) -> bool:
    """Return whether an error's type says that time ran out, such as ``APITimeoutError`` or ``DEADLINE_EXCEEDED``."""
    if not error_type:
        return False
    lowered = error_type[:ID_LIMIT].lower()
    return lowered in ("408", "504") or any(word in lowered for word in _TIMEOUTS)
