"""The locked packages are those that the project asks for: what only the tests install hides what users lack."""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BACKEND = Path(__file__).resolve().parents[1]


def _locked(name: str) -> dict[str, str]:
    lines = (BACKEND / name).read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return {canonicalize_name(found.name): str(found.specifier).removeprefix("==") for found in requirements}


def _asked() -> tuple[list[Requirement], list[Requirement]]:
    project = tomllib.loads((BACKEND / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]["dev"]
    return [Requirement(line) for line in project["dependencies"]], [Requirement(line) for line in extra]


def test_each_lock_holds_what_the_project_asks_for() -> None:
    needed, for_tests = _asked()
    for lock, asked in (("requirements.lock", needed), ("requirements-dev.lock", [*needed, *for_tests])):
        locked = _locked(lock)
        missing = [str(item) for item in asked if canonicalize_name(item.name) not in locked]
        assert missing == [], f"{lock} has no {missing}"
        unfit = [str(item) for item in asked if not item.specifier.contains(locked[canonicalize_name(item.name)])]
        assert unfit == [], f"{lock} has other versions of {unfit}"


def test_the_tests_run_on_the_versions_that_users_get() -> None:
    used, tested = _locked("requirements.lock"), _locked("requirements-dev.lock")
    assert {name: tested.get(name) for name in used} == used
