"""Full text in lists, searches and facets, on both engines: which words find which traces."""

import random
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from query.app.filters import read_search
from query.app.models.traces import SearchBody
from query.app.queries import listing
from query.tests.conftest import OTHER_WORKSPACE, WORKSPACE, Api, headers_of
from shared.fulltext import words_of
from shared.ids import trace_key
from shared.testing.traces import recently, store_trace

TEXTS = {
    "refund": "Please refund order AB-17 to alice@example.com",
    "parcel": "The parcel was refunded. Connection refused by 10.0.0.7",
    "naive": "Crème brûlée, naïve ŁÓDŹ",
    "tokyo": "東京の天気はどうですか",
    "reversed": "refused connection",
}


async def _say(connection: asyncpg.Connection, workspace: int, trace_id: str, start: datetime, text: str) -> None:
    """Give a trace the document that its text has."""
    document = " ".join(f"'{word}':{place}" for place, word in enumerate(words_of(text), 1))
    await connection.execute(
        "insert into search_documents (workspace_id, trace_id, start_time, revision, document)"
        " values ($1, $2, $3, 1, $4::text::tsvector)",
        workspace,
        uuid.UUID(bytes=trace_key(trace_id)),
        start,
        document,
    )


async def _store(connection: asyncpg.Connection, texts: Mapping[str, str] = TEXTS, workspace: int = WORKSPACE) -> None:
    now = recently()
    for age, (trace_id, text) in enumerate(texts.items()):
        start = now - timedelta(hours=age)
        await store_trace(connection, workspace, trace_id, start_time=start, agent_id="bot")
        await _say(connection, workspace, trace_id, start, text)


async def _found(connection: asyncpg.Connection, q: str, **body: object) -> list[str]:
    asked = SearchBody.model_validate({"range": "7d", "q": q, **body})
    page = await listing.list_traces(WORKSPACE, connection, read_search(asked, now=datetime.now(UTC)))
    return [row["external_id"] for row in page.rows]


async def test_words_find_traces_on_both_engines(each_traces_url: str) -> None:
    connection = await asyncpg.connect(each_traces_url)
    await _store(connection)
    wanted = {
        "refund": ["refund"],
        "REFUND order": ["refund"],
        "refund order -alice": [],
        "refun*": ["refund", "parcel"],
        "refund or parcel": ["refund", "parcel"],
        '"connection refused"': ["parcel"],
        "connection refused": ["parcel", "reversed"],
        "refused -parcel": ["reversed"],
        "alice@example.com": ["refund"],
        "ab-17": ["refund"],
        "10.0.0.7": ["parcel"],
        "brulee NAIVE": ["naive"],
        "天気": ["tokyo"],
        "気天": [],
        "nowhere": [],
        "it's": [],
        "a:* | !b & (c <-> 'd')": [],
    }
    assert {q: await _found(connection, q) for q in wanted} == wanted
    node = {"field": "trace_id", "op": "ne", "value": "refund"}
    assert await _found(connection, "refun*", filter=node) == ["parcel"]
    assert await _found(connection, "connection", sort="start_time") == ["reversed", "parcel"]
    assert await _found(connection, "connection", sort="-span_count") == ["parcel", "reversed"]
    await connection.close()


async def test_lists_and_facets_take_text(api: Api, database: asyncpg.Connection) -> None:
    await _store(database)
    await _store(database, {"theirs": "refund of theirs"}, OTHER_WORKSPACE)
    assert await api.trace_ids({"q": "refun*", "range": "24h"}) == ["refund", "parcel"]
    assert await api.trace_ids({"q": "refund", "trace_id": "refund"}) == ["refund"]
    assert await api.trace_ids({"q": "refund", "trace_id": "parcel"}) == []
    assert await api.trace_ids({"q": "refund"}, workspace=OTHER_WORKSPACE) == ["theirs"]
    facets = await api.read("/api/v1/traces/facets", {"q": "connection", "facets": "agent_id"})
    assert facets["data"]["facets"][0]["values"] == [{"value": "bot", "count": 2}]


async def test_pages_of_a_search_hold_each_trace_once(api: Api, database: asyncpg.Connection) -> None:
    texts = {f"t{number}": "needle in hay" if number % 3 else "hay" for number in range(20)}
    await _store(database, texts)
    asked: dict[str, object] = {"q": "needle", "range": "7d", "limit": 4}
    seen: list[str] = []
    while True:
        body = await api.read("/api/v1/traces", asked)
        seen += [trace["trace_id"] for trace in body["data"]]
        if body["pagination"]["cursor"] is None:
            break
        asked["cursor"] = body["pagination"]["cursor"]
    assert seen == [trace_id for trace_id, text in texts.items() if "needle" in text]


@pytest.mark.parametrize(
    ("q", "problem"),
    [
        ("", "holds no word"),
        ("?!", "holds no word"),
        ("-refund", "only says what to leave out"),
        ("refund or -order", "only says what to leave out"),
        ("word " * 51, "more than 50 words"),
        ("a" * 501, "at most 500 characters"),
        ("a\0b", "must not contain NUL"),
    ],
)
async def test_S42_text_that_cannot_be_looked_for_is_refused_by_name(door: Api, q: str, problem: str) -> None:
    answer = await door.get("/api/v1/traces", {"q": q})
    assert answer.status_code == 422, answer.text
    detail = answer.json()["error"]["details"][0]
    assert detail["field"] == "q"
    assert problem in detail["message"]
    searched = await door.client.post(
        "/api/v1/traces/search", json={"range": "24h", "q": q}, headers=headers_of(WORKSPACE)
    )
    assert searched.status_code == 422, searched.text


async def test_random_texts_find_what_reading_all_finds(api: Api, database: asyncpg.Connection) -> None:
    rng = random.Random(3)
    words = ["refund", "failed", "weather", "order", "reset", "zürich", "東京"]
    texts = {f"t{number}": " ".join(rng.choices(words, k=rng.randint(1, 5))) for number in range(60)}
    await _store(database, texts)
    for _ in range(60):
        wanted, unwanted = rng.sample(words, rng.randint(1, 2)), rng.sample(words, rng.randint(0, 1))
        q = " ".join([*wanted, *(f"-{word}" for word in unwanted)])
        expected = [
            trace_id
            for trace_id, text in texts.items()
            if set(wanted) <= set(text.split()) and not set(unwanted) & set(text.split())
        ]
        assert await api.trace_ids({"q": q, "limit": 1000, "range": "7d"}) == expected, q
