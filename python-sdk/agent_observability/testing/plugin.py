"""The pytest plugin, which this package registers."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from agent_observability.client import AgentObservability
    from agent_observability.testing import Recording


@pytest.fixture
def agentobs_record() -> "Iterator[Callable[[AgentObservability], Recording]]":
    """Return a function that records what a client traces until the test ends."""
    # Loaded here, so that test runs that do not use it do not pay for it.
    from agent_observability.testing import record

    with ExitStack() as stack:
        yield lambda obs: stack.enter_context(record(obs))
