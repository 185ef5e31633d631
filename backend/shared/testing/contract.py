"""Holds answers against the OpenAPI document that the gateway publishes, for the tests of every service."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from jsonschema import Draft202012Validator

_DOCUMENT = Path(__file__).parents[2] / "gateway" / "app" / "data" / "openapi.json"


@cache
def published_document() -> dict[str, Any]:
    """Return the document as it was generated last."""
    document: dict[str, Any] = json.loads(_DOCUMENT.read_text())
    return document


def answer_problems(method: str, path: str, answer: httpx.Response) -> list[str]:
    """Return in what an answer differs from the document, nothing when it fits.

    Args:
        method: Method of the request.
        path: Address of the request, without its query.
        answer: The answer, of the gateway or of the service behind it.
    """
    operation = _operation(method, path)
    if operation is None:
        return [f"{method} {path} is not in the document"]
    response = operation["responses"].get(str(answer.status_code))
    if response is None:
        return [f"{method} {path} does not declare {answer.status_code}: {answer.text[:300]}"]
    content = _resolved(response).get("content", {})
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
    if not content:
        return [f"{method} {path} declares no body for {answer.status_code}"] if answer.content else []
    if media_type not in content:
        return [f"{method} {path} does not declare {media_type} for {answer.status_code}"]
    if media_type != "application/json":
        return []
    return schema_problems(content[media_type]["schema"], answer.json())


def schema_problems(schema: dict[str, Any], value: Any, document: dict[str, Any] | None = None) -> list[str]:
    """Return in what a value differs from a schema of the document, each with its place."""
    components = (document or published_document())["components"]
    validator = Draft202012Validator({**schema, "components": components})
    return [
        f"{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in validator.iter_errors(value)
    ]


def check_answer(method: str, path: str, answer: httpx.Response) -> None:
    """Fail unless an answer fits the document.

    Raises:
        AssertionError: Says in what it does not.
    """
    problems = answer_problems(method, path, answer)
    assert problems == [], "\n".join(problems)


def _operation(method: str, path: str) -> dict[str, Any] | None:
    paths = published_document()["paths"]
    templates = [path] if path in paths else [template for template in paths if _pattern(template).fullmatch(path)]
    # A fixed part says more than one that stands for anything.
    for template in sorted(templates, key=lambda text: text.count("{")):
        found: dict[str, Any] | None = paths[template].get(method.lower())
        if found is not None:
            return found
    return None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)))


def _resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = published_document()
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    resolved: dict[str, Any] = found
    return resolved
