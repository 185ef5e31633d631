"""Command ``python -m db.generate``."""

import argparse
import asyncio
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from db.generate.demo import DEFAULT_EMAIL, demo_file, make_demo
from db.generate.progress import progress
from db.generate.requests import build_requests, to_line
from db.generate.sender import Sender, SendError
from db.generate.traffic import Traffic

_GATEWAY = "http://127.0.0.1:8000"


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        if options.demo:
            file = demo_file(os.environ)
            email = os.environ.get("DEMO_EMAIL") or DEFAULT_EMAIL
            asyncio.run(make_demo(options.url, file, email, options.traces, options.seed, options.concurrency))
            return 0
        traffic = Traffic(options.traces, options.seed, options.until, options.days)
        if options.out is not None:
            with options.out.open("wb") as file, progress("writing traces", options.traces) as advance:
                for request in build_requests(traffic):
                    file.write(to_line(request))
                    advance(request.traces)
            return 0
        if not options.key:
            parser.error("sending needs --key or AGENTOBS_API_KEY")
        asyncio.run(_send(options, traffic))
    except (SendError, OSError) as error:
        print(f"db.generate: {error}", file=sys.stderr)
        return 1
    return 0


async def _send(options: argparse.Namespace, traffic: Traffic) -> None:
    async with Sender(options.url, options.key, options.concurrency) as sender:
        with progress("sending traces", traffic.traces) as advance:
            sent = await sender.send(build_requests(traffic), advance)
        with progress("storing requests", len(sent.receipts)) as advance:
            await sender.wait_until_stored(sent, advance)
    states = ", ".join(f"{number} {state}" for state, number in sorted(sent.states.items()))
    print(f"{sent.traces:,} traces in {sent.requests:,} requests: {states}; {sent.duplicates:,} items known before")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m db.generate", description="Invents agent traffic.")
    target = parser.add_mutually_exclusive_group()
    target.add_argument("--demo", action="store_true", help="make a demo user and workspace and fill it once")
    target.add_argument("--out", type=Path, help="write requests to this file, one JSON object a line")
    parser.add_argument("--url", default=os.environ.get("PUBLIC_GATEWAY_URL") or _GATEWAY, help="gateway")
    parser.add_argument("--key", default=os.environ.get("AGENTOBS_API_KEY"), help="API key to send with")
    parser.add_argument("--traces", type=_positive, default=10_000, help="number of traces (10,000)")
    parser.add_argument("--seed", type=int, default=1, help="another seed gives other traces (1)")
    parser.add_argument("--days", type=_positive, default=30, help="how far back the traffic goes (30)")
    parser.add_argument("--until", type=_moment, default=time.time_ns(), help="end of the traffic, RFC 3339 (now)")
    parser.add_argument("--concurrency", type=_positive, default=4, help="requests under way at once (4)")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _moment(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("needs a time zone")
    return int(moment.timestamp()) * 1_000_000_000


if __name__ == "__main__":
    sys.exit(main())
