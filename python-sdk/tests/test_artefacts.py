"""The built wheel in clean environments: installs, is typed, and its first trace arrives."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from stack import Workspace

_SDK = Path(__file__).parents[1]
_FIRST_TRACE = """
from agent_observability import AgentObservability

obs = AgentObservability()

@obs.trace()
def answer(question: str) -> str:
    return question

print(answer("Where is my order?"))
report = obs.flush(30)
assert report.stored == 1, report
"""
_TYPED = """
from collections.abc import AsyncIterator
from agent_observability import AgentObservability, DeliveryReport

obs = AgentObservability()

@obs.trace("double", kind="tool")
def double(number: int) -> int:
    return number * 2

@obs.trace
async def stream(parts: int) -> AsyncIterator[str]:
    yield str(parts)

async def main() -> DeliveryReport:
    reveal_type(double)
    reveal_type(stream)
    async with obs.trace_context(agent_id="a") as span:
        span.set_output(double(2))
    return obs.flush()
"""


def interpreter(version: str) -> str:
    """Return the path of an interpreter of this version, or skip the test, saying that there is none."""
    found = shutil.which(f"python{version}")
    candidates = [found] if found else []
    candidates += [str(path) for path in sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    for candidate in candidates:
        asked = subprocess.run(
            [candidate, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0 and asked.stdout.startswith(version):
            return candidate
    pytest.skip(f"there is no Python {version} on this machine")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source") / "python-sdk"
    shutil.copytree(_SDK, source, ignore=shutil.ignore_patterns(".venv", "build", "dist", "*.egg-info", ".*_cache"))
    subprocess.run([sys.executable, "-m", "build", "--outdir", target, source], check=True, capture_output=True)
    return target


def test_what_is_in_the_artefacts(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "agent_observability/py.typed" in names
    assert not [name for name in names if name.startswith(("tests", "examples"))]
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        assert any(name.endswith("/pyproject.toml") for name in archive.getnames())


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_clean_environment(built: Path, tmp_path: Path, workspace: Workspace, version: str) -> None:
    python = interpreter(version)
    home = tmp_path / "venv"
    subprocess.run([python, "-m", "venv", "--without-pip", home], check=True)
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True)
    environment = {
        "PATH": os.environ["PATH"],
        "AGENTOBS_API_KEY": workspace.key,
        "AGENTOBS_ENDPOINT": workspace.platform.gateway,
        "AGENTOBS_SPOOL_DIR": str(tmp_path / "spool"),
    }
    done = subprocess.run(
        [home / "bin" / "python", "-W", "error", "-c", _FIRST_TRACE],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "Where is my order?\n"), done.stderr
    said = subprocess.run(
        [home / "bin" / "agent-observability", "doctor"], env=environment, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert {trace["name"] for trace in workspace.traces()} == {"answer", "doctor"}


def test_types_reach_whoever_uses_it(built: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install", "--quiet"]
    subprocess.run([*pip, "--disable-pip-version-check", str(wheel)], check=True)
    (tmp_path / "typed.py").write_text(_TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", home / "bin" / "python", "typed.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert 'Revealed type is "def (number: int) -> int"' in done.stdout.replace("builtins.", "")
    assert "AsyncIterator[" in done.stdout
