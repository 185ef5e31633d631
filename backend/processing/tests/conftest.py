from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from launcher.postgres import EmbeddedPostgres
from launcher.valkey import EmbeddedValkey
from processing.tests.support import Bench, open_bench, settings_for
from shared.testing.databases import TRACES_TEMPLATE


@pytest.fixture
async def bench(traces_url: str, metadata_url: str, redis_url: str) -> AsyncIterator[Bench]:
    async with open_bench(settings_for(traces_url, metadata_url, redis_url)) as opened:
        yield opened


@pytest.fixture
def tcp_urls(
    traces_url: str, redis_url: str, postgres_server: EmbeddedPostgres, valkey_server: EmbeddedValkey
) -> dict[str, str]:
    """Return the addresses of the same servers by TCP, where a proxy can stand in between."""
    database = urlsplit(traces_url).path
    traces = urlsplit(postgres_server.dsn(TRACES_TEMPLATE, tcp=True))
    return {
        "timescale_url": urlunsplit(traces._replace(path=database)),
        "redis_url": valkey_server.url(tcp=True),
    }
