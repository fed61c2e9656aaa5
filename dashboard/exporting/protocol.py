"""Prometheus' remote write, version 1.0 of its protocol: a WriteRequest in protobuf, compressed with snappy. Pure.

https://prometheus.io/docs/specs/prw/remote_write_spec/
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

HEADERS = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0", "User-Agent": "Hareline"}
STALE: float = struct.unpack("<d", bytes.fromhex("020000000000f07f"))[0]
"""The NaN with which a series ends: from here on it has no value."""

Sample = tuple[int, float]
"""Milliseconds since 1970, and the value."""
Series = tuple[Sequence[tuple[str, str]], Sequence[Sample]]
"""Labels in the order of their names, `__name__` first, without empty values; and samples in the order of time."""

_FIELDS = descriptor_pb2.FieldDescriptorProto
_MESSAGES = {
    "Label": (("name", _FIELDS.TYPE_STRING, ""), ("value", _FIELDS.TYPE_STRING, "")),
    "Sample": (("value", _FIELDS.TYPE_DOUBLE, ""), ("timestamp", _FIELDS.TYPE_INT64, "")),
    "TimeSeries": (("labels", _FIELDS.TYPE_MESSAGE, "Label"), ("samples", _FIELDS.TYPE_MESSAGE, "Sample")),
    "WriteRequest": (("timeseries", _FIELDS.TYPE_MESSAGE, "TimeSeries"),),
}
"""As prompb/remote.proto and types.proto declare them; what we don't send is left out."""


def _request_class() -> Any:
    described = descriptor_pb2.FileDescriptorProto(name="hareline/remote_write.proto", package="hareline.prometheus", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = described.message_type.add(name=name)
        for number, (field, kind, of) in enumerate(fields, start=1):
            label = _FIELDS.LABEL_REPEATED if of else _FIELDS.LABEL_OPTIONAL
            message.field.add(name=field, number=number, type=kind, label=label, type_name=f".hareline.prometheus.{of}" if of else None)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(described)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("hareline.prometheus.WriteRequest"))


WriteRequest = _request_class()


def encoded(series: Iterable[Series]) -> bytes:
    """The body of a request."""
    request = WriteRequest()
    for labels, samples in series:
        one = request.timeseries.add()
        for name, value in labels:
            one.labels.add(name=name, value=value)
        for timestamp, number in samples:
            one.samples.add(value=number, timestamp=timestamp)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
