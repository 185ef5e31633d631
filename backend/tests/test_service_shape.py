"""Every service has the same shape, and each kind of code has its one place."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.serve import SERVICES

BACKEND = Path(__file__).parents[1]
PROJECT = BACKEND.parent
MAX_LINES = 400
README_MAX_LINES = 40
README_HEADINGS = ("In", "Out", "Owns", "Fails how")

# Which modules of a service may import a library, by the first part of their path below app/.
LIBRARY_PLACES = {
    "asyncpg": {"queries"},
    "redis": {"consumer", "publisher", "main", "admission", "cache"},
    "fastapi": {"main", "dependencies", "routes", "middleware", "proxy"},
    "starlette": {"main", "dependencies", "routes", "middleware", "proxy"},
    "aiohttp": {"proxy"},
    "grpc": {"otlp_grpc"},
}


def _modules(service: str) -> list[Path]:
    return sorted((BACKEND / service / "app").rglob("*.py"))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("service", SERVICES)
def test_service_has_the_files_every_service_has(service: str) -> None:
    app = BACKEND / service / "app"
    assert (app / "main.py").is_file()
    assert (app / "config.py").is_file()
    assert (app / "routes.py").is_file() or (app / "routes").is_dir()
    assert (BACKEND / service / "tests").is_dir()
    assert "def create_app(" in (app / "main.py").read_text()


@pytest.mark.parametrize("service", SERVICES)
def test_readme_says_in_out_owns_and_fails_how(service: str) -> None:
    lines = (BACKEND / service / "README.md").read_text().splitlines()
    assert len(lines) <= README_MAX_LINES
    headings = [line.lstrip("# ") for line in lines if line.startswith("##")]
    assert [heading for heading in headings if heading in README_HEADINGS] == list(README_HEADINGS)


@pytest.mark.parametrize("service", SERVICES)
def test_libraries_are_imported_only_where_they_belong(service: str) -> None:
    misplaced = [
        f"{path.relative_to(BACKEND)} imports {name}"
        for path in _modules(service)
        for name in _imports(path)
        if name.split(".")[0] in LIBRARY_PLACES
        and path.relative_to(BACKEND / service / "app").parts[0].removesuffix(".py")
        not in LIBRARY_PLACES[name.split(".")[0]]
    ]
    assert misplaced == []


def test_no_file_outgrows_its_folder() -> None:
    long = [
        f"{path.relative_to(PROJECT)} {count}"
        for folder in (BACKEND, PROJECT / "bench")
        for path in folder.rglob("*.py")
        if "node_modules" not in path.parts and (count := len(path.read_text().splitlines())) > MAX_LINES
    ]
    assert long == []


def test_queries_name_the_workspace() -> None:
    """Every statement of a service on a table that belongs to workspaces mentions the workspace."""
    shared_tables = {"outbox", "price_versions", "schema_migrations"}
    missing = [
        f"{path.relative_to(BACKEND)}:{node.lineno}"
        for service in ("processing", "query")
        for path in _modules(service)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and _touches_workspace_table(node.value, shared_tables)
        and "workspace" not in node.value
    ]
    assert missing == []


def _touches_workspace_table(text: str, shared_tables: set[str]) -> bool:
    # Statements begin in lower case, docstrings do not.
    words = text.split()
    if not words or words[0] not in ("select", "insert", "update", "delete", "with"):
        return False
    tables = {"spans", "traces", "span_payloads", "span_logs", "scores", "feedback", "outcomes", "dead_letters"}
    return bool(tables & (set(words) - shared_tables))
