"""Message classes that are wire-compatible with OTLP and declare only what their users read.

The official classes build an object for every attribute. Here items stay bytes (``cut``) or yield only their
identifiers and times (``ids``). Field numbers are those of opentelemetry-proto 1.x (trace.proto, logs.proto).
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "agentobs.otlp"
_BYTES, _FIXED64, _MESSAGE = _Field.TYPE_BYTES, _Field.TYPE_FIXED64, _Field.TYPE_MESSAGE
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED


def _message(
    file: descriptor_pb2.FileDescriptorProto, name: str, *declared: tuple[str, int, Any, Any, str | None]
) -> None:
    message = file.message_type.add(name=name)
    for field, number, kind, label, type_name in declared:
        added = message.field.add(name=field, number=number, type=kind, label=label)
        if type_name:
            added.type_name = f".{_PACKAGE}.{type_name}"


def _build() -> Any:
    # Identifiers and texts are declared as bytes: a string field would refuse a whole request for one bad byte.
    file = descriptor_pb2.FileDescriptorProto(name="agentobs/otlp.proto", package=_PACKAGE, syntax="proto3")
    _message(
        file,
        "SpanIds",
        ("trace_id", 1, _BYTES, _ONE, None),
        ("span_id", 2, _BYTES, _ONE, None),
        ("start_ns", 7, _FIXED64, _ONE, None),
        ("end_ns", 8, _FIXED64, _ONE, None),
    )
    _message(
        file,
        "LogIds",
        ("time_ns", 1, _FIXED64, _ONE, None),
        ("trace_id", 9, _BYTES, _ONE, None),
        ("span_id", 10, _BYTES, _ONE, None),
        ("observed_ns", 11, _FIXED64, _ONE, None),
    )
    for prefix, kind, item in (("Cut", _BYTES, None), ("SpanIds", _MESSAGE, "SpanIds"), ("LogIds", _MESSAGE, "LogIds")):
        _message(
            file,
            f"{prefix}Scope",
            ("scope", 1, _BYTES, _ONE, None),
            ("items", 2, kind, _MANY, item),
            ("schema_url", 3, _BYTES, _ONE, None),
        )
        _message(
            file,
            f"{prefix}Resource",
            ("resource", 1, _BYTES, _ONE, None),
            ("scopes", 2, _MESSAGE, _MANY, f"{prefix}Scope"),
            ("schema_url", 3, _BYTES, _ONE, None),
        )
        _message(file, f"{prefix}Request", ("resources", 1, _MESSAGE, _MANY, f"{prefix}Resource"))
    pool: Any = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL = _build()


def _load(name: str) -> Any:
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


# A request for traces or logs (their envelopes have the same numbers) with each item as the bytes that were sent.
CutRequest = _load("CutRequest")
# The same with identifiers and times of each item.
SpanIdsRequest = _load("SpanIdsRequest")
LogIdsRequest = _load("LogIdsRequest")
SpanIds = _load("SpanIds")
LogIds = _load("LogIds")
