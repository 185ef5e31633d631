"""Requests made from the document, valid and not, get answers that the document declares."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from contract.document import JSON, resolve
from contract.postman import first_example
from shared.http.ranges import RangeName
from shared.testing.contract import check_answer, published_document
from tests.contract.conftest import Populated

EXAMPLES = 12
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# These end what the caller needs to go on: the session, the password, the workspace.
ENDING = frozenset(
    {"logout", "switch", "change_password", "update_me", "delete_workspace", "update_workspace", "refresh"}
)
SCHEMA = schemathesis.openapi.from_dict(published_document())
OPERATIONS: dict[str, schemathesis.APIOperation[Any, Any, Any, Any]] = {
    result.ok().label: result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)
}
READS = [
    path
    for path, item in published_document()["paths"].items()
    if "get" in item and path not in ("/metrics", "/health", "/ready")
]
WRITES = [
    (method.upper(), path)
    for path, item in published_document()["paths"].items()
    for method, operation in item.items()
    if "requestBody" in operation
]
USUAL: list[dict[str, str]] = [
    {},
    *({"range": name} for name in get_args(RangeName)),
    {"from": "2026-01-31T11:07:13.123456Z", "to": "2026-01-31T12:59:59.999Z"},
    {"from": (datetime.now(UTC) - timedelta(minutes=47, seconds=11)).isoformat()},
    {"from": (datetime.now(UTC) - timedelta(days=39, hours=5, seconds=3)).isoformat()},
    {"range": "24h", "agent_id": "agent", "environment": "test"},
    {"range": "24h", "granularity": "1h"},
    {"limit": "1"},
    *({"type": name} for name in ("hourly", "daily")),
]
# No worker runs here.
UNFINISHED = {"/api/v1/exports/{export_id}/download": 409}
# Tokens, passwords and ids of examples are nobody's.
REFUSED_EXAMPLES = {
    "login": 401,
    "refresh": 401,
    "switch": 404,
    "change_password": 422,
    "reset_password": 422,
    "accept_invitation": 422,
}


@schemathesis.serializer("application/x-protobuf")
def _protobuf(context: schemathesis.SerializationContext, value: Any) -> Any:
    return value.encode() if isinstance(value, str) else bytes(value) if isinstance(value, bytes) else b"\x00"


# Before requests at random, which may register the address of an example.
@pytest.mark.xdist_group("contract")
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_the_examples_of_bodies_are_taken(method: str, path: str, populated: Populated) -> None:
    operation = published_document()["paths"][path][method.lower()]
    example = first_example(operation["requestBody"]["content"][JSON])
    filled = path
    for name, value in populated.ids.items():
        filled = filled.replace(f"{{{name}}}", quote(value, safe=""))
    with httpx.Client(base_url=populated.url, timeout=30) as client:
        headers = populated.stranger() if operation["security"] else {}
        answer = client.request(method, filled, headers=headers, json=example)
    check_answer(method, filled, answer)
    # What an address names is another workspace's here, so that it is not there.
    refused = REFUSED_EXAMPLES.get(operation["operationId"], 404 if "{" in path else None)
    assert answer.status_code in (200, 201, 202, 204, refused), answer.text


@pytest.mark.xdist_group("contract")
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_gets_an_answer_that_is_not_declared(label: str, populated: Populated) -> None:
    operation = OPERATIONS[label]
    name = operation.definition.raw["operationId"]
    strategies = [operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)]
    if operation.body or operation.query or operation.path_parameters:
        strategies.append(operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    credentials = [{}, populated.owner, populated.key]

    @given(case=st.one_of(strategies), credential=st.sampled_from([1, 1, 1, 2, 0]), known=st.booleans())
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case[Any], credential: int, known: bool) -> None:
        headers = credentials[credential]
        if name in ENDING and headers:
            headers = populated.stranger()
        if known and case.method == "GET" and case.path_parameters:
            case.path_parameters |= {key: populated.ids[key] for key in case.path_parameters if key in populated.ids}
        for header in headers:
            case.headers.pop(header, None)
        answer = case.call(base_url=populated.url, headers=headers)
        assert answer.status_code < 500, f"{answer.request.method} {answer.request.url}: {answer.text}"
        case.validate_response(answer, checks=CHECKS)

    ask()


@pytest.mark.xdist_group("contract")
@pytest.mark.parametrize("path", READS)
def test_what_is_stored_reads_as_declared(path: str, populated: Populated) -> None:
    """Ask with no parameters and then with each that has a usual value: random requests rarely hit stored data."""
    operation = published_document()["paths"][path]["get"]
    known = {parameter["name"] for parameter in map(_resolved, operation.get("parameters", ()))}
    asked = [values for values in USUAL if known >= values.keys()]
    filled = path
    for parameter in map(_resolved, operation.get("parameters", ())):
        if parameter["in"] == "path":
            if parameter["name"] not in populated.ids:
                pytest.skip(f"nothing is stored that has a {parameter['name']}")
            filled = filled.replace(f"{{{parameter['name']}}}", quote(populated.ids[parameter["name"]], safe=""))
    with httpx.Client(base_url=populated.url, timeout=30) as client:
        for values in asked:
            answer = client.get(filled, headers=populated.owner, params=values)
            # Some do not take every range, and not everything occurs in every range.
            others = (200, 422, 404 if "{" in path else 422) if values else (UNFINISHED.get(path, 200),)
            assert answer.status_code in others, f"{answer.request.url}: {answer.text}"
            check_answer("GET", filled, answer)


def _resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = resolve(published_document(), parameter)
    return found


@pytest.mark.xdist_group("contract")
def test_no_service_met_a_defect(populated: Populated) -> None:
    defects = []
    for name in populated.platform.ports:
        for line in populated.platform.log(name).splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("status") == 500 or "Traceback" in line:
                defects.append(f"{name} {event.get('path')}: {event.get('exception', line)[-1500:]}")
    assert defects == [], "\n\n".join(dict.fromkeys(defects))
