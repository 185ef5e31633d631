"""Every address of the service."""

from starlette.routing import Route

from ingestion.app.routes.items import ITEM_DOORS
from ingestion.app.routes.otlp import OTLP_DOORS

ROUTES = [Route(path, door, methods=["POST"], name=door.name) for path, door in ITEM_DOORS + OTLP_DOORS]
