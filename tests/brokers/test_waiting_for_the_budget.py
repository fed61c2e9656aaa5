"""A list that waits for the budget of the broker's time is old, and pages say since when; what changed while it was read in parts is read again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from brokers import parts
from brokers.errors import BrokerUnreachable
from brokers.polling.poll_memory import LastRead, PollMemory
from brokers.polling.polled_topology import MANY_BINDINGS
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement, InstantApi, binding
from tests.brokers.polled import poll_once
from tests.fault_server import FaultServer


@pytest.fixture
def broker(fault_server: FaultServer) -> FakeManagement:
    return FakeManagement(fault_server)


class Costly(InstantApi):
    """A list of bindings takes its broker two seconds."""

    def bindings(self, vhost: str | None = None) -> Any:
        self.said_seconds += 2.0
        return super().bindings(vhost)


def many_bindings(count: int, vhost: str = "/") -> list[dict[str, Any]]:
    return [binding("orders", "mail", str(number)) | {"vhost": vhost} for number in range(count)]


def node(transactions: int, seconds: float) -> dict[str, Any]:
    return {"name": "rabbit@a", "running": True, "uptime": int(1000 * seconds), "mnesia_ram_tx_count": transactions, "mnesia_disk_tx_count": 5}


def waiting_since(broker: FakeManagement, api: Costly, memory: PollMemory, seconds: float, transactions: int) -> datetime | None:
    """Since when the bindings have waited, as a poll at that time says."""
    broker.set("nodes", [node(transactions, seconds)])
    limits = poll_once(api, after(seconds), memory).stats.visibility_limits
    return next((limit.since for limit in limits if limit.part == parts.BINDINGS), None)


def test_bindings_that_wait_for_the_budget_after_a_change_are_named_with_their_age(broker: FakeManagement) -> None:
    broker.set_bindings(many_bindings(2001))
    broker.set_queues({"mail": 0})
    api, memory = Costly(broker.address()), PollMemory()
    said = {seconds: waiting_since(broker, api, memory, seconds, 7 if seconds < 5 else 8) for seconds in range(0, 45, 5)}
    assert said == {0: None, 5: None, 10: None, 15: None, 20: None, 25: NOON, 30: NOON, 35: None, 40: None}  # read at 0 and 35 s, changed at 5 s


def test_bindings_without_a_sign_of_change_do_not_wait(broker: FakeManagement) -> None:
    broker.set_bindings(many_bindings(2001))
    broker.set_queues({"mail": 0})
    api, memory = Costly(broker.address()), PollMemory()
    assert not any(waiting_since(broker, api, memory, seconds, 7) for seconds in range(0, 120, 5))


def test_a_change_while_bindings_are_read_in_parts_has_them_read_again(broker: FakeManagement) -> None:
    broker.set("vhosts", [{"name": "/"}, {"name": "shop"}])
    broker.set("exchanges", [{"vhost": vhost, "name": "", "type": "direct"} for vhost in ("/", "shop")])
    broker.set_queues({"mail": 0})
    broker.set("bindings//", many_bindings(1))
    broker.set("bindings/shop", many_bindings(1, "shop"))
    api, memory = Costly(broker.address()), PollMemory()
    memory.inventory.binding_count = MANY_BINDINGS + 1
    memory.inventory.topology = LastRead(after(-3600), 0.5, "another")
    requested = {}
    for seconds, transactions in ((0, 7), (5, 8), (35, 8), (75, 8)):
        broker.set("nodes", [node(transactions, seconds)])
        broker.requested()
        poll_once(api, after(seconds), memory)
        memory.inventory.binding_count = MANY_BINDINGS + 1
        requested[seconds] = [path for path in broker.requested() if path.startswith("bindings/")]
    assert requested == {0: ["bindings//"], 5: [], 35: ["bindings/shop"], 75: ["bindings//"]}


class Hanging(InstantApi):
    """The list of bindings fails after fifteen seconds."""

    hangs = False

    def bindings(self, vhost: str | None = None) -> Any:
        if self.hangs:
            self.said_seconds += 15.0
            raise BrokerUnreachable("no complete answer within 15 s")
        return super().bindings(vhost)


def test_a_list_that_hung_once_is_read_again_within_a_minute_and_holds_up_no_other(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 0})
    broker.set_bindings(many_bindings(1))
    api, memory = Hanging(broker.address()), PollMemory()
    poll_once(api, NOON, memory)
    api.hangs = True
    poll_once(api, after(5), memory)
    api.hangs = False
    failing = [bool(memory.unread.keys() & {parts.BINDINGS}) for seconds in range(10, 70, 5) if poll_once(api, after(seconds), memory)]
    assert failing == [True] * 10 + [False] * 2
    assert memory.inventory.budget.allows(after(65))
