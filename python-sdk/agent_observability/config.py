"""Settings: what the constructor says, else the environment, else the default."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from agent_observability.guard import notices

PREFIX = "AGENTOBS_"
DEFAULT_ENDPOINT = "http://localhost:8000"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off", ""})
_MEBIBYTE = 1024 * 1024

Mask = Callable[[str, str], str]
Value = TypeVar("Value")


@dataclass(frozen=True)
class Settings:
    """Settings of a client; the environment gives all but ``mask``, as ``AGENTOBS_`` and the name in capitals.

    Sizes are in bytes, times in seconds.
    """

    api_key: str | None = field(default=None, repr=False)
    endpoint: str = DEFAULT_ENDPOINT
    service_name: str | None = None
    environment: str | None = None
    release: str | None = None
    sample_rate: float = 1.0
    capture_content: bool = True
    mask: Mask | None = None
    spool: bool = True
    spool_dir: str | None = None
    spool_max_bytes: int = 256 * _MEBIBYTE
    queue_max_items: int = 50_000
    queue_max_bytes: int = 64 * _MEBIBYTE
    exit_timeout: float = 2.0
    disabled: bool = False


def resolve(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings; what cannot be read from the environment is left at its default, with a warning.

    Args:
        given: What the constructor was given; None stands for nothing.
        environment: Environment variables.
    """
    values: dict[str, Any] = {}
    for setting in fields(Settings):
        value = given.get(setting.name)
        stated = environment.get(PREFIX + setting.name.upper()) if setting.name != "mask" else None
        if value is not None:
            values[setting.name] = value
        elif stated is not None and stated.strip():
            parsed = _parse(setting.name, stated.strip())
            if parsed is not None:
                values[setting.name] = parsed
    settings = Settings(**values)
    return _corrected(settings)


def _parse(name: str, text: str) -> object:
    default = getattr(Settings, name, None)
    if isinstance(default, bool):
        lowered = text.lower()
        if lowered in _TRUE or lowered in _FALSE:
            return lowered in _TRUE
    elif isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            pass
    else:
        return text
    notices.warn(f"setting_{name}", "%s%s cannot be read; its default is used.", PREFIX, name.upper())
    return None


def _corrected(settings: Settings) -> Settings:
    changes: dict[str, Any] = {"endpoint": settings.endpoint.rstrip("/")}
    if not 0.0 <= settings.sample_rate <= 1.0:
        notices.warn("setting_sample_rate", "sample_rate is from 0 to 1; everything is kept.")
        changes["sample_rate"] = 1.0
    if not settings.endpoint.startswith(("http://", "https://")):
        notices.warn("setting_endpoint", "endpoint begins with http:// or https://; %s is used.", DEFAULT_ENDPOINT)
        changes["endpoint"] = DEFAULT_ENDPOINT
    return Settings(**{**{one.name: getattr(settings, one.name) for one in fields(settings)}, **changes})
