"""Which part of a file a download asks for (RFC 9110, section 14)."""

import re

from shared.errors import ApiError

_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\Z", re.ASCII)


def read_byte_range(wanted: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last, None for the whole file.

    Several ranges at once and other units are answered with the whole file, as the standard allows.

    Args:
        wanted: The ``Range`` header.
        size: Length of the file in bytes.

    Raises:
        ApiError: With status 416, when nothing of the file lies in the range.
    """
    found = _RANGE.match(wanted or "")
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < int(first):
            return None
    if start >= end:
        raise ApiError(
            "The file has no such part.",
            status=416,
            code="range_not_satisfiable",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end
