"""What the services say of themselves: their own OpenAPI documents, and the guards of their routes."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from fastapi import FastAPI

from gateway.app.routing import RoutingTable
from shared.auth.permissions import Permission
from shared.http.guard import iter_guards
from shared.serve import SERVICES
from shared.settings import ServiceSettings

# Nothing is started, so nothing is reached; the secrets only have to look like some.
_SETTINGS: Mapping[str, Any] = {
    "timescale_url": "postgresql://127.0.0.1:1/traces",
    "postgres_url": "postgresql://127.0.0.1:1/metadata",
    "redis_url": "redis://127.0.0.1:1/0",
    "jwt_secret": "0b1c2d3e4f5a69788796a5b4c3d2e1f0",
    "api_key_salt": "7d3f9a1c5e2b8046d1c3b5a79f8e6d4c",
    "internal_token_secret": "f2c8e0a9471b5d36c1a87e4490db63f5",
    "metrics_token": None,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address that the gateway answers; ``permission`` is None where anybody may ask."""

    service: str
    method: str
    path: str
    permission: Permission | None
    description: dict[str, Any]
    otlp: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """The operations of one service that are public, and the schemas they refer to."""

    service: str
    operations: list[Operation]
    schemas: dict[str, Any]


def read_sources() -> list[Source]:
    """Return what each service contributes to the gateway's addresses.

    Raises:
        LookupError: The gateway leads to an address that its service does not describe.
    """
    targets = RoutingTable().targets
    sources = []
    for service in SERVICES:
        app = make_app(service)
        document: dict[str, Any] = app.openapi()
        guards = _permissions(app)
        if service == "gateway":
            wanted = [(method.upper(), path, False) for path, item in document["paths"].items() for method in item]
        else:
            wanted = [(target.method, target.path, target.otlp) for target in targets if target.service == service]
        operations = []
        for method, path, otlp in wanted:
            description = document["paths"].get(path, {}).get(method.lower())
            if description is None:
                raise LookupError(f"{service} does not describe {method} {path}")
            operations.append(Operation(service, method, path, guards[method, path], description, otlp))
        sources.append(Source(service, operations, document.get("components", {}).get("schemas", {})))
    return sources


def make_app(service: str) -> FastAPI:
    """Return the application of a service, which can describe itself and nothing else."""
    settings: ServiceSettings = import_module(f"{service}.app.config").Settings(**_SETTINGS)
    app: FastAPI = import_module(f"{service}.app.main").create_app(settings)
    return app


def _permissions(app: FastAPI) -> dict[tuple[str, str], Permission | None]:
    return {
        (method, str(context.path)): guard.permission if guard is not None else None
        for context, guard in iter_guards(app)
        for method in context.methods or ()
    }
