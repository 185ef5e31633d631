"""The one error that the launcher shows to its user without a traceback."""


class LauncherError(Exception):
    """Something the operator has to know or change; the message says what."""
