"""Reading and writing the Protobuf wire format by hand, where generated classes cost too much.

https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Iterator
from struct import Struct
from struct import error as struct_error

MAX_DEPTH = 64
# Values inside arrays and maps of one attribute; an ordinary one has at most some thousands.
MAX_NESTED_VALUES = 100_000
DEPTH_MARKER = "[truncated: nested deeper than 64 levels]"
# Longer attributes are texts that hardly repeat.
CACHED_BYTES = 96
SIZE_MARKER = "[truncated: more than 100000 nested values]"

_MASK_64 = 0xFFFFFFFFFFFFFFFF
_CACHED_PAIRS = 8192

read_double = Struct("<d").unpack_from
read_fixed64 = Struct("<Q").unpack_from
write_double = Struct("<d").pack
write_fixed64 = Struct("<Q").pack

# Attributes repeat from span to span, so most are found here by their bytes instead of being read again.
_pairs: dict[bytes, tuple[str, object]] = {}
_keys: dict[bytes, str] = {}


class WireError(ValueError):
    """The bytes are not a message of the expected form."""


# What reading beyond the end, or a message that contradicts itself, can raise.
MALFORMED = (WireError, IndexError, struct_error)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return an unsigned varint and the position after it."""
    result = shift = 0
    while shift < 70:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & _MASK_64, position
        shift += 7
    raise WireError("varint longer than ten bytes")


def write_varint(value: int) -> bytes:
    """Return a varint; negative numbers as their 64-bit two's complement."""
    value &= _MASK_64
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def write_field(tag: bytes, content: bytes) -> bytes:
    """Return a length-delimited field."""
    return tag + write_varint(len(content)) + content


def decode_text(data: bytes) -> str:
    """Return text, with U+FFFD for what is not valid UTF-8: one bad string must not cost a batch."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def signed64(value: int) -> int:
    """Return the two's complement reading of an unsigned 64-bit number."""
    return value - (1 << 64) if value >> 63 else value


