"""Which TCP ports are free, and which to take instead of one that is not."""

import errno
import socket
from collections.abc import Iterable

from launcher.errors import LauncherError

_STEP = 10


def is_free(port: int) -> bool:
    """Return whether nothing listens on ``port``, on any local address."""
    # Bound to each separately: a listener on one address does not exclude the other on every system.
    for host in ("", "127.0.0.1"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    return False
                raise
    return True


def choose_port(preferred: int, taken: Iterable[int] = ()) -> int:
    """Return ``preferred``, or when it is in use the next free port in steps of ten.

    Args:
        preferred: The standard port.
        taken: Ports promised to others that do not listen yet.

    Raises:
        LauncherError: No port up to 65535 is free.
    """
    excluded = set(taken)
    for port in range(preferred, 65536, _STEP):
        if port not in excluded and is_free(port):
            return port
    raise LauncherError(f"no free port found from {preferred} on")
