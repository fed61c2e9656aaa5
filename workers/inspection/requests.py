"""The messages of `celery inspect`, as Celery's mailbox (kombu.pidbox) writes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workers.inspection import answers, formats

ARGUMENTS: dict[str, dict[str, Any]] = {
    "active": {"safe": True},
    "registered": {"taskinfoitems": list(answers.TASK_ATTRIBUTES)},
    "conf": {"with_defaults": False},
}


def written(command: str, uuids: Sequence[str], reply_queue: str, ticket: str, destination: Sequence[str] | None, content_type: str) -> tuple[bytes, str]:
    """(the body, its content encoding). `uuids`: what `query_task` is about; `destination` None: the routing key addresses the workers."""
    return formats.write(
        {
            "method": command,
            "arguments": {"ids": list(uuids)} if uuids else ARGUMENTS.get(command, {}),
            "destination": destination,
            "pattern": None,
            "matcher": None,
            "ticket": ticket,
            "reply_to": {"exchange": "", "routing_key": reply_queue},
        },
        content_type,
    )
