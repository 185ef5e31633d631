"""Retrieved documents in the shapes that vector stores and frameworks return them."""

from shared.normalisation.values import first, number, parse_structure

_TEXTS = ("content", "page_content", "text", "document", "doc", "chunk", "snippet", "body")
_IDS = ("id", "doc_id", "document_id", "node_id")
_SCORES = ("score", "relevance_score", "similarity", "distance")
_LISTS = ("documents", "results", "matches", "source_nodes", "nodes", "hits")


def documents_in(value: object) -> list[dict[str, object]]:
    """Return the documents in a retriever's output as ``{id, content, score, metadata}`` with the fields that exist."""
    parsed = parse_structure(value)
    if isinstance(parsed, dict):
        parsed = first(parsed, _LISTS)
    if not isinstance(parsed, list):
        return []
    documents: list[dict[str, object]] = []
    for item in parsed:
        if isinstance(item, str):
            documents.append({"content": item})
        elif isinstance(item, dict):
            inner = item.get("node")
            document = _read({**item, **inner} if isinstance(inner, dict) else item)
            if document:
                documents.append(document)
    return documents


def _read(item: dict[str, object]) -> dict[str, object]:
    document: dict[str, object] = {}
    identity = first(item, _IDS)
    if isinstance(identity, str | int):
        document["id"] = identity
    content = first(item, _TEXTS)
    if content is not None:
        document["content"] = content
    score = number(first(item, _SCORES))
    if score is not None:
        document["score"] = score
    metadata = parse_structure(item.get("metadata"))
    if isinstance(metadata, dict) and metadata:
        document["metadata"] = metadata
    return document if "content" in document or "id" in document else {}
