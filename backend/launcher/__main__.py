"""Command line: ``python -m launcher {setup,up,down,status,render,run}``."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from launcher import guide
from launcher.config import PROJECT
from launcher.dashboard import NODE_MISSING, Dashboard
from launcher.deployment import BACKEND, ENV_FILE, Deployment
from launcher.environment import complete_env_file
from launcher.errors import LauncherError
from launcher.lifecycle import report, start, stop, wait_for_end
from launcher.programs import DASHBOARD
from launcher.status import read_status, render_table
from launcher.supervision import Supervisor


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="launcher", description="Runs the platform on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    setup = commands.add_parser("setup", help="write .env, or complete it, and prepare the dashboard")
    setup.add_argument("--no-frontend", action="store_true", help="leave the dashboard out; no Node is needed")
    setup.add_argument("--no-build", action="store_true", help="install the dashboard's packages without building it")
    up = commands.add_parser("up", help="start everything and wait until it is ready")
    up.add_argument("--demo", action="store_true", help="fill a demo workspace once everything is ready")
    up.add_argument("--no-frontend", action="store_true", help="start without the dashboard")
    up.add_argument("--foreground", action="store_true", help="stay attached; Ctrl-C stops everything in order")
    commands.add_parser("down", help="stop everything, databases last")
    status = commands.add_parser("status", help="show each process; exit code 0 when all are healthy")
    status.add_argument("--json", action="store_true", help="print JSON")
    commands.add_parser("render", help="print the supervisor's configuration")
    run = commands.add_parser("run", help="run a command in the environment that the services get")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="command")
    return parser


def _setup(options: argparse.Namespace) -> int:
    for note in complete_env_file(ENV_FILE, PROJECT / ".env.example", os.environ):
        print(f"  {note}")
    if options.no_frontend:
        return 0
    dashboard = Dashboard.find()
    if dashboard is None:
        print(f"  {NODE_MISSING}: the dashboard is left out, everything else works")
        return 0
    dashboard.install()
    if not options.no_build:
        dashboard.build()
    return 0


def _up(options: argparse.Namespace) -> int:
    began = time.monotonic()
    deployment = Deployment.current(with_dashboard=not options.no_frontend)
    # A stop by a service manager or a closed terminal ends things as Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    start(deployment, attached=options.foreground)
    _tell_what_is_left_out(deployment, wanted=not options.no_frontend)
    print(f"Ready after {time.monotonic() - began:.1f} s.\n\n{guide.addresses(deployment)}", flush=True)
    if options.demo:
        gateway = deployment.url(deployment.ports["GATEWAY_PORT"])
        command = [sys.executable, "-m", "db.generate", "--demo", "--url", gateway]
        result = subprocess.run(command, cwd=BACKEND, env=deployment.environment, check=False)
        if result.returncode:
            raise LauncherError("the demo data could not be generated; everything else runs")
        print(guide.demo_steps(deployment), flush=True)
    else:
        print(f"\n{guide.first_steps(deployment)}", flush=True)
    if options.foreground:
        print("Ctrl-C stops everything.", flush=True)
        try:
            wait_for_end(deployment)
        except KeyboardInterrupt:
            print("\nStopping …", flush=True)
            stop(deployment)
            return 0
        raise LauncherError("the supervisor ended")
    return 0


def _tell_what_is_left_out(deployment: Deployment, *, wanted: bool) -> None:
    if not wanted or deployment.runs(DASHBOARD):
        return
    if deployment.dashboard:
        report(DASHBOARD, "left out", "it was when this began; ./stop.sh and ./start.sh add it")
    else:
        report(DASHBOARD, "left out", "it is not built: run ./setup.sh" if Dashboard.find() else NODE_MISSING)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _down() -> int:
    began = time.monotonic()
    ran = stop(Deployment.current())
    print(f"Stopped after {time.monotonic() - began:.1f} s." if ran else "Nothing was running.")
    return 0


def _status(options: argparse.Namespace) -> int:
    status = read_status(Deployment.current())
    print(status.to_json() if options.json else render_table(status))
    return 0 if status.healthy else 1


def _render() -> int:
    deployment = Deployment.current(with_dashboard=True)
    print(Supervisor(deployment).render(deployment.programs()))
    return 0


def _run(arguments: list[str]) -> NoReturn:
    command = arguments[1:] if arguments[:1] == ["--"] else arguments
    if not command:
        raise LauncherError("run needs a command")
    os.execvpe(command[0], command, Deployment.current().environment)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command given on the command line and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "setup":
                return _setup(options)
            case "up":
                return _up(options)
            case "down":
                return _down()
            case "status":
                return _status(options)
            case "render":
                return _render()
            case _:
                _run(options.arguments)
    except LauncherError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
