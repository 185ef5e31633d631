"""A Postman collection (format 2.1) of the document: a folder for each tag, a request for each operation."""

import json
from typing import Any

from contract.document import JSON, Document, iter_operations, resolve

_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_STORE_TOKENS = [
    "const answer = pm.response.json();",
    "const tokens = answer.data || answer;",
    "if (tokens.access_token) {",
    "  pm.collectionVariables.set('access_token', tokens.access_token);",
    "  pm.collectionVariables.set('refresh_token', tokens.refresh_token);",
    "}",
]
_STORE_KEY = [
    "const answer = pm.response.json();",
    "if (answer.key) pm.collectionVariables.set('api_key', answer.key);",
]
_BEARER = {"type": "bearer", "bearer": [{"key": "token", "value": "{{access_token}}", "type": "string"}]}
_API_KEY = {
    "type": "apikey",
    "apikey": [
        {"key": "key", "value": "X-API-Key", "type": "string"},
        {"key": "value", "value": "{{api_key}}", "type": "string"},
        {"key": "in", "value": "header", "type": "string"},
    ],
}
# A key may send, and a user may do everything else, so that one log-in and one key serve the whole collection.
_KEY_PERMISSIONS = frozenset({"ingest"})


def build_collection(document: Document) -> dict[str, Any]:
    """Return the collection; log-in and registration keep their tokens in its variables."""
    folders: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in document["tags"]}
    for method, path, operation in iter_operations(document):
        folders[operation["tags"][0]].append(_item(document, method, path, operation))
    return {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "schema": _SCHEMA,
        },
        "auth": _BEARER,
        "variable": [
            {"key": "base_url", "value": "http://localhost:8000"},
            {"key": "access_token", "value": ""},
            {"key": "refresh_token", "value": ""},
            {"key": "api_key", "value": ""},
        ],
        "item": [
            {"name": tag["name"], "description": tag["description"], "item": folders[tag["name"]]}
            for tag in document["tags"]
        ],
    }


def _item(document: Document, method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
    parameters = [resolve(document, parameter) for parameter in operation.get("parameters", ())]
    in_path = {parameter["name"]: parameter for parameter in parameters if parameter["in"] == "path"}
    parts = [f":{part[1:-1]}" if part.startswith("{") else part for part in path.split("/")[1:]]
    request: dict[str, Any] = {
        "method": method,
        "description": operation["description"],
        "header": [],
        "url": {
            "raw": "{{base_url}}/" + "/".join(parts),
            "host": ["{{base_url}}"],
            "path": parts,
            "variable": [
                {"key": name, "value": str(parameter["example"]), "description": parameter.get("description", "")}
                for name, parameter in in_path.items()
            ],
            "query": [
                {
                    "key": parameter["name"],
                    "value": str(parameter.get("example", parameter["schema"].get("default", ""))),
                    "description": parameter.get("description", ""),
                    "disabled": not parameter.get("required", False),
                }
                for parameter in parameters
                if parameter["in"] == "query"
            ],
        },
    }
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    elif operation["x-permission"] in _KEY_PERMISSIONS:
        request["auth"] = _API_KEY
    body = resolve(document, operation.get("requestBody"))
    example = first_example(body["content"].get(JSON, {})) if body else None
    if example is not None:
        request["header"].append({"key": "Content-Type", "value": JSON})
        request["body"] = {
            "mode": "raw",
            "raw": json.dumps(_with_variables(example), indent=2, ensure_ascii=False),
            "options": {"raw": {"language": "json"}},
        }
    item: dict[str, Any] = {"name": operation["summary"], "request": request}
    script = _script(document, operation)
    if script:
        item["event"] = [{"listen": "test", "script": {"type": "text/javascript", "exec": script}}]
    item["response"] = []
    return item


def first_example(media: dict[str, Any]) -> Any:
    """Return the first example of a body or answer, None when it has none."""
    if "example" in media:
        return media["example"]
    return next((example["value"] for example in media.get("examples", {}).values()), None)


def _with_variables(example: Any) -> Any:
    if isinstance(example, dict) and "refresh_token" in example:
        return {**example, "refresh_token": "{{refresh_token}}"}
    return example


def _script(document: Document, operation: dict[str, Any]) -> list[str]:
    for status, response in operation["responses"].items():
        if not status.startswith("2"):
            continue
        example = first_example(resolve(document, response).get("content", {}).get(JSON, {}))
        if isinstance(example, dict):
            answer = example.get("data", example)
            if isinstance(answer, dict) and "access_token" in answer:
                return _STORE_TOKENS
            if isinstance(answer, dict) and "key" in answer and "scopes" in answer:
                return _STORE_KEY
    return []
