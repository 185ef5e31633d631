"""The full-text index of traces, made behind ingestion."""
