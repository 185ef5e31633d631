"""WebSockets as the gateway speaks them: uvicorn's protocol with limits on what a client may cost."""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto import events

MAX_MESSAGE_BYTES = 4 * 1024
# What waits to be sent beyond what the system buffers; a client that lets more pile up does not read.
MAX_UNSENT_BYTES = 256 * 1024
# A client has this long to answer a closing frame, or to take it at all.
CLOSE_SECONDS = 5.0
PING_SECONDS = 20.0


class BoundedWebSocket(WSProtocol):
    """Ends connections of clients that do not read, also while something waits to be sent to them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._abort_timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        if self._abort_timer is not None:
            self._abort_timer.cancel()
            self._abort_timer = None
        super().connection_lost(exc)

    def handle_ping(self, event: events.Ping) -> None:
        """Answer, unless the answers to earlier ones were never fetched."""
        if self.transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.transport.abort()
            return
        super().handle_ping(event)

    def keepalive_timeout(self) -> None:
        """Say that the client is gone, and do not wait for it to hear that."""
        super().keepalive_timeout()
        self._abort_soon()

    def shutdown(self) -> None:
        """Close with 1012."""
        super().shutdown()
        self._abort_soon()

    async def send(self, message: Any) -> None:
        """Send a message; a closing frame does not wait until the client has read what came before it."""
        if message["type"] == "websocket.close":
            self.writable.set()
            self._abort_soon()
        await super().send(message)

    def _abort_soon(self) -> None:
        # Closing a transport waits until everything was sent, which a client that does not read would delay for ever.
        if self._abort_timer is None and not self.disconnected:
            self._abort_timer = self.loop.call_later(CLOSE_SECONDS, self.transport.abort)


# Compression would cost the server a window of memory for each client.
WEBSOCKET_OPTIONS: dict[str, Any] = {
    "ws": BoundedWebSocket,
    "ws_max_size": MAX_MESSAGE_BYTES,
    "ws_ping_interval": PING_SECONDS,
    "ws_ping_timeout": PING_SECONDS,
    "ws_per_message_deflate": False,
}
