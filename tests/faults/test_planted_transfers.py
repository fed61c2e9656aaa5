"""Shovels and federation links that lead nowhere, on a real node: found with what the broker reports of them, without their password. And its clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from brokers import store
from script.rabbitmq_node import RabbitNode
from tests.conftest import TestNode
from tests.findings.looking import Looking, values
from tests.waiting import wait_until

pytestmark = [pytest.mark.nightly, pytest.mark.django_db]
READ_EVERY = 31
"""Shovels and links are read each 30 s."""
NOWHERE = "amqp://someone:secretword@127.0.0.1:1"


FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
"""Sets the clock of a program (Debian: libfaketime). Where it is not installed, no clock is checked here."""


class TransferNode(TestNode):
    """Its clock is so far ahead as the file `ahead` has it."""

    plugins = (*RabbitNode.plugins, "rabbitmq_shovel", "rabbitmq_shovel_management", "rabbitmq_federation", "rabbitmq_federation_management")

    def environment(self) -> dict[str, str]:
        if FAKETIME is None:
            return super().environment()
        ahead = {"FAKETIME_TIMESTAMP_FILE": str(self.directory / "ahead"), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
        return super().environment() | {"LD_PRELOAD": str(FAKETIME), **ahead}


def test_a_shovel_and_a_link_to_nowhere_are_found_and_those_that_run_are_not(tmp_path: Path) -> None:
    node = TransferNode(tmp_path)
    (tmp_path / "ahead").write_text("+300s")
    node.start()
    try:
        _plant(node)
        address = node.address()
        looking = Looking(address, store.ensure_brokers([address], datetime.now(UTC))[address.name])
        now = datetime.now(UTC)
        seen = {name: one for name, one in looking.look(now=now).items() if one.rule == "transfer_down"}
        assert set(seen) == {"transfer_down shovel nowhere", "transfer_down federation upstream away of exchange orders"}
        shovel = seen["transfer_down shovel nowhere"]
        assert values(shovel)["State"] in ("starting", "terminated")
        assert "queue orders" in values(shovel)["From"]
        assert "secretword" not in str([one.body for one in seen.values()])
        if FAKETIME is not None:
            clock = looking.look(now=now + timedelta(seconds=30))[f"clock_skew {node.name}"]
            assert clock.level == "warning"
            assert values(clock)["Difference"] in ("+4 min 58 s", "+4 min 59 s", "+5 min")  # Date has whole seconds, and is up to two old

        node.api("DELETE", "parameters/shovel/%2F/nowhere")
        node.api("DELETE", "policies/%2F/federated")
        wait_until(lambda: [one["name"] for one in node.api("GET", "shovels")] == ["here"] and node.api("GET", "federation-links") == [], seconds=30)
        for round_number in (2, 3):
            left = looking.look(now=now + timedelta(seconds=round_number * READ_EVERY))
        assert not [one for one in left.values() if one.rule == "transfer_down"]
    finally:
        node.stop()


def _plant(node: TestNode) -> None:
    for name in ("orders", "copies"):
        node.api("PUT", f"queues/%2F/{name}", {"durable": True})
    node.api("PUT", "exchanges/%2F/orders", {"type": "topic", "durable": True})
    protocols = {"src-protocol": "amqp091", "dest-protocol": "amqp091", "src-uri": "amqp://", "src-queue": "orders"}
    for name, there in (("nowhere", NOWHERE), ("here", "amqp://")):
        node.api("PUT", f"parameters/shovel/%2F/{name}", {"value": {**protocols, "dest-uri": there, "dest-queue": "copies"}})
    node.api("PUT", "parameters/federation-upstream/%2F/away", {"value": {"uri": NOWHERE}})
    node.api("PUT", "policies/%2F/federated", {"pattern": "^orders$", "apply-to": "exchanges", "definition": {"federation-upstream": "away"}})
    wait_until(lambda: {one["name"]: one.get("state") for one in node.api("GET", "shovels")}.get("here") == "running", seconds=30)
    wait_until(lambda: "nowhere" in [one["name"] for one in node.api("GET", "shovels")] and node.api("GET", "federation-links"), seconds=30)
