import importlib
import inspect
from collections.abc import Iterator
from itertools import pairwise

import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from launcher.config import PROJECT, LauncherSettings
from launcher.environment import GENERATED_SECRETS, documented_settings
from launcher.programs import SERVICES, standard_ports
from shared.settings import ServiceSettings

TEMPLATE = PROJECT / ".env.example"


def settings_classes() -> Iterator[type[BaseSettings]]:
    yield LauncherSettings
    yield ServiceSettings
    for service in SERVICES:
        module = importlib.import_module(f"{service.package}.app.config")
        yield from (
            value
            for _, value in inspect.getmembers(module, inspect.isclass)
            if issubclass(value, ServiceSettings) and value is not ServiceSettings
        )


def fields() -> dict[str, FieldInfo]:
    return {name.upper(): field for settings in settings_classes() for name, field in settings.model_fields.items()}


def test_example_names_every_setting_and_no_other() -> None:
    assert set(documented_settings(TEMPLATE)) == set(fields()) | set(standard_ports())


def test_every_setting_is_explained_on_the_line_before_it() -> None:
    lines = TEMPLATE.read_text().splitlines()
    names = documented_settings(TEMPLATE)
    for before, line in pairwise(lines):
        if line.removeprefix("# ").split("=")[0] in names:
            assert before.startswith("# "), line
            assert before.removeprefix("# ").split("=")[0] not in names, line


@pytest.mark.parametrize("name", sorted(documented_settings(TEMPLATE)))
def test_example_shows_the_default(name: str) -> None:
    shown = documented_settings(TEMPLATE)[name]
    field = fields().get(name)
    default = standard_ports().get(name) if field is None else field.get_default(call_default_factory=True)
    if name in GENERATED_SECRETS or default in (None, PydanticUndefined):
        assert shown == ""
    elif isinstance(default, (list, tuple)):
        assert shown == ",".join(default)
    elif isinstance(default, bool):
        assert shown == str(default).lower()
    elif isinstance(default, float):
        assert float(shown) == default
    else:
        assert shown == str(default)


def test_port_defaults_agree_between_services_and_table() -> None:
    known = fields()
    for name, port in standard_ports().items():
        if name in known:
            assert known[name].default == port
