"""Only the virtual hosts that the broker's event exchange named are read again, where bindings are many."""

from __future__ import annotations

from typing import Any

import pytest

from brokers.polling import named_vhosts, polled_topology
from brokers.polling.depth_poll import poll_depths
from brokers.polling.poll_memory import PollMemory
from brokers.stats import NamedChanges
from tests.brokers.facts import after
from tests.brokers.management import FakeManagement, InstantApi, binding
from tests.brokers.polled import poll_once
from tests.fault_server import FaultServer

VHOSTS = ("/", "shop", "mail")


@pytest.fixture
def broker(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> FakeManagement:
    found = FakeManagement(fault_server)
    found.set("vhosts", [{"name": vhost} for vhost in VHOSTS])
    found.set("exchanges", [{"vhost": vhost, "name": name, "type": "topic"} for vhost in VHOSTS for name in ("", "orders")])
    found.set_queues({"mail": 0})
    monkeypatch.setattr(polled_topology, "FEW_BINDINGS", 1)
    keys = {vhost: ["a"] for vhost in VHOSTS}
    set_bindings(found, keys)
    return found


def set_bindings(broker: FakeManagement, keys: dict[str, list[str]]) -> None:
    """In the list of all and in those of each virtual host."""
    each = {vhost: [binding("orders", "mail", key) | {"vhost": vhost} for key in keys[vhost]] for vhost in keys}
    broker.set("bindings", [one for listed in each.values() for one in listed])
    for vhost, listed in each.items():
        broker.set(f"bindings/{vhost}", listed)
        broker.set(f"exchanges/{vhost}", [{"vhost": vhost, "name": name, "type": "topic"} for name in ("", "orders")])
        broker.set(f"policies/{vhost}", [])
        broker.set(f"operator-policies/{vhost}", [])


def round_of(broker: FakeManagement, api: Any, memory: PollMemory, seconds: float, named: NamedChanges | None) -> tuple[set[str], dict[str, int] | None]:
    """(the lists of bindings that were requested, how many bindings each virtual host has then)."""
    broker.requested()
    memory.inventory.named = named
    read = poll_once(api, after(seconds), memory).inventory.topologies
    paths = {path.partition("?")[0] for path in broker.requested() if path.startswith("bindings")}
    return paths, None if read is None else {vhost: len(topology.bindings) for vhost, topology in read.topologies.items()}


def test_only_the_virtual_hosts_that_were_named_are_read_again(broker: FakeManagement) -> None:
    api, memory = InstantApi(broker.address()), PollMemory()
    one_each = dict.fromkeys(VHOSTS, 1)
    assert round_of(broker, api, memory, 0, NamedChanges({}, 1)) == ({"bindings"}, one_each)
    assert round_of(broker, api, memory, 5, NamedChanges({}, 1)) == (set(), None)
    set_bindings(broker, {"/": ["a"], "shop": ["a", "b"], "mail": ["a"]})
    assert round_of(broker, api, memory, 10, NamedChanges({"shop": 1}, 1)) == ({"bindings/shop"}, one_each | {"shop": 2})
    assert round_of(broker, api, memory, 15, NamedChanges({"shop": 1}, 1)) == (set(), None)
    assert round_of(broker, api, memory, 20, NamedChanges({"shop": 1, "elsewhere": 4}, 1)) == (set(), None)  # not visible
    assert round_of(broker, api, memory, 25, NamedChanges({"shop": 1}, 2)) == ({"bindings"}, one_each | {"shop": 2})  # anything may have changed


def test_where_many_were_named_or_events_end_all_are_read(broker: FakeManagement, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_vhosts, "FEW", 1)
    api, memory = InstantApi(broker.address()), PollMemory()
    assert round_of(broker, api, memory, 0, NamedChanges({}, 1))[0] == {"bindings"}
    assert round_of(broker, api, memory, 5, NamedChanges({"shop": 1, "mail": 1}, 1))[0] == {"bindings"}
    assert round_of(broker, api, memory, 10, NamedChanges({"shop": 1, "mail": 1}, 1))[0] == set()
    assert round_of(broker, api, memory, 15, None)[0] == {"bindings"}


def test_a_virtual_host_with_another_queue_is_read_again_though_its_event_came_before_the_queue_was_known(broker: FakeManagement) -> None:
    api, memory = InstantApi(broker.address()), PollMemory()
    round_of(broker, api, memory, 0, NamedChanges({}, 1))
    broker.set_queues({"mail": 0, "more": 0})
    assert round_of(broker, api, memory, 5, NamedChanges({}, 1))[0] == {"bindings//"}


class PolledMeanwhileApi(InstantApi):
    """While the bindings of a virtual host are read, the thread of the depths polls: the broker has a queue more by then."""

    def bindings(self, vhost: str | None = None) -> Any:
        found = super().bindings(vhost)
        if vhost == "shop":
            self.broker.set_queues({"mail": 0, "more": 0})
            poll_depths(self, after(10), self.memory)
        return found


def test_a_queue_that_is_polled_while_a_named_virtual_host_is_read_is_read_in_the_next_round(broker: FakeManagement) -> None:
    api, memory = PolledMeanwhileApi(broker.address()), PollMemory()
    api.broker, api.memory = broker, memory
    round_of(broker, api, memory, 0, NamedChanges({}, 1))
    assert round_of(broker, api, memory, 10, NamedChanges({"shop": 1}, 1))[0] == {"bindings/shop"}
    assert round_of(broker, api, memory, 15, NamedChanges({"shop": 1}, 1))[0] == {"bindings//"}
    assert round_of(broker, api, memory, 20, NamedChanges({"shop": 1}, 1))[0] == set()
