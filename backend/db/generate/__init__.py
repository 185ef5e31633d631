"""Believable agent traffic, made up and repeatable.

``Traffic`` invents traces; ``python -m db.generate`` sends them to the gateway as their clients would, or writes them
to a file. What is sent says that it is synthetic (resource attribute ``telemetry.synthetic``), but not which traces
hold personal data or attacks; ``shares`` and ``Trace.marks`` tell tests.
"""

from db.generate.story import Span, Trace
from db.generate.traffic import Annotation, Traffic, shares

__all__ = ["Annotation", "Span", "Trace", "Traffic", "shares"]
