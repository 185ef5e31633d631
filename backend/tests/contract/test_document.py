"""The published contract is complete, true to the code, and true to itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis

from contract.__main__ import PROJECT, main
from contract.document import ALIAS, JSON, Document, build_document, iter_operations, resolve
from contract.outputs import find_leftovers, render_outputs
from gateway.app.routing import RoutingTable
from shared.testing.contract import schema_problems

PERMISSION_WORDS = ("Permission `", "Needs no credential.")


@pytest.fixture(scope="module")
def document() -> Document:
    return build_document()


def test_what_is_generated_is_up_to_date(document: Document) -> None:
    outputs = render_outputs(document)
    stale = [path for path, text in outputs.items() if (PROJECT / path).read_text() != text]
    assert stale + find_leftovers(PROJECT, outputs) == [], "run python -m contract in backend"


def test_the_command_checks_without_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["--check"]) == 0
    monkeypatch.setattr("contract.__main__.PROJECT", tmp_path)
    assert main(["--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert main([]) == 0
    assert main(["--check"]) == 0
    (tmp_path / "docs/api/reference/gone.md").write_text("of a tag that is no more")
    assert main(["--check"]) == 1
    assert main([]) == 0
    assert not (tmp_path / "docs/api/reference/gone.md").exists()


def test_every_public_address_is_in_it(document: Document) -> None:
    found = {(method, path) for method, path, _ in iter_operations(document)}
    assert {(target.method, target.path) for target in RoutingTable().targets} <= found
    assert ("POST", "/api/v1/auth/login") in found


def test_it_is_openapi(document: Document) -> None:
    schemathesis.openapi.from_dict(document).validate()
    names = [operation["operationId"] for _, _, operation in iter_operations(document)]
    assert len(names) == len(set(names))
    dangling = [reference for reference in _references(document) if _leads_nowhere(document, reference)]
    assert dangling == []


def test_every_operation_says_everything(document: Document) -> None:
    problems = [
        f"{method} {path}: {problem}"
        for method, path, operation in iter_operations(document)
        for problem in _gaps(document, method, operation)
    ]
    assert problems == [], "\n".join(problems)


def test_examples_fit_their_schemas(document: Document) -> None:
    problems = []
    for method, path, operation in iter_operations(document):
        for place, media in _media(document, operation):
            examples = [example["value"] for example in media.get("examples", {}).values()]
            if "example" in media:
                examples.append(media["example"])
            for example in examples:
                problems += [
                    f"{method} {path} {place}: {problem}"
                    for problem in schema_problems(media["schema"], example, document)
                ]
    assert problems == [], "\n".join(problems)


def test_every_schema_is_described(document: Document) -> None:
    schemas = document["components"]["schemas"]
    assert [name for name, schema in schemas.items() if not schema.get("description")] == []


def _gaps(document: Document, method: str, operation: dict[str, Any]) -> Iterator[str]:
    text = "\n".join(part for part in operation["description"].split("\n\n") if not part.startswith(PERMISSION_WORDS))
    if not operation["summary"] or not text:
        yield "needs a summary and a description"
    for parameter in (resolve(document, item) for item in operation.get("parameters", ())):
        if not parameter.get("description"):
            yield f"parameter {parameter['name']} needs a description"
        if not parameter["schema"]:
            yield f"parameter {parameter['name']} needs a schema"
    if method in ("PUT", "PATCH") and "requestBody" not in operation:
        yield "needs a body"
    successes = [status for status in operation["responses"] if status.startswith("2")]
    errors = [status for status in operation["responses"] if status >= "4"]
    if not successes or not errors:
        yield "needs answers and errors"
    for status in successes:
        if status != "204" and not resolve(document, operation["responses"][status]).get("content"):
            yield f"{status} needs a body"
    for place, media in _media(document, operation):
        if _is_bare(document, media.get("schema", {})):
            yield f"{place} needs a schema"
        if media["type"] == JSON and "example" not in media and not media.get("examples"):
            yield f"{place} needs an example"


def _media(document: Document, operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each body of an operation, the request's and those of the answers, with where it is."""
    for media_type, media in resolve(document, operation.get("requestBody", {})).get("content", {}).items():
        yield "body", {**media, "type": media_type}
    if ALIAS in operation["operationId"]:
        return
    for status, response in operation["responses"].items():
        for media_type, media in resolve(document, response).get("content", {}).items():
            yield status, {**media, "type": media_type}


def _is_bare(document: Document, schema: dict[str, Any]) -> bool:
    """Return whether a schema allows anything, itself or as the data of an envelope."""
    found = resolve(document, schema)
    if not found or found == {"type": "object"} or found == {"type": "object", "additionalProperties": True}:
        return True
    data = found.get("properties", {}).get("data")
    return data is not None and _is_bare(document, data.get("items", data))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _leads_nowhere(document: Document, reference: str) -> bool:
    try:
        resolve(document, {"$ref": reference})
    except KeyError:
        return True
    return False
