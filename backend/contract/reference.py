"""The document as pages that people read."""

import json
from typing import Any
from urllib.parse import quote

from contract.document import ALIAS, JSON, Document, iter_operations, resolve
from contract.postman import first_example

_HEAD = """\
# Reference

Every address of the gateway, generated from its OpenAPI document by `python -m contract`: change the services, not
these pages. [The guide](../README.md) says what holds everywhere: credentials, forms, errors, limits. The same as a
[Postman collection](../postman_collection.json).
"""
_LONGEST_DEFAULT = 60
# Every POST takes it, and the guide says how.
_IDEMPOTENCY = {"$ref": "#/components/parameters/IdempotencyKey"}


def render_reference(document: Document) -> dict[str, str]:
    """Return the pages as Markdown by file name: a list of everything, and a page for each tag."""
    operations = iter_operations(document)
    pages = {}
    parts = [_HEAD]
    for tag in document["tags"]:
        page = f"{tag['name'].replace(' ', '-')}.md"
        title = tag["name"][:1].upper() + tag["name"][1:]
        own = [item for item in operations if item[2]["tags"][0] == tag["name"]]
        rows = [
            f"| {method} | [`{path}`]({page}#{operation['operationId'].lower()}) | {operation['summary']} |"
            for method, path, operation in own
        ]
        parts += [f"## {title}", tag["description"], "| | | |\n| --- | --- | --- |\n" + "\n".join(rows)]
        described = [f"# {title}", f"{tag['description']} All addresses: [reference](README.md)."]
        for method, path, operation in own:
            described += _operation(document, method, path, operation)
        pages[page] = _joined(described)
    return {"README.md": _joined(parts), **pages}


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _operation(document: Document, method: str, path: str, operation: dict[str, Any]) -> list[str]:
    name = str(operation["operationId"])
    parts = [f"## {name}", f"`{method} {path}` – {operation['summary']}"]
    original, _, alias = name.partition(ALIAS)
    if alias:
        return [*parts, f"The same as [{original}](#{original.lower()})."]
    parts.append(operation["description"])
    parameters = [
        resolve(document, parameter) for parameter in operation.get("parameters", ()) if parameter != _IDEMPOTENCY
    ]
    if parameters:
        rows = [_parameter_row(document, parameter) for parameter in parameters]
        parts.append("| parameter | in | type | |\n| --- | --- | --- | --- |\n" + "\n".join(rows))
    body = resolve(document, operation.get("requestBody"))
    content = body["content"] if body else {}
    if body:
        schema = content.get(JSON, {}).get("schema", {})
        fields = _field_rows(document, schema)
        if fields:
            parts.append("| body | type | |\n| --- | --- | --- |\n" + "\n".join(fields))
    parts.append(_fence("sh", _curl(document, method, path, operation, parameters)))
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            parts += _answer(document, status, resolve(document, response))
    errors = [status for status in operation["responses"] if not status.startswith("2")]
    parts.append(f"Errors: {', '.join(errors)}.")
    return parts


def _answer(document: Document, status: str, response: dict[str, Any]) -> list[str]:
    content = response.get("content", {})
    name = content.get(JSON, {}).get("schema", {}).get("$ref", "").rpartition("/")[2]
    said = f"{status}: {response['description'].rstrip('.')}" + (f", `{name}`." if name else ".")
    example = first_example(content.get(JSON, {}))
    return [said] if example is None else [said, _fence("json", json.dumps(example, indent=2, ensure_ascii=False))]


def _parameter_row(document: Document, parameter: dict[str, Any]) -> str:
    text = _cell(parameter.get("description", ""))
    default = parameter["schema"].get("default")
    if default not in (None, [], ""):
        shown = json.dumps(default, ensure_ascii=False).strip('"')[:_LONGEST_DEFAULT]
        text = f"{text}{'; ' if text else ''}`{shown}` unless given"
    name = parameter["name"] + (" *" if parameter.get("required") else "")
    return f"| {name} | {parameter['in']} | {_type(document, parameter['schema'])} | {text} |"


def _field_rows(document: Document, schema: dict[str, Any]) -> list[str]:
    found = resolve(document, schema)
    required = found.get("required", ())
    return [
        f"| {name}{' *' if name in required else ''} | {_type(document, item)} | {_cell(_text(document, item))} |"
        for name, item in found.get("properties", {}).items()
    ]


def _text(document: Document, schema: dict[str, Any]) -> str:
    return str(schema.get("description") or resolve(document, schema).get("description", ""))


def _type(document: Document, schema: dict[str, Any]) -> str:
    """Return a type in a few words, as a cell of a table."""
    if "$ref" in schema:
        target = resolve(document, schema)
        return _type(document, target) if "enum" in target else str(schema["$ref"]).rpartition("/")[2]
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const']).strip(chr(34))}`"
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " or ".join(dict.fromkeys(_type(document, option) for option in options))
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_type(document, schema.get('items', {}))}"
    if kind is None:
        return "any"
    words = [str(schema.get("format", kind) if kind == "string" else kind)]
    for key, word in (("minimum", "≥"), ("maximum", "≤"), ("minLength", "length ≥"), ("maxLength", "length ≤")):
        if key in schema:
            limit = schema[key]
            words.append(f"{word} {int(limit) if limit == int(limit) else limit}")
    return " ".join([words[0], ", ".join(words[1:])]).strip()


def _curl(
    document: Document, method: str, path: str, operation: dict[str, Any], parameters: list[dict[str, Any]]
) -> str:
    filled = path
    for parameter in parameters:
        if parameter["in"] == "path":
            filled = filled.replace(f"{{{parameter['name']}}}", quote(str(parameter["example"]), safe=""))
    words = ["curl -s"] + ([] if method == "GET" else [f"-X {method}"]) + [f"localhost:8000{filled}"]
    if operation["security"]:
        user_only = operation["security"] == [{"bearer": []}]
        words.append(f'-H "Authorization: Bearer ${"ACCESS_TOKEN" if user_only else "KEY"}"')
    body = resolve(document, operation.get("requestBody"))
    example = first_example(body["content"].get(JSON, {})) if body else None
    if example is None:
        return " ".join(words)
    text = json.dumps(example, ensure_ascii=False, indent=2).replace("'", "'\\''")
    return f"{' '.join(words)} -H 'Content-Type: application/json' -d '{text}'"


def _fence(language: str, text: str) -> str:
    return f"```{language}\n{text}\n```"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
