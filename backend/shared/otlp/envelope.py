"""The levels of an OTLP request above its items: resources and scopes, alike for traces and logs."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.otlp.wire import MALFORMED, WireError, fields, read_varint, write_field

MAX_ITEMS = 50_000


class OtlpDecodeError(ValueError):
    """A request that is not OTLP."""


class TooManyItemsError(ValueError):
    """The request has more items than one request may have."""


@dataclass(slots=True)
class Group:
    """The items of one scope.

    ``resource`` and ``scope`` are messages, ``resource_raw`` and ``scope_raw`` what stands beside the repeated field of
    ResourceSpans and ScopeSpans. ``bounds`` holds start and end of each item in the request, one after the other.
    """

    resource: bytes
    resource_raw: bytes
    scope: bytes
    scope_raw: bytes
    bounds: list[int]


def read_groups(body: bytes, limit: int | None = None) -> Iterator[Group]:
    """Yield the scopes of a request with their items.

    Args:
        body: The request in Protobuf, not compressed.
        limit: Highest number of items. It also bounds resources and scopes, so that a request of millions of empty
            messages costs no memory.

    Raises:
        OtlpDecodeError: The request cannot be read.
        TooManyItemsError: There are more items than the limit.
    """
    try:
        yield from _Reader(body, limit).groups()
    except MALFORMED as error:
        raise OtlpDecodeError("The body is not an OTLP message.") from error


class _Reader:
    def __init__(self, body: bytes, limit: int | None) -> None:
        self._body = body
        self._limit = limit
        self._items_left = len(body) if limit is None else limit
        self._groups_left = 2 * self._items_left + 2

    def groups(self) -> Iterator[Group]:
        for tag, start, stop, _ in fields(self._body, 0, len(self._body)):
            self._count_group()
            if tag == 0x0A:
                yield from self._resource_groups(start, stop)

    def _resource_groups(self, position: int, stop: int) -> Iterator[Group]:
        resource = schema_url = b""
        scopes: list[tuple[int, int]] = []
        for tag, start, end, _ in fields(self._body, position, stop):
            self._count_group()
            if tag == 0x0A:
                resource = self._body[start:end]
            elif tag == 0x12:
                scopes.append((start, end))
            elif tag == 0x1A:
                schema_url = self._body[start:end]
        resource_raw = _beside(resource, schema_url)
        for start, end in scopes:
            yield self._group(start, end, resource, resource_raw)

    def _group(self, position: int, stop: int, resource: bytes, resource_raw: bytes) -> Group:
        body = self._body
        scope = schema_url = b""
        bounds: list[int] = []
        append = bounds.append
        while position < stop:
            if body[position] == 0x12:
                length = body[position + 1]
                position += 2
                if length >= 0x80:
                    byte = body[position]
                    if byte < 0x80:
                        length += (byte - 1) << 7
                        position += 1
                    else:
                        length, position = read_varint(body, position - 1)
                append(position)
                position += length
                append(position)
                self._items_left -= 1
                if self._items_left < 0:
                    raise self._too_many()
                continue
            tag, start, position, _ = next(fields(body, position, stop))
            self._count_group()
            if tag == 0x0A:
                scope = body[start:position]
            elif tag == 0x1A:
                schema_url = body[start:position]
        if position != stop:
            raise WireError("an item is cut off")
        return Group(resource, resource_raw, scope, _beside(scope, schema_url), bounds)

    def _count_group(self) -> None:
        self._groups_left -= 1
        if self._groups_left < 0:
            raise self._too_many()

    def _too_many(self) -> TooManyItemsError:
        return TooManyItemsError(f"One request may hold {self._limit} items.")


def _beside(message: bytes, schema_url: bytes) -> bytes:
    encoded = write_field(b"\x0a", message) if message else b""
    return encoded + write_field(b"\x1a", schema_url) if schema_url else encoded
