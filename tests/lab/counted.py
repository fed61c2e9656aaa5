"""What the broker counted of an experiment, by its management API."""

from __future__ import annotations

from typing import Any

PREFIX = "hareline lab "


def acknowledged(api: Any, vhost: str) -> dict[str, int]:
    """Messages acknowledged, by the name of each node's connection. `api`: `RabbitNode.api`."""
    names = {one["name"]: one.get("user_provided_name", "") for one in api("GET", f"vhosts/{vhost}/connections")}
    counts: dict[str, int] = {}
    for channel in api("GET", f"vhosts/{vhost}/channels"):
        name = names.get(channel["connection_details"]["name"], "").removeprefix(PREFIX)
        counts[name] = counts.get(name, 0) + channel.get("message_stats", {}).get("ack", 0)
    return counts


def copied(api: Any, vhost: str, exchange: str) -> tuple[int, dict[str, int]]:
    """Messages that were published to an exchange, and copies of them that each queue got from it."""
    stats = api("GET", f"exchanges/{vhost}/{exchange}")
    return stats.get("message_stats", {}).get("publish_in", 0), {one["queue"]["name"]: one["stats"]["publish"] for one in stats.get("outgoing", [])}
