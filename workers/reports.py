"""What a worker reported of its application, as versions of it are stored. Pure."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import zstandard


class Report(msgspec.Struct, frozen=True):
    """By the names of the worker's row; None: not reported."""

    configuration: dict[str, Any] | None = None
    queues: list[dict[str, Any]] | None = None
    registered: list[dict[str, Any]] | None = None

    @property
    def is_empty(self) -> bool:
        return self.configuration is None and self.queues is None and self.registered is None


def encode(report: Report) -> tuple[str, bytes]:
    """(hash of its content, bytes)."""
    text = msgspec.json.encode(report, order="deterministic")
    return hashlib.sha256(text).hexdigest(), zstandard.ZstdCompressor().compress(text)


def decode(data: bytes) -> Report:
    return msgspec.json.decode(zstandard.decompress(data), type=Report)
