"""The overview of a broker with many queues is read rarely, and at once when the broker has other objects."""

from __future__ import annotations

import pytest

from brokers import store
from brokers.management.management_api import ManagementApi
from brokers.models import Broker
from brokers.polling.depth_poll import poll_depths
from brokers.polling.poll_memory import PollMemory
from tests.brokers.facts import NOON, a_broker, a_poll, after
from tests.brokers.management import FakeManagement
from tests.brokers.polled import poll_once
from tests.conftest import TestNode
from tests.fault_server import FaultServer

MANY = {f"q{number}": number for number in range(1001)}


@pytest.fixture
def broker(fault_server: FaultServer) -> FakeManagement:
    found = FakeManagement(fault_server)
    found.set_queues(MANY)
    found.set_metrics(dict.fromkeys(MANY, (1, 0, 0)))
    return found


def overviews(broker: FakeManagement) -> str:
    """Which were requested since the last call: "s" for one with statistics, "n" for one without."""
    found = "".join("n" if "disable_stats" in request.query else "s" for request in broker.server.requests if request.path == "/api/overview")
    broker.server.requests.clear()
    return found


def read_at(broker: FakeManagement, memory: PollMemory, *seconds: float) -> list[str]:
    api, found = broker.api(), []
    for second in seconds:
        poll_once(api, after(second), memory)
        found.append(overviews(broker))
    return found


def test_the_overview_of_many_queues_is_read_every_fifteen_seconds(broker: FakeManagement) -> None:
    assert read_at(broker, PollMemory(), 0, 5, 10, 15, 20, 25) == ["s", "ns", "n", "n", "ns", "n"]


def test_it_is_read_at_once_when_the_broker_has_other_objects(broker: FakeManagement) -> None:
    memory = PollMemory()
    read_at(broker, memory, 0, 5, 10)
    more = {**MANY, "new": 1}
    broker.set_queues(more)
    broker.set_metrics(dict.fromkeys(more, (1, 0, 0)))
    assert read_at(broker, memory, 15, 20) == ["ns", "n"]
    assert len(memory.depths.queues) == 1002


def test_it_is_read_at_each_poll_of_few_queues(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 1})
    assert read_at(broker, PollMemory(), 0, 5, 10) == ["s", "s", "s"]


def test_it_is_read_at_each_poll_where_it_alone_counts_the_messages_of_hidden_virtual_hosts(broker: FakeManagement) -> None:
    broker.set("vhosts", [{"name": "/"}, {"name": "hidden"}])
    assert read_at(broker, PollMemory(), 0, 5, 10) == ["s", "s", "s"]


def test_a_version_that_always_answers_with_statistics_gets_one_request_a_poll(broker: FakeManagement) -> None:
    broker.overview["churn_rates"] = {"queue_created": 1001}
    broker.set_queues(MANY)
    assert read_at(broker, PollMemory(), 0, 5, 10) == ["s", "n", "n"]


def test_its_figures_stay_between_two_readings_and_are_of_the_moment_when_they_were_counted(broker: FakeManagement) -> None:
    api, memory = broker.api(), PollMemory()
    broker.overview["message_stats"] = {"publish": 70}
    broker.set_queues(MANY)
    found = [poll_depths(api, after(second), memory) for second in (0, 5, 10, 15)]
    assert [stats.overview.published for stats in found] == [70] * 4
    assert [stats.overview_at for stats in found] == [NOON, after(5), after(5), after(5)]
    assert ["those of the broker every 15 s" in stats.depth_source_reason for stats in found] == [False, True, True, True]


def test_the_clock_of_the_polled_node_is_that_of_each_poll(broker: FakeManagement) -> None:
    api, memory = broker.api(), PollMemory()
    polled = [poll_depths(api, after(second), memory) for second in (0, 5, 10, 15)]
    assert [stats.nodes[0].clock_at for stats in polled] == [stats.at for stats in polled]


@pytest.mark.django_db
def test_a_rate_of_the_broker_is_that_of_the_time_between_two_readings() -> None:
    broker, memory, rates = a_broker(), store.BrokerMemory(), []
    for second, read_second, published in ((0, 0, 100), (5, 0, 100), (10, 0, 100), (15, 15, 250), (20, 15, 250), (25, 15, 250), (30, 30, 250)):
        poll = a_poll(after(second), overview={"published": published}, overview_at=after(read_second))
        store.save_poll(broker.pk, poll, after(second), memory)
        rates.append(Broker.objects.get().publish_per_second)
    assert rates == [None, None, None, 10.0, 10.0, 10.0, 0.0]


def test_a_real_broker_counts_its_objects_without_statistics(rabbitmq: TestNode) -> None:
    counted = ManagementApi(rabbitmq.address()).overview(with_statistics=False)
    assert {"queues", "exchanges", "connections"} <= counted.object_totals.keys()
    assert (counted.churn, counted.is_rabbitmq) == ({}, True)
