"""How long every question of the dashboard takes with much stored data, without and with the result cache."""

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from shared.auth.context import AuthContext
from shared.auth.internal import InternalTokenIssuer

from bench.asking import Asker, check, running_query
from bench.dataset import Dataset, folder_of, stored_dataset
from bench.known import callers_of, known_of
from bench.plans import Explainer
from bench.questions import Question, Questions, Request
from bench.report import percentiles, print_table
from bench.stack import Stack, running_stack

NAME = "query"
_CACHED_AIM_MS = 10.0
# What grows more than so much with ten times the data is noted, unless it stays quick.
_GROWTH, _QUICK_MS = 2.0, 50.0
_WARM_UP = 5
_SLOWEST = 3
_PLANS_SHOWN = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of this benchmark."""
    parser.add_argument("--spans", type=int, default=1_000_000, help="stored spans (default 1,000,000)")
    parser.add_argument("--repeats", type=int, default=40, help="requests of each question (default 40)")
    parser.add_argument("--only", metavar="TEXT", default="", help="only questions whose name contains this")
    parser.add_argument("--no-cached", action="store_true", help="leave out asking again with the result cache")
    parser.add_argument("--plans", action="store_true", help="print plans of what misses its aim")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="figures of fewer spans, to tell what grew")
    parser.add_argument("--seed", type=int, default=1)


@dataclass
class _Measured:
    question: Question
    filled: float
    cold: list[float] = field(default_factory=list)
    cached: list[float] = field(default_factory=list)
    slowest: list[tuple[float, Request]] = field(default_factory=list)

    @property
    def misses(self) -> bool:
        aim = self.question.aim_ms
        return aim is not None and percentiles(self.cold)["p95_ms"] > aim

    def figures(self) -> dict[str, Any]:
        found: dict[str, Any] = {"aim_ms": self.question.aim_ms, "requests": len(self.cold), "filled": self.filled}
        found |= percentiles(self.cold)
        if self.cached:
            found["cached"] = percentiles(self.cached)
        found["slowest"] = [[round(ms, 1), _shown(request)] for ms, request in self.slowest]
        return found


async def run(options: argparse.Namespace) -> dict[str, Any]:
    """Write the data unless they are there, ask everything, and return the figures."""
    folder = folder_of(options.spans)
    dataset = await stored_dataset(folder, options.spans)
    async with (
        running_stack(folder=folder) as stack,
        running_query(stack, QUERY_CACHE="off") as url,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session,
    ):
        issuer = InternalTokenIssuer(stack.setting("INTERNAL_TOKEN_SECRET"))
        callers = await callers_of(stack, dataset.workspaces)
        cold, kept = Asker(session, url, issuer, callers), Asker(session, stack.query, issuer, callers)
        known = await known_of(stack, dataset, cold)
        questions = [one for one in Questions(known, options.seed).all() if options.only in one.name]
        measured = []
        for question in questions:
            found = await _measure(question, cold, None if options.no_cached else kept, options.repeats)
            measured.append(found)
            print(f"  {found.question.name}: p95 {percentiles(found.cold)['p95_ms']} ms", flush=True)
        figures: dict[str, Any] = {
            "spans": dataset.spans,
            "traces": dataset.traces,
            "gigabytes": dataset.gigabytes,
            "questions": {found.question.name: found.figures() for found in measured},
        }
        if not options.no_cached:
            figures["gateway_ms"] = await _gateway_cost(stack, dataset, kept, session)
        _print(figures)
        if options.compare:
            figures["grown"] = _grown(figures, json.loads(options.compare.read_text(encoding="utf-8")))
        if options.plans:
            await _print_plans(stack, issuer, callers, measured)
    return figures


async def _measure(question: Question, cold: Asker, kept: Asker | None, repeats: int) -> _Measured:
    """Ask a question without the cache, and then twice each with it, of which the second answer counts."""
    measured = _Measured(question, await check(cold, question, max(_WARM_UP, repeats // 4)))
    slowest: list[tuple[float, Request]] = []
    for _ in range(max(question.repeats, repeats)):
        request = question.ask()
        answer = await cold.ask(request)
        measured.cold.append(answer.milliseconds)
        slowest.append((answer.milliseconds, request))
    measured.slowest = sorted(slowest, key=lambda item: -item[0])[:_SLOWEST]
    if question.kept and kept is not None:
        for _ in range(repeats):
            request = question.ask()
            await kept.ask(request)
            answer = await kept.ask(request)
            if not answer.cached:
                raise RuntimeError(f"{request} was not kept")
            measured.cached.append(answer.milliseconds)
    return measured


async def _gateway_cost(
    stack: Stack, dataset: Dataset, kept: Asker, session: aiohttp.ClientSession
) -> dict[str, float]:
    """Return what a kept answer takes at the query service, and through the gateway."""
    headers = await stack.sign_in(dataset.account)
    request = Request("/metrics/home-kpis", (("range", "24h"),))
    direct, through = [], []
    for _ in range(50):
        direct.append((await kept.ask(request)).milliseconds)
        started = time.perf_counter()
        async with session.get(f"{stack.gateway}/api/v1/metrics/home-kpis?range=24h", headers=headers) as response:
            await response.read()
        response.raise_for_status()
        through.append((time.perf_counter() - started) * 1000)
    return {"direct_p50": percentiles(direct)["p50_ms"], "gateway_p50": percentiles(through)["p50_ms"]}


async def _print_plans(
    stack: Stack, issuer: InternalTokenIssuer, callers: Sequence[AuthContext], measured: Iterable[_Measured]
) -> None:
    """Print the slowest statements of the slowest request of each question that misses its aim."""
    server = stack.deployment.postgres
    assert server is not None
    explainer = Explainer(server, stack.deployment.logs / "postgres.log")
    async with (
        explainer.explaining(),
        running_query(stack, QUERY_CACHE="off") as url,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as session,
    ):
        asker = Asker(session, url, issuer, callers)
        for found in measured:
            if not found.misses:
                continue
            milliseconds, request = found.slowest[0]
            # The first request of a session asks for the types of columns as well.
            await asker.ask(request)
            explainer.mark()
            await asker.ask(request)
            print(f"\n== {found.question.name}: {milliseconds:.0f} ms, {_shown(request)}")
            for plan in (await explainer.read())[:_PLANS_SHOWN]:
                print(f"-- {plan.milliseconds:.1f} ms\n{plan.text}")


def _shown(request: Request) -> str:
    parameters = "&".join(f"{name}={value}" for name, value in request.parameters)
    body = "" if request.body is None else f" {json.dumps(request.body)}"
    return f"[{request.workspace}] {request.path}?{parameters}{body}"


def _print(figures: dict[str, Any]) -> None:
    rows = []
    for name, found in figures["questions"].items():
        cached = found.get("cached", {})
        aim = found["aim_ms"]
        misses = ["misses its aim"] if aim is not None and found["p95_ms"] > aim else []
        if cached and cached["p95_ms"] > _CACHED_AIM_MS:
            misses.append("slow though kept")
        times = [found[key] for key in ("p50_ms", "p95_ms", "p99_ms")]
        rows.append([name, *times, "" if aim is None else f"{aim:.0f}", cached.get("p95_ms", ""), ", ".join(misses)])
    print_table(
        f"{figures['spans']:,} spans, milliseconds without the result cache, and with it",
        ["question", "p50", "p95", "p99", "aim", "kept p95", ""],
        rows,
    )
    missed = [row for row in rows if row[-1]]
    print(f"\n{len(rows) - len(missed)} of {len(rows)} questions are answered as quickly as they should be.")
    if "gateway_ms" in figures:
        costs = figures["gateway_ms"]
        direct, through = costs["direct_p50"], costs["gateway_p50"]
        print(f"A kept answer takes {direct} ms at the query service, {through} ms through the gateway.")


def _grown(figures: dict[str, Any], smaller: dict[str, Any]) -> dict[str, float]:
    """Print and return which questions take more than twice as long as with fewer spans, and are not quick."""
    grown = {}
    for name, found in figures["questions"].items():
        before = smaller["questions"].get(name)
        if before and found["p95_ms"] > _QUICK_MS and found["p95_ms"] > _GROWTH * before["p95_ms"]:
            grown[name] = round(found["p95_ms"] / before["p95_ms"], 1)
    print_table(
        f"More than {_GROWTH:g} times as long as with {smaller['spans']:,} spans, and over {_QUICK_MS:.0f} ms",
        ["question", "p95 before", "p95", "times"],
        [
            [name, smaller["questions"][name]["p95_ms"], figures["questions"][name]["p95_ms"], times]
            for name, times in grown.items()
        ],
    )
    return grown
