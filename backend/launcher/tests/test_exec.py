import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from launcher import exec as wrapper
from launcher.tests.helpers import eventually

SLEEP = [sys.executable, "-c", "print('started', flush=True); import time; time.sleep(60)"]


def test_lock_lives_as_long_as_the_process(folder: Path) -> None:
    lock = folder / "lock"
    assert wrapper.lock_holder(lock) is None
    first = subprocess.Popen(wrapper.command_line(SLEEP, lock=lock), stdout=subprocess.PIPE)
    try:
        assert first.stdout is not None
        first.stdout.readline()
        assert wrapper.lock_holder(lock) == first.pid
        refused = subprocess.run(
            wrapper.command_line(["/bin/true"], lock=lock), capture_output=True, text=True, check=False
        )
        assert refused.returncode == 75
        assert f"held by process {first.pid}" in refused.stderr
        waiting = subprocess.Popen(wrapper.command_line(["/bin/true"], lock=lock, lock_wait=60))
    finally:
        first.kill()
        first.communicate()
    assert waiting.wait() == 0
    assert wrapper.lock_holder(lock) is None


def test_process_ends_with_its_parent() -> None:
    command = wrapper.command_line(SLEEP, death_signal="KILL")
    program = (
        "import os, subprocess\n"
        f"child = subprocess.Popen({command!r}, stdout=subprocess.PIPE)\n"
        "child.stdout.readline(); print(child.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    result = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=False)
    assert result.returncode == -signal.SIGKILL
    child = int(result.stdout)
    eventually(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_nothing_starts_under_another_parent_than_expected() -> None:
    command = wrapper.command_line(["/bin/true"], death_signal="KILL", parent=os.getppid())
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "the parent process has ended" in result.stderr


def test_supervisor_announces_itself_to_its_children() -> None:
    show = [sys.executable, "-c", f"import os; print(os.environ['{wrapper.SUPERVISOR_PID}'] == str(os.getpid()))"]
    result = subprocess.run(wrapper.command_line(show, supervisor=True), capture_output=True, text=True, check=True)
    assert result.stdout == "True\n"


def test_signal_passes_through_to_the_command() -> None:
    process = subprocess.Popen(wrapper.command_line(SLEEP), stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    process.communicate()
    assert process.returncode == -signal.SIGTERM


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to drop to another account")
def test_dropped_account_reads_an_opened_folder_only(folder: Path) -> None:
    inside = folder / "inside"
    inside.mkdir(mode=0o755)
    (inside / "file").write_text("content")
    command = wrapper.command_line(["/bin/cat", "{dir1}/file"], account="nobody", directories=[inside])
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "content"
    direct = wrapper.command_line(["/bin/cat", str(inside / "file")], account="nobody")
    assert subprocess.run(direct, capture_output=True, check=False).returncode != 0
