"""Connections and channels: what a broker reports, what is stored of it at bounded cost, and what shows a leak."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from brokers import queries, store
from brokers.conditions import Condition
from brokers.management import parse
from brokers.models import Broker, Channel, ClientTrend, Connection
from brokers.parts import PUBLISHED
from brokers.polling.poll_memory import PollMemory
from brokers.scope import EVERYTHING
from brokers.stats import ChannelStats, ConnectionStats, PublishedTo
from brokers.store.client_trends import MOST_CLIENTS, SAMPLES
from brokers.store.clients import MOST_CLOSED_KEPT, save_clients
from tests.brokers.facts import NOON, a_broker, a_poll, after
from tests.brokers.management import FakeManagement, InstantApi
from tests.brokers.polled import poll_once
from tests.fault_server import FaultServer


def a_connection(number: int, **fields: Any) -> ConnectionStats:
    known = {"user": "shop", "peer_host": "10.0.0.1", "peer_port": number, "state": "running", "channels": 1, "product": "Pika 1.3.2", "connected_at": NOON}
    return ConnectionStats(**{"vhost": "/", "name": f"10.0.0.1:{number} -> 10.0.0.9:5672", **known, **fields})


def a_channel(of: ConnectionStats, number: int = 1, **fields: Any) -> ChannelStats:
    return ChannelStats(**{"vhost": of.vhost, "name": f"{of.name} ({number})", "connection_name": of.name, "number": number, "state": "running", **fields})


def as_json(*rows: dict[str, Any]) -> bytes:
    return json.dumps(rows).encode()


def test_a_channel_has_its_rates_and_a_quiet_one_publishes_nothing() -> None:
    base = {"vhost": "/", "name": "c (1)", "number": 1, "connection_details": {"name": "c"}}
    stats = {"publish_details": {"rate": 2.5}, "deliver_get_details": {"rate": -1.0}}
    busy, quiet, new = parse.channels(
        as_json({**base, "consumer_count": 0, "message_stats": stats, "messages_unconfirmed": -1}, {**base, "consumer_count": 1}, base)
    )
    assert (busy.publish_per_second, busy.deliver_per_second, busy.ack_per_second) == (2.5, None, 0.0), "a negative rate is unknown"
    assert busy.unconfirmed is None, "so is a negative count"
    assert (quiet.publish_per_second, quiet.deliver_per_second) == (0.0, 0.0)
    assert (new.publish_per_second, new.deliver_per_second) == (None, None), "it has no statistics yet"


def test_a_client_inside_the_broker_has_no_address_and_amqp_1_0_consumers_no_channel() -> None:
    shovel = {"vhost": "/", "name": "<rabbit@a.1.2.3>", "peer_host": "undefined", "peer_port": "undefined", "type": "direct", "protocol": "Direct 0-9-1"}
    [found] = parse.connections(as_json(shovel))
    assert (found.peer_host, found.peer_port, found.protocol) == ("", None, "Direct 0-9-1")
    own = {"connection_name": "<rabbit@a.1.2.3>", "peer_host": "undefined", "peer_port": "undefined"}
    queue = {"name": "orders", "vhost": "/"}
    inside, amqp_1_0, listy = parse.consumers(
        as_json({"queue": queue, "channel_details": own}, {"queue": queue, "channel_details": {}}, {"queue": queue, "channel_details": []})
    )
    assert (inside.peer_host, inside.peer_port) == ("", None)
    assert [one.connection_name for one in (inside, amqp_1_0, listy)] == ["<rabbit@a.1.2.3>", "", ""]


def test_what_a_channel_publishes_to_is_added_up_by_exchange() -> None:
    body = {"publishes": [{"exchange": {"name": "a"}, "stats": {"publish_details": {"rate": 1.5}}}, {"exchange": {"name": ""}, "stats": {}}, None]}
    assert parse.published_to(json.dumps(body).encode())[:2] == [PublishedTo("a", 1.5), PublishedTo("", None)]
    assert parse.published_to(b"{}") == []


@pytest.mark.django_db
class TestStored:
    def save(self, connections: list[ConnectionStats] | None, channels: list[ChannelStats] | None, seconds: float) -> None:
        self.broker = getattr(self, "broker", None) or a_broker()
        save_clients(self.broker.pk, connections, channels, None, after(seconds))

    def test_a_connection_keeps_its_row_through_changes_and_has_the_sums_of_its_channels(self) -> None:
        one, two = a_connection(1, channels=2), a_connection(2, channels=0)
        self.save([one, two], [a_channel(one, 1, unacknowledged=3, publish_per_second=1.0), a_channel(one, 2, unacknowledged=4)], 0)
        rows = {row.peer_port: row for row in Connection.objects.all()}
        assert (rows[1].unacknowledged, rows[1].publish_per_second, rows[1].ack_per_second) == (7, 1.0, None)
        assert (rows[2].unacknowledged, rows[2].publish_per_second) == (0, 0.0), "it has no channel, so it does nothing"
        assert (rows[1].client, Broker.objects.get().connections_at) == ("Pika 1.3.2", NOON)
        one.state = "flow"
        self.save([one, two], [a_channel(one, 1, unacknowledged=5)], 30)
        again = Connection.objects.get(pk=rows[1].pk)
        assert (again.state, again.unacknowledged) == ("flow", 5)
        assert Channel.objects.count() == 1

    def test_a_channel_just_opened_counts_although_the_connection_does_not_count_it_yet(self) -> None:
        one = a_connection(1, channels=0)
        self.save([one], [a_channel(one)], 0)
        assert Connection.objects.get().channels == 1

    def test_parts_that_could_not_be_read_stay(self) -> None:
        one = a_connection(1)
        self.save([one], [a_channel(one, unacknowledged=3)], 0)
        self.save([one], None, 30)
        assert Connection.objects.get().unacknowledged == 3
        self.save(None, [a_channel(one, unacknowledged=4)], 60)
        assert (Connection.objects.get().unacknowledged, Broker.objects.get().connections_at) == (4, after(30))

    def test_a_connection_without_listed_channels_is_unknown_not_idle(self) -> None:
        self.save([a_connection(1, channels=None)], [], 0)
        assert (Connection.objects.get().unacknowledged, Connection.objects.get().publish_per_second) == (None, None)

    def test_a_port_that_is_used_again_is_another_connection(self) -> None:
        self.save([a_connection(1)], None, 0)
        self.save([a_connection(1, connected_at=after(10))], None, 30)
        assert [(row.connected_at, row.gone_at) for row in Connection.objects.order_by("pk")] == [(NOON, after(30)), (after(10), None)]

    def test_a_connection_listed_twice_is_one(self) -> None:
        self.save([a_connection(1), a_connection(1)], None, 0)
        self.save([a_connection(1)], None, 30)
        assert Connection.objects.count() == 1

    def test_closed_ones_are_kept_for_an_hour_and_only_the_latest_thousand(self) -> None:
        self.save([a_connection(number) for number in range(MOST_CLOSED_KEPT + 20)], None, 0)
        self.save([], None, 30)
        assert Connection.objects.count() == MOST_CLOSED_KEPT
        self.save([], None, 3700)
        assert Connection.objects.count() == 0

    def test_ten_thousand_unchanged_connections_write_no_row(self) -> None:
        many = [a_connection(number) for number in range(10_000)]
        channels = [a_channel(one, unacknowledged=0) for one in many]
        self.save(many, channels, 0)
        with CaptureQueriesContext(database) as made:
            self.save(many, channels, 20)
        assert len(made) < 15
        assert [query["sql"] for query in made if query["sql"].startswith(("INSERT", "DELETE"))] == []

    def test_trends_have_one_sample_a_minute_for_an_hour_of_the_largest_clients(self) -> None:
        for minute in range(SAMPLES + 5):
            self.save([a_connection(number) for number in range(minute + 1)], None, 60 * minute)
            self.save([a_connection(number) for number in range(minute + 1)], None, 60 * minute + 30)
        [trend] = ClientTrend.objects.all()
        assert len(trend.samples) == SAMPLES
        assert trend.samples[-1] == [round(after(60 * (SAMPLES + 4)).timestamp()), SAMPLES + 5, SAMPLES + 5]
        self.save([a_connection(number, peer_host=f"10.1.{number}") for number in range(MOST_CLIENTS + 10)], None, 9000)
        assert ClientTrend.objects.count() == MOST_CLIENTS

    def test_lists_are_filtered_and_sorted_by_the_database(self) -> None:
        self.save([a_connection(1, state="blocked", provided_name="orders"), a_connection(2, user="ann", tls=True, channels=30)], None, 0)

        def names(*conditions: Condition, **where: Any) -> list[str]:
            return [row.client for row in queries.connection_page(EVERYTHING, conditions=conditions, **where).items]

        assert names() == ["orders", "Pika 1.3.2"]
        assert names(sort="-channels") == ["Pika 1.3.2", "orders"]
        assert names(Condition("state", "in", ("blocked", "blocking"))) == ["orders"]
        assert names(Condition("name", "~", "ANN")) == names(Condition("tls", "=", True)) == names(Condition("channels", ">", 10)) == ["Pika 1.3.2"]
        assert names(Condition("name", "~", "order")) == ["orders"]
        assert names(keys=[]) == [] and names(closed=True) == []
        self.save([], None, 30)
        assert names() == [] and len(names(closed=True)) == 2

    def test_churn_is_a_rate_of_the_overviews_counters_and_unknown_without_them(self) -> None:
        broker, memory = a_broker(), store.BrokerMemory()
        for seconds, opened in ((0, 100), (5, 110), (10, 120)):
            store.save_poll(broker.pk, a_poll(after(seconds), overview={"churn": {"connection_created": opened}}), after(seconds), memory)
        broker.refresh_from_db()
        assert broker.connections_opened_per_second == pytest.approx(2.0, abs=0.5)
        assert broker.connections_closed_per_second is None


@pytest.fixture
def management(fault_server: FaultServer) -> FakeManagement:
    return FakeManagement(fault_server)


def test_the_overviews_churn_is_read(management: FakeManagement) -> None:
    management.overview["churn_rates"] = {"connection_created": 7, "connection_created_details": {"rate": 0.2}, "queue_declared": 1, "channel_closed": "x"}
    management.set_queues({})
    assert poll_once(management.api(), NOON, PollMemory()).stats.overview.churn == {"connection_created": 7}


def test_without_rates_those_of_idle_channels_are_unknown(management: FakeManagement) -> None:
    management.overview["rates_mode"] = "none"
    management.set_queues({})
    management.set("channels", [{"vhost": "/", "name": "c (1)", "number": 1, "connection_details": {"name": "c"}, "consumer_count": 1}])
    [channel] = poll_once(management.api(), NOON, PollMemory()).channels or []
    assert channel.publish_per_second is None


class SlowClients(InstantApi):
    """Its broker takes 11 seconds for connections, as one with very many does; nobody waits for them here."""

    def connections(self) -> list[ConnectionStats]:
        self.said_seconds += 11.0
        return super().connections()


@pytest.mark.parametrize(("changes", "wanted"), [(False, [0, 600]), (True, [0, 240, 480])])
def test_a_list_that_costs_the_broker_much_is_read_less_often(management: FakeManagement, changes: bool, wanted: list[int]) -> None:
    api, memory = SlowClients(management.address()), PollMemory()
    read = []
    for seconds in range(0, 660, 30):
        management.set_queues({"mail": 0}, consumers=seconds * changes)
        poll = poll_once(api, after(seconds), memory)
        read += [seconds] if poll.connections is not None else []
    assert read == wanted, "at most a twentieth of the time, and every ten minutes while nothing changes"


def test_connections_are_read_at_each_poll_while_an_alarm_may_block_them(management: FakeManagement) -> None:
    api, memory = management.api(), PollMemory()

    def read(seconds: float, alarm: bool, state: str) -> bool:
        management.set("nodes", [{"name": "rabbit@a", "running": True, "mem_alarm": alarm}])
        management.set("connections", [{"vhost": "/", "name": "c", "state": state}])
        return poll_once(api, after(seconds), memory).connections is not None

    assert read(0, False, "running") and not read(5, False, "running")
    assert read(10, True, "running") and read(15, True, "blocking") and read(20, False, "blocked"), "the state follows the alarm by some seconds"
    assert read(25, False, "running") and not read(30, False, "running")


@pytest.mark.parametrize(("rates_mode", "published"), [("detailed", [PublishedTo("orders", 3.0)]), ("basic", None)])
def test_what_an_open_page_of_a_connection_needs_is_read_for_it_alone(management: FakeManagement, rates_mode: str, published: Any) -> None:
    management.overview["rates_mode"] = rates_mode
    management.set_queues({})
    management.set("connections/c/channels", [{"name": "c (1)"}, {"name": "c (2)"}])
    for number in (1, 2):
        management.set(f"channels/c%20({number})", {"publishes": [{"exchange": {"name": "orders"}, "stats": {"publish_details": {"rate": 1.0 * number}}}]})
        management.set(f"channels/c%20%28{number}%29", {"publishes": [{"exchange": {"name": "orders"}, "stats": {"publish_details": {"rate": 1.0 * number}}}]})
    poll = poll_once(management.api(), NOON, PollMemory(), viewed_connections=[("/", "c")])
    assert poll.published == {("/", "c"): published}
    assert poll_once(management.api(), NOON + timedelta(seconds=5), PollMemory()).published == {}


def test_a_connection_that_was_closed_meanwhile_is_no_failure_of_those_that_are_open(management: FakeManagement) -> None:
    management.overview["rates_mode"] = "detailed"
    management.set_queues({})
    management.set("connections/open/channels", [])
    management.fail("connections/closed/channels", 500)
    management.fail("connections/closed", 404)
    poll = poll_once(management.api(), NOON, PollMemory(), viewed_connections=[("/", "closed"), ("/", "open")])
    assert (poll.published, PUBLISHED in poll.stats.failed) == ({("/", "open"): []}, False)
    management.set("connections/closed", {"name": "closed"})
    assert PUBLISHED in poll_once(management.api(), NOON, PollMemory(), viewed_connections=[("/", "closed")]).stats.failed


@pytest.mark.django_db
def test_nothing_is_requested_of_a_connection_that_was_closed() -> None:
    broker, one = a_broker(), a_connection(1)
    save_clients(broker.pk, [one], [], None, after(0))
    store.save_detail_request(broker.pk, "connection", one.vhost, one.name, after(600))
    assert [found.name for found in queries.active_detail_requests(broker.pk, after(1))] == [one.name]
    save_clients(broker.pk, [], [], None, after(5))
    assert queries.active_detail_requests(broker.pk, after(6)) == []
