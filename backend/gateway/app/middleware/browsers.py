"""Which web pages may call the gateway."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

_ORIGIN = b"origin"


class BrowserOrigins(CORSMiddleware):
    """CORS for requests of browsers; senders of traces name no origin and pass by."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and any(name == _ORIGIN for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
        else:
            await self.app(scope, receive, send)
