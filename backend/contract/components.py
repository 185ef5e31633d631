"""Schemas of several services under names that mean one thing each."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from inspect import cleandoc
from typing import Any

PREFIX = "#/components/schemas/"
_LIST = re.compile(r"list_(\w+)_\Z")
_GENERIC = re.compile(r"Enveloped(Page)?_(.+)_")
# Times are read by hand where a message should say more than a model's does.
_TIME = "RFC 3339 time"
_ENVELOPE, _PAGE = "An answer with one object.", "An answer with a page of a list."

Schemas = dict[str, Any]


class Components:
    """Collects schemas; what two services describe alike is one schema, what differs gets the service's name."""

    def __init__(self) -> None:
        self.schemas: Schemas = {}
        self._meanings: dict[str, str] = {}

    def add(self, service: str, schemas: Mapping[str, Any]) -> Callable[[Any], Any]:
        """Add a service's schemas and return a function that makes its references point at them."""
        names: dict[str, str] = {}
        for name in schemas:
            meaning = json.dumps({part: schemas[part] for part in sorted(_reachable(name, schemas))}, sort_keys=True)
            public = _public_name(name)
            if self._meanings.get(public, meaning) != meaning:
                public = service.capitalize() + public
            self._meanings[public] = meaning
            names[name] = public

        def renamed(value: Any) -> Any:
            if isinstance(value, dict):
                return {
                    key: PREFIX + names[item.removeprefix(PREFIX)]
                    if key == "$ref" and isinstance(item, str) and item.startswith(PREFIX)
                    else renamed(item)
                    for key, item in value.items()
                }
            return [renamed(item) for item in value] if isinstance(value, list) else value

        for name, public in names.items():
            schema = tidy(renamed(schemas[name]))
            if _GENERIC.fullmatch(name) is not None:
                schema.setdefault("description", _PAGE if "pagination" in schema["properties"] else _ENVELOPE)
            self.schemas.setdefault(public, schema)
        return renamed

    def used_by(self, *users: Any) -> Schemas:
        """Return the schemas that these parts of a document lead to, sorted by name."""
        wanted: set[str] = set()
        for user in users:
            for name in references(user):
                wanted |= _reachable(name, self.schemas)
        return {name: self.schemas[name] for name in sorted(wanted)}


def tidy(schema: Any) -> Any:
    """Return a schema without the titles that repeat its names, and with its text as Markdown writes code."""
    if isinstance(schema, list):
        return [tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key in ("properties", "$defs", "patternProperties"):
            found[key] = {name: tidy(item) for name, item in value.items()}
        elif key == "description" and isinstance(value, str):
            found[key] = markdown(value)
        elif key in ("example", "examples", "default", "const", "enum"):
            found[key] = value
        else:
            found[key] = tidy(value)
    if str(found.get("description", "")).startswith(_TIME):
        for option in (found, *found.get("anyOf", ())):
            if option.get("type") == "string":
                option["format"] = "date-time"
                option.pop("maxLength", None)
    return found


def markdown(text: str) -> str:
    """Return the text of a docstring as Markdown, without its sections for developers."""
    text = re.split(r"\n\s*(?:Args|Raises|Returns|Yields):\n", cleandoc(text))[0]
    paragraphs = re.split(r"\n\s*\n", text.strip().replace("``", "`"))
    return "\n\n".join(re.sub(r"\n(?!\s*[-*|])\s*", " ", paragraph) for paragraph in paragraphs)


def references(value: Any) -> Iterator[str]:
    """Yield the names of schemas that a part of a document refers to."""
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str) and target.startswith(PREFIX):
            yield target.removeprefix(PREFIX)
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def _reachable(name: str, schemas: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += references(schemas[current])
    return found


def _public_name(name: str) -> str:
    generic = _GENERIC.fullmatch(name)
    if generic is None:
        return name
    held = _LIST.sub(r"\1List", generic[2])
    return held + ("Page" if generic[1] else "Envelope")
