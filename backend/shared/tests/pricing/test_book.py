"""Which price a span falls under, and what becomes of its cost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain import CostSource, SpanKind, Status
from shared.normalisation.model import SpanRow
from shared.pricing.book import PriceBook
from shared.pricing.model import PriceVersion, compile_price

NOW = datetime(2026, 10, 1, 12, tzinfo=UTC)
WORKSPACE = 7


def listed(model: str, prices: dict[str, object], **fields: object) -> PriceVersion:
    match = {"or": [{"equals": model}, {"starts_with": f"{model}-20"}]}
    values: dict[str, object] = {"provider": "openai", "source": "list", "match": match, "price_id": 1, **fields}
    return PriceVersion(model=model, prices=prices, **values)  # type: ignore[arg-type]


def own(model: str, prices: dict[str, object], **fields: object) -> PriceVersion:
    return listed(
        model, prices, **{"match": None, "workspace_id": WORKSPACE, "price_id": 2, "source": "workspace"} | fields
    )


def span(model: str | None = "gpt-x", provider: str | None = "openai", at: datetime = NOW, **fields: object) -> SpanRow:
    start_ns = int(at.timestamp() * 1_000_000) * 1000
    values: dict[str, object] = {"tokens_input": 1_000_000, "tokens_output": 1_000_000, **fields}
    kind = values.pop("kind", SpanKind.LLM)
    return SpanRow(
        bytes(16), 1, None, start_ns, None, "chat", kind, Status.SUCCESS,  # type: ignore[arg-type]
        model=model, model_provider=provider, **values,  # type: ignore[arg-type]
    )  # fmt: skip


def cost(book: PriceBook, row: SpanRow, workspace: int = WORKSPACE) -> tuple[float | None, CostSource, int | None]:
    book.price_span(row, workspace)
    return None if row.cost_nano is None else row.cost_nano / 10**9, row.cost_source, row.price_id


def test_an_id_of_the_list_is_exact_and_a_dated_one_a_pattern() -> None:
    book = PriceBook([listed("gpt-x", {"input": 2, "output": 8})])
    assert cost(book, span("gpt-x")) == (10.0, CostSource.EXACT, 1)
    assert cost(book, span("GPT-X")) == (10.0, CostSource.EXACT, 1)
    assert cost(book, span("gpt-x-2026-01-02")) == (10.0, CostSource.PATTERN, 1)


def test_an_unknown_model_is_unpriced_and_never_free() -> None:
    book = PriceBook([listed("gpt-x", {"input": 2, "output": 8})])
    unpriced = (None, CostSource.UNPRICED, None)
    assert cost(book, span("other")) == unpriced
    assert cost(book, span(None)) == unpriced
    assert cost(book, span("gpt-x", provider="ollama")) == unpriced
    assert cost(book, span("gpt-x", tokens_input=None, tokens_output=None)) == unpriced
    assert cost(book, span("g" * 100_000)) == unpriced


def test_a_price_of_other_units_leaves_tokens_unpriced() -> None:
    book = PriceBook([listed("gpt-x", {"audio_hours": 0.36}), listed("gpt-y", {"input": 1}, price_id=3)])
    assert cost(book, span("gpt-x")) == (None, CostSource.UNPRICED, None)
    assert cost(book, span("gpt-y", tokens_input=0)) == (None, CostSource.UNPRICED, None)
    assert cost(book, span("gpt-y", tokens_output=0)) == (1.0, CostSource.EXACT, 3)


def test_a_free_model_costs_nothing_and_says_by_which_price() -> None:
    assert cost(PriceBook([listed("gpt-x", {})]), span()) == (0.0, CostSource.EXACT, 1)


def test_precedence_is_override_reported_exact() -> None:
    prices = listed("gpt-x", {"input": 2, "output": 8})
    override = own("gpt-x", {"input": 1, "output": 1})
    reported: dict[str, Any] = {"cost_nano": 5_000_000_000, "cost_source": CostSource.REPORTED}
    assert cost(PriceBook([prices, override]), span(**reported)) == (2.0, CostSource.OVERRIDE, 2)
    assert cost(PriceBook([prices]), span(**reported)) == (5.0, CostSource.REPORTED, None)
    assert cost(PriceBook([]), span(**reported, tokens_input=None, tokens_output=None)) == (
        5.0,
        CostSource.REPORTED,
        None,
    )


def test_a_price_of_one_workspace_is_none_of_another() -> None:
    book = PriceBook([listed("gpt-x", {"input": 2, "output": 8}), own("gpt-x", {"input": 1, "output": 1})])
    assert cost(book, span(), workspace=WORKSPACE) == (2.0, CostSource.OVERRIDE, 2)
    assert cost(book, span(), workspace=8) == (10.0, CostSource.EXACT, 1)


def test_an_override_names_exactly_one_model_and_its_provider() -> None:
    book = PriceBook(
        [
            listed("gpt-x", {"input": 2, "output": 8}),
            own("gpt-x", {"input": 1}),
            own("acme-1", {"input": 3}, provider="*"),
        ]
    )
    assert cost(book, span("gpt-x-2026-01-02"))[1] is CostSource.PATTERN
    assert cost(book, span("gpt-x-2026-01-02", model_requested="gpt-x"))[1] is CostSource.OVERRIDE
    assert cost(book, span("gpt-x", provider="azure"))[1] is not CostSource.OVERRIDE
    assert cost(book, span("gpt-x", provider=None))[1] is CostSource.OVERRIDE
    assert cost(book, span("acme-1", provider="our-own-server", tokens_output=0)) == (3.0, CostSource.OVERRIDE, 2)
    assert cost(book, span("acme-1", provider=None, tokens_output=0)) == (3.0, CostSource.OVERRIDE, 2)


def test_the_price_valid_at_the_start_applies() -> None:
    change = datetime(2026, 9, 15, tzinfo=UTC)
    book = PriceBook(
        [
            listed("gpt-x", {"input": 1, "output": 0}, valid_to=change, price_id=1),
            listed("gpt-x", {"input": 2, "output": 0}, valid_from=change, price_id=2),
            own("gpt-x", {"input": 9, "output": 0}, valid_from=change + timedelta(days=9), price_id=3),
        ]
    )
    assert cost(book, span(at=change - timedelta(microseconds=1))) == (1.0, CostSource.EXACT, 1)
    assert cost(book, span(at=change)) == (2.0, CostSource.EXACT, 2)
    assert cost(book, span(at=change + timedelta(days=9))) == (9.0, CostSource.OVERRIDE, 3)


def test_the_later_of_two_overrides_wins() -> None:
    book = PriceBook([own("gpt-x", {"input": 1}, price_id=4), own("gpt-x", {"input": 2}, valid_from=NOW, price_id=3)])
    assert cost(book, span(at=NOW - timedelta(days=1)))[2] == 4
    assert cost(book, span(at=NOW))[2] == 3


def test_an_own_price_for_a_provider_comes_before_one_for_all() -> None:
    book = PriceBook(
        [
            own("gpt-x", {"input": 1, "output": 1}, provider="openai", price_id=3),
            own("gpt-x", {"input": 2, "output": 2}, provider="*", valid_from=NOW, price_id=4),
        ]
    )
    assert cost(book, span("gpt-x"))[2] == 3
    assert cost(book, span("gpt-x", provider="groq"))[2] == 4


def test_a_span_without_a_valid_price_is_unpriced() -> None:
    book = PriceBook([listed("gpt-x", {"input": 1, "output": 1}, valid_from=NOW)])
    assert cost(book, span(at=NOW - timedelta(days=1))) == (None, CostSource.UNPRICED, None)


def test_a_tier_prices_the_whole_request_once_its_start_is_exceeded() -> None:
    tiers = [{"start": 0, "price": 1}, {"start": 200_000, "price": 3}]
    book = PriceBook([listed("gpt-x", {"input": tiers, "output": [{"start": 0, "price": 4}], "cached_input": 0.5})])
    at_start = span(tokens_input=200_000, tokens_output=0, tokens_cached=100_000)
    beyond = span(tokens_input=200_001, tokens_output=0, tokens_cached=100_001)
    assert cost(book, at_start)[0] == pytest.approx(0.1 + 0.05)
    assert cost(book, beyond)[0] == pytest.approx(0.3 + 0.0500005)


def test_parts_without_a_price_cost_what_their_whole_costs() -> None:
    book = PriceBook([listed("gpt-x", {"input": 2, "output": 8})])
    parts = span(tokens_cached=400_000, tokens_cache_write=100_000, tokens_reasoning=300_000)
    assert cost(book, parts)[0] == 10.0


def test_every_part_has_its_price() -> None:
    prices: dict[str, object] = {"input": 2, "output": 8, "cached_input": 0.2, "cache_write": 2.5, "reasoning": 4}
    row = span(tokens_cached=400_000, tokens_cache_write=100_000, tokens_reasoning=300_000)
    assert cost(PriceBook([listed("gpt-x", prices)]), row)[0] == pytest.approx(1.0 + 0.08 + 0.25 + 5.6 + 1.2)


def test_parts_that_exceed_their_whole_are_charged_once() -> None:
    book = PriceBook([listed("gpt-x", {"input": 2, "output": 8, "cached_input": 0.2})])
    assert cost(book, span(tokens_input=10, tokens_output=0, tokens_cached=1_000_000))[0] == 0.2


def test_a_request_price_is_charged_once_a_span() -> None:
    book = PriceBook([listed("gpt-x", {"input": 1, "output": 1, "request": 12})])
    assert cost(book, span(tokens_input=1_000_000, tokens_output=0))[0] == 1.012


@pytest.mark.parametrize(
    ("price", "tokens", "nano"),
    [(0.0005, 1, 0), (0.0005, 3, 2), (0.0015, 1, 2), (0.0025, 1, 2), (0.0000001, 5_000, 0), (0.14, 7, 980)],
)
def test_costs_are_rounded_half_to_even_at_the_end(price: float, tokens: int, nano: int) -> None:
    book = PriceBook([listed("gpt-x", {"input": price, "output": price})])
    row = span(tokens_input=tokens, tokens_output=0)
    book.price_span(row, WORKSPACE)
    assert row.cost_nano == nano


def test_a_price_by_time_of_day_may_span_midnight() -> None:
    night = {"from": "22:00:00", "to": "06:00:00", "prices": {"input": 1}}
    book = PriceBook([listed("gpt-x", {"input": 2, "daily": [night]})])
    for hour, expected in ((21, 2.0), (22, 1.0), (0, 1.0), (5, 1.0), (6, 2.0), (12, 2.0)):
        assert cost(book, span(at=NOW.replace(hour=hour), tokens_output=0))[0] == expected, hour


@pytest.mark.parametrize(
    ("provider", "model", "listing"),
    [
        ("azure.ai.openai", "gpt-x", "openai"),
        ("OpenAI", "openai/gpt-x", "openai"),
        ("openai.responses", "gpt-x", "openai"),
        ("gcp.vertex_ai", "models/gemini-x", "google"),
        ("gcp.gemini", "gemini-x", "google"),
        ("gcp.vertex.agent", "gemini-x", "google"),
        ("google.generative-ai", "gemini-x", "google"),
        ("aws.bedrock", "amazon.nova-x", "aws"),
        (None, "eu.amazon.nova-x", "aws"),
        ("litellm", "azure/gpt-x", "azure"),
        ("litellm", "openai/gpt-x", "openai"),
        ("strands-agents", "gpt-x", "openai"),
        ("langchain", "gemini-x", "google"),
        (None, "gpt-x", "openai"),
        ("mistral_ai", "mistral-x", "mistral"),
        ("x_ai", "grok-x", "x-ai"),
        ("huggingface/novita", "any", "huggingface_novita"),
        ("together_ai", "any", "together"),
    ],
)  # fmt: skip
def test_providers_are_known_by_many_names(provider: str | None, model: str, listing: str) -> None:
    clause: dict[str, object] = {"ends_with": model.rpartition("/")[2].removeprefix("eu.")}
    rows = [
        PriceVersion(provider=name, model="m", prices={"input": 1}, source="list", match=clause, price_id=number)
        for number, name in enumerate(("openai", "google", "aws", "mistral", "x-ai", "huggingface_novita", "together"))
    ]
    expected = {"azure": "openai"}.get(listing, listing)
    resolved = PriceBook(rows).resolve(provider, model, 0, WORKSPACE)
    assert resolved is not None
    assert next(row.provider for row in rows if row.price_id == resolved.price_id) == expected


def test_the_model_asked_for_serves_when_the_answering_one_is_unknown() -> None:
    book = PriceBook([listed("gpt-x", {"input": 2, "output": 8})])
    assert cost(book, span("deployment-17", model_requested="gpt-x")) == (10.0, CostSource.EXACT, 1)
    assert cost(book, span(None, model_requested="gpt-x")) == (10.0, CostSource.EXACT, 1)


def test_pricing_again_forgets_the_earlier_price() -> None:
    row = span()
    cost(PriceBook([listed("gpt-x", {"input": 2, "output": 8})]), row)
    assert cost(PriceBook([]), row) == (None, CostSource.UNPRICED, None)


def test_made_up_models_cannot_fill_the_memory() -> None:
    book = PriceBook([listed("gpt-x", {"input": 2, "output": 8})])
    for number in range(20_000):
        book.resolve("openai", f"made-up-{number}", 0, WORKSPACE)
    assert len(book._found) <= 8192
    assert cost(book, span("gpt-x")) == (10.0, CostSource.EXACT, 1)


@pytest.mark.parametrize(
    "prices",
    [
        {"input": -1}, {"input": "nan"}, {"input": True}, {"input": "dear"}, {"input": {"price": 1}}, {"output": []},
        {"input": [{"start": 5, "price": 1}]}, {"input": [{"price": 1}]}, {"input": "1e-999999"}, {"input": 1e300},
        {"input": [{"start": 0, "price": 1}, {"start": 0, "price": 2}]}, {"daily": [{"from": "25:00", "to": "01:00"}]},
        {"daily": [{"from": "25:00", "to": "01:00", "prices": {"input": 1}}]}, {"daily": "night"},
    ],
)  # fmt: skip
def test_malformed_prices_are_refused(prices: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"price|number|tier|list|hour|needs"):
        compile_price(prices)
