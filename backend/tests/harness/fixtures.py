"""Fixtures that start the platform as separate processes."""

import asyncio
from collections.abc import Iterator

import pytest

from shared.testing.databases import server_folder
from tests.harness.platform import SERVICES, Platform


@pytest.fixture(scope="module")
def running_platform() -> Iterator[Platform]:
    """Yield a platform whose services are all ready."""
    with server_folder() as folder:
        platform = Platform(folder)
        try:
            asyncio.run(platform.set_up())
            platform.start()
            platform.bystander, _ = platform.register("bystander")
            yield platform
        finally:
            platform.tear_down()


@pytest.fixture
def platform(running_platform: Platform) -> Platform:
    """Return the platform with everything running that an earlier scenario left stopped."""
    for store in (running_platform.postgres, running_platform.valkey, running_platform.cache):
        if store.process is None or store.process.poll() is not None:
            store.start()
    stopped = [name for name in SERVICES if name not in running_platform.processes]
    if stopped:
        running_platform.start(*stopped)
    return running_platform
