"""Bodies and answers of prices."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from query.app.models.figures import Answer
from query.app.models.traces import CursorText, without_nul
from shared.jobs.types import JobStatus

PriceState = Literal["in_force", "scheduled", "superseded", "ended", "replaced"]
PriceSource = Literal["workspace", "catalogue"]

_MOST_TIERS = 8
_FIRST_YEAR, _LAST_YEAR = 2000, 2199
_RATES: Any = {"input": 2.0, "output": 8.0, "cached_input": 0.5}
_TIERS: Any = [{"above_tokens": 200_000, "input": 4.0, "output": 12.0}]

_NOTHING: Any = {"cached_input": None, "cache_write": None, "reasoning": None}
_EXAMPLE: Any = {
    "id": 2412,
    "provider": "openai",
    "model": "gpt-4o",
    "source": "workspace",
    "catalogue": None,
    "match": {"equals": "gpt-4o"},
    "cost_sources": ["override"],
    "prices": {
        **_NOTHING,
        **_RATES,
        "request": None,
        "tiers": [{**_NOTHING, **_TIERS[0]}],
        "daily": [],
        "other": {},
    },
    "valid_from": "2026-01-01T00:00:00Z",
    "valid_to": None,
    "state": "in_force",
    "created_at": "2026-01-31T12:00:00Z",
    "created_by": "0193fb5e-2222-7000-8000-000000000000",
    "replaced_at": None,
}

# Fifteen digits survive every way through floating point.
_Amount = Annotated[Decimal, Field(ge=0, le=100_000, max_digits=15, decimal_places=9)]
_Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256), AfterValidator(without_nul)
]


def _in_sensible_years(value: datetime) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return value.astimezone(UTC)


_Moment = Annotated[AwareDatetime, AfterValidator(_in_sensible_years)]


class TierBody(BaseModel):
    """Rates of calls with more input; what is not given stays as below the threshold."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": _TIERS})

    above_tokens: Annotated[
        int, Field(ge=1, le=10**9, description="The whole call costs this when it has more input tokens than so many")
    ]
    input: Annotated[_Amount | None, Field(description="USD per million tokens")] = None
    output: Annotated[_Amount | None, Field(description="USD per million tokens")] = None
    cached_input: Annotated[_Amount | None, Field(description="USD per million tokens")] = None
    cache_write: Annotated[_Amount | None, Field(description="USD per million tokens")] = None
    reasoning: Annotated[_Amount | None, Field(description="USD per million tokens")] = None


