"""Examples where a schema has none of its own: put together from its parts, alike wherever a name occurs."""

from collections.abc import Mapping
from typing import Any

from contract.components import PREFIX

_UUID = "0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"
_TIME = "2026-01-31T12:00:00Z"
_FORMATS = {"date-time": _TIME, "date": "2026-01-31", "uuid": _UUID, "email": "ada@example.com", "binary": ""}

# A name means the same in every request and answer, so it has the same example.
NAMES: Mapping[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTkzIn0.c2lnbmF0dXJl",
    "agent_id": "support",
    "agents": ["support"],
    "code": "time_too_old",
    "comment": "quick",
    "cursor": None,
    "current_password": "correct horse battery",
    "description": "Everything the shop's agents do",
    "email": "ada@example.com",
    "environment": "production",
    "error": "The body ends in the middle of a span.",
    "error_message": "The tool did not answer in time.",
    "error_type": "TimeoutError",
    "expires_in": 1800,
    "finish_reasons": ["stop"],
    "format": "flat",
    "full_name": "Ada Lovelace",
    "id": _UUID,
    "ids": [_UUID],
    "input_preview": "Where is my order?",
    "key": "ao_live_4fQ7mC2x9Zr1Lk8sVb3Nw6Yt0Hd5Jg2P",
    "key_id": _UUID,
    "link": "http://localhost:3000/accept-invitation?token=b3BlbiBzZXNhbWUgYW5kIGdvIGlu",
    "kind": "llm",
    "limit": 50,
    "message": "The tool did not answer in time.",
    "metadata": {"plan": "pro"},
    "model": "gpt-4o-2024-08-06",
    "model_provider": "openai",
    "model_requested": "gpt-4o",
    "models": ["gpt-4o-2024-08-06"],
    "name": "invoke_agent support",
    "new_password": "violet kettle 94 rain",
    "output_preview": "On its way.",
    "parent_span_id": None,
    "password": "correct horse battery",
    "permissions": ["ingest", "read", "write"],
    "platform_role": "user",
    "prefix": "ao_live_4fQ7",
    "prompt_name": "answer",
    "prompt_version": "3",
    "provider": "openai",
    "providers": ["openai"],
    "q": "refund",
    "reason": "time_too_old",
    "receipt_id": _UUID,
    "refresh_token": "cmVmcmVzaCBtZSBvbmNlIGFuZCBuZXZlciBhZ2Fpbg",
    "release": "2026.1",
    "role": "member",
    "scopes": ["ingest", "read"],
    "service": "shop-api",
    "session_id": "s-1",
    "slug": "home",
    "span_id": "00f067aa0ba902b7",
    "spans_cursor": None,
    "tags": ["beta"],
    "timezone": "Europe/Berlin",
    "token": "b3BlbiBzZXNhbWUgYW5kIGdvIGlu",
    "tool_name": "search",
    "trace_id": "order-7",
    "traces_cursor": None,
    "type": "TimeoutError",
    "user_id": "u-42",
    "workspace_name": "Home",
    "tokens_input": 900,
    "tokens_output": 80,
    "tokens_total": 980,
    "tokens_cached": 0,
    "tokens_reasoning": 0,
    "cost_source": "exact",
    "cost_usd": 0.00305,
    "duration_ms": 420.0,
    "ttft_ms": 180.0,
    "retention_days": 90,
    "rollup_retention_days": 400,
}
_SUFFIXES: Mapping[str, Any] = {
    "_ms": 420.0,
    "_usd": 0.00305,
    "_count": 1,
    "_bytes": 512,
    "_percent": 12.5,
    "_rate": 0.02,
    "_seconds": 1.5,
    "_spans": 7,
}
_DEEPEST = 12
_NONE = object()


def named_example(name: str | None) -> Any:
    """Return the example that a name has wherever it occurs, or a marker that fits no schema."""
    if name is None:
        return _NONE
    # What has an id of the platform's own making has a UUID.
    return NAMES.get(name, _UUID if name.endswith("_id") else _NONE)


