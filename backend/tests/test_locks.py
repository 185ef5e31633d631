"""The locked packages are those that the project asks for: what only the tests install hides what users lack."""

import subprocess
import sys
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
