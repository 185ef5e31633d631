"""Programs that tests run as processes of their own, and kill."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def start(
    source: str, endpoint: str, key: str, spool_dir: Path, *arguments: str, **settings: str
) -> subprocess.Popen[str]:
    """Start a program that finds ``obs`` made; what it prints can be read line by line."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AGENTOBS_")},
        "AGENTOBS_ENDPOINT": endpoint,
        "AGENTOBS_API_KEY": key,
        "AGENTOBS_SPOOL_DIR": str(spool_dir),
        "PYTHONPATH": str(_ROOT),
        **settings,
    }
    prelude = "import sys, time, os\nfrom agent_observability import AgentObservability\nobs = AgentObservability()\n"
    return subprocess.Popen(
        [sys.executable, "-c", prelude + source, *arguments],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )


def run(source: str, endpoint: str, key: str, spool_dir: Path, *arguments: str, **settings: str) -> str:
    """Run such a program to its end and return what it printed.

    Raises:
        AssertionError: It failed.
        subprocess.TimeoutExpired: It hung.
    """
    process = start(source, endpoint, key, spool_dir, *arguments, **settings)
    try:
        output, _ = process.communicate(timeout=150)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    assert process.returncode == 0, output
    return output
