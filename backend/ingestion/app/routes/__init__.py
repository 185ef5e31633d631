"""Every address of the service."""

from starlette.routing import Route

from ingestion.app.routes.door import Door
from ingestion.app.routes.items import ITEM_DOORS
from ingestion.app.routes.otlp import OTLP_DOORS


def all_routes() -> list[Route]:
    """Return the routes, those first that have the most traffic."""
    doors: list[tuple[str, Door]] = [*ITEM_DOORS, *OTLP_DOORS]
    return [Route(path, door, methods=["POST"], name=door.name) for path, door in doors]
