"""Files of traces: what a row looks like in each format, and how they are written."""

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import orjson

MEDIA_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
}
_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE
# Spreadsheets take a cell for a formula by its first sign, whatever blanks or quotes stand before it; the wide forms of
# the signs are read as the signs by some. https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = re.compile("[\\s\"'\u200b\ufeff]*[=+\\-@\t\r\u2795\uff1d\uff0b\uff0d\uff20]")
_INTEGERS = (
    "span_count", "llm_call_count", "tool_call_count", "error_count", "tokens_input", "tokens_output", "tokens_total",
    "tokens_cached", "tokens_reasoning",
)  # fmt: skip
_NUMBERS = ("duration_ms", "cost_usd")
_LISTS = ("models", "providers", "tags")
_ROW_GROUP = 20_000
# Rows as Python objects take about eight times as much memory.
_ROW_GROUP_BYTES = 8 * 1024 * 1024


def size_of(path: Path) -> int | None:
    """Return how long a file is in bytes, None when it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def open_part(path: Path) -> BinaryIO:
    """Open a file to go on writing, with its folder when it is new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("r+b" if path.exists() else "w+b")


def csv_header(fields: Sequence[str]) -> bytes:
    """Return the first line of a CSV file."""
    return _csv_line(list(fields))


def csv_rows(views: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> bytes:
    """Return traces as lines of CSV (RFC 4180); no cell of text can be taken for a formula."""
    return b"".join(_csv_line([_cell(view[name]) for name in fields]) for view in views)


def json_rows(views: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> bytes:
    """Return traces as lines of JSON, as the API answers them."""
    return b"".join(orjson.dumps({name: view[name] for name in fields}, option=_OPTIONS) for view in views)


def _csv_line(cells: list[Any]) -> bytes:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    if value is None or value == [] or value == {}:
        return ""
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (dict, list)):
        value = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode()
    text = value if isinstance(value, str) else value.isoformat().replace("+00:00", "Z")
    text = text.replace("\0", "")
    return f"'{text}" if _FORMULA.match(text) else text


def write_parquet(part: Path, whole: Path, fields: Sequence[str]) -> None:
    """Make a Parquet file of a file of JSON lines, some thousand rows at a time."""
    # Loading it costs 50 MiB, which only the worker that needs it pays.
    import pyarrow as pa
    from pyarrow import parquet

    types: dict[str, Any] = {
        **dict.fromkeys(_INTEGERS, pa.int64()),
        **dict.fromkeys(_NUMBERS, pa.float64()),
        **dict.fromkeys(_LISTS, pa.list_(pa.string())),
        "start_time": pa.timestamp("us", tz="UTC"),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in fields])
    with part.open("rb") as lines, parquet.ParquetWriter(whole, schema, compression="zstd") as writer:
        while rows := [orjson.loads(line) for line in _take(lines)]:
            columns = [pa.array([_typed(row[field.name], field.name) for row in rows], field.type) for field in schema]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _take(lines: BinaryIO) -> list[bytes]:
    """Return the lines of a row group: so many, or so many bytes, or what is left."""
    taken: list[bytes] = []
    size = 0
    while len(taken) < _ROW_GROUP and size < _ROW_GROUP_BYTES and (line := lines.readline()):
        taken.append(line)
        size += len(line)
    return taken


def _typed(value: Any, name: str) -> Any:
    if value is None or name in _LISTS or name in _NUMBERS:
        return value
    if name in _INTEGERS:
        return int(value)
    if name == "start_time":
        return datetime.fromisoformat(value)
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def sync(file: Any) -> None:
    """Force a file to disk."""
    file.flush()
    os.fsync(file.fileno())
