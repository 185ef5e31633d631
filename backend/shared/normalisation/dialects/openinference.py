"""OpenInference (Arize): messages, documents and tools flattened into indexed keys."""

from collections.abc import Mapping

from shared.normalisation.dialects.indexed import items, last_with_role, unflatten
from shared.normalisation.messages import message_text, read_message
from shared.normalisation.model import Score
from shared.normalisation.parts import Message, read_tool_call
from shared.normalisation.preview import shorten
from shared.normalisation.values import is_placeholder, mapping, number, parse_json, text

INPUT_PREFIX = "llm.input_messages."
OUTPUT_PREFIX = "llm.output_messages."
_SUFFIX = ".message.role"
_ROLES = {
    "user": frozenset({"user", "human"}),
    "assistant": frozenset({"assistant", "ai", "model"}),
}
_SCORE_FAMILIES = (
    ("annotations.", "annotation"),
    ("evaluations.", "evaluation"),
    ("trace.annotations.", "annotation"),
    ("trace.evaluations.", "evaluation"),
    ("session.annotations.", "annotation"),
    ("session.evaluations.", "evaluation"),
)


def read_indexed_messages(attributes: Mapping[str, object], prefix: str, role: str) -> list[Message]:
    """Return the messages below ``prefix``; the oldest may be missing where the SDK's attribute limit struck."""
    messages: list[Message] = []
    for entry in unflatten(attributes, prefix):
        held = entry.get("message")
        if isinstance(held, dict):
            messages.extend(_message(held, role))
    return messages


def indexed_preview(attributes: Mapping[str, object], prefix: str, role: str) -> str | None:
    """Return readable text of the last message by ``role`` below ``prefix``."""
    index = last_with_role(attributes, prefix, _SUFFIX, _ROLES[role])
    if index is None:
        messages = read_indexed_messages(attributes, prefix, role)
        said = message_text(messages[-1]) if messages else None
        return shorten(said) if said else None
    content = attributes.get(f"{prefix}{index}.message.content")
    if isinstance(content, str) and content and not is_placeholder(content):
        return shorten(content)
    own = f"{prefix}{index}."
    entry = {key: attributes[key] for key in attributes if key.startswith(own)}
    messages = read_indexed_messages(entry, prefix, role)
    said = message_text(messages[0]) if messages else None
    return shorten(said) if said else None


def _message(held: dict[str, object], role: str) -> list[Message]:
    raw: dict[str, object] = {"role": held.get("role") or role}
    parts: list[object] = []
    for entry in items(held.get("contents")):
        part = entry.get("message_content")
        if isinstance(part, dict):
            parts.append(_part(part))
    raw["content"] = parts or held.get("content")
    raw_calls = [mapping(entry.get("tool_call")) for entry in items(held.get("tool_calls"))]
    calls = [read_tool_call(call) for call in raw_calls if call]
    if calls:
        raw["tool_calls"] = calls
    for key in ("name", "tool_call_id", "finish_reason"):
        if isinstance(held.get(key), str):
            raw[key] = held[key]
    if isinstance(held.get("function_call_name"), str):
        raw["function_call"] = {
            "name": held["function_call_name"],
            "arguments": held.get("function_call_arguments_json"),
        }
    return read_message(raw, role)


def _part(part: dict[str, object]) -> dict[str, object]:
    """Flatten ``image.image.url`` and let known part types through."""
    kind = part.get("type")
    image = part.get("image")
    if isinstance(image, dict):
        inner = image.get("image")
        return {"type": "image", **(inner if isinstance(inner, dict) else image)}
    if isinstance(kind, str) and kind not in ("reasoning", "tool_use", "tool_result") and "text" in part:
        return {"type": "text", "text": part["text"]}
    return part


def read_documents(attributes: Mapping[str, object]) -> list[dict[str, object]]:
    """Return retrieved or reranked documents as ``{id, content, score, metadata}`` with the fields that were sent."""
    documents: list[dict[str, object]] = []
    for prefix in ("retrieval.documents.", "reranker.output_documents."):
        for entry in unflatten(attributes, prefix):
            held = entry.get("document")
            if isinstance(held, dict):
                document = {key: held[key] for key in ("id", "content", "score") if held.get(key) is not None}
                if held.get("metadata") is not None:
                    document["metadata"] = parse_json(held["metadata"])
                documents.append(document)
        if documents:
            break
    return documents


def read_tool_definitions(attributes: Mapping[str, object]) -> list[object]:
    """Return the definitions below ``llm.tools.``."""
    definitions: list[object] = []
    for entry in unflatten(attributes, "llm.tools."):
        tool = entry.get("tool")
        if isinstance(tool, dict):
            definitions.append(parse_json(tool.get("json_schema", tool)))
    return definitions


def read_embedding_texts(attributes: Mapping[str, object]) -> list[str]:
    """Return the texts that were embedded."""
    texts: list[str] = []
    for entry in unflatten(attributes, "embedding.embeddings."):
        held = entry.get("embedding")
        if isinstance(held, dict) and isinstance(held.get("text"), str):
            texts.append(held["text"])
    return texts


def read_scores(attributes: Mapping[str, object]) -> list[Score]:
    """Return annotations and evaluations; a score wins over a label as the value."""
    scores: list[Score] = []
    for prefix, name in _SCORE_FAMILIES:
        for entry in unflatten(attributes, prefix):
            held = entry.get(name)
            if not isinstance(held, dict):
                continue
            label = text(held.get("label"))
            value = number(held.get("score"))
            title = text(held.get("name"))
            if title and (value is not None or label):
                kind = str(held.get("annotator_kind") or "").lower()
                scores.append(
                    Score(
                        name=title,
                        value=value if value is not None else label or "",
                        source={"human": "human", "llm": "judge"}.get(kind, "code"),
                        comment=text(held.get("explanation"), 1000),
                    )
                )
    return scores
