"""The OpenAPI document of everything that the gateway answers, put together from what each service says of itself."""

import re
from collections import Counter
from copy import deepcopy
from typing import Any

from contract import common, texts
from contract.components import Components, markdown, tidy
from contract.examples import ExampleBuilder
from contract.sources import Operation, Source, read_sources
from shared.http.schema import PROBLEMS

JSON = "application/json"
# Comes between the name of a handler and the address, where it answers at several.
ALIAS = "_at_"
_METHODS = ("get", "post", "put", "patch", "delete")
_SUCCESS = {"200": "The answer", "201": "Created", "202": "Accepted", "204": "Done, without a body"}

Document = dict[str, Any]


def build_document() -> Document:
    """Return the document; the same code gives the same document.

    Raises:
        LookupError: An address is not described, or a text of a request or answer has no example.
    """
    sources = read_sources()
    components = Components()
    components.schemas["OtlpStatus"] = common.OTLP_STATUS
    for source in sources:
        rename = components.add(source.service, source.schemas)
        for operation in source.operations:
            operation.description.update(tidy(rename(operation.description)))
    items: dict[str, dict[str, Any]] = {}
    builder = ExampleBuilder(components.schemas)
    names = _operation_ids(sources)
    for source in sources:
        for operation in source.operations:
            finished = _finish(operation, names[operation.method, operation.path], builder)
            items.setdefault(operation.path, {})[operation.method.lower()] = finished
    if builder.missing:
        raise LookupError("texts without an example:\n  " + "\n  ".join(dict.fromkeys(builder.missing)))
    paths = {path: {method: items[path][method] for method in _METHODS if method in items[path]} for path in items}
    responses = common.response_components()
    used = {tag for item in paths.values() for operation in item.values() for tag in operation["tags"]}
    unknown = used - texts.TAGS.keys()
    if unknown:
        raise LookupError(f"tags without a text: {', '.join(sorted(unknown))}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": texts.TITLE,
            "version": texts.VERSION,
            "description": markdown(texts.INFO + texts.LIVE),
        },
        "servers": [{"url": "/", "description": "The gateway that answers this document"}],
        "tags": [{"name": name, "description": text} for name, text in texts.TAGS.items() if name in used],
        "paths": {path: paths[path] for path in sorted(paths)},
        "components": {
            "schemas": components.used_by(paths, responses),
            "responses": responses,
            "parameters": common.PARAMETER_COMPONENTS,
            "headers": common.HEADER_COMPONENTS,
            "securitySchemes": common.SECURITY_SCHEMES,
        },
    }


def iter_operations(document: Document) -> list[tuple[str, str, dict[str, Any]]]:
    """Return method, path and description of every operation, by path."""
    return [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def resolve(document: Document, value: Any) -> Any:
    """Return what a reference into the document points at, anything else unchanged."""
    while isinstance(value, dict) and "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def _operation_ids(sources: list[Source]) -> dict[tuple[str, str], str]:
    """Return an id for each operation: its own, or with its path where one handler answers at several addresses."""
    found: dict[tuple[str, str], str] = {}
    times: Counter[str] = Counter()
    for source in sources:
        for operation in source.operations:
            name = operation.description["operationId"]
            times[name] += 1
            if times[name] > 1:
                name += ALIAS + (re.sub(r"[^a-z0-9]+", "_", operation.path.lower()).strip("_") or "root")
            if name in found.values():
                raise LookupError(f"two operations are called {name}")
            found[operation.method, operation.path] = name
    return found


def _finish(operation: Operation, name: str, builder: ExampleBuilder) -> dict[str, Any]:
    described = deepcopy(operation.description)
    place = f"{operation.method} {operation.path}"
    text = markdown(described.get("description", ""))
    finished: dict[str, Any] = {
        "tags": described.get("tags", []),
        "summary": described.get("summary", ""),
        "description": "\n\n".join(part for part in (text, common.permission_text(operation)) if part),
        "operationId": name,
        "x-permission": None if operation.permission is None else str(operation.permission),
        "security": described["security"] if "security" in described else common.security_of(operation),
    }
    parameters = [_finish_parameter(parameter, builder, place) for parameter in described.get("parameters", ())]
    if operation.method == "POST":
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if parameters:
        finished["parameters"] = parameters
    if "requestBody" in described:
        finished["requestBody"] = described["requestBody"]
        _add_examples(described["requestBody"].get("content", {}), builder, f"{place} body")
    finished["responses"] = _responses(operation, described["responses"], builder, place)
    return finished


def _finish_parameter(parameter: dict[str, Any], builder: ExampleBuilder, place: str) -> dict[str, Any]:
    schema = _without_null(parameter["schema"])
    text = parameter.get("description") or schema.get("description") or _known_text(parameter["name"])
    schema.pop("description", None)
    finished = {**parameter, "schema": schema}
    if text:
        finished["description"] = markdown(text)
    if parameter["in"] == "path" and "example" not in parameter:
        place = f"{place} parameter {parameter['name']}"
        finished["example"] = builder.example_of(schema, place, parameter["name"])
    return finished


def _known_text(name: str) -> str | None:
    bound = next((text for prefix, text in texts.BOUNDS.items() if name.startswith(prefix)), None)
    return texts.PARAMETERS.get(name, bound)


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a parameter, which can be left out and never be null."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    if len(options) == 1:
        return {**rest, **options[0]}
    return {**rest, "anyOf": options} if options else rest


def _add_examples(content: dict[str, Any], builder: ExampleBuilder, place: str) -> None:
    for media_type, media in content.items():
        if media_type == JSON and "example" not in media and "examples" not in media:
            media["example"] = builder.example_of(media.get("schema", {}), place)


def _responses(operation: Operation, described: dict[str, Any], builder: ExampleBuilder, place: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, response in described.items():
        if status.startswith("2"):
            text = response.get("description", "")
            found[status] = {
                **response,
                "description": _SUCCESS.get(status, text) if text in ("", "Successful Response") else text,
                "headers": {**common.success_headers(operation), **response.get("headers", {})},
            }
            _add_examples(found[status].get("content", {}), builder, f"{place} {status}")
        elif status in ("413", "415") and not common.takes_body(operation) and operation.method in ("GET", "DELETE"):
            # Declared for a whole router, some of whose operations have no body.
            continue
        elif _is_common(int(status), response):
            found[status] = common.error_reference(int(status), otlp=operation.otlp)
        else:
            found[status] = {
                **response,
                "headers": {**common.error_headers(int(status)), **response.get("headers", {})},
            }
            _add_examples(found[status].get("content", {}), builder, f"{place} {status}")
    for expected in common.expected_errors(operation):
        found.setdefault(str(expected), common.error_reference(expected, otlp=operation.otlp))
    return dict(sorted(found.items()))


def _is_common(status: int, response: dict[str, Any]) -> bool:
    """Return whether a route said no more of an error than every route may."""
    if not common.is_common_error(status):
        return False
    media = response.get("content", {}).get(JSON, {})
    name = str(media.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    own_example = media.get("example")
    return name == "HTTPValidationError" or (
        name == "EnvelopedError" and (own_example is None or own_example == PROBLEMS[status].example())
    )
