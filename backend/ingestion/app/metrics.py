"""What ingestion counts."""

from collections.abc import Mapping
from functools import cache

from prometheus_client import Counter, Gauge

REQUESTS = Counter("ingestion_requests_total", "Requests that were accepted", ["format", "transport"])
ITEMS = Counter("ingestion_items_total", "Items of accepted requests, those refused one by one included", ["format"])
BYTES = Counter("ingestion_bytes_total", "Bytes of accepted bodies, unpacked", ["format"])
REJECTED = Counter("ingestion_rejected_items_total", "Items refused at the door", ["format", "reason"])
REFUSED = Counter("ingestion_refused_requests_total", "Requests refused as a whole", ["code"])
BATCHES = Counter("ingestion_batches_total", "Entries written to the queue")
BATCH_BYTES = Counter("ingestion_batch_bytes_total", "Compressed bytes written to the queue")
INFLIGHT_BYTES = Gauge("ingestion_inflight_bytes", "Bytes of bodies in memory")
QUEUE_MEMORY = Gauge("ingestion_queue_memory_bytes", "Memory of the queue server", ["kind"])


@cache
def _counters(kind: str, transport: str) -> tuple[Counter, Counter, Counter]:
    # Looking up labels costs more than counting.
    return REQUESTS.labels(kind, transport), ITEMS.labels(kind), BYTES.labels(kind)


def count_request(kind: str, transport: str, items: int, size: int, rejected: Mapping[str, int]) -> None:
    """Count a request that is in the queue.

    Args:
        kind: Format of its items.
        transport: http or grpc.
        items: Number of items that were sent.
        size: Bytes of the body, unpacked.
        rejected: Items refused at the door by reason.
    """
    requests, received, received_bytes = _counters(kind, transport)
    requests.inc()
    received.inc(items)
    received_bytes.inc(size)
    for reason, count in rejected.items():
        REJECTED.labels(kind, reason).inc(count)
