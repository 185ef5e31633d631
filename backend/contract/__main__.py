"""Writes what is generated from the services' descriptions: ``python -m contract [--check]``."""

import sys
from pathlib import Path

from contract.document import build_document
from contract.outputs import find_leftovers, render_outputs

PROJECT = Path(__file__).parents[2]


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` only say which of them are not as they would be written.

    Returns:
        The exit code: 0 when nothing is or was wrong.
    """
    if arguments not in ([], ["--check"]):
        print("usage: python -m contract [--check]", file=sys.stderr)
        return 2
    try:
        outputs = render_outputs(build_document())
    except LookupError as error:
        print(f"The contract is not complete: {error.args[0]}", file=sys.stderr)
        return 1
    leftovers = find_leftovers(PROJECT, outputs)
    stale = sorted(path for path, text in outputs.items() if _read(PROJECT / path) != text)
    if arguments:
        for path in stale + leftovers:
            print(f"{path} is not up to date; run python -m contract", file=sys.stderr)
        return 1 if stale or leftovers else 0
    for path in stale:
        (PROJECT / path).parent.mkdir(parents=True, exist_ok=True)
        (PROJECT / path).write_text(outputs[path])
        print(f"wrote {path}")
    for path in leftovers:
        (PROJECT / path).unlink()
        print(f"removed {path}")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
