"""Shows traces as they are stored, one line each, until it is interrupted."""

import argparse
import http.client
import json
import sys
import time
import urllib.parse
from collections import OrderedDict
from typing import Any

from agent_observability.config import Settings
from agent_observability.http import Answer, Connection

_PAUSE_SECONDS = 1.0
_REMEMBERED = 10_000
_PAGE = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this command."""
    parser.add_argument("--agent", help="only traces of this agent")
    parser.add_argument("--status", choices=("success", "error", "timeout"), help="only traces that ended so")
    parser.add_argument("--last", type=int, default=10, metavar="N", help="begin with the last N traces (default 10)")
    parser.add_argument("--json", action="store_true", help="print each trace as JSON")


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Print traces until it is interrupted; return 1 when the platform refuses to show them."""
    connection = Connection(settings.endpoint, settings.api_key or "")
    filters = {"agent_id": options.agent, "status": options.status}
    query = urllib.parse.urlencode({name: value for name, value in filters.items() if value is not None})
    seen: OrderedDict[str, None] = OrderedDict()
    is_first = True
    while True:
        answer = _ask(connection, f"/api/v1/traces?range=1h&limit={_PAGE}&{query}")
        if answer is not None:
            content = answer.json()
            if answer.status in (401, 403):
                print(f"The platform shows no traces ({answer.reason}): the key needs the scope read.", file=sys.stderr)
                return 1
            if not answer.is_ok or not isinstance(content, dict):
                print(f"The platform answers {answer.status} ({answer.reason}).", file=sys.stderr)
            else:
                new = [trace for trace in content["data"] if trace["trace_id"] not in seen]
                seen.update((trace["trace_id"], None) for trace in new)
                while len(seen) > _REMEMBERED:
                    seen.popitem(last=False)
                shown = new[: options.last] if is_first else new
                is_first = False
                for trace in reversed(shown):
                    print(json.dumps(trace) if options.json else _line(trace), flush=True)
        time.sleep(_PAUSE_SECONDS)


def _ask(connection: Connection, path: str) -> Answer | None:
    try:
        return connection.request("GET", path)
    except (OSError, http.client.HTTPException) as error:
        print(f"The platform does not answer: {error or type(error).__name__}", file=sys.stderr)
        return None


def _line(trace: dict[str, Any]) -> str:
    duration = "" if trace["duration_ms"] is None else f"{trace['duration_ms']:,.0f} ms"
    tokens = "" if trace["tokens_total"] is None else f"{trace['tokens_total']:,} tokens"
    cost = "" if trace["cost_usd"] is None else f"${trace['cost_usd']:.4f}"
    clock = trace["start_time"][11:19]
    columns = [clock, trace["status"].ljust(7), (trace["agent_id"] or "-").ljust(20), trace["name"].ljust(30)]
    return "  ".join([*columns, duration.rjust(10), tokens.rjust(14), cost.rjust(9), trace["trace_id"]])
