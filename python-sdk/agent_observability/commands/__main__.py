"""``agent-observability``: checks that traces arrive, and shows them as they do."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from agent_observability.commands import doctor, tail
from agent_observability.config import resolve
from agent_observability.version import VERSION


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the command line names; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(
        prog="agent-observability", description="Checks that traces arrive, and shows them as they do."
    )
    parser.add_argument("--version", action="version", version=VERSION)
    commands = parser.add_subparsers(dest="command", required=True)
    modules: dict[str, Any] = {"doctor": doctor, "tail": tail}
    for name, module in modules.items():
        command = commands.add_parser(name, help=module.__doc__, description=module.__doc__)
        command.add_argument("--api-key", help="the key; AGENTOBS_API_KEY unless given")
        command.add_argument("--endpoint", help="the platform's address; AGENTOBS_ENDPOINT unless given")
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    settings = resolve({"api_key": options.api_key, "endpoint": options.endpoint})
    if not settings.api_key:
        sys.exit("There is no API key. Set AGENTOBS_API_KEY or pass --api-key.")
    try:
        sys.exit(options.run(options, settings))
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
