"""The locked packages are those that the project asks for: what only the tests install hides what users lack."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BACKEND = Path(__file__).resolve().parents[1]
NODE_FOLDERS = (BACKEND.parent / "frontend", BACKEND / "tests" / "timescale")


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


_IMPORT_ALL = """
import sys
from importlib import import_module
from importlib.metadata import packages_distributions

allowed = set(sys.argv[1].split(","))
top = packages_distributions()


class Absent:
    def find_spec(self, name, path=None, target=None):
        owners = {owner.lower().replace("_", "-").replace(".", "-") for owner in top.get(name.partition(".")[0], ())}
        if owners and not owners & allowed:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


sys.meta_path.insert(0, Absent())
for module in sys.argv[2].split(","):
    import_module(module)
"""
# What processes start with, and what they load when they begin to work.
_STARTED = (
    "launcher.__main__", "shared.serve", "shared.jobs.worker", "shared.jobs.celery_app", "kombu.transport.redis",
    "gateway.app.main", "ingestion.app.main", "processing.app.main", "processing.app.worker", "query.app.main",
    "query.app.worker", "pyarrow.parquet", "db.migrate.__main__", "db.generate.__main__",
)  # fmt: skip


def test_every_process_starts_with_the_packages_that_users_get() -> None:
    allowed = ",".join(_locked("requirements.lock"))
    found = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL, allowed, ",".join(_STARTED)],
        cwd=BACKEND,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr


def _node_lock(folder: Path) -> dict[str, dict[str, Any]]:
    packages: dict[str, dict[str, Any]] = json.loads((folder / "package-lock.json").read_text())["packages"]
    return packages


def _is_locked(name: str, wanted_by: str, packages: dict[str, dict[str, Any]]) -> bool:
    """Return whether a package finds another beside itself or in a folder around it, as Node looks for it."""
    folder = wanted_by
    while True:
        if f"{folder}/node_modules/{name}".lstrip("/") in packages:
            return True
        if not folder:
            return False
        folder = folder.rpartition("node_modules/")[0].rstrip("/")


@pytest.mark.parametrize("folder", NODE_FOLDERS, ids=lambda folder: folder.name)
def test_a_lock_of_node_names_no_registry_and_can_be_verified(folder: Path) -> None:
    packages = _node_lock(folder)
    own = packages.pop("")
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if not str(entry.get("integrity", "")).startswith("sha512-")] == []
    project = json.loads((folder / "package.json").read_text())
    for kind in ("dependencies", "devDependencies"):
        assert own.get(kind) == project.get(kind)


@pytest.mark.parametrize("folder", NODE_FOLDERS, ids=lambda folder: folder.name)
def test_a_lock_of_node_holds_the_packages_of_every_platform(folder: Path) -> None:
    # npm leaves out, without a word, what its registry does not serve; installing then fails on those platforms.
    packages = _node_lock(folder)
    missing = [
        f"{name} of {path}"
        for path, entry in packages.items()
        for name in entry.get("optionalDependencies", ())
        if not _is_locked(name, path, packages)
    ]
    assert missing == []
