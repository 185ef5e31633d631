import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a private folder with a path short enough for unix sockets below it, closed to other accounts."""
    path = Path(tempfile.mkdtemp(prefix="ao-"))
    yield path
    shutil.rmtree(path)
