"""The version of a broker as numbers. Pure."""

from __future__ import annotations

import re

DEFAULT_VERSION = "3.10.8"


def version_tuple(version: str | None) -> tuple[int, ...]:
    """The numbers of a version; RabbitMQ 3.10.8's for text without any.

    >>> version_tuple("4.0.5")
    (4, 0, 5)
    """
    return tuple(int(part) for part in re.findall(r"\d{1,6}", version or "")[:3]) or version_tuple(DEFAULT_VERSION)
