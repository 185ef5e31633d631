"""The file ``.env``: read under the environment, written once, completed later, never overwritten."""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from launcher.errors import LauncherError
from launcher.ports import choose_port
from launcher.programs import standard_ports
from launcher.servers import write_private

GENERATED_SECRETS = ("JWT_SECRET", "API_KEY_SALT", "INTERNAL_TOKEN_SECRET", "DATABASE_PASSWORD", "REDIS_PASSWORD")

_ASSIGNMENT = re.compile(r"^([A-Z][A-Z0-9_]*)=(.*)$")


def merged_environment(env_file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of ``.env`` and of the environment, which wins.

    An empty line ``NAME=`` of the file counts as not set.
    """
    values = dotenv_values(env_file, interpolate=False) if env_file.exists() else {}
    return {name: value for name, value in values.items() if value} | dict(environment)


def complete_env_file(env_file: Path, template: Path, environment: Mapping[str, str]) -> list[str]:
    """Write ``.env`` from its template, or add what an existing one lacks, and return what to tell the user.

    Secrets are generated and ports in use are replaced by free ones. A value that the file or the environment holds
    already stays as it is. The file can be read by its owner only.

    Raises:
        LauncherError: The file cannot be read or written.
    """
    try:
        is_new = not env_file.exists()
        lines = (template if is_new else env_file).read_text(encoding="utf-8").splitlines()
        held = {match[1]: match[2] for line in lines if (match := _ASSIGNMENT.match(line))}
        values, notes = _missing_values(held, environment, choose_ports=is_new)
        if is_new or values:
            write_private(env_file, "\n".join(_filled(lines, values)) + "\n")
        elif env_file.stat().st_mode & 0o077:
            env_file.chmod(0o600)
    except OSError as error:
        raise LauncherError(f"{env_file} cannot be completed: {error}") from error
    return ([f"{env_file.name} written with generated secrets"] if is_new else []) + notes


def _missing_values(
    held: Mapping[str, str], environment: Mapping[str, str], *, choose_ports: bool
) -> tuple[dict[str, str], list[str]]:
    values = {
        name: secrets.token_urlsafe(36)
        for name in GENERATED_SECRETS
        if not held.get(name) and not environment.get(name)
    }
    notes = []
    if choose_ports:
        taken: set[int] = set()
        for name, standard in standard_ports().items():
            if environment.get(name):
                continue
            port = choose_port(standard, taken)
            taken.add(port)
            values[name] = str(port)
            if port != standard:
                notes.append(f"port {standard} is in use: {name}={port}")
    return values, notes


def _filled(lines: list[str], values: Mapping[str, str]) -> list[str]:
    remaining = dict(values)
    result = []
    for line in lines:
        match = _ASSIGNMENT.match(line)
        result.append(f"{match[1]}={remaining.pop(match[1])}" if match and match[1] in remaining else line)
    return result + [f"{name}={value}" for name, value in remaining.items()]


def documented_settings(template: Path) -> dict[str, str]:
    """Return every setting that the template names, set or commented out, with the value shown."""
    names = {}
    for line in template.read_text(encoding="utf-8").splitlines():
        if match := _ASSIGNMENT.match(line.removeprefix("# ")):
            names[match[1]] = match[2]
    return names


def process_environment() -> dict[str, str]:
    """Return a copy of this process's environment."""
    return dict(os.environ)
