from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import InvalidFieldsError
from shared.http.ranges import RANGES, TimeRange, parse_range

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("name", sorted(RANGES))
def test_named_range_ends_now(name: str) -> None:
    found = parse_range(name, None, None, now=NOW)
    assert found.end == NOW
    assert found.length == RANGES[name]  # type: ignore[index]
    assert found.name == name


def test_default_applies_when_nothing_is_named() -> None:
    assert parse_range(None, None, None, now=NOW, default="7d").length == timedelta(days=7)


def test_two_times_of_any_zone_are_read_as_utc() -> None:
    found = parse_range(None, "2026-02-01T01:00:00+01:00", "2026-02-02T00:00:00Z", now=NOW)
    assert found == TimeRange(datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 2, 2, tzinfo=UTC))
    assert found.previous().end == found.start


def test_plus_sign_that_was_not_encoded_is_still_a_zone() -> None:
    found = parse_range(None, "2026-02-01T01:00:00 01:00", None, now=NOW)
    assert found.start == datetime(2026, 2, 1, tzinfo=UTC)
    assert found.end == NOW


@pytest.mark.parametrize(
    ("name", "start", "end", "field"),
    [
        ("2h", None, None, "range"),
        ("", None, None, "range"),
        ("1h", "2026-02-01T00:00:00Z", None, "range"),
        (None, None, "2026-02-01T00:00:00Z", "from"),
        (None, "2026-02-01T00:00:00", None, "from"),
        (None, "yesterday", None, "from"),
        (None, "0001-01-01T00:00:00+23:59", None, "from"),
        (None, "2016-02-01T00:00:00Z", None, "from"),
        (None, "2026-02-02T00:00:00Z", "2026-02-01T00:00:00Z", "to"),
        (None, "2026-02-02T00:00:00Z", "10000-02-01T00:00:00Z", "to"),
        (None, "2026-02-02T00:00:00Z", "1" * 5000, "to"),
    ],
)
def test_bad_range_names_its_field(name: str | None, start: str | None, end: str | None, field: str) -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        parse_range(name, start, end, now=NOW)
    assert caught.value.details[0].field == field
