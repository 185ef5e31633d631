"""What the service answers while its database is away, and afterwards."""

import httpx

from query.app.config import Settings
from query.app.main import create_app
from query.tests.conftest import WORKSPACE, headers_of


async def test_F11_without_its_database_the_service_answers_503_and_stays_up(settings: Settings) -> None:
    away = settings.model_copy(update={"timescale_url": "postgresql://user:pw@127.0.0.1:1/traces"})
    app = create_app(away)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://query") as client:
            answer = await client.get("/api/v1/traces", headers=headers_of(WORKSPACE))
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "dependency_unavailable"
            assert int(answer.headers["retry-after"]) >= 1
            assert (await client.get("/health")).status_code == 200
            ready = await client.get("/ready")
            assert ready.status_code == 503
            assert ready.json()["checks"]["traces_database"] != "ok"


async def test_a_read_replica_is_preferred(settings: Settings) -> None:
    read_only = settings.model_copy(
        update={
            "timescale_url": "postgresql://user:pw@127.0.0.1:1/traces",
            "timescale_read_url": settings.timescale_url,
        }
    )
    app = create_app(read_only)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://query") as client:
            assert (await client.get("/api/v1/traces", headers=headers_of(WORKSPACE))).status_code == 200
            assert (await client.get("/ready")).json() == {"status": "ready", "checks": {"traces_database": "ok"}}
