"""The parts that the document is made of, each able to find what is wrong."""

from typing import Any

import httpx
import pytest

from contract.components import Components, markdown
from contract.document import iter_operations
from contract.examples import ExampleBuilder
from contract.postman import build_collection
from contract.reference import render_reference
from shared.http.schema import PROBLEMS
from shared.testing.contract import answer_problems, check_answer, published_document

TEXT = {"type": "object", "properties": {"a": {"type": "string"}}}


def _holding(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"inner": {"$ref": f"#/components/schemas/{name}"}}}


def test_what_two_services_describe_alike_is_one_schema() -> None:
    components = Components()
    components.add("query", {"Inner": TEXT, "Outer": _holding("Inner")})
    rename = components.add("gateway", {"Inner": TEXT, "Outer": _holding("Inner")})
    assert sorted(components.schemas) == ["Inner", "Outer"]
    assert rename(_holding("Inner")) == _holding("Inner")


def test_what_differs_gets_the_name_of_its_service_even_where_only_what_it_holds_differs() -> None:
    components = Components()
    components.add("query", {"Inner": TEXT, "Outer": _holding("Inner")})
    rename = components.add("gateway", {"Inner": {"type": "integer"}, "Outer": _holding("Inner")})
    assert sorted(components.schemas) == ["GatewayInner", "GatewayOuter", "Inner", "Outer"]
    assert components.schemas["GatewayOuter"] == _holding("GatewayInner")
    assert components.schemas["Outer"] == _holding("Inner")
    assert rename(_holding("Outer")) == _holding("GatewayOuter")
    assert sorted(components.used_by(_holding("GatewayOuter"))) == ["GatewayInner", "GatewayOuter"]


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("Enveloped_Span_", "SpanEnvelope"),
        ("EnvelopedPage_Span_", "SpanPage"),
        ("Enveloped_list_Alert__", "AlertListEnvelope"),
        ("Span", "Span"),
    ],
)
def test_envelopes_are_named_after_what_they_hold(name: str, public: str) -> None:
    components = Components()
    components.add("query", {name: {"type": "object", "properties": {}}})
    assert list(components.schemas) == [public]


def test_docstrings_become_markdown() -> None:
    text = "Return ``a``\n    and more.\n\n    Second.\n\n    Args:\n        x: for developers.\n"
    assert markdown(text) == "Return `a` and more.\n\nSecond."


def test_examples_are_put_together_and_what_has_none_is_named() -> None:
    schemas = {"Inner": {"type": "object", "properties": {"tags": {"type": "array", "items": {"type": "string"}}}}}
    builder = ExampleBuilder(schemas)
    schema = {
        "type": "object",
        "properties": {
            "status": {"enum": ["success", "error"]},
            "inner": {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Inner"}]},
            "stated": {"type": "string", "examples": ["as stated"]},
            "at": {"type": "string", "format": "date-time"},
            "limit": {"type": "string", "enum": ["few", "many"]},
        },
    }
    assert builder.example_of(schema, "here") == {
        "status": "success",
        "inner": {"tags": ["beta"]},
        "stated": "as stated",
        "at": "2026-01-31T12:00:00Z",
        "limit": "few",
    }
    assert builder.missing == []
    builder.example_of({"type": "object", "properties": {"unheard_of": {"type": "string"}}}, "here")
    assert builder.missing == ["here.unheard_of"]


def test_nulls_that_were_lost_come_back() -> None:
    nullable = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": nullable, "c": nullable},
        "required": ["a", "b"],
        "examples": [{"a": "x"}],
    }
    assert ExampleBuilder({}).example_of(schema, "here") == {"a": "x", "b": None}


def test_a_recursive_schema_has_an_example_that_ends() -> None:
    node = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}}},
    }
    example = ExampleBuilder({"Node": node}).example_of({"$ref": "#/components/schemas/Node"}, "here")
    assert "children" in example


def test_answers_are_held_against_the_document() -> None:
    error = PROBLEMS[404].example()
    check_answer("GET", "/api/v1/traces/order-7", httpx.Response(404, json=error))
    check_answer("DELETE", "/api/v1/api-keys/x", httpx.Response(204))
    without_code = {**error, "error": {"message": "no code", "details": []}}
    for method, path, answer in (
        ("GET", "/api/v1/traces/order-7", httpx.Response(404, json=without_code)),
        ("GET", "/api/v1/traces/order-7", httpx.Response(418, json=error)),
        ("GET", "/api/v1/traces/order-7", httpx.Response(404, text="not found")),
        ("GET", "/api/v1/traces/order-7", httpx.Response(200, json={"status": "success"})),
        ("DELETE", "/api/v1/api-keys/x", httpx.Response(204, text="a body")),
        ("GET", "/api/v1/nothing", httpx.Response(404, json=error)),
    ):
        assert answer_problems(method, path, answer) != [], (method, path, answer)
    with pytest.raises(AssertionError, match="does not declare 418"):
        check_answer("GET", "/api/v1/traces/order-7", httpx.Response(418, json=error))


def test_the_collection_holds_every_operation_and_keeps_tokens() -> None:
    document = published_document()
    collection = build_collection(document)
    requests = [item for folder in collection["item"] for item in folder["item"]]
    assert len(requests) == len(iter_operations(document))
    variables = {variable["key"] for variable in collection["variable"]}
    assert variables == {"base_url", "access_token", "refresh_token", "api_key"}
    [login] = [item for item in requests if item["request"]["url"]["raw"].endswith("/auth/login")]
    assert any("access_token" in line for line in login["event"][0]["script"]["exec"])
    assert login["request"]["auth"] == {"type": "noauth"}
    [send] = [item for item in requests if item["request"]["url"]["path"] == ["api", "v1", "traces", "batch"]]
    assert {"key": "value", "value": "{{api_key}}", "type": "string"} in send["request"]["auth"]["apikey"]


def test_the_reference_has_a_place_for_every_operation() -> None:
    document = published_document()
    pages = render_reference(document)
    for method, path, operation in iter_operations(document):
        page = f"{operation['tags'][0].replace(' ', '-')}.md"
        assert f"`{method} {path}` –" in pages[page]
        assert f"[`{path}`]({page}#{operation['operationId'].lower()})" in pages["README.md"]
