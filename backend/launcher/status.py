"""What runs, whether it is healthy and how much memory it takes."""

import json
import time
from dataclasses import asdict, dataclass

import psutil

from launcher.deployment import Deployment
from launcher.lifecycle import answer
from launcher.supervision import Supervisor


@dataclass(frozen=True)
class ProcessStatus:
    """One supervised process with its children.

    ``health`` is healthy, not ready (alive, a dependency is missing), unreachable or stopped. Memory is the
    proportional set size in bytes, absent where this account may not read it.
    """

    name: str
    pid: int | None
    port: int | None
    state: str
    health: str
    memory_bytes: int | None
    uptime_seconds: int | None


@dataclass(frozen=True)
class Status:
    """The whole deployment."""

    healthy: bool
    data_dir: str
    memory_bytes: int
    processes: list[ProcessStatus]

    def to_json(self) -> str:
        """Return this as a JSON document."""
        return json.dumps(asdict(self), indent=2)


def read_status(deployment: Deployment) -> Status:
    """Ask the supervisor, the stores and the services."""
    supervisor = Supervisor(deployment)
    instance = deployment.read_instance()
    ports = instance.ports if instance else {program.name: program.port for program in deployment.programs()}
    pid = supervisor.pid()
    facts = (supervisor.processes() if pid else None) or {}
    processes = [
        ProcessStatus(
            "supervisord",
            pid,
            None,
            "RUNNING" if pid else "STOPPED",
            ("healthy" if facts else "unreachable") if pid else "stopped",
            _memory(pid, children=False),
            _uptime(pid),
        )
    ]
    for name, port in ports.items():
        state = str(facts[name]["statename"]) if name in facts else "STOPPED"
        process_id = int(facts[name]["pid"]) or None if name in facts else None
        health = _health(deployment, name, port) if process_id else "stopped"
        processes.append(ProcessStatus(name, process_id, port, state, health, _memory(process_id), _uptime(process_id)))
    return Status(
        healthy=all(process.health == "healthy" for process in processes),
        data_dir=str(deployment.data_dir),
        memory_bytes=sum(process.memory_bytes or 0 for process in processes),
        processes=processes,
    )


def render_table(status: Status) -> str:
    """Return the status as a table for people."""
    rows: list[tuple[str, ...]] = [("process", "pid", "port", "state", "health", "memory", "uptime")]
    for process in status.processes:
        memory = "-" if process.memory_bytes is None else f"{process.memory_bytes / 2**20:.1f} MiB"
        uptime = "-" if process.uptime_seconds is None else _duration(process.uptime_seconds)
        cells = (process.name, process.pid, process.port, process.state.lower(), process.health, memory, uptime)
        rows.append(tuple("-" if cell is None else str(cell) for cell in cells))
    rows.append(("total", "", "", "", "", f"{status.memory_bytes / 2**20:.1f} MiB", ""))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _health(deployment: Deployment, name: str, port: int) -> str:
    store = {"postgres": deployment.postgres, "valkey": deployment.valkey}.get(name)
    if store is not None:
        return "healthy" if store.is_ready() else "unreachable"
    if answer(f"{deployment.url(port)}/health")[0] != 200:
        return "unreachable"
    return "healthy" if answer(f"{deployment.url(port)}/ready")[0] == 200 else "not ready"


def _memory(pid: int | None, *, children: bool = True) -> int | None:
    if pid is None:
        return None
    total = 0
    try:
        process = psutil.Process(pid)
        for member in [process, *(process.children(recursive=True) if children else ())]:
            try:
                facts = member.memory_full_info()
                total += getattr(facts, "pss", facts.uss)
            except psutil.NoSuchProcess:
                continue
    except psutil.Error:
        return None
    return total


def _uptime(pid: int | None) -> int | None:
    try:
        return None if pid is None else max(0, int(time.time() - psutil.Process(pid).create_time()))
    except psutil.Error:
        return None


def _duration(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"
