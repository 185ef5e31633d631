"""What ingestion counts."""

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
