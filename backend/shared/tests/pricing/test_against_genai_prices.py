"""The price book must charge what the library charges whose data it holds."""

from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import find_provider_by_id, get_snapshot
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.domain import CostSource, SpanKind, Status
from shared.normalisation.model import SpanRow
from shared.pricing.book import PriceBook
from shared.pricing.matching import matches
from shared.pricing.providers import FALLBACKS, listed_provider
from shared.pricing.seed import seed_rows

PROVIDERS = get_snapshot().providers
UNIT_PRICES = {"input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok", "output_reasoning_mtok"}


@cache
def book() -> PriceBook:
    rows = seed_rows()
    for number, row in enumerate(rows, 1):
        row.price_id = number
    return PriceBook(rows)


def literal_parts(clause: dict[str, object]) -> list[str]:
    """Return ids that a clause was written for: what it equals or what begins as it wants."""
    (kind, operand), *_ = clause.items()
    if kind == "or" and isinstance(operand, list):
        return [text for part in operand for text in literal_parts(part)]
    if kind == "equals":
        return [str(operand)]
    if kind == "starts_with":
        return [str(operand), f"{operand}-20260115"]
    return []


@cache
def known_ids() -> list[tuple[str, str]]:
    spelt = {(row.provider, text) for row in seed_rows() for text in [row.model, *literal_parts(row.match or {})]}
    return sorted(spelt)


@st.composite
def usages(draw: st.DrawFn) -> dict[str, int]:
    # Around the thresholds of the tiers as often as anywhere else.
    edges = st.sampled_from([0, 1, 32_000, 100_000, 128_001, 199_999, 200_000, 200_001, 256_000, 272_000, 272_001])
    tokens_input = draw(st.one_of(edges, st.integers(0, 1_500_000)))
    tokens_output = draw(st.integers(0, 200_000))
    cached = draw(st.one_of(st.just(0), st.integers(0, tokens_input)))
    cache_write = draw(st.one_of(st.just(0), st.integers(0, tokens_input - cached)))
    reasoning = draw(st.one_of(st.just(0), st.integers(0, tokens_output)))
    return {
        "tokens_input": tokens_input,
        "tokens_output": tokens_output,
        "tokens_cached": cached,
        "tokens_cache_write": cache_write,
        "tokens_reasoning": reasoning,
    }


def span(provider: str | None, model: str, at: datetime, usage: dict[str, int]) -> SpanRow:
    start_ns = int(at.timestamp()) * 1_000_000_000
    return SpanRow(
        bytes(16), 1, None, start_ns, start_ns + 1, "chat", SpanKind.LLM, Status.SUCCESS,
        model=model, model_provider=provider, **usage,  # type: ignore[arg-type]
    )  # fmt: skip


@settings(max_examples=600, deadline=None, derandomize=True)
@given(
    named=st.sampled_from(known_ids()),
    usage=usages(),
    at=st.integers(1_685_577_600, 1_811_808_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
@example(
    named=("google", "gemini-2.5-pro"),
    usage={"tokens_input": 200_001, "tokens_output": 9, "tokens_cached": 150_000, "tokens_cache_write": 0,
           "tokens_reasoning": 3},
    at=datetime(2026, 5, 1, tzinfo=UTC),
)  # fmt: skip
@example(
    named=("deepseek", "deepseek-v4-pro"),
    usage={"tokens_input": 1000, "tokens_output": 9, "tokens_cached": 500, "tokens_cache_write": 0,
           "tokens_reasoning": 3},
    at=datetime(2026, 9, 1, 1, tzinfo=UTC),
)  # fmt: skip
def test_costs_equal_those_of_genai_prices(named: tuple[str, str], usage: dict[str, int], at: datetime) -> None:
    provider, model = named
    row = span(provider, model, at, usage)
    book().price_span(row, 1)
    try:
        expected = calc_price(
            Usage(
                input_tokens=usage["tokens_input"],
                output_tokens=usage["tokens_output"],
                cache_read_tokens=usage["tokens_cached"],
                cache_write_tokens=usage["tokens_cache_write"],
                output_reasoning_tokens=usage["tokens_reasoning"],
            ),
            model,
            provider_id=provider,
            genai_request_timestamp=at,
        )
    except LookupError:
        return
    priced = {key for key, value in vars(expected.model_price).items() if value is not None}
    if priced and not priced & UNIT_PRICES:
        assert (row.cost_nano, row.cost_source, row.price_id) == (None, CostSource.UNPRICED, None)
        return
    if row.cost_nano is None:
        assert expected.total_price == 0, "only a usage of unpriced kinds may stay without a cost"
        assert row.cost_source is CostSource.UNPRICED
        return
    nano = (expected.total_price * 10**9).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert row.cost_nano == int(nano)
    exact = expected.model.id.lower() == model.lower()
    assert row.cost_source is (CostSource.EXACT if exact else CostSource.PATTERN)
    assert row.price_id is not None


def test_every_id_that_genai_prices_knows_resolves_to_the_same_model() -> None:
    rows = dict(enumerate(seed_rows(), 1))
    now_ns = 1_790_000_000_000_000_000
    for provider, model in known_ids():
        try:
            _, expected = get_snapshot().find_provider_model(model, None, provider, None)
        except LookupError:
            continue
        resolved = book().resolve(provider, model, now_ns, 1)
        assert resolved is not None, (provider, model)
        assert resolved.price_id is not None
        assert rows[resolved.price_id].model == expected.id, (provider, model)


def test_more_than_two_thousand_models_are_listed() -> None:
    rows = seed_rows()
    assert len({(row.provider, row.model) for row in rows}) > 2000
    assert {row.source for row in rows} == {f"genai-prices {__import__('genai_prices').__version__}"}


def test_rows_are_in_the_order_in_which_the_package_tries_them() -> None:
    for provider in PROVIDERS:
        ids = [model.id for model in provider.models]
        assert ids == sorted(ids), f"{provider.id}: the table keeps no order of its own, see PriceBook"


def test_provider_names_agree_with_the_package() -> None:
    names = {provider.id for provider in PROVIDERS} | {
        "anthropic", "amazon-bedrock", "bedrock", "google-vertex", "gemini", "mistralai", "xai", "together_ai",
        "openai", "cohere", "voyageai", "moonshot", "copilot", "huggingface_groq", "huggingface/novita",
    }  # fmt: skip
    for name in names:
        known = find_provider_by_id(PROVIDERS, name)
        assert known is not None, name
        assert listed_provider(name, "") == known.id, name
    assert {
        provider.id: tuple(provider.fallback_model_providers)
        for provider in PROVIDERS
        if provider.fallback_model_providers
    } == FALLBACKS


@pytest.mark.parametrize("text", ["gpt-4o", "claude-sonnet-4-5-20250929", "gemini-2.5-pro", "deepseek-chat", "x"])
def test_clauses_mean_what_they_mean_in_the_package(text: str) -> None:
    clauses = {(row.provider, row.model): row.match or {} for row in seed_rows()}
    for provider in PROVIDERS:
        for model in provider.models:
            assert matches(clauses[provider.id, model.id], text) == model.is_match(text), (provider.id, model.id)
