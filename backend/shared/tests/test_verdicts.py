"""The cache of verdicts: what is shared, what is not, and what happens while the database is away."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from shared.auth import verdicts
from shared.auth.context import AuthContext
from shared.auth.epoch import EpochUnavailableError, RevocationEpoch
from shared.auth.verdicts import Verdict, VerdictCache
from shared.errors import UnauthorizedError, UnavailableError

CONTEXT = AuthContext("workspace", 1, "api_key", "key", scopes=frozenset({"read"}))


class Epoch(RevocationEpoch):
    """An epoch that a test sets; None while Redis is away."""

    def __init__(self) -> None:
        self.value: bytes | None = b"1"

    async def current(self) -> bytes:
        if self.value is None:
            raise EpochUnavailableError
        return self.value


class Database:
    """What ``find`` and ``judge`` look at."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.known = {"known"}
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def find(self, claims: Sequence[str]) -> list[Any]:
        self.asked.append(list(claims))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [claim if claim in self.known else None for claim in claims]

    async def judge(self, claim: str, row: Any) -> Verdict | None:
        return Verdict(CONTEXT) if row == claim else None


@pytest.fixture
def epoch() -> Epoch:
    return Epoch()


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def cache(epoch: Epoch, database: Database) -> VerdictCache[str]:
    return VerdictCache("test", "test", epoch, database.find, database.judge)


async def resolve(cache: VerdictCache[str], claim: str) -> Verdict:
    return await cache.resolve(claim.encode(), lambda: claim)


async def test_requests_that_wait_together_are_one_look_up(cache: VerdictCache[str], database: Database) -> None:
    claims = ["known", "known", "other", "third"]
    answers = await asyncio.gather(*(resolve(cache, claim) for claim in claims), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Verdict, Verdict, UnauthorizedError, UnauthorizedError]
    assert database.asked == [["known", "other", "third"]]
    assert (await resolve(cache, "known")).context is CONTEXT
    with pytest.raises(UnauthorizedError):
        await resolve(cache, "other")
    assert len(database.asked) == 1


async def test_a_look_up_under_way_answers_nobody_who_came_later(
    cache: VerdictCache[str], database: Database, epoch: Epoch
) -> None:
    database.gate.clear()
    first = asyncio.create_task(resolve(cache, "known"))
    while not database.asked:
        await asyncio.sleep(0)
    epoch.value = b"2"
    second = asyncio.create_task(resolve(cache, "known"))
    await asyncio.sleep(0)
    database.gate.set()
    await asyncio.gather(first, second)
    assert database.asked == [["known"], ["known"]]


async def test_whoever_gives_up_waiting_leaves_the_others_alone(cache: VerdictCache[str], database: Database) -> None:
    database.gate.clear()
    waiting = [asyncio.create_task(resolve(cache, "known")) for _ in range(3)]
    while not database.asked:
        await asyncio.sleep(0)
    waiting[0].cancel()
    database.gate.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [asyncio.CancelledError, Verdict, Verdict]


async def test_without_an_epoch_every_request_asks(cache: VerdictCache[str], database: Database, epoch: Epoch) -> None:
    await resolve(cache, "known")
    epoch.value = None
    await resolve(cache, "known")
    database.known.clear()
    with pytest.raises(UnauthorizedError):
        await resolve(cache, "known")
    epoch.value = b"1"
    with pytest.raises(UnauthorizedError):
        await resolve(cache, "known")
    assert len(database.asked) == 4, "what was refused without an epoch is asked again with one"


@pytest.mark.parametrize("hangs", [True, False])
async def test_known_verdicts_outlast_a_database_that_is_away(
    cache: VerdictCache[str], database: Database, epoch: Epoch, hangs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verdicts, "_LOOKUP_SECONDS", 0.02)
    await resolve(cache, "known")
    database.error = ConnectionRefusedError()
    if hangs:
        database.gate.clear()
    epoch.value = b"2"
    assert (await resolve(cache, "known")).context is CONTEXT
    asked = len(database.asked)
    assert (await resolve(cache, "known")).context is CONTEXT
    assert len(database.asked) == asked, "one failed look-up spares the next ones"
    with pytest.raises(UnavailableError):
        await resolve(cache, "other")


async def test_a_defect_is_not_taken_for_an_outage(cache: VerdictCache[str], database: Database, epoch: Epoch) -> None:
    await resolve(cache, "known")
    epoch.value = b"2"
    database.error = KeyError("column")
    with pytest.raises(KeyError):
        await resolve(cache, "known")
