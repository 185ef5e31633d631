"""Metrics of storing."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

BATCHES = Counter("processing_batches_total", "Batches stored")
STORED_SPANS = Counter("processing_spans_stored_total", "Spans and log records stored for the first time")
DUPLICATES = Counter("processing_duplicates_total", "Items that were stored before")
REJECTED = Counter("processing_rejected_total", "Items refused at the door or when decoded")
DEAD_LETTERS = Counter("processing_dead_letters_total", "Items that could not be stored", ["reason"])
REDELIVERIES = Counter("processing_redeliveries_total", "Entries taken over from a worker that fell silent")
DECODE_SECONDS = Histogram(
    "processing_decode_seconds", "Time from the entries of a batch to its rows", buckets=_SECONDS
)
COMMIT_SECONDS = Histogram("processing_commit_seconds", "Time of a storing transaction", buckets=_SECONDS)
STREAM_LAG = Gauge("processing_stream_lag_seconds", "Age of the oldest waiting entry", ["stream"])
RELAYED = Counter("processing_relayed_traces_total", "Changed traces announced to other services")
INDEX_LAG = Gauge("search_index_lag_seconds", "Age of the oldest change that the full-text index has not seen")
