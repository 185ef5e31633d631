"""Kombu's Redis transport, for which a message that is none is no reason to end."""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

from shared.logging import get_logger

logger = get_logger(__name__)


class Channel(redis.Channel):
    """Refuses messages that cannot be read, of which Kombu would end the worker."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            # It is off the list; a job that it may have meant is found in the database.
            logger.error("message_refused", error=type(error).__name__)
            return True


class Transport(redis.Transport):
    """The transport with these channels."""

    Channel = Channel


def use_transport() -> None:
    """Have connections of this process to ``redis`` made by this transport."""
    TRANSPORT_ALIASES["redis"] = f"{__name__}:{Transport.__name__}"
