"""The consumer of accepted requests."""

from processing.app.consumer.pipeline import Pipeline

__all__ = ["Pipeline"]
