"""A data disk without space, on a small file system of its own where that can be mounted."""

import asyncio
import errno
import random
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.testing.databases import server_folder
from tests.harness.platform import Platform
from tests.harness.traffic import Ledger, LedgerClient, make_spans
from tests.harness.verdict import check_verdict

# Waiting for recovery may take minutes on a busy machine.
pytestmark = pytest.mark.timeout(300)

_DISK_MEGABYTES = 200


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Yield a folder with little space, or skip with the reason why there is none."""
    folder = Path(tempfile.mkdtemp(prefix="agentobs-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_MEGABYTES}m,mode=755", "tmpfs", str(folder)]
    try:
        mount = subprocess.run(command, capture_output=True, text=True, check=False)
        reason = mount.stderr.strip() if mount.returncode else ""
    except OSError as error:
        reason = str(error)
    if reason:
        folder.rmdir()
        pytest.skip(f"a file system of limited size cannot be mounted here: {reason}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)
    folder.rmdir()


def _fill(path: Path) -> None:
    block = b"\0" * 65536
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(block)
        except OSError as error:
            assert error.errno == errno.ENOSPC


async def test_F14_a_full_database_disk_pauses_storing_and_loses_nothing(small_disk: Path, tmp_path: Path) -> None:
    with server_folder() as folder:
        platform = Platform(folder, postgres_folder=small_disk / "postgres")
        try:
            await platform.set_up()
            await asyncio.to_thread(platform.start)
            platform.bystander, _ = platform.register("bystander")
            workspace, key = platform.register("scenario")
            ledger = Ledger(tmp_path / "acknowledged")
            client = LedgerClient(f"{platform.url('ingestion')}/v1/traces", key, ledger)
            pick = random.Random(14)
            assert await client.send(make_spans(pick, 10))
            filler = small_disk / "filler"
            _fill(filler)
            for _ in range(30):
                assert await client.send(make_spans(pick, 100)), "the queue has room"
            await asyncio.sleep(3)
            assert platform.status("ingestion", "/ready") == 200
            filler.unlink()
            result = await check_verdict(
                platform, ledger, workspace, key, recover_seconds=90, allowed_in_logs=("DiskFull", "No space left")
            )
            assert result["stored"] == ledger.sent
            assert result["dead"] == set()
        finally:
            platform.tear_down()