def fields(data: bytes, position: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield each field of a message as tag, start of its content, end of its content and number.

    The tag is field number and wire type together. The number is the content of varints, 0 for other types.

    Raises:
        WireError: The message is cut off or malformed. Reading beyond the data raises IndexError.
    """
    while position < stop:
        tag, position = read_varint(data, position)
        number, start = 0, position
        wire_type = tag & 7
        if tag < 8:
            raise WireError("field number 0")
        if wire_type == 2:
            size, start = read_varint(data, position)
            position = start + size
        elif wire_type == 0:
            number, position = read_varint(data, position)
        elif wire_type == 1:
            position += 8
        elif wire_type == 5:
            position += 4
        elif wire_type == 3:
            position = _skip_group(data, position, stop)
        else:
            raise WireError("unknown wire type")
        if position > stop:
            raise WireError("field is cut off")
        yield tag, start, position, number


def readable_fields(message: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield the fields of a message like ``fields`` up to where it becomes malformed."""
    try:
        yield from fields(message, 0, len(message))
    except MALFORMED:
        return


def _skip_group(data: bytes, position: int, stop: int) -> int:
    depth = 1
    while depth:
        tag, position = read_varint(data, position)
        wire_type = tag & 7
        if wire_type == 4:
            depth -= 1
        elif wire_type == 3:
            depth += 1
        elif wire_type == 2:
            size, position = read_varint(data, position)
            position += size
        elif wire_type == 0:
            _, position = read_varint(data, position)
        else:
            position += 8 if wire_type == 1 else 4
        if position > stop:
            raise WireError("group is cut off")
    return position


def decode_pair(data: bytes, position: int, stop: int) -> tuple[str, object]:
    """Return key and value of a ``KeyValue`` message; written for the order that all encoders use.

    Raises:
        WireError: The message is malformed; reading beyond the data raises IndexError or struct.error.
    """
    if data[position] == 0x0A and (length := data[position + 1]) < 0x80:
        at = position + 2 + length
        if data[at] == 0x12:
            key = data[position + 2 : at]
            name = _keys.get(key)
            if name is None:
                name = _remember_key(key)
            length = data[at + 1]
            at += 2
            if length >= 0x80:
                byte = data[at]
                if byte < 0x80:
                    length += (byte - 1) << 7
                    at += 1
                else:
                    length, at = read_varint(data, at - 1)
            if at + length == stop:
                value = decode_value(data, at, stop)
                if stop - position > CACHED_BYTES:
                    return name, value
                pair = (name, value)
                if not isinstance(value, (list, dict)):
                    _remember_pair(data[position:stop], pair)
                return pair
    return _decode_unusual_pair(data, position, stop, 0, [MAX_NESTED_VALUES])


# Key and value of a ``KeyValue`` message that was read before, else None; a bound method to save a call.
known_pair = _pairs.get


def _remember_key(key: bytes) -> str:
    if len(_keys) >= _CACHED_PAIRS:
        _keys.clear()
    name = _keys[key] = decode_text(key)
    return name


def _remember_pair(data: bytes, pair: tuple[str, object]) -> None:
    if len(_pairs) >= _CACHED_PAIRS:
        _pairs.clear()
    _pairs[data] = pair


def decode_value(data: bytes, position: int, stop: int) -> object:
    """Return the plain Python value of an ``AnyValue`` message; an empty one is None.

    Raises:
        WireError: The message is malformed; reading beyond the data raises IndexError or struct.error.
    """
    if position == stop:
        return None
    tag = data[position]
    if tag == 0x0A:
        length = data[position + 1]
        at = position + 2
        if length >= 0x80:
            byte = data[at]
            at += 1
            if byte < 0x80:
                length += (byte - 1) << 7
            else:
                length, at = read_varint(data, position + 1)
        if at + length == stop:
            try:
                return data[at:stop].decode()
            except UnicodeDecodeError:
                return data[at:stop].decode("utf-8", "replace")
    elif tag == 0x18:
        number, at = read_varint(data, position + 1)
        if at == stop:
            return signed64(number)
    elif tag == 0x21 and stop - position == 9:
        return read_double(data, position + 1)[0]
    return _decode_any(data, position, stop, 0, [MAX_NESTED_VALUES])


def _decode_any(data: bytes, position: int, stop: int, depth: int, budget: list[int]) -> object:
    value: object = None
    for tag, start, end, number in fields(data, position, stop):
        if tag == 0x0A:
            value = decode_text(data[start:end])
        elif tag == 0x10:
            value = number != 0
        elif tag == 0x18:
            value = signed64(number)
        elif tag == 0x21:
            value = read_double(data, start)[0]
        elif tag in (0x2A, 0x32):
            if depth >= MAX_DEPTH:
                value = DEPTH_MARKER
            elif tag == 0x2A:
                value = _decode_array(data, start, end, depth + 1, budget)
            else:
                value = _decode_map(data, start, end, depth + 1, budget)
        elif tag == 0x3A:
            value = data[start:end]
    return value


def _decode_array(data: bytes, position: int, stop: int, depth: int, budget: list[int]) -> list[object]:
    values: list[object] = []
    for tag, start, end, _ in fields(data, position, stop):
        if tag == 0x0A:
            budget[0] -= 1
            if budget[0] < 0:
                values.append(SIZE_MARKER)
                break
            values.append(_decode_any(data, start, end, depth, budget))
    return values


def _decode_map(data: bytes, position: int, stop: int, depth: int, budget: list[int]) -> dict[str, object]:
    values: dict[str, object] = {}
    for tag, start, end, _ in fields(data, position, stop):
        if tag == 0x0A:
            budget[0] -= 1
            if budget[0] < 0:
                values["…"] = SIZE_MARKER
                break
            key, value = _decode_unusual_pair(data, start, end, depth, budget)
            values[key] = value
    return values


def _decode_unusual_pair(data: bytes, position: int, stop: int, depth: int, budget: list[int]) -> tuple[str, object]:
    key, value = "", None
    for tag, start, end, _ in fields(data, position, stop):
        if tag == 0x0A:
            key = decode_text(data[start:end])
        elif tag == 0x12:
            value = _decode_any(data, start, end, depth, budget)
    return key, value
