"""The pieces of a message's content in every vendor's shape: text, reasoning, tool calls, tool results, media."""

from dataclasses import dataclass, field

from shared.normalisation.values import dump, is_placeholder, mapping, parse_structure

Message = dict[str, object]

_TEXT_TYPES = frozenset({"text", "input_text", "output_text", "summary_text", "json", "system_prompt", "user-prompt"})
_REASONING_TYPES = frozenset({"reasoning", "thinking", "reasoning_content", "redacted_thinking"})
_CALL_TYPES = frozenset({"tool_call", "tool_use", "tool-call", "function_call", "server_tool_use", "server_tool_call"})
_RESULT_TYPES = frozenset(
    {"tool_call_response", "tool_result", "tool-result", "function_call_output", "tool_response", "function_response"}
)
_MEDIA_TYPES = {
    "image": "image",
    "image_url": "image",
    "image-url": "image",
    "input_image": "image",
    "output_image": "image",
    "audio": "audio",
    "input_audio": "audio",
    "audio-url": "audio",
    "video": "video",
    "video_url": "video",
    "video-url": "video",
    "file": "file",
    "input_file": "file",
    "document": "file",
    "document-url": "file",
    "media": "file",
    "blob": "file",
    "uri": "file",
    "binary": "file",
}
_CALL_NAME_KEYS = ("name", "toolName", "tool_name")
_CALL_ID_KEYS = ("id", "call_id", "toolCallId", "tool_call_id", "tool_use_id", "toolUseId")
_ARGUMENT_KEYS = ("arguments", "args", "input", "parameters")
_RESULT_KEYS = ("response", "result", "output", "content")
_MIME_KEYS = ("mime_type", "media_type", "mediaType", "mimeType", "content_type")


@dataclass(slots=True)
class Pieces:
    """What the content of one message falls into."""

    parts: list[dict[str, object]] = field(default_factory=list)
    tool_calls: list[dict[str, object]] = field(default_factory=list)
    results: list[Message] = field(default_factory=list)

    def content(self) -> object:
        """Return plain text if nothing but text was said, else the list of parts; None when there is none."""
        if not self.parts:
            return None
        if all(part.get("type") == "text" for part in self.parts):
            return "\n".join(str(part["text"]) for part in self.parts)
        return self.parts

    def add_text(self, value: object, kind: str = "text") -> None:
        """Add text of this kind (``text`` or ``reasoning``) unless it is empty or a placeholder."""
        if isinstance(value, str) and value and not is_placeholder(value):
            self.parts.append({"type": kind, "text": value})

    def add(self, raw: object) -> None:
        """Add one piece in any vendor's shape; unknown shapes are kept as they are."""
        if isinstance(raw, str):
            self.add_text(raw)
        elif isinstance(raw, list):
            for item in raw:
                if not isinstance(item, list):
                    self.add(item)
        elif isinstance(raw, dict):
            self._add_mapping(raw)
        elif raw is not None and not isinstance(raw, bytes):
            self.add_text(dump(raw))

    def _add_mapping(self, raw: dict[str, object]) -> None:
        kind = raw.get("type")
        if not isinstance(kind, str):
            kind = raw.get("kind") if isinstance(raw.get("kind"), str) else None
        if kind in _TEXT_TYPES and ("text" in raw or "content" in raw):
            text = raw["text"] if "text" in raw else raw["content"]
            self.add_text(text if isinstance(text, str) else dump(text) if text is not None else None)
        elif kind in _REASONING_TYPES:
            self.add_text(_reasoning_text(raw), "reasoning")
        elif kind in _CALL_TYPES:
            self.tool_calls.append(read_tool_call(raw))
        elif kind in _RESULT_TYPES:
            self.results.append(_tool_result(raw))
        elif kind in _MEDIA_TYPES:
            self.parts.append(_media(raw, _MEDIA_TYPES[str(kind)]))
        elif kind == "refusal":
            self.add_text(raw.get("refusal"))
        else:
            self._add_untyped(raw)

    def _add_untyped(self, raw: dict[str, object]) -> None:
        for key in ("toolUse", "tool_use", "functionCall", "function_call"):
            if isinstance(raw.get(key), dict):
                self.tool_calls.append(read_tool_call(mapping(raw[key])))
                return
        for key in ("toolResult", "tool_result", "functionResponse", "function_response"):
            if isinstance(raw.get(key), dict):
                self.results.append(_tool_result(mapping(raw[key])))
                return
        for key in ("inline_data", "inlineData", "file_data", "fileData", "image", "document", "video"):
            if isinstance(raw.get(key), dict):
                self.parts.append(_media(mapping(raw[key]), "image" if key == "image" else "file"))
                return
        if isinstance(raw.get("reasoningContent"), dict):
            self.add_text(_reasoning_text(mapping(raw["reasoningContent"])), "reasoning")
        elif isinstance(raw.get("text"), str):
            self.add_text(raw["text"], "reasoning" if raw.get("thought") is True else "text")
        elif isinstance(raw.get("content"), str):
            self.add_text(raw["content"])
        elif "json" in raw and len(raw) == 1:
            self.add_text(dump(raw["json"]))
        elif raw:
            self.parts.append({"type": "data", "data": raw})