class ExampleBuilder:
    """Makes examples of schemas; ``missing`` names the places of texts for which neither schema nor name has one."""

    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self._schemas = schemas
        self.missing: list[str] = []

    def example_of(self, schema: Any, place: str, name: str | None = None) -> Any:
        """Return an example of a schema; ``place`` says where it is, ``name`` what it is called there."""
        return self._build(schema, place, name, 0)

    def _build(self, schema: Any, place: str, name: str | None, depth: int) -> Any:
        schema = self._resolved(schema)
        stated = self._stated(schema, name)
        if stated is not _NONE:
            return self._with_nulls(schema, stated)
        options = [option for key in ("anyOf", "oneOf") for option in schema.get(key, ())]
        if options:
            if depth > _DEEPEST and {"type": "null"} in options:
                return None
            chosen = next((option for option in options if option.get("type") != "null"), options[0])
            return self._build(chosen, place, name, depth)
        match schema.get("type"):
            case "object":
                return self._object(schema, place, depth)
            case "array":
                items = schema.get("items", {})
                return [] if not items or depth > _DEEPEST else [self._build(items, f"{place}[]", name, depth + 1)]
            case "boolean":
                return False
            case "integer" | "number":
                return self._number(schema, name)
            case "null":
                return None
            case "string":
                if schema.get("format") in _FORMATS:
                    return _FORMATS[schema["format"]]
                self.missing.append(place)
                return "text"
        # A schema that allows anything.
        return None

    def _resolved(self, schema: Any) -> Any:
        while "$ref" in schema:
            found = self._schemas[schema["$ref"].removeprefix(PREFIX)]
            schema = found | {key: value for key, value in schema.items() if key != "$ref"}
        if len(schema.get("allOf", ())) == 1:
            return self._resolved(schema["allOf"][0] | {key: item for key, item in schema.items() if key != "allOf"})
        return schema

    def _stated(self, schema: Any, name: str | None) -> Any:
        for key in ("example", "const"):
            if key in schema:
                return schema[key]
        if schema.get("examples"):
            return schema["examples"][0]
        named = named_example(name)
        if "enum" in schema:
            return named if named in schema["enum"] else schema["enum"][0]
        has_words = any("enum" in self._resolved(option) for option in _parts(schema))
        if _fits(named, self._kinds(schema)) and not has_words:
            return named
        default = schema.get("default")
        return default if isinstance(default, str | int | float) else _NONE

    def _kinds(self, schema: Any) -> set[str]:
        schema = self._resolved(schema)
        kinds = {schema["format"] if schema.get("format") in _FORMATS else schema.get("type", "any")}
        for option in _parts(schema):
            kinds |= self._kinds(option)
        return kinds

    def _with_nulls(self, schema: Any, stated: Any) -> Any:
        """Return a stated example with the nulls that FastAPI leaves out of documents."""
        schema = self._resolved(schema)
        if isinstance(stated, list):
            return [self._with_nulls(schema.get("items", {}), item) for item in stated]
        if not isinstance(stated, dict):
            return stated
        fitting = next(
            (option for option in map(self._resolved, _parts(schema)) if option.get("type") == "object"), schema
        )
        properties = fitting.get("properties", {})
        found = {name: self._with_nulls(properties.get(name, {}), value) for name, value in stated.items()}
        for name in fitting.get("required", ()):
            if name not in found and "null" in self._kinds(properties[name]):
                found[name] = None
        return found

    def _object(self, schema: Any, place: str, depth: int) -> Any:
        required = schema.get("required", ())
        properties = schema.get("properties", {})
        if not properties:
            values = schema.get("additionalProperties")
            if not isinstance(values, dict) or not values or depth > _DEEPEST:
                return {}
            return {"name": self._build(values, f"{place}.*", None, depth + 1)}
        return {
            name: self._build(item, f"{place}.{name}", name, depth + 1)
            for name, item in properties.items()
            if name in required or depth <= _DEEPEST
        }

    def _number(self, schema: Any, name: str | None) -> Any:
        for suffix, value in _SUFFIXES.items():
            if name is not None and name.endswith(suffix):
                return int(value) if schema["type"] == "integer" else value
        least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        return max(1, least) if schema["type"] == "integer" else max(0.5, least)


def _parts(schema: Any) -> list[Any]:
    return [option for key in ("anyOf", "oneOf") for option in schema.get(key, ())]


def _fits(value: Any, kinds: set[str]) -> bool:
    if value is None:
        return "null" in kinds
    if value is _NONE:
        return False
    names: dict[type, set[str]] = {
        bool: {"boolean"},
        int: {"integer", "number"},
        float: {"number"},
        str: {"string"},
        list: {"array"},
        dict: {"object"},
    }
    return bool(names[type(value)] & kinds)
