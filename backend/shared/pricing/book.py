"""Prices in memory: which price a span falls under and what the span costs by it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from shared.database import Connection
from shared.domain import CostSource
from shared.normalisation.model import SpanRow
from shared.pricing import queries
from shared.pricing.matching import ClauseIndex, dashed_date
from shared.pricing.model import Price, PriceVersion, compile_price
from shared.pricing.providers import FALLBACKS, listed_provider, own_provider

_MAX_CACHED = 8192
_MAX_MODEL_LENGTH = 256
_MAX_NAMES_LENGTH = 640
ANY_PROVIDER = "*"
"""Provider of a workspace's own price that holds for whoever answers."""
# Members of an enumeration are slow to look up and to hash, and every span passes here.
_UNPRICED = CostSource.UNPRICED
_REPORTED = CostSource.REPORTED
_OVERRIDE = CostSource.OVERRIDE
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGINNING = -(1 << 63)
_ENDLESS = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Resolved:
    """The price that applies to a model at a time, and how it was found."""

    price: Price
    source: CostSource
    price_id: int | None


class _Entry(NamedTuple):
    """A compiled row; times in nanoseconds since the Unix epoch."""

    model: str
    price: Price
    price_id: int | None
    start_ns: int
    end_ns: int


class _Candidate(NamedTuple):
    start_ns: int
    end_ns: int
    resolved: Resolved


_Key = tuple[str | None, str | None, str | None, int]


