import base64
import uuid
from datetime import UTC, datetime

import pytest

from shared.errors import InvalidFieldsError
from shared.http.cursor import (
    decode_cursor,
    encode_cursor,
    optional,
    read_integer,
    read_number,
    read_text,
    read_time,
    read_trace_key,
    read_uuid,
)


def test_values_come_back_as_they_went_in() -> None:
    values = (
        datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        uuid.uuid4(),
        b"\x01" * 16,
        -(1 << 63),
        1.5,
        "naïve 東京",
        None,
    )
    readers = (read_time, read_uuid, read_trace_key, read_integer, read_number, read_text, optional(read_text))
    assert decode_cursor(encode_cursor("list", *values), "list", readers) == values


@pytest.mark.parametrize(
    "text",
    [
        "",
        "%%%",
        "é",
        "A" * 3000,
        base64.urlsafe_b64encode(b"{}").decode(),
        base64.urlsafe_b64encode(b"[" * 1000).decode(),
        encode_cursor("other", 1),
        encode_cursor("list"),
        encode_cursor("list", 1, 2),
        encode_cursor("list", "1"),
        encode_cursor("list", True),
        base64.urlsafe_b64encode(b'["list",9223372036854775808]').decode(),
    ],
)
def test_foreign_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidFieldsError) as caught:
        decode_cursor(text, "list", [read_integer])
    assert caught.value.details[0].field == "cursor"


def test_time_without_zone_and_text_with_nul_are_refused() -> None:
    for value, reader in (("2026-01-01T00:00:00", read_time), ("a\x00b", read_text), ("xyz", read_trace_key)):
        with pytest.raises(InvalidFieldsError):
            decode_cursor(encode_cursor("list", value), "list", [reader])
