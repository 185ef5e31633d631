"""What the service answers while its database is away, and which one it prefers."""

from query.tests.conftest import Api, calling, make_settings

PATH = "/api/v1/traces"


async def test_F11_without_its_database_the_service_answers_503_and_stays_up(door: Api) -> None:
    answer = await door.get(PATH)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "dependency_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    assert (await door.get("/health", headers={})).status_code == 200
    ready = await door.get("/ready", headers={})
    assert ready.status_code == 503
    assert ready.json()["checks"]["traces_database"] != "ok"


async def test_a_read_replica_is_preferred(traces_url: str) -> None:
    settings = make_settings("postgresql://user:pw@127.0.0.1:1/traces")
    assert settings.ports == [8003]
    async with calling(settings.model_copy(update={"timescale_read_url": traces_url})) as api:
        assert (await api.get(PATH)).status_code == 200
        ready = await api.get("/ready", headers={})
        assert ready.json() == {"status": "ready", "checks": {"traces_database": "ok"}}