class RatesBody(BaseModel):
    """What a model costs; both input and output are needed, and 0 says that they are free."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{**_RATES, "tiers": _TIERS}]})

    input: Annotated[_Amount, Field(description="USD per million input tokens")]
    output: Annotated[_Amount, Field(description="USD per million output tokens")]
    cached_input: Annotated[
        _Amount | None, Field(description="USD per million input tokens read from a cache; as input unless given")
    ] = None
    cache_write: Annotated[
        _Amount | None, Field(description="USD per million input tokens written to a cache; as input unless given")
    ] = None
    reasoning: Annotated[
        _Amount | None, Field(description="USD per million reasoning tokens; as output unless given")
    ] = None
    request: Annotated[_Amount | None, Field(description="USD per thousand calls, on top of tokens")] = None
    tiers: Annotated[list[TierBody], Field(max_length=_MOST_TIERS, description="Rates of calls with much input")] = []

    @model_validator(mode="after")
    def _tiers_refer_to_rates(self) -> Self:
        if len({tier.above_tokens for tier in self.tiers}) != len(self.tiers):
            raise ValueError("the tiers must differ in above_tokens")
        for tier in self.tiers:
            given = tier.model_fields_set - {"above_tokens"}
            if not any(getattr(tier, name) is not None for name in given):
                raise ValueError(f"the tier above {tier.above_tokens} tokens has no rate")
            for name in sorted(given):
                if getattr(tier, name) is not None and getattr(self, name) is None:
                    raise ValueError(f"{name} has a rate above {tier.above_tokens} tokens and none below")
        return self


class PriceChange(BaseModel):
    """A price as it is corrected: all of it is given anew but whose price it is."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"prices": _RATES}]})

    prices: Annotated[RatesBody, Field(description="What the model costs")]
    valid_from: Annotated[
        _Moment | None, Field(description="Spans that start at this time or later; since ever unless given")
    ] = None
    valid_to: Annotated[_Moment | None, Field(description="Spans that start before this time; no end unless given")] = (
        None
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.valid_from is not None and self.valid_to is not None and self.valid_from >= self.valid_to:
            raise ValueError("valid_from must lie before valid_to")
        return self


class PriceBody(PriceChange):
    """A price of the workspace's own, which comes before every other."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"provider": "openai", "model": "gpt-4o", "prices": _RATES, "valid_from": "2026-01-01T00:00:00Z"}
            ]
        },
    )

    provider: Annotated[_Name, Field(description="Any spelling that spans may use; * for whoever answers")] = "*"
    model: Annotated[_Name, Field(description="Id of the model as answered or asked for, in any case")]


class PriceParameters(BaseModel):
    """Parameters of the list of prices."""

    model_config = ConfigDict(extra="ignore")

    state: Annotated[
        Literal["in_force", "scheduled", "superseded", "ended", "replaced", "all"],
        Field(description="all adds the history of corrections, which is what has been replaced"),
    ] = "in_force"
    source: Annotated[PriceSource | None, Field(description="Only the workspace's own, or only the catalogue's")] = None
    provider: Annotated[_Name | None, Field(description="Only of this provider, in any spelling")] = None
    model: Annotated[_Name | None, Field(description="Only of models whose id contains this, in any case")] = None
    limit: Annotated[int, Field(ge=1, le=500, description="Most prices of a page")] = 100
    cursor: CursorText = None


class Tier(Answer):
    """Rates of calls with more input; null stays as below the threshold."""

    above_tokens: Annotated[
        int, Field(description="The whole call costs this when it has more input tokens", examples=[200_000])
    ]
    input: Annotated[float | None, Field(description="USD per million tokens", examples=[4.0])]
    output: Annotated[float | None, Field(description="USD per million tokens", examples=[12.0])]
    cached_input: Annotated[float | None, Field(description="USD per million tokens", examples=[None])]
    cache_write: Annotated[float | None, Field(description="USD per million tokens", examples=[None])]
    reasoning: Annotated[float | None, Field(description="USD per million tokens", examples=[None])]


class Rates(Answer):
    """What a model costs; null where there is no price of its own."""

    input: Annotated[float | None, Field(description="USD per million input tokens", examples=[2.0])]
    output: Annotated[float | None, Field(description="USD per million output tokens", examples=[8.0])]
    cached_input: Annotated[
        float | None, Field(description="USD per million input tokens from a cache; null: as input", examples=[0.5])
    ]
    cache_write: Annotated[
        float | None, Field(description="USD per million tokens written to a cache; null: as input", examples=[None])
    ]
    reasoning: Annotated[
        float | None, Field(description="USD per million reasoning tokens; null: as output", examples=[None])
    ]
    request: Annotated[float | None, Field(description="USD per thousand calls", examples=[None])]
    tiers: Annotated[list[Tier], Field(description="Rates of calls with much input, by rising threshold")]


class DailyRates(Rates):
    """Rates between two times of day."""

    start: Annotated[str, Field(alias="from", description="Time of day (UTC)", examples=["16:30:00"])]
    end: Annotated[
        str, Field(alias="to", description="Time of day (UTC); of the next day if earlier", examples=["00:30:00"])
    ]


class PriceRates(Rates):
    """What a model costs, at certain times of day too."""

    daily: Annotated[list[DailyRates], Field(description="Rates that hold at certain times of day instead")]
    other: Annotated[
        dict[str, Any],
        Field(description="Prices of units that spans do not count, by the catalogue's names", examples=[{}]),
    ]


class Price(Answer):
    """One version of a price: what a model costs, for whom, when, and where that is known from."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: Annotated[int, Field(description="Spans priced by it name it as price_id", examples=[2412])]
    provider: Annotated[str, Field(description="Id of the provider; * for whoever answers", examples=["openai"])]
    model: Annotated[str, Field(description="Id of the model", examples=["gpt-4o"])]
    source: Annotated[PriceSource, Field(description="The workspace's own, or the catalogue's")]
    catalogue: Annotated[
        str | None, Field(description="Name and version of the catalogue", examples=["genai-prices 0.2.3"])
    ]
    match: Annotated[
        dict[str, Any],
        Field(
            description="Which ids of models it is for: equals, starts_with, ends_with, contains, regex; or, and",
            examples=[{"or": [{"equals": "gpt-4o"}, {"starts_with": "gpt-4o-2024"}]}],
        ),
    ]
    cost_sources: Annotated[
        list[Literal["override", "exact", "pattern"]],
        Field(description="What spans priced by it say of their cost; exact when the id is the model's very own"),
    ]
    prices: PriceRates
    valid_from: Annotated[datetime | None, Field(description="For spans that start then or later; null: since ever")]
    valid_to: Annotated[datetime | None, Field(description="For spans that start before; null: no end")]
    state: Annotated[
        PriceState,
        Field(
            description="in_force: holds for spans that start now; scheduled: begins later; superseded: one that began"
            " later holds now; ended: its time is over; replaced: was corrected or deleted, and holds for nothing"
        ),
    ]
    created_at: datetime
    created_by: Annotated[
        str | None,
        Field(description="User or API key; null for the catalogue", examples=["0193fb5e-2222-7000-8000-000000000000"]),
    ]
    replaced_at: Annotated[datetime | None, Field(description="When it was corrected or deleted")]


class RepricedModel(Answer):
    """What repricing makes of one model's spans."""

    provider: Annotated[str | None, Field(description="As spans name it", examples=["openai"])]
    model: Annotated[str | None, Field(description="As answered, else as asked for", examples=["gpt-4o"])]
    is_other: Annotated[bool, Field(description="Whether this is the sum of all models that are not listed")]
    spans: Annotated[int, Field(description="Spans looked at", examples=[120])]
    before_usd: Annotated[float, Field(description="What they cost so far", examples=[1.25])]
    after_usd: Annotated[float, Field(description="What they cost by the prices known now", examples=[1.5])]


class RepriceResult(Answer):
    """What repricing found, exactly; unless it is a dry run, this is what it changed."""

    dry_run: bool
    traces: Annotated[int, Field(description="Traces with spans that were asked for", examples=[40])]
    traces_changed: Annotated[int, Field(description="Traces of which a span has another cost", examples=[12])]
    spans: Annotated[int, Field(description="Spans with usage or cost that were asked for", examples=[120])]
    spans_changed: Annotated[int, Field(description="Spans with another cost or source of it", examples=[30])]
    newly_priced: Annotated[int, Field(description="Spans that had no cost", examples=[0])]
    newly_unpriced: Annotated[int, Field(description="Spans that have no cost any more", examples=[0])]
    cost_before_usd: Annotated[float, Field(description="What the spans cost so far", examples=[1.25])]
    cost_after_usd: Annotated[float, Field(description="What they cost by the prices known now", examples=[1.5])]
    difference_usd: Annotated[float, Field(description="After less before", examples=[0.25])]
    by_model: Annotated[list[RepricedModel], Field(description="Dearest first")]


class Repricing(Answer):
    """A job that prices stored spans again, and what it found once it has ended."""

    job_id: Annotated[
        str, Field(description="For /api/v1/jobs/{id}", examples=["0193fb5e-8c4a-7d10-9b1e-5a0c2f6d7e81"])
    ]
    dry_run: Annotated[bool, Field(description="Whether nothing is changed")]
    status: JobStatus
    progress: Annotated[float, Field(description="From 0 to 1", examples=[1.0])]
    message: Annotated[str | None, Field(description="What is being done", examples=[None])]
    error: Annotated[str | None, Field(description="Why it failed", examples=[None])]
    result: Annotated[RepriceResult | None, Field(description="Null until the job has succeeded")]
