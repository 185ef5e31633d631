"""The gateway: the platform's public door."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware import Middleware

from gateway.app.attempts import LoginAttempts
from gateway.app.config import Settings
from gateway.app.consumer import EventFeed
from gateway.app.dependencies import Gateway, Live
from gateway.app.limits import RequestLimits
from gateway.app.live.hub import Hub
from gateway.app.live.watch import Watch
from gateway.app.mail import Mailer
from gateway.app.middleware.authentication import GatewayAuthenticator, LinkVerifier, SessionVerifier
from gateway.app.middleware.browsers import BrowserOrigins
from gateway.app.middleware.door import Door
from gateway.app.passwords import PasswordHasher
from gateway.app.proxy import Proxy
from gateway.app.publisher import JobDesk
from gateway.app.queries import sessions
from gateway.app.routes import api_keys, auth, jobs, live, team, workspaces
from gateway.app.tickets import Tickets
from gateway.app.tokens import AccessTokens, OpaqueTokens
from shared.auth.epoch import RevocationEpoch
from shared.auth.internal import InternalTokenIssuer
from shared.auth.keys import KeyVerifier
from shared.auth.links import SignedLinks
from shared.database import create_pool, is_dependency_error, observe_pool, ping
from shared.http.address import ClientAddress
from shared.http.application import create_service_app
from shared.http.idempotency import Idempotency
from shared.logging import get_logger
from shared.ratelimit import RateLimiter
from shared.redis import RedisBatcher, connect

# The door bounds every body, since OTLP wants errors in its own form.
_NO_COMMON_BODY_LIMIT = 2**62
# Every request asks the cache and can do without it.
_CACHE_SECONDS = 1.0
_KEY_USAGE_SECONDS = 60.0
_CLEANING_SECONDS = 3600.0
_CANCEL_SECONDS = 1.0
# Of all addresses, not only of the gateway's own; ``python -m contract`` writes it.
_DOCUMENT = Path(__file__).parent / "data" / "openapi.json"
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_ALLOWED_HEADERS = [
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Range",
    "Range",
    "X-API-Key",
    "X-Request-ID",
]
_EXPOSED_HEADERS = [
    "Content-Disposition",
    "Content-Range",
    "Retry-After",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Receipt-ID",
    "X-Request-ID",
]

logger = get_logger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """Return the gateway's application."""
    app = create_service_app(
        "gateway",
        settings,
        start=_start,
        title="Agent Observability Platform",
        max_body_bytes=_NO_COMMON_BODY_LIMIT,
        metrics_need_token=True,
        document=_DOCUMENT,
        middleware=[
            Middleware(
                BrowserOrigins,
                allow_origins=settings.browser_origins,
                allow_methods=_METHODS,
                allow_headers=_ALLOWED_HEADERS,
                expose_headers=_EXPOSED_HEADERS,
                max_age=600,
            ),
            Middleware(Door, settings=settings),
        ],
    )
    for module in (auth, api_keys, workspaces, team, jobs, live):
        app.include_router(module.router)
    return app


async def _start(app: FastAPI, stack: AsyncExitStack) -> None:
    settings: Settings = app.state.settings
    secret = settings.jwt_secret.get_secret_value()
    pool = await create_pool(settings.postgres_url, service="gateway", size=settings.database_pool_size)
    stack.push_async_callback(pool.close)
    cache = connect(settings.cache_url, command_seconds=_CACHE_SECONDS)
    queue = connect(settings.redis_url)
    stack.push_async_callback(cache.aclose)
    stack.push_async_callback(queue.aclose)
    batcher = RedisBatcher(cache, outage_seconds=_CACHE_SECONDS)
    epoch, limiter = RevocationEpoch(batcher), RateLimiter(batcher)
    addresses = ClientAddress(settings.trusted_proxies)
    access_tokens = AccessTokens(secret, settings.access_token_minutes)
    keys = KeyVerifier(pool, settings.api_key_salt.get_secret_value(), epoch, "gateway")
    proxy = Proxy(settings.upstreams, timeout_seconds=settings.upstream_timeout_seconds)
    stack.push_async_callback(proxy.close)
    passwords = PasswordHasher(settings.password_cost, settings.password_threads)
    stack.callback(passwords.close)
    mailer = Mailer(settings)
    stack.push_async_callback(mailer.close)
    internal_secret = settings.internal_token_secret.get_secret_value()
    verifier = SessionVerifier(pool, access_tokens, epoch)
    links = LinkVerifier(pool, SignedLinks(internal_secret), keys, verifier)
    authenticator = GatewayAuthenticator(keys, verifier, links, limiter, RequestLimits(settings), addresses)
    hub = Hub(
        per_process=settings.live_sockets_per_process,
        per_workspace=settings.live_sockets_per_workspace,
        per_credential=settings.live_sockets_per_credential,
    )
    feed = EventFeed(queue, hub)
    hub.attach(feed)
    gateway = Gateway(
        settings=settings,
        pool=pool,
        epoch=epoch,
        authenticator=authenticator,
        attempts=LoginAttempts(limiter, settings),
        access_tokens=access_tokens,
        opaque_tokens=OpaqueTokens(secret),
        internal_tokens=InternalTokenIssuer(internal_secret),
        passwords=passwords,
        mailer=mailer,
        proxy=proxy,
        addresses=addresses,
        idempotency=Idempotency(queue, secret, request_seconds=settings.request_timeout_seconds),
        jobs=JobDesk(pool, queue),
        live=Live(Tickets(batcher), hub, Watch(hub, epoch, authenticator.recheck)),
    )
    app.state.before_close.append(partial(live.close_all, gateway))
    app.state.gateway, app.state.authenticator = gateway, gateway.authenticator
    app.state.checks = {"postgres": partial(ping, pool), "redis": queue.ping, "redis_cache": cache.ping} | {
        name: partial(proxy.check, name) for name in settings.upstreams
    }

    async def write_usage() -> None:
        observe_pool(pool, "gateway", "metadata")
        await gateway.authenticator.write_key_usage()

    stack.push_async_callback(gateway.authenticator.write_key_usage)
    stack.push_async_callback(_finish, gateway)
    for work, seconds in (
        (write_usage, _KEY_USAGE_SECONDS),
        (partial(sessions.delete_expired, pool), _CLEANING_SECONDS),
    ):
        gateway.spawn(_repeat(work, seconds))
    gateway.spawn(passwords.prepare())
    gateway.spawn(feed.run())
    gateway.spawn(gateway.live.watch.run())


async def _repeat(work: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception as error:
            if not is_dependency_error(error):
                logger.exception("housekeeping_failed")


async def _finish(gateway: Gateway) -> None:
    pending = set(gateway.tasks)
    while pending:
        for task in pending:
            task.cancel()
        # A client library may take a cancellation for a time-out of its own and go on.
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_SECONDS)
