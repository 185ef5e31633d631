"""Structured logs: one event a line, with the request id, without secrets."""

import logging
import logging.handlers
import re
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import orjson
import structlog

from shared.settings import ServiceSettings

ROTATED_BYTES = 10 * 1024 * 1024
ROTATED_FILES = 5

_SECRET_FIELDS = re.compile(r"(?i)(password|secret|token|authorization|api_?key|cookie|salt|credential)")
_PUBLIC_FIELDS = frozenset({"key_id", "token_type", "tokens_input", "tokens_output", "tokens_total"})
_SECRET_VALUES = re.compile(
    r"ao_live_[A-Za-z0-9]{4,}"
    r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"
    r"|(?i:bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"
    r"|(?i:(?<=signature=)[A-Za-z0-9%_-]+)"
    r"|(?<=://)[^/\s:@]*:[^@\s/]+(?=@)"
    r"|\b(?:\d[ -]?){13,19}\b"
    r"|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
REDACTED = "[redacted]"


def redact_text(text: str) -> str:
    """Return the text with keys, tokens, passwords in URLs, card numbers and mail addresses replaced."""
    return _SECRET_VALUES.sub(REDACTED, text)


def redact(value: Any, depth: int = 0) -> Any:
    """Return a copy of a JSON-like value without secrets, judged by field name and by pattern."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode("utf-8", "replace"))
    if depth > 8:
        return "…"
    if isinstance(value, dict):
        return {
            key: REDACTED
            if isinstance(key, str) and key not in _PUBLIC_FIELDS and _SECRET_FIELDS.search(key) and item is not None
            else redact(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [redact(item, depth + 1) for item in value]
    return value


def _redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return redact(dict(event))  # type: ignore[no-any-return]


def _escape_controls(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str) and key not in ("exception",):
            event[key] = _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", value.replace("\n", "\\n"))
    return event


def _dump_json(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure_logging(settings: ServiceSettings, service: str) -> None:
    """Send all logs of the process, those of libraries included, through one redacting formatter."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _redact_event,
        _escape_controls,
    ]
    renderer: Any = (
        structlog.processors.JSONRenderer(serializer=_dump_json)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler: logging.Handler
    if settings.log_dir:
        folder = Path(settings.log_dir)
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            folder / f"{service}.log", maxBytes=ROTATED_BYTES, backupCount=ROTATED_FILES, encoding="utf-8"
        )
    else:
        handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for noisy in ("uvicorn.access", "httpx", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger whose events carry fields rather than formatted text."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
