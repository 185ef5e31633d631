"""From stored traces to documents."""

import uuid
from collections.abc import Sequence

from processing.app.queries import search
from processing.app.search.builder import IndexedTrace, texts_of, texts_of_row, words_with_breaks
from processing.app.search.vector import encode_vector
from shared.database import Connection
from shared.logging import get_logger

logger = get_logger(__name__)


async def index_traces(workspace: int, connection: Connection, keys: Sequence[uuid.UUID]) -> int:
    """Bring the documents of traces up to what is stored of them and return how many were written.

    Args:
        workspace: Number of the workspace.
        connection: Connection that ``prepare_connection`` has seen.
        keys: Keys of traces, which may be gone.
    """
    found = await search.read_traces(workspace, connection, keys)
    documents = [
        search.Document(key, item.start_time, item.revision, encode_vector(words_with_breaks(_texts(item.trace))))
        for key, item in found.items()
    ]
    await search.write_documents(workspace, connection, documents, set(keys) - set(found))
    return len(documents)


def _texts(trace: IndexedTrace) -> list[str]:
    try:
        return texts_of(trace)
    except Exception:
        # One payload that cannot be read must not keep its trace, and those beside it, from being found.
        logger.exception("payload_unreadable", payloads=len(trace.payloads))
        return texts_of_row(trace)
