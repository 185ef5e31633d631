"""A user with as many fresh workspaces as tests ask for."""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.harness.platform import Platform
from tests.pipeline.workspace import Workspace


@pytest.fixture(scope="module")
def owner(running_platform: Platform) -> Iterator[tuple[httpx.Client, str]]:
    with httpx.Client(base_url=running_platform.url("gateway"), timeout=30) as client:
        answer = client.post(
            "/api/v1/auth/register",
            json={
                "email": "replay@example.com",
                "password": "plain-but-long-enough",
                "full_name": "Replay",
                "workspace_name": "Replay",
            },
        )
        assert answer.status_code == 201, answer.text
        yield client, answer.json()["access_token"]


@pytest.fixture
def workspace(
    running_platform: Platform, owner: tuple[httpx.Client, str], request: pytest.FixtureRequest
) -> Iterator[Workspace]:
    workspace = Workspace(running_platform, *owner, re.sub(r"\W+", " ", request.node.name)[:60])
    yield workspace
    workspace.client.close()


@pytest.fixture
def other_workspace(running_platform: Platform, owner: tuple[httpx.Client, str]) -> Iterator[Workspace]:
    workspace = Workspace(running_platform, *owner, "Another")
    yield workspace
    workspace.client.close()