def read_tool_call(raw: dict[str, object]) -> dict[str, object]:
    """Return a tool call of any vendor as ``{id, name, arguments}``; arguments are parsed where they are JSON text."""
    function = raw.get("function")
    source = {**raw, **function} if isinstance(function, dict) else raw
    if isinstance(function, dict) and "id" in raw:
        source["id"] = raw["id"]
    if isinstance(source.get("tool_call"), dict):
        return read_tool_call(mapping(source["tool_call"]))
    call: dict[str, object] = {"id": None, "name": None, "arguments": None}
    for key in _CALL_ID_KEYS if "call_id" not in source else ("call_id",):
        if isinstance(source.get(key), str):
            call["id"] = source[key]
            break
    for key in _CALL_NAME_KEYS:
        if isinstance(source.get(key), str):
            call["name"] = source[key]
            break
    for key in _ARGUMENT_KEYS:
        if source.get(key) is not None:
            call["arguments"] = parse_structure(source[key])
            break
    return call


def read_tool_calls(value: object) -> list[dict[str, object]]:
    """Return the tool calls in a list of any vendor's shape."""
    parsed = parse_structure(value)
    items = parsed if isinstance(parsed, list) else [parsed]
    return [read_tool_call(item) for item in items if isinstance(item, dict) and item]


def _tool_result(raw: dict[str, object]) -> Message:
    value: object = None
    for key in _RESULT_KEYS:
        if raw.get(key) is not None:
            value = raw[key]
            break
    if isinstance(value, dict) and set(value) <= {"type", "value"} and "value" in value:
        value = value["value"]
    message: Message = {"role": "tool", "content": result_text(value)}
    for key in _CALL_ID_KEYS if "call_id" not in raw else ("call_id",):
        if isinstance(raw.get(key), str):
            message["tool_call_id"] = raw[key]
            break
    for key in _CALL_NAME_KEYS:
        if isinstance(raw.get(key), str):
            message["name"] = raw[key]
            break
    return message


def result_text(value: object) -> object:
    """Return a tool's result as text, or as parts when it holds media."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        pieces = Pieces()
        pieces.add(value)
        if not any(part.get("type") == "data" for part in pieces.parts):
            return pieces.content()
    return dump(value)


def _reasoning_text(raw: dict[str, object]) -> str | None:
    for key in ("content", "text", "thinking", "reasoningText", "summary", "reasoning"):
        value = raw.get(key)
        if isinstance(value, dict):
            value = value.get("text")
        if isinstance(value, str) and value[:2] == "[{":
            value = parse_structure(value)
        if isinstance(value, list):
            value = "\n".join(
                str(item["text"]) for item in value if isinstance(item, dict) and isinstance(item.get("text"), str)
            )
        if isinstance(value, str) and value:
            return value
    return None


def _media(raw: dict[str, object], kind: str) -> dict[str, object]:
    source = raw
    for key in ("image_url", "image", "source", "input_audio", "file", "video_url", "document", "audio"):
        inner = source.get(key)
        if isinstance(inner, dict):
            source = {**source, **inner}
            nested = inner.get("image")
            source = {**source, **nested} if isinstance(nested, dict) else source
        elif isinstance(inner, str):
            source = {**source, "url" if "://" in inner[:64] or inner.startswith("data:") else "data": inner}
    mime = next((str(source[key]) for key in _MIME_KEYS if isinstance(source.get(key), str)), None)
    modality = source.get("modality")
    if kind == "file":
        kind = next((word for word in ("image", "audio", "video") if word in (mime or "") or word == modality), kind)
    part: dict[str, object] = {"type": kind}
    for key in ("url", "uri", "file_uri", "fileUri"):
        if isinstance(source.get(key), str):
            part["url"] = source[key]
            break
    for key in ("data", "content", "bytes", "file_data"):
        if "url" not in part and isinstance(source.get(key), str | bytes):
            part["data"] = source[key]
            break
    for name, keys in (("file_id", ("file_id", "fileId")), ("filename", ("filename", "name"))):
        found = next((source[key] for key in keys if isinstance(source.get(key), str)), None)
        if found is not None:
            part[name] = found
    if mime:
        part["mime_type"] = mime
    return part
