"""Entry point of the container image: ``python -m launcher.container {secrets,run}``.

``secrets`` fills the folders that containers share, once. ``run`` puts the secrets into the environment and becomes the
given command, or the service named by ``SERVICE``.
"""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from launcher.environment import GENERATED_SECRETS
from launcher.errors import LauncherError
from launcher.servers import write_private

DEFAULT_FOLDER = "/run/agentobs"
SERVICES_FILE = Path("services/agentobs.env")
# Read by the servers' own images, which run as users of their own.
DATABASE_PASSWORD_FILE = Path("database/password")
REDIS_PASSWORD_FILE = Path("redis/password")
REDIS_CONFIG_FILE = Path("redis/redis.conf")


def write_secrets(folder: Path) -> bool:
    """Write every secret that does not exist yet and return whether any was missing.

    A server keeps the password it was first started with, so a password found in its folder counts more than the
    services' file.

    Raises:
        LauncherError: A folder is missing or cannot be written.
    """
    try:
        held = read_secrets(folder)
        values = {name: held.get(name) or secrets.token_urlsafe(36) for name in GENERATED_SECRETS}
        _publish(folder / DATABASE_PASSWORD_FILE, values["DATABASE_PASSWORD"])
        _publish(folder / REDIS_PASSWORD_FILE, values["REDIS_PASSWORD"])
        _publish(folder / REDIS_CONFIG_FILE, f"requirepass {values['REDIS_PASSWORD']}\n")
        if values != held:
            write_private(folder / SERVICES_FILE, "".join(f"{name}={value}\n" for name, value in values.items()))
    except OSError as error:
        raise LauncherError(f"the secrets cannot be written: {error}") from error
    return values != held


def read_secrets(folder: Path) -> dict[str, str]:
    """Return the secrets that are there."""
    file = folder / SERVICES_FILE
    held = dotenv_values(file, interpolate=False) if file.exists() else {}
    passwords = {
        name: (folder / path).read_text(encoding="utf-8").strip()
        for name, path in (("DATABASE_PASSWORD", DATABASE_PASSWORD_FILE), ("REDIS_PASSWORD", REDIS_PASSWORD_FILE))
        if (folder / path).exists()
    }
    return {name: value for name, value in {**held, **passwords}.items() if value and name in GENERATED_SECRETS}


def _publish(path: Path, text: str) -> None:
    if not path.exists():
        write_private(path, text)
        path.chmod(0o444)


def filled_environment(environment: Mapping[str, str], held: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with the secrets that it lacks, and with ``{NAME}`` in URLs replaced by the secret."""
    filled = {**held, **{name: value for name, value in environment.items() if value or name not in held}}
    for name, value in filled.items():
        if name.endswith("_URL"):
            for secret in GENERATED_SECRETS:
                value = value.replace(f"{{{secret}}}", filled.get(secret, ""))
            filled[name] = value
    return filled


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code, unless it becomes another program."""
    folder = Path(os.environ.get("AGENTOBS_SECRETS_DIR") or DEFAULT_FOLDER)
    if arguments[:1] == ["run"]:
        command = arguments[1:] or [sys.executable, "-m", "shared.serve", os.environ.get("SERVICE", "")]
        os.execvpe(command[0], command, filled_environment(os.environ, read_secrets(folder)))
    if arguments != ["secrets"]:
        print("usage: python -m launcher.container {secrets | run [COMMAND…]}", file=sys.stderr)
        return 2
    try:
        created = write_secrets(folder)
    except LauncherError as error:
        print(error, file=sys.stderr)
        return 1
    print("secrets generated" if created else "secrets are there")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
