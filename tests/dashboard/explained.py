"""Explanations as the page takes them, from definitions."""

from __future__ import annotations

from typing import Any

from brokers.routing.answer import Explanation
from brokers.routing.questions import answer_in
from brokers.routing.virtual_host import VirtualHostRouter


def explained(definitions: dict[str, Any], exchange: str, key: str, **question: Any) -> Explanation:
    return answer_in(VirtualHostRouter.from_definitions(definitions), {"exchange": exchange, "routing_key": key, **question})
