"""Command line of the benchmarks."""

import argparse
import asyncio
import json
from pathlib import Path

from bench import dashboard, ingest, live, mixed, overhead, query, sdk_cost


def main() -> None:
    """Run one benchmark, print its table and write its figures when asked to."""
    parser = argparse.ArgumentParser(prog="./bench/run", description="Measures the platform on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    for module in (ingest, overhead, live, query, mixed, dashboard, sdk_cost):
        command = commands.add_parser(module.NAME, help=module.__doc__)
        command.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    arguments = parser.parse_args()
    figures = asyncio.run(arguments.run(arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
