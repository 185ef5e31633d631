from collections.abc import AsyncIterator

import pytest

from processing.tests.support import Bench, open_bench, settings_for


@pytest.fixture
async def bench(traces_url: str, metadata_url: str, redis_url: str) -> AsyncIterator[Bench]:
    async with open_bench(settings_for(traces_url, metadata_url, redis_url)) as opened:
        yield opened
