"""Prices: what a workspace sees of them, and how it changes its own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, calling, headers_of
from query.tests.shop import PATH, RATES, USER, Shop, open_shop
from shared.domain import CostSource

NOW_NS = 1_790_000_000 * 10**9


@pytest.fixture
async def shop(traces_url: str, metadata_url: str, redis_url: str, database: asyncpg.Connection) -> AsyncIterator[Shop]:
    async with open_shop(traces_url, metadata_url, redis_url, database) as opened:
        yield opened


async def test_the_catalogue_says_what_it_matches_and_where_it_is_from(shop: Shop) -> None:
    (price,) = [price for price in await shop.find(provider="OpenAI", model="GPT-4o") if price["model"] == "gpt-4o"]
    assert (price["source"], price["state"], price["created_by"]) == ("catalogue", "in_force", None)
    assert price["catalogue"].startswith("genai-prices ")
    assert price["cost_sources"] == ["exact", "pattern"]
    assert price["prices"]["input"] == 2.5
    assert {"equals": "gpt-4o"} in price["match"]["or"]
    found = (await shop.book()).resolve("openai", "gpt-4o", NOW_NS, WORKSPACE)
    assert found is not None
    assert found.price_id == price["id"]
    assert (await shop.api.read(f"{PATH}/{price['id']}"))["data"] == price


async def test_pages_hold_every_price_once_and_in_order(shop: Shop) -> None:
    for number in range(7):
        await shop.add(f"in-house-{number % 3}", valid_from=f"2026-01-0{number + 1}T00:00:00Z")
    expected = await shop.traces.fetch(
        "select price_id from price_versions order by workspace_id is null, provider, model, price_id desc"
    )
    seen: list[int] = []
    cursor = None
    while True:
        params = {"state": "all", "limit": 300, **({"cursor": cursor} if cursor else {})}
        body = await shop.api.read(PATH, params)
        seen += [price["id"] for price in body["data"]]
        cursor = body["pagination"]["cursor"]
        if cursor is None:
            break
        # What is added meanwhile sorts before the page and moves nothing.
        await shop.add("aaa", valid_from=f"20{10 + len(seen) // 300}-01-01T00:00:00Z")
    assert seen == [row["price_id"] for row in expected]
    assert len(seen) > 900


async def test_a_price_of_the_workspace_holds_at_once_and_is_told(shop: Shop) -> None:
    price = await shop.add(
        " GPT-4o ",
        provider="azure_openai",
        prices={
            "input": "0.000000001",
            "output": 12.345678901,
            "cached_input": 0,
            "request": 5,
            "tiers": [{"above_tokens": 200_000, "input": 3.1}, {"above_tokens": 1000, "output": 20, "input": 3}],
        },
        valid_from="2026-01-01T01:00:00+01:00",
    )
    assert (price["provider"], price["model"], price["source"]) == ("azure", "gpt-4o", "workspace")
    assert (price["cost_sources"], price["match"]) == (["override"], {"equals": "gpt-4o"})
    assert (price["valid_from"], price["valid_to"], price["state"]) == ("2026-01-01T00:00:00Z", None, "in_force")
    assert price["created_by"] == str(USER)
    rates = price["prices"]
    assert (rates["input"], rates["output"], rates["cached_input"], rates["reasoning"]) == (1e-9, 12.345678901, 0, None)
    empty = {"cached_input": None, "cache_write": None, "reasoning": None}
    assert rates["tiers"] == [
        {"above_tokens": 1000, "input": 3, "output": 20, **empty},
        {"above_tokens": 200_000, "input": 3.1, "output": None, **empty},
    ]
    found = (await shop.book()).resolve("az.ai.openai", "gpt-4o", NOW_NS, WORKSPACE)
    assert found is not None
    assert (found.source, found.price_id) == (CostSource.OVERRIDE, price["id"])
    # 1 million of plain output at 12.345678901, 5 USD per thousand calls, and input too cheap for a nano-dollar.
    assert found.price.tariff.cost_nano(1000, 1_000_000, 0, 0, 0) == 12_345_678_901 + 5_000_000
    assert found.price.tariff.cost_nano(1001, 0, 0, 0, 0) == 3003 * 1000 + 5_000_000
    said = {"change": "added", "price_id": price["id"], "provider": "azure", "model": "gpt-4o"}
    assert await shop.events() == [("prices.changed", said)]
    ((action, target, details),) = await shop.audit()
    assert (action, target, details["model"]) == ("create_price", str(price["id"]), "gpt-4o")


async def test_a_corrected_price_stays_in_history_with_its_end(shop: Shop) -> None:
    first = await shop.add("in-house", valid_from="2026-01-01T00:00:00Z")
    answer = await shop.call("PUT", f"/{first['id']}", {"prices": {"input": 1, "output": 1}})
    assert answer.status_code == 200, answer.text
    second = answer.json()["data"]
    assert (second["provider"], second["model"], second["prices"]["input"]) == ("*", "in-house", 1)
    assert (second["valid_from"], second["state"]) == (None, "in_force")
    assert second["id"] != first["id"]
    old = (await shop.api.read(f"{PATH}/{first['id']}"))["data"]
    assert old == {**first, "state": "replaced", "replaced_at": second["created_at"]}
    assert await shop.find(source="workspace") == [second]
    assert await shop.find(source="workspace", state="all") == [second, old]
    assert await shop.find(state="replaced") == [old]
    found = (await shop.book()).resolve(None, "in-house", 0, WORKSPACE)
    assert found is not None
    assert found.price_id == second["id"]
    again = await shop.call("PUT", f"/{first['id']}", {"prices": RATES})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "price_replaced")
    gone = await shop.call("DELETE", f"/{second['id']}")
    assert (gone.status_code, gone.json()["data"]["state"]) == (200, "replaced")
    assert (await shop.book()).resolve(None, "in-house", 0, WORKSPACE) is None
    assert (await shop.call("DELETE", f"/{second['id']}")).status_code == 409
    assert [price["id"] for price in await shop.find(state="replaced")] == [second["id"], first["id"]]
    assert [data["change"] for _, data in await shop.events()] == ["added", "changed", "deleted"]
    actions = {action: details for action, _, details in await shop.audit()}
    assert actions.keys() == {"create_price", "update_price", "delete_price"}
    assert actions["update_price"]["replaces"] == first["id"]


async def test_of_several_prices_the_one_that_began_last_is_in_force(shop: Shop) -> None:
    spells = [(None, None), ("2020-01-01T00:00:00Z", None), ("2021-01-01T00:00:00Z", "2022-01-01T00:00:00Z")]
    spells += [("2150-01-01T00:00:00Z", None)]
    ids = [(await shop.add("in-house", valid_from=start, valid_to=end))["id"] for start, end in spells]
    other = await shop.add("in-house", provider="openai")
    states = {price["id"]: price["state"] for price in await shop.find(source="workspace", state="all")}
    expected = ["superseded", "in_force", "ended", "scheduled", "in_force"]
    assert states == dict(zip([*ids, other["id"]], expected, strict=True))
    assert [price["id"] for price in await shop.find(state="scheduled", source="workspace")] == [ids[3]]
    book = await shop.book()
    moments = {2010: ids[0], 2020: ids[1], 2021: ids[2], 2023: ids[1], 2160: ids[3]}
    for year, expected_id in moments.items():
        found = book.resolve("anthropic", "in-house", int((year - 1969.5) * 31_556_952) * 10**9, WORKSPACE)
        assert found is not None
        assert found.price_id == expected_id, year
        found = book.resolve("openai", "in-house", int((year - 1969.5) * 31_556_952) * 10**9, WORKSPACE)
        assert found is not None
        assert found.price_id == other["id"], year


async def test_a_second_price_for_the_same_beginning_is_a_conflict(shop: Shop) -> None:
    await shop.add("in-house", provider="vertexai")
    late = await shop.add("in-house", provider="google", valid_from="2026-01-01T00:00:00Z")
    body = {"model": "IN-HOUSE", "provider": "gcp.vertex_ai", "prices": RATES, "valid_to": "2026-01-01T00:00:00Z"}
    second = await shop.call("POST", body=body)
    assert (second.status_code, second.json()["error"]["code"]) == (409, "duplicate_price")
    onto = await shop.call("PUT", f"/{late['id']}", {"prices": RATES})
    assert (onto.status_code, onto.json()["error"]["code"]) == (409, "duplicate_price")
    # What collides leaves all as it was.
    assert (await shop.api.read(f"{PATH}/{late['id']}"))["data"] == late
    assert len(await shop.events()) == len(await shop.audit()) == 2
    asked = [shop.call("POST", body={"model": "raced", "prices": RATES}) for _ in range(8)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [201] + [409] * 7


async def test_changing_what_changed_meanwhile_is_a_conflict(shop: Shop) -> None:
    price = await shop.add("in-house")
    asked = [shop.call("PUT", f"/{price['id']}", {"prices": {"input": n, "output": n}}) for n in range(6)]
    assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [200] + [409] * 5
    assert len(await shop.find(source="workspace")) == 1


async def test_prices_of_the_catalogue_stay_as_they_are(shop: Shop) -> None:
    price = (await shop.find(limit=1))[0]
    for method, body in (("PUT", {"prices": RATES}), ("DELETE", None)):
        answer = await shop.call(method, f"/{price['id']}", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "catalogue_price")
    assert (await shop.api.read(f"{PATH}/{price['id']}"))["data"] == price


async def test_S01_another_workspaces_prices_do_not_exist(shop: Shop) -> None:
    price = await shop.add("in-house")
    replaced = (await shop.call("PUT", f"/{price['id']}", {"prices": RATES})).json()["data"]
    for identifier in (price["id"], replaced["id"], 2_000_000_000, "x", "-1", "99999999999", "١"):
        for method, body in (("GET", None), ("PUT", {"prices": RATES}), ("DELETE", None)):
            answer = await shop.call(method, f"/{identifier}", body, workspace=OTHER_WORKSPACE)
            assert answer.status_code == 404, (method, identifier)
    assert await shop.find(OTHER_WORKSPACE, state="all", source="workspace") == []
    assert await shop.find(OTHER_WORKSPACE, state="replaced") == []
    assert await shop.events(OTHER_WORKSPACE) == []
    book = await shop.book()
    assert book.resolve(None, "in-house", NOW_NS, OTHER_WORKSPACE) is None
    await shop.add("in-house", workspace=OTHER_WORKSPACE)
    assert len(await shop.find(source="workspace")) == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_S02_viewers_look_and_do_not_change(shop: Shop, method: str) -> None:
    price = await shop.add("in-house")
    assert (await shop.call("GET", role="viewer")).status_code == 200
    path = "" if method == "POST" else f"/{price['id']}"
    body = {"prices": RATES, **({"model": "m"} if method == "POST" else {})}
    answer = await shop.call(method, path, None if method == "DELETE" else body, role="viewer")
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prices": {"input": -1, "output": 1}}, "prices.input"),
        ({"prices": {"input": 1}}, "prices.output"),
        ({"prices": {"output": 1}}, "prices.input"),
        ({"prices": {"input": "dear", "output": 1}}, "prices.input"),
        ({"prices": {"input": "NaN", "output": 1}}, "prices.input"),
        ({"prices": {"input": "Infinity", "output": 1}}, "prices.input"),
        ({"prices": {"input": 100_001, "output": 1}}, "prices.input"),
        ({"prices": {"input": "0.0000000001", "output": 1}}, "prices.input"),
        ({"prices": {"input": 1e-300, "output": 1}}, "prices.input"),
        ({"prices": {"input": "99999.1234567891", "output": 1}}, "prices.input"),
        ({"prices": {"input": None, "output": 1}}, "prices.input"),
        ({"prices": {**RATES, "cache_write": -0.5}}, "prices.cache_write"),
        ({"prices": {**RATES, "cached": 1}}, "prices.cached"),
        ({"prices": {**RATES, "tiers": [{"above_tokens": 0, "input": 1}]}}, "prices.tiers.0.above_tokens"),
        ({"prices": {**RATES, "tiers": [{"above_tokens": 9}]}}, "prices"),
        ({"prices": {**RATES, "tiers": [{"above_tokens": 9, "reasoning": 1}]}}, "prices"),
        ({"prices": {**RATES, "tiers": [{"above_tokens": 9, "input": 1}] * 2}}, "prices"),
        ({"prices": None}, "prices"),
        ({"model": ""}, "model"),
        ({"model": "  "}, "model"),
        ({"model": "m" * 257}, "model"),
        ({"model": "a\0b"}, "model"),
        ({"provider": ""}, "provider"),
        ({"provider": "\0"}, "provider"),
        ({"valid_from": "2026-01-01"}, "valid_from"),
        ({"valid_from": "2026-01-01T00:00:00"}, "valid_from"),
        ({"valid_from": "0001-01-01T00:00:00+14:00"}, "valid_from"),
        ({"valid_to": "9999-12-31T23:59:59-14:00"}, "valid_to"),
        ({"valid_from": "2026-01-02T00:00:00Z", "valid_to": "2026-01-02T00:00:00Z"}, ""),
        ({"workspace": "mine"}, "workspace"),
        ({"source": "genai-prices"}, "source"),
    ],
)
async def test_prices_that_cannot_be_are_refused_by_name(shop: Shop, body: dict[str, Any], field: str) -> None:
    answer = await shop.call("POST", body={"model": "in-house", "prices": RATES, **body})
    assert answer.status_code == 422, answer.text
    assert [problem["field"] for problem in answer.json()["error"]["details"]] == [field]
    assert await shop.find(source="workspace", state="all") == []
    assert await shop.audit() == []


@pytest.mark.parametrize(
    "params",
    [
        {"state": "current"},
        {"source": "list"},
        {"modell": "gpt"},
        {"limit": 0},
        {"limit": 501},
        {"cursor": "nonsense"},
        {"model": "\0"},
        {"provider": "\0"},
    ],
)
async def test_a_list_that_cannot_be_is_refused(shop: Shop, params: dict[str, Any]) -> None:
    assert (await shop.api.get(PATH, params)).status_code == 422


async def test_without_redis_the_change_stands(shop: Shop) -> None:
    settings = shop.settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    async with calling(settings) as api:
        headers = headers_of(WORKSPACE, role="member")
        answer = await api.client.post(PATH, json={"model": "in-house", "prices": RATES}, headers=headers)
    assert answer.status_code == 201
    assert (await shop.book()).resolve(None, "in-house", NOW_NS, WORKSPACE) is not None


async def test_without_the_audit_log_nothing_changes(shop: Shop) -> None:
    await shop.metadata.execute("alter table audit_log rename to audit_log_away")
    answer = await shop.call("POST", body={"model": "in-house", "prices": RATES})
    assert answer.status_code >= 500
    assert (await shop.book()).resolve(None, "in-house", NOW_NS, WORKSPACE) is None
    assert await shop.events() == []


async def test_as_many_prices_as_a_workspace_may_have(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query.app.queries.prices.MOST_PRICES", 2)
    first = await shop.add("in-house-1")
    await shop.add("in-house-2")
    third = await shop.call("POST", body={"model": "in-house-3", "prices": RATES})
    assert (third.status_code, third.json()["error"]["code"]) == (409, "too_many_prices")
    await shop.add("in-house-3", workspace=OTHER_WORKSPACE)
    assert (await shop.call("PUT", f"/{first['id']}", {"prices": RATES})).status_code == 200
    await shop.call("DELETE", f"/{(await shop.find(source='workspace'))[0]['id']}")
    await shop.add("in-house-3")
