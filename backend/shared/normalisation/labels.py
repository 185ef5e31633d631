"""Tags and metadata: the free labels a sender attached, bounded so that rows stay narrow."""

from collections.abc import Iterable, Mapping

from shared.normalisation.dialects.langsmith import is_internal_tag, split_tags
from shared.normalisation.values import CUT_MARK, clean, dump, is_placeholder, mapping, parse_json, parse_structure

MAX_TAGS = 20
MAX_METADATA = 20
_TAG_LIMIT = 128
_KEY_LIMIT = 64
_VALUE_LIMIT = 128
# What frameworks record about their own execution, and environment variables that LangSmith leaks.
_INTERNAL_PREFIXES = ("LANGSMITH_", "LANGCHAIN_", "langgraph_", "ls_", "lc_", "checkpoint_", "__", "user_api_key_")
_INTERNAL_NAMES = frozenset(
    {
        "tags",
        "session_id",
        "sessionId",
        "user_id",
        "userId",
        "usage_metadata",
        "_type",
        "revision_id",
        "model",
        "model_name",
        "stream",
        "temperature",
    }
)


def read_tags(values: Iterable[object]) -> list[str]:
    """Return the tags in the values, each a list, a JSON list or a comma string; no duplicates, at most 20."""
    tags: dict[str, None] = {}
    for value in values:
        for raw in _tag_items(value):
            tag = clean(raw, _TAG_LIMIT).strip()
            if tag and not is_internal_tag(tag):
                tags[tag] = None
            if len(tags) >= MAX_TAGS:
                return list(tags)
    return list(tags)


def _tag_items(value: object) -> list[str]:
    if isinstance(value, str):
        parsed = parse_structure(value) if value[:1] in "[(\"'" else value
        if isinstance(parsed, str):
            return split_tags(parsed[:8192])
        value = parsed
    if isinstance(value, list | tuple):
        return [item for item in value[: MAX_TAGS * 5] if isinstance(item, str)]
    return []


def read_metadata(attributes: Mapping[str, object], keys: Iterable[str], prefixes: tuple[str, ...]) -> dict[str, str]:
    """Return at most 20 short entries of what the sender attached.

    Args:
        attributes: Attributes of the span.
        keys: Keys that hold a whole mapping, as such or as JSON text.
        prefixes: Families of keys present on the span whose tail is the entry's name.
    """
    entries: dict[str, str] = {}
    for key in keys:
        for name, value in mapping(attributes.get(key)).items():
            if isinstance(name, str) and not _take(entries, name, value):
                return entries
    if prefixes:
        for key in attributes:
            if key.startswith(prefixes):
                prefix = next(prefix for prefix in prefixes if key.startswith(prefix))
                if not _take(entries, key[len(prefix) :], attributes[key]):
                    break
    return entries


def _take(entries: dict[str, str], name: str, value: object) -> bool:
    """Add one entry unless it is internal or empty; return whether there is room for more."""
    if value is None or value == "" or name in _INTERNAL_NAMES or name.startswith(_INTERNAL_PREFIXES):
        return True
    shown = _shown(value)
    short = clean(name, _KEY_LIMIT)
    if shown and short and short not in entries:
        entries[short] = shown
    return len(entries) < MAX_METADATA


def _shown(value: object) -> str | None:
    if isinstance(value, str) and value[:1] == '"':
        # Langfuse 5 quotes text as JSON, Langfuse 3 does not.
        value = parse_json(value)
    if isinstance(value, str):
        return None if is_placeholder(value) else clean(value, _VALUE_LIMIT)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, list | dict | tuple) and len(value) > _VALUE_LIMIT:
        return f"{dump(list(value)[:8], _VALUE_LIMIT - 1)}{CUT_MARK}"[:_VALUE_LIMIT]
    return dump(value, _VALUE_LIMIT) or None


def merge_metadata(rows: Iterable[Mapping[str, str]], limit: int) -> dict[str, str]:
    """Return the union of several spans' metadata, the first statement of a name winning."""
    merged: dict[str, str] = {}
    for row in rows:
        for name, value in row.items():
            if name not in merged:
                if len(merged) >= limit:
                    return merged
                merged[name] = value
    return merged
