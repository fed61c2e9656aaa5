"""One cluster under two names of HARELINE_BROKERS is noticed by its internal id, said, and watched once: under the first name, while that responds."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from brokers import queries, store
from brokers.addresses import BrokerAddress
from brokers.clock import Clock
from brokers.management import parse
from brokers.management.management_api import ManagementApi
from brokers.models import Broker
from brokers.polling.cluster_identity import IDENTIFIED_EVERY_SECONDS, cluster_id
from brokers.polling.poll_loop import PollLoop
from brokers.scope import EVERYTHING
from dashboard.findings.rules import broker_away
from dashboard.layout.levels import Level, broker_level
from tests.brokers.facts import NOON, after
from tests.brokers.management import QUICK, FakeManagement
from tests.brokers.polled import run_rounds
from tests.conftest import TestNode
from tests.fault_server import FaultServer
from tests.findings import objects
from tests.findings.objects import found

pytestmark = pytest.mark.django_db(transaction=True)


class SetClock(Clock):
    """Time that passes only when the test says so."""

    seconds = 0.0

    def now(self) -> datetime:
        return after(self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


class Two:
    """The same broker as "prod" and as "other"."""

    def __init__(self, server: FaultServer) -> None:
        self.management = FakeManagement(server)
        self.management.set("whoami", {"name": "ann", "tags": ["administrator"]})
        self.management.set("permissions", [])
        self.management.set("topic-permissions", [])
        self.set_id("rabbitmq-cluster-id-1")
        self.management.set_queues({"mail": 3})
        self.time = SetClock()
        self.addresses = [self.management.address(name) for name in ("prod", "other")]
        rows = store.ensure_brokers(self.addresses, NOON)
        self.loops = [self.loop(address, rows[address.name].pk) for address in self.addresses]

    def loop(self, address: BrokerAddress, pk: int) -> PollLoop:
        return PollLoop(address, pk, "a", 5.0, api=ManagementApi(address, limits=QUICK), clock=self.time, one_of_several=True)

    def set_id(self, value: str) -> None:
        self.management.set("global-parameters", [{"name": "cluster_name", "value": "x"}, {"name": "internal_cluster_id", "value": value}])

    def poll(self, rounds: int = 2) -> None:
        for _ in range(rounds):
            for loop in self.loops:
                run_rounds(loop)
            self.time.pass_by(5)

    @property
    def other(self) -> Broker:
        return Broker.objects.get(name="other")

    def listed(self) -> list[tuple[str, str]]:
        return [(queue.broker.name, queue.name) for queue in queries.queues(EVERYTHING).items]


@pytest.fixture
def two(fault_server: FaultServer) -> Two:
    return Two(fault_server)


def test_it_is_polled_once_and_its_queues_are_listed_once(two: Two) -> None:
    two.poll()
    two.management.requested()
    two.poll(1)
    assert two.management.requested().count("overview") == 1
    assert two.listed() == [("prod", "mail")]
    now = two.time.now()
    assert broker_level(two.other, now) == Level("notice", "is the same cluster as prod, and is watched under that name alone", "watched once")
    assert found(broker_away, objects.facts(broker=two.other, now=now)) == []


def test_the_other_name_is_watched_while_the_first_does_not_respond(two: Two) -> None:
    two.poll()
    Broker.objects.filter(name="prod").update(state=Broker.UNREACHABLE)
    run_rounds(two.loops[1])
    assert (two.other.same_as, two.other.state) == ("", Broker.UP)
    two.poll()
    assert two.other.same_as == "prod"


def test_a_name_that_leads_elsewhere_by_now_is_watched_again(two: Two) -> None:
    two.poll()
    two.set_id("rabbitmq-cluster-id-2")
    two.time.pass_by(IDENTIFIED_EVERY_SECONDS)
    run_rounds(two.loops[1])
    assert (two.other.same_as, two.other.cluster_id) == ("", "rabbitmq-cluster-id-2")


def test_different_clusters_and_brokers_without_an_id_are_all_watched(two: Two) -> None:
    two.set_id("")
    two.poll()
    assert sorted(two.listed()) == [("other", "mail"), ("prod", "mail")]
    assert queries.watched_as(two.other.pk, two.time.now() + timedelta(hours=1)) == ""


@pytest.mark.parametrize("tags", ["administrator", "monitoring"])
def test_a_real_broker_shows_its_id_to_an_administrator_and_by_its_prometheus_plugin(rabbitmq: TestNode, tags: str) -> None:
    user, password = rabbitmq.new_user(tags)
    found = cluster_id(ManagementApi(rabbitmq.address(user=user, password=password)))
    assert found.startswith("rabbitmq-cluster-id-")


def test_answers_without_an_id_have_none() -> None:
    assert parse.cluster_id(b'[{"name": "cluster_name", "value": "x"}]') == ""
    assert parse.cluster_id_in_metrics(b"rabbitmq_build_info{} 1\n") == ""