class PriceBook:
    """All prices, looked up by provider, model, time and workspace.

    A workspace's own price applies to exactly its model id, as answered or as asked for, and to its provider; the
    provider ``*``, or a span from which no provider can be told, leaves the id to decide. Of several that are valid,
    one for a provider comes before one for all, and then the one that began last.
    """

    def __init__(self, rows: Iterable[PriceVersion], revision: Mapping[int, tuple[int, int]] | None = None) -> None:
        self._revision = dict(revision or {})
        self._common: dict[str, ClauseIndex[_Entry]] = {}
        self._overrides: dict[int, dict[str, list[tuple[str, _Entry]]]] = {}
        self._found: dict[_Key, tuple[_Candidate, ...]] = {}
        by_workspace: defaultdict[int, list[PriceVersion]] = defaultdict(list)
        for row in rows:
            by_workspace[row.workspace_id or queries.COMMON].append(row)
        for workspace, own in by_workspace.items():
            self._fill(workspace, own)

    def _fill(self, workspace: int, rows: Iterable[PriceVersion]) -> None:
        """Take rows in the place of all that were known of a workspace."""
        # The newest entry goes first, so that of two overrides for one time the later decision wins.
        ordered = sorted(rows, key=lambda row: (_since(row), row.price_id or 0), reverse=True)
        if workspace == queries.COMMON:
            self._fill_common(ordered)
        else:
            overrides: defaultdict[str, list[tuple[str, _Entry]]] = defaultdict(list)
            for row in ordered:
                model = row.model.lower()
                overrides[model].append((own_provider(row.provider, model), _compile(row)))
            self._overrides.pop(workspace, None)
            if overrides:
                self._overrides[workspace] = dict(overrides)
        self._found.clear()

    def _fill_common(self, rows: Iterable[PriceVersion]) -> None:
        common: defaultdict[str, list[PriceVersion]] = defaultdict(list)
        for row in rows:
            common[row.provider].append(row)
        self._common = {
            provider: ClauseIndex(
                (row.match or {"equals": row.model}, _compile(row)) for row in sorted(listed, key=lambda row: row.model)
            )
            for provider, listed in common.items()
        }

    async def refresh(self, connection: Connection) -> bool:
        """Read the prices again if any changed since; return whether they did."""
        revision = await queries.read_revision(connection)
        if revision == self._revision:
            return False
        # The list is long and changes with its package only; those of workspaces are short and change at any time.
        known = self._revision
        changed = [number for number in known.keys() | revision.keys() if known.get(number) != revision.get(number)]
        by_workspace: dict[int, list[PriceVersion]] = {number: [] for number in changed}
        for row in await queries.read_prices(connection, changed):
            by_workspace[row.workspace_id or queries.COMMON].append(row)
        for workspace, rows in by_workspace.items():
            self._fill(workspace, rows)
        self._revision = revision
        return True

    def resolve(
        self,
        provider: str | None,
        model: str | None,
        at_ns: int,
        workspace_number: int,
        model_requested: str | None = None,
    ) -> Resolved | None:
        """Return the price of a model at a time, or None when none is known.

        Args:
            provider: As the sender spelt it; None lets the model decide.
            model: Id of the model that answered.
            at_ns: Start of the span, nanoseconds since the Unix epoch.
            workspace_number: The workspace whose own prices come first.
            model_requested: Id of the model asked for, which serves when the answering one is absent or unknown.
        """
        key = (provider, model, model_requested, workspace_number if workspace_number in self._overrides else 0)
        candidates = self._found.get(key)
        if candidates is None:
            candidates = self._find(key)
            if len(self._found) >= _MAX_CACHED:
                self._found.clear()
            if sum(len(part) for part in key[:3] if part) <= _MAX_NAMES_LENGTH:
                self._found[key] = candidates
        for start_ns, end_ns, resolved in candidates:
            if start_ns <= at_ns < end_ns:
                return resolved
        return None

    def price_span(self, row: SpanRow, workspace_number: int) -> None:
        """Set cost, its source and the price id of a span in place.

        A cost that the sender reported stands unless the workspace has a price of its own for the model. A span
        without usage, or for which no price is known, keeps the reported cost or stays unpriced with a cost of
        None. A price worked out earlier counts for nothing, so that spans can be priced again.
        """
        row.price_id = None
        reported = row.cost_nano is not None and (row.cost_source is _UNPRICED or row.cost_source is _REPORTED)
        if reported:
            row.cost_source = _REPORTED
        else:
            row.cost_nano = None
            row.cost_source = _UNPRICED
        tokens_input, tokens_output = row.tokens_input, row.tokens_output
        if tokens_input is None and tokens_output is None:
            return
        resolved = self.resolve(row.model_provider, row.model, row.start_ns, workspace_number, row.model_requested)
        if resolved is None or (reported and resolved.source is not _OVERRIDE):
            return
        tariff = resolved.price.tariff_at(row.start_ns)
        if not (
            (tokens_input and tariff.prices_input)
            or (tokens_output and tariff.prices_output)
            or not (tokens_input or tokens_output)
        ):
            return
        row.cost_nano = tariff.cost_nano(
            tokens_input or 0,
            tokens_output or 0,
            row.tokens_cached or 0,
            row.tokens_cache_write or 0,
            row.tokens_reasoning or 0,
        )
        row.cost_source = resolved.source
        row.price_id = resolved.price_id

    def _find(self, key: _Key) -> tuple[_Candidate, ...]:
        """Return all prices a key can fall under, the first that is valid at a time being the right one."""
        provider, *names, workspace_number = key
        models = [name.strip().lower() for name in dict.fromkeys(names) if isinstance(name, str) and name]
        models = [model for model in models if len(model) <= _MAX_MODEL_LENGTH]
        candidates: list[_Candidate] = []
        overrides = self._overrides.get(workspace_number, {})
        for model in models:
            canonical = own_provider(provider, model)
            own = overrides.get(model, ())
            # What somebody said about one provider holds before what was said about all of them.
            for is_any in (False, True):
                candidates += [
                    _candidate(entry, CostSource.OVERRIDE)
                    for own_name, entry in own
                    if (own_name == ANY_PROVIDER) == is_any and (is_any or own_name == canonical or not canonical)
                ]
        for model in models:
            candidates += self._listed(listed_provider(provider, model), model)
        return tuple(candidates)

    def _listed(self, provider: str | None, model: str) -> list[_Candidate]:
        """Return the common prices of a model, trying plainer spellings of its id when it is unknown."""
        if provider is not None and (entries := self._entries(provider, model)):
            return [
                _candidate(entry, CostSource.EXACT if entry.model == model else CostSource.PATTERN) for entry in entries
            ]
        head, _, tail = model.partition("/")
        if not tail:
            return []
        # Routers spell "openai/gpt-4o", clients "models/gemini-…", clouds long resource names.
        named = listed_provider(head, tail) if provider in (None, listed_provider(head, tail)) else None
        attempts = ((named, tail), (provider or named, model.rpartition("/")[2]))
        for attempt, name in attempts:
            if attempt is not None and (entries := self._entries(attempt, name)):
                return [_candidate(entry, CostSource.PATTERN) for entry in entries]
        return []

    def _entries(self, provider: str, model: str) -> list[_Entry]:
        for spelling in dict.fromkeys((model, dashed_date(model))):
            for seller in (provider, *FALLBACKS.get(provider, ())):
                index = self._common.get(seller)
                if index is not None and (entries := index.find(spelling)):
                    return entries
        return []


def _since(row: PriceVersion) -> int:
    return _BEGINNING if row.valid_from is None else _nanoseconds(row.valid_from)


def _nanoseconds(moment: datetime) -> int:
    delta = moment - _EPOCH
    return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) * 1000


def _compile(row: PriceVersion) -> _Entry:
    end = _ENDLESS if row.valid_to is None else _nanoseconds(row.valid_to)
    return _Entry(row.model.lower(), compile_price(row.prices), row.price_id, _since(row), end)


def _candidate(entry: _Entry, source: CostSource) -> _Candidate:
    return _Candidate(entry.start_ns, entry.end_ns, Resolved(entry.price, source, entry.price_id))


async def load_book(connection: Connection) -> PriceBook:
    """Read all prices from the traces database."""
    revision = await queries.read_revision(connection)
    return PriceBook(await queries.read_prices(connection), revision)
