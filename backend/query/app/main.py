"""The query service: reads what processing stored, for the workspace of the caller."""

from contextlib import AsyncExitStack

from fastapi import FastAPI

from query.app.cache import ResultCache
from query.app.config import Settings
from query.app.routes import ROUTERS
from shared.auth.internal import InternalTokenVerifier
from shared.auth.links import SignedLinks
from shared.database import create_pool, ping
from shared.exports import open_storage
from shared.http.application import create_service_app
from shared.http.guard import InternalAuthenticator
from shared.redis import RedisBatcher, connect

SERVICE = "query"

# For what is changed, while a replica is read.
_WRITER_CONNECTIONS = 2
# Every answer can do without the cache.
_CACHE_SECONDS = 1.0
# Plans made for the values at hand leave out the days outside the asked range; compiling costs more than it gains here.
# What is asked most lies in memory, so that a page found by an index costs little more than the next one.
# Several people ask at a time, and half of a sum over users goes twice through sorting when two processes share it.
# Histograms of a month by model and time are sums of some hundred thousand bins, which are not to be sorted on disk.
_SERVER_SETTINGS = {
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",
    "work_mem": "32MB",
}


def create_app(settings: Settings) -> FastAPI:
    """Return the application of the service."""

    async def start(app: FastAPI, stack: AsyncExitStack) -> None:
        pool = await create_pool(
            settings.timescale_read_url or settings.timescale_url,
            service=SERVICE,
            size=settings.database_pool_size,
            server_settings=_SERVER_SETTINGS,
        )
        stack.push_async_callback(pool.close)
        primary = pool
        if settings.timescale_read_url not in (None, settings.timescale_url):
            primary = await create_pool(settings.timescale_url, service=SERVICE, size=_WRITER_CONNECTIONS)
            stack.push_async_callback(primary.close)
        metadata = await create_pool(settings.postgres_url, service=SERVICE, size=settings.database_pool_size)
        stack.push_async_callback(metadata.close)
        cache_client = connect(settings.cache_url, command_seconds=_CACHE_SECONDS)
        stack.push_async_callback(cache_client.aclose)
        queue_client = connect(settings.redis_url)
        stack.push_async_callback(queue_client.aclose)
        app.state.pool = pool
        app.state.primary = primary
        app.state.queue_client = queue_client
        app.state.metadata = metadata
        app.state.cache = ResultCache(
            RedisBatcher(cache_client, outage_seconds=_CACHE_SECONDS) if settings.query_cache == "on" else None
        )
        app.state.exports = open_storage(settings)
        app.state.links = SignedLinks(settings.internal_token_secret.get_secret_value())
        app.state.checks = {"traces_database": lambda: ping(pool)}
        app.state.authenticator = InternalAuthenticator(
            InternalTokenVerifier(settings.internal_token_secret.get_secret_value(), SERVICE)
        )

    app = create_service_app(SERVICE, settings, start=start, title="Agent Observability Platform: query")
    for router in ROUTERS:
        app.include_router(router)
    return app
