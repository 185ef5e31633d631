"""Version of the package, as the platform sees it."""

from importlib.metadata import PackageNotFoundError, version

NAME = "agent-observability"
try:
    VERSION = version(NAME)
except PackageNotFoundError:
    VERSION = "0"
USER_AGENT = f"{NAME}-python/{VERSION}"
