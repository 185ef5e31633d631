"""Progress on the terminal: a bar where there is one, plain lines where output goes to a file."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

_LINES = 10


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far a task is; yields the function to be told of each step."""
    if sys.stdout.isatty():
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns) as bar:
            task = bar.add_task(title, total=total)
            yield lambda steps: bar.advance(task, steps)
        return
    done = shown = 0

    def advance(steps: int) -> None:
        nonlocal done, shown
        done += steps
        if total and done * _LINES // total > shown:
            shown = done * _LINES // total
            print(f"{title}: {done:,} of {total:,}", flush=True)

    yield advance
