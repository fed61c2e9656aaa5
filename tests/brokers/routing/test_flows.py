"""Where messages end after dead-lettering, as seen on RabbitMQ 3.10.8 and 4.0.5."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from brokers.routing.questions import message_of
from brokers.routing.virtual_host import VirtualHostRouter
from tests.brokers.routing.corpus import FLOWS, VERSIONS, topology
from tests.brokers.routing.simulation import Simulation
from tests.every_case import every_case


def played(seen: dict[str, Any], version: str) -> dict[str, Any]:
    """The flow run in memory, in the words of the cases."""
    simulation = Simulation(VirtualHostRouter.from_definitions(seen["definitions"], version))
    published = []
    for publish in seen["publishes"]:
        result = simulation.publish(message_of(publish), len(publish.get("body", seen["body"])))
        published.append({"routed": result.routed} | ({"nacked": True} if result.nacked else {}))
    for action in seen["actions"]:
        if action["do"] == "wait":
            simulation.wait(action["seconds"] * 1000)
        else:
            {"reject": simulation.reject, "requeue": simulation.requeue, "ack": simulation.take}[action["do"]](action["queue"], action["n"])
    simulation.wait(seen["wait_seconds"] * 1000)
    messages = [
        {
            "queue": queue,
            "publish": waiting.number,
            "exchange": waiting.message.exchange,
            "routing_key": waiting.message.keys[0],
            "redelivered": waiting.redelivered,
            "headers": simulation.headers_seen(queue, waiting),
        }
        for queue, held in simulation.queues.items()
        for waiting in held
    ]
    return {"publishes": published, "final": sorted(f"{one['publish']}@{one['queue']}" for one in messages), "messages": messages}


def by_queue(messages: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """In the order in which consumers get them."""
    found = defaultdict(list)
    for message in messages:
        found[message["queue"]].append(message)
    return found


@pytest.mark.parametrize("version", VERSIONS)
@every_case("path", FLOWS, lambda path: path.stem)
def test_messages_end_where_the_broker_left_them(path: Path, version: str) -> None:
    seen = topology(path)
    wanted = seen.get("result_by_broker", {}).get(version) or seen["result"]
    got = played(seen, version)
    assert got["publishes"] == wanted["publishes"]
    assert got["final"] == sorted(wanted["final"])
    assert by_queue(got["messages"]) == by_queue(wanted["messages"])
