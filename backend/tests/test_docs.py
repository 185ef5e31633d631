"""Documents lead where they say, and what they name exists."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from fastapi.routing import iter_route_contexts

from gateway.app.config import Settings
from gateway.app.main import create_app
from gateway.app.routing import RoutingTable
from launcher.environment import documented_settings
from shared.serve import SERVICES

BACKEND = Path(__file__).parents[1]
PROJECT = BACKEND.parent
DECISIONS = PROJECT / "docs" / "decisions"
PAGES = sorted(
    [
        *PROJECT.glob("*.md"),
        *(PROJECT / "docs").rglob("*.md"),
        *(PROJECT / "bench").glob("*.md"),
        *BACKEND.glob("*/README.md"),
        PROJECT / "frontend" / "README.md",
        PROJECT / "python-sdk" / "README.md",
    ]
)
# The list of departures names what was planned, too.
CURRENT = [page for page in PAGES if page.name != "plan-deviations.md"]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
ADDRESS = re.compile(r"/(?:api/v1|v1)/[A-Za-z0-9_{}$/-]+")
SETTING = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`")
# Variables of OpenTelemetry, and of those from whose SDKs users come.
OTHERS = ("OTEL_", "LANGFUSE_", "LANGSMITH_", "E2E_")
# Variables of Compose, of the Dockerfiles, of other images and of what runs the dashboard.
OTHER_NAMES = {
    "BASE_IMAGE",
    "NODE_IMAGE",
    "PUBLISH_ADDRESS",
    "POSTGRES_PASSWORD_FILE",
    "GATEWAY_URL",
    "NODE_OPTIONS",
    "NODE_EXTRA_CA_CERTS",
}


def _name(page: Path) -> str:
    return str(page.relative_to(PROJECT))


def _anchors(page: Path) -> set[str]:
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(page.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_point_at_what_exists(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text()):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        inside = target.is_relative_to(PROJECT)
        if not inside or not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_decision_is_in_the_index() -> None:
    listed = LINK.findall((DECISIONS / "README.md").read_text())
    assert sorted(listed) == sorted(page.name for page in DECISIONS.glob("*.md") if page.name != "README.md")


def test_every_service_is_in_the_readme() -> None:
    listed = {(PROJECT / link).resolve() for link in LINK.findall((PROJECT / "README.md").read_text())}
    assert {page for page in BACKEND.glob("*/README.md") if (page.parent / "app").is_dir()} <= listed


def test_tests_that_hold_the_guarantees_exist() -> None:
    named = set(re.findall(r"test_[FS]\d\d", (PROJECT / "docs" / "guarantees.md").read_text()))
    assert named
    tests = "".join(path.read_text() for path in BACKEND.rglob("test_*.py") if "node_modules" not in path.parts)
    missing = sorted(name for name in named if f"def {name}_" not in tests)
    assert missing == []


def _settings_of_sdks() -> set[str]:
    """Return the variables in the SDK's table of settings, which its own tests compare with the code."""
    rows = re.findall(
        r"^\| `\w+` \| `(AGENTOBS_\w+)` \|", (PROJECT / "python-sdk" / "README.md").read_text(), re.MULTILINE
    )
    assert rows
    return set(rows)


@pytest.mark.parametrize("page", CURRENT, ids=_name)
def test_settings_that_are_named_exist(page: Path) -> None:
    known = set(documented_settings(PROJECT / ".env.example")) | OTHER_NAMES | _settings_of_sdks()
    named = {name for name in SETTING.findall(page.read_text()) if not name.startswith(OTHERS)}
    assert named <= known


@pytest.mark.parametrize("page", CURRENT, ids=_name)
def test_addresses_that_are_named_are_served(page: Path) -> None:
    settings = Settings(
        timescale_url="postgresql://127.0.0.1:1/traces",
        postgres_url="postgresql://127.0.0.1:1/metadata",
        redis_url="redis://127.0.0.1:1/0",
        jwt_secret="0b1c2d3e4f5a69788796a5b4c3d2e1f0",
        api_key_salt="7d3f9a1c5e2b8046d1c3b5a79f8e6d4c",
        internal_token_secret="f2c8e0a9471b5d36c1a87e4490db63f5",
    )
    served = {target.path for target in RoutingTable().targets}
    served |= {str(context.path) for context in iter_route_contexts(create_app(settings).routes)}
    shapes = {re.sub(r"\{[^}]*\}", "{}", path) for path in served}
    # Paths with something filled in, such as /traces/order-7, fit a template.
    patterns = [re.compile(re.escape(shape).replace(r"\{\}", "[^/]+") + r"\Z") for shape in shapes]
    named = {address.rstrip("/") for address in ADDRESS.findall(page.read_text())}
    unknown = sorted(address for address in named if not any(pattern.match(address) for pattern in patterns))
    assert unknown == []


def test_metrics_to_watch_exist() -> None:
    section = (PROJECT / "docs" / "operations.md").read_text().split("## Metrics")[1].split("\n## ")[0]
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)", section))
    code = "".join(path.read_text() for folder in ("shared", *SERVICES) for path in (BACKEND / folder).rglob("*.py"))
    assert named
    assert {name for name in named if f'"{name}"' not in code and not name.startswith("process_")} == set()


def test_no_page_names_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(?:work|root|home|Users)/|\.\./shared", page.read_text()), page
