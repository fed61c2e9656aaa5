"""The type that a broker gives a queue that is declared without one, by what it reports of the virtual host.

Pure. Such a queue gets the default type of its virtual host if it is durable, not exclusive and not deleted by itself; else it is classic (RabbitMQ 3.10.8
and 4.0.5). Which queues of exported definitions have a type of their own is in `exported_types`.
"""

from __future__ import annotations

from brokers.routing.queue_types import CLASSIC, UNDEFINED
from brokers.routing.versions import version_tuple

DEFAULTS_SINCE = (3, 10)
"""Before, virtual hosts had no default type, or reported none."""
NODE_DEFAULT_SINCE = (3, 13)
"""Since then a virtual host without a default of its own takes that of the node's configuration file (`default_queue_type`), which no API reports."""


def declared_default(reported: str, version: str | None) -> str:
    """The type of a durable, shared queue that is declared without one, "" if it is unknown. `reported`: as `brokers.stats.VhostStats` has it.

    >>> declared_default("quorum", "4.0.5"), declared_default("undefined", "3.12.1"), declared_default("undefined", "4.0.5")
    ('quorum', 'classic', '')
    """
    if reported != UNDEFINED:
        return reported or (CLASSIC if _before(version, DEFAULTS_SINCE) else "")
    return CLASSIC if _before(version, NODE_DEFAULT_SINCE) else ""


def _before(version: str | None, since: tuple[int, ...]) -> bool:
    return version is not None and version[:1].isdigit() and version_tuple(version) < since
