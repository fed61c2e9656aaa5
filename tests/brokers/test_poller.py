"""A poll requests what is cheap and due, and reports where its depths come from and what it may not see."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kombu import Connection, Exchange, Queue

from brokers import parts
from brokers.addresses import BrokerAddress
from brokers.errors import BrokerAnswerUnusable, BrokerRefused
from brokers.management import parse
from brokers.management.management_api import ManagementApi
from brokers.polling.pace import interval_seconds, longer_because
from brokers.polling.poll_memory import LastRead, Permissions, PollMemory
from brokers.stats import BrokerStats
from brokers.topology import WritePermission
from tests.brokers.facts import NOON, after
from tests.brokers.management import FakeManagement, binding, queue
from tests.brokers.polled import Poll, poll_once
from tests.conftest import TestNode
from tests.fault_server import FaultServer
from tests.waiting import wait_until

MANY = {f"q{number}": number for number in range(1001)}


@pytest.fixture
def broker(fault_server: FaultServer) -> FakeManagement:
    return FakeManagement(fault_server)


def depths(stats: BrokerStats) -> dict[str, int | None]:
    return {key[1]: found.depth for key, found in stats.queues.items()}


def test_a_broker_without_queues_has_none_and_its_totals_are_zero(broker: FakeManagement) -> None:
    stats = poll_once(broker.api(), NOON, PollMemory()).stats
    assert (stats.queues, stats.depth_source, stats.depth_source_reason, stats.visibility_limits) == ({}, "columns", "", [])
    assert (stats.overview.ready, stats.overview.unacknowledged) == (0, 0)
    assert stats.visible_vhosts == {"/"}


def test_few_queues_take_counters_from_the_columns_and_depths_from_the_fresher_totals(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 1})
    columns = [queue("mail", messages_ready=1, consumers=2, message_stats={"publish": 9}), queue("gone", messages_ready=8)]
    broker.set("queues", columns, [queue("mail", messages_ready=5), queue("new", messages_ready=7)])
    stats = poll_once(broker.api(), NOON, PollMemory()).stats
    assert depths(stats) == {"mail": 5, "new": 7, "gone": None}  # only the next columns show whether it is deleted
    mail = stats.queues[("/", "mail")]
    assert (mail.consumers, mail.published, mail.policy) == (2, 9, "p")
    requested = [request.query for request in broker.server.requests if request.path == "/api/queues"]
    assert ["disable_stats" in query for query in requested] == [False, True]
    assert all("columns=" in query for query in requested)


def test_what_was_never_counted_beside_other_statistics_stands_at_zero(broker: FakeManagement) -> None:
    broker.set_queues({"quiet": 0})
    broker.set("queues", [queue("quiet", memory=1000, message_stats={"publish": 3}), queue("new")], [queue("quiet"), queue("new")])
    stats = poll_once(broker.api(), NOON, PollMemory()).stats
    quiet, new = stats.queues[("/", "quiet")], stats.queues[("/", "new")]
    assert (quiet.published, quiet.delivered, quiet.acknowledged) == (3, 0, 0)
    assert (new.published, new.delivered) == (None, None)  # no statistics yet


def test_an_older_version_that_ignores_the_totals_is_read_all_the_same(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 3}, consumers=1)
    assert depths(poll_once(broker.api(), NOON, PollMemory()).stats) == {"mail": 3}


def test_many_queues_come_from_the_nodes_prometheus_with_what_is_known_of_them(broker: FakeManagement) -> None:
    broker.set_queues(MANY)
    broker.set_metrics({name: (ready + 1, 2, 3) for name, ready in MANY.items()})
    stats = poll_once(broker.api(), NOON, PollMemory()).stats
    assert stats.depth_source == "detailed"
    assert "rates are read only for queues on an open page" in stats.depth_source_reason
    q7 = stats.queues[("/", "q7")]
    assert (q7.ready, q7.unacknowledged, q7.consumers, q7.type, q7.policy, q7.published) == (8, 2, 3, "classic", "p", None)
    assert len(stats.queues) == 1001


def test_many_queues_cost_one_question_a_poll_once_they_are_known(broker: FakeManagement) -> None:
    broker.set_queues(MANY)
    broker.set_metrics(dict.fromkeys(MANY, (1, 0, 0)))
    api, memory = broker.api(), PollMemory()
    poll_once(api, NOON, memory)
    broker.requested()
    poll_once(api, after(5), memory)
    assert "queues" not in broker.requested()
    poll_once(api, after(40), memory)
    assert broker.requested().count("queues") == 1


def test_many_queues_come_from_the_totals_where_a_node_lists_fewer(broker: FakeManagement) -> None:
    broker.set_queues(MANY)
    broker.set_metrics({"q1": (1, 0, 0)})
    broker.set("consumers", [{"queue": {"vhost": "/", "name": "q2"}}, {"queue": {"vhost": "/", "name": "q2"}}])
    api, memory = broker.api(), PollMemory()
    stats = poll_once(api, NOON, memory).stats
    assert stats.depth_source == "totals"
    assert "list 1 queues of 1,001" in stats.depth_source_reason
    assert stats.queues[("/", "q2")].consumers is None
    stats = poll_once(api, after(5), memory).stats
    assert [stats.queues[("/", name)].consumers for name in ("q1", "q2")] == [0, 2]


def test_queues_of_hidden_virtual_hosts_count_but_are_not_shown(broker: FakeManagement) -> None:
    broker.set_queues(MANY, reported=1002)
    broker.set("vhosts", [{"name": "/"}, {"name": "hidden"}])
    broker.set_metrics(dict.fromkeys(MANY, (1, 0, 0)))
    broker.server.answer(
        "/metrics/detailed", body=broker.server.next_answer("/metrics/detailed").body + b'rabbitmq_detailed_queue_consumers{vhost="hidden",queue="x"} 1\n'
    )
    stats = poll_once(broker.api(), NOON, PollMemory()).stats
    assert (stats.depth_source, len(stats.queues)) == ("detailed", 1001)
    assert [limit.vhost for limit in stats.visibility_limits] == ["hidden"]


def test_a_plugin_that_fails_is_left_alone_for_a_minute_and_the_reason_stays(broker: FakeManagement) -> None:
    broker.set_queues(MANY)
    api, memory = broker.api(), PollMemory()
    for seconds, tries in ((0, 1), (5, 0), (61, 1)):
        stats = poll_once(api, after(seconds), memory).stats
        assert "the Prometheus plugin can't be read: not found" in stats.depth_source_reason
        assert "HARELINE_BROKER_METRICS_PROD" in stats.depth_source_reason
        assert broker.requested().count("/metrics/detailed") == tries


def test_rates_of_a_queue_that_somebody_looks_at_are_read_for_it_alone(broker: FakeManagement) -> None:
    broker.set_queues(MANY)
    broker.set_metrics(dict.fromkeys(MANY, (1, 0, 0)))
    broker.set("queues///q1", {"messages_ready": 99, "message_stats": {"publish": 5}, "memory": 7})
    stats = poll_once(broker.api(), NOON, PollMemory(), viewed_queues=[("/", "q1"), ("/", "deleted")]).stats
    q1 = stats.queues[("/", "q1")]
    assert (q1.published, q1.memory_bytes, q1.ready) == (5, 7, 1)
    assert stats.queues[("/", "q2")].published is None


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_details_of_open_pages_that_can_not_be_read_are_named_and_cost_nothing_else(broker: FakeManagement, status: int) -> None:
    broker.overview["rates_mode"] = "detailed"
    broker.set_queues(MANY)
    broker.set_metrics({name: (ready, 0, 0) for name, ready in MANY.items()})
    for path in ("queues///q1", "exchanges///orders"):
        broker.fail(path, status)
    stats = poll_once(broker.api(), NOON, PollMemory(), viewed_queues=[("/", "q1")], viewed_exchanges=[("/", "orders")]).stats
    assert (stats.depth_source, len(stats.queues), stats.queues[("/", "q1")].ready) == ("detailed", 1001, 1)
    assert {limit.part for limit in stats.visibility_limits} == {parts.QUEUE_DETAILS, parts.PUBLISHERS}


@pytest.mark.parametrize(("mode", "words"), [({"rates_mode": "none"}, "rates_mode = none"), ({"disable_stats": True}, "disable_metrics_collector")])
def test_statistics_that_are_off_are_reported(broker: FakeManagement, mode: dict[str, object], words: str) -> None:
    broker.overview |= mode
    broker.set_queues({"mail": 3})
    if "disable_stats" in mode:
        broker.fail("consumers", 400)
        broker.fail("channels", 400)
    stats = poll_once(broker.api(), NOON, PollMemory()).stats
    assert depths(stats) == {"mail": 3}
    assert words in stats.depth_source_reason


def test_a_new_binding_shows_at_the_next_poll_and_nothing_new_is_not_handed_over(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 0})
    api, memory = broker.api(), PollMemory()
    first = poll_once(api, NOON, memory)
    assert first.topologies is not None
    assert [found.name for found in first.topologies["/"].queues] == ["mail"]
    assert poll_once(api, after(5), memory).topologies is None
    broker.set_bindings([binding("amq.topic", "mail", "a.#")])
    later = poll_once(api, after(10), memory)
    assert later.topologies is not None
    assert [found.routing_key for found in later.topologies["/"].bindings] == ["a.#"]


def test_many_bindings_are_requested_every_30_seconds_and_after_a_change(broker: FakeManagement) -> None:
    broker.set_bindings([binding("x", "mail", f"{number}") for number in range(2001)])
    broker.set_queues({"mail": 0})
    api, memory = broker.api(), PollMemory()
    requested = []
    for seconds, queues in ((0, {"mail": 0}), (5, {"mail": 0}), (10, {"mail": 0, "new": 0}), (15, {"mail": 0, "new": 0}), (45, {"mail": 0, "new": 0})):
        broker.set_queues(queues)
        poll_once(api, after(seconds), memory)
        requested.append("bindings" in broker.requested())
    assert requested == [True, False, True, False, True]


def test_consumers_are_requested_every_30_seconds_and_after_a_change(broker: FakeManagement) -> None:
    api, memory = broker.api(), PollMemory()
    requested = []
    for seconds, consumers in ((0, 0), (5, 0), (10, 1), (15, 1), (41, 1)):
        broker.set_queues({"mail": 0}, consumers=consumers)
        poll = poll_once(api, after(seconds), memory)
        requested.append(poll.consumers is not None and poll.connections is not None and poll.channels is not None)
    assert requested == [True, False, True, False, True]


def test_a_user_without_the_monitoring_tag_sees_queues_and_what_it_lacks(broker: FakeManagement) -> None:
    broker.set_queues({"mail": 3})
    broker.fail("nodes", 401)
    broker.fail("operator-policies", 401)
    stats = poll_once(broker.api(), NOON, PollMemory()).stats
    assert (depths(stats), stats.nodes) == ({"mail": 3}, [])
    assert [limit.grant for limit in stats.visibility_limits] == ["rabbitmqctl set_user_tags ann management monitoring"] * 2


@pytest.mark.parametrize(("status", "kind"), [(401, BrokerRefused), (500, BrokerAnswerUnusable)])
def test_a_broker_that_answers_neither_overview_nor_virtual_hosts_is_not_polled(broker: FakeManagement, status: int, kind: type[Exception]) -> None:
    broker.fail("overview", status)
    poll_once(broker.api(), NOON, PollMemory())  # alone it is a part as any other
    broker.fail("vhosts", status)
    with pytest.raises(kind, match="overview"):
        poll_once(broker.api(), NOON, PollMemory())


def test_publishers_are_unknown_unless_the_broker_counts_them(broker: FakeManagement) -> None:
    viewed = [("/", "orders")]
    assert poll_once(broker.api(), NOON, PollMemory(), viewed_exchanges=viewed).publishers == {("/", "orders"): None}
    broker.overview["rates_mode"] = "detailed"
    broker.set_queues({})
    broker.set("exchanges///orders", {"incoming": []})
    assert poll_once(broker.api(), NOON, PollMemory(), viewed_exchanges=viewed).publishers == {("/", "orders"): []}


def test_the_interval_grows_only_when_polls_are_slow_with_a_reason() -> None:
    assert (interval_seconds(5, []), interval_seconds(5, [1.0]), interval_seconds(5, [0.1, 9.0, 0.1])) == (5, 5, 5)
    assert (interval_seconds(5, [3.0]), interval_seconds(60, [3.0]), interval_seconds(5, [1000.0])) == (15, 60, 300)
    assert longer_because(5, [0.1]) == ""
    assert longer_because(5, [3.0]).startswith("polling slowed from 5 s to 15 s: one poll takes the broker 3.0 s")


# The rest polls a real broker


def poll_real(address: BrokerAddress, memory: PollMemory | None = None) -> Poll:
    return poll_once(ManagementApi(address), NOON, memory or PollMemory())


def test_a_real_broker_reports_depths_consumers_and_topology(rabbitmq: TestNode, vhost: str) -> None:
    orders, mail = Exchange("orders", "topic"), Queue("mail <&> é", Exchange("orders", "topic"), "order.#", queue_arguments={"x-max-length": 9})
    with Connection(rabbitmq.amqp_url(vhost)) as connection, connection.channel() as channel:
        mail(channel).declare()
        for _ in range(3):
            connection.Producer(channel).publish("{}", exchange=orders, routing_key="order.new")
        with connection.Consumer([mail], channel=channel, prefetch_count=1, callbacks=[lambda *_: None]):
            connection.drain_events(timeout=60)
            key = (vhost, "mail <&> é")
            found_poll = wait_until(lambda: (poll := poll_real(rabbitmq.address())).stats.queues[key].unacknowledged == 1 and poll)
            wait_until(lambda: poll_real(rabbitmq.address()).stats.queues[key].consumers == 1)
            wait_until(lambda: poll_real(rabbitmq.address()).stats.queues[key].published == 3)
            wait_until(lambda: any(found.key == key for found in poll_real(rabbitmq.address()).stats.queues.values()))
    assert found_poll.stats.queues[key].depth == 3
    assert found_poll.stats.visibility_limits == []
    assert found_poll.topologies is not None
    topology = found_poll.topologies[vhost]
    assert ("orders", "topic") in [(found.name, found.type) for found in topology.exchanges]
    assert ("orders", "mail <&> é", "order.#") in [(found.source, found.destination, found.routing_key) for found in topology.bindings]
    (declared,) = topology.queues
    added_by_the_broker = {"x-queue-type": "classic"} if rabbitmq.version.startswith("4.") else {}
    assert (declared.name, declared.arguments) == ("mail <&> é", {"x-max-length": 9} | added_by_the_broker)


def test_without_permissions_a_real_broker_lists_nothing_and_the_line_that_grants_it_helps(rabbitmq: TestNode, vhost: str) -> None:
    rabbitmq.api("PUT", f"queues/{vhost}/mail", {"durable": True})
    user, password = rabbitmq.new_user("monitoring")
    address = rabbitmq.address(user=user, password=password)
    stats = poll_real(address).stats
    assert (stats.queues, stats.visible_vhosts) == ({}, frozenset())
    limits = {limit.vhost: limit for limit in stats.visibility_limits}
    assert limits[vhost].grant == f"rabbitmqctl set_permissions -p {vhost} {user} '' '' ''"
    rabbitmq.api("PUT", f"permissions/{vhost}/{user}", {"configure": "", "write": "", "read": ""})
    stats = poll_real(address).stats
    assert list(stats.queues) == [(vhost, "mail")]
    assert vhost not in {limit.vhost for limit in stats.visibility_limits}


def test_a_real_user_with_the_management_tag_only_still_sees_its_queues(rabbitmq: TestNode, vhost: str) -> None:
    rabbitmq.api("PUT", f"queues/{vhost}/mail", {"durable": True})
    user, password = rabbitmq.new_user("management", {vhost: {"configure": "", "write": "", "read": ""}})
    stats = poll_real(rabbitmq.address(user=user, password=password)).stats
    assert list(stats.queues) == [(vhost, "mail")]
    assert [limit.grant for limit in stats.visibility_limits] == [f"rabbitmqctl set_user_tags {user} management monitoring"]


def test_a_real_user_without_a_tag_is_refused(rabbitmq: TestNode) -> None:
    user, password = rabbitmq.new_user("")
    with pytest.raises(BrokerRefused, match="Not management user"):
        poll_real(rabbitmq.address(user=user, password=password))


def test_the_prometheus_plugin_of_a_real_broker_reports_the_same_depths(rabbitmq: TestNode, vhost: str) -> None:
    rabbitmq.api("PUT", f"queues/{vhost}/odd%22%2Cqueue%3D%22one", {"durable": True})
    api = ManagementApi(rabbitmq.address())
    key = (vhost, 'odd",queue="one')
    found_poll = wait_until(lambda: parse.DepthsReader().read(api.depths_of_node(rabbitmq.metrics_url))[0].get(key))
    assert found_poll == (0, 0, 0)
    assert api.overview().metrics_port == rabbitmq.ports["prometheus"]


def test_a_real_administrator_reads_what_users_may_write_to_and_a_monitoring_user_gets_nothing(rabbitmq: TestNode, vhost: str) -> None:
    user, password = rabbitmq.new_user("monitoring", {vhost: {"configure": "", "write": "^shop", "read": ""}})
    rabbitmq.api("PUT", f"topic-permissions/{vhost}/{user}", {"exchange": "shop.orders", "write": "^order", "read": ""})
    found_poll = poll_real(rabbitmq.address()).permissions
    assert found_poll is not None and found_poll.known
    assert [one for one in found_poll.found if one.user == user] == [
        WritePermission(vhost, user, "^shop", None, "", ""),
        WritePermission(vhost, user, "^order", "shop.orders", None, ""),
    ]
    assert (found_poll.users or {})[user] == ["monitoring"]
    assert poll_real(rabbitmq.address(user=user, password=password)).permissions == Permissions(False)


def test_permissions_are_requested_every_half_minute_and_returned_when_they_changed(broker: FakeManagement) -> None:
    allowed = {"user": "bob", "vhost": "/", "write": ".*"}
    broker.set("whoami", {"name": "ann", "tags": ["administrator"]})
    broker.set("permissions", [allowed], [allowed], [])
    broker.set("topic-permissions", [])
    api, memory = broker.api(), PollMemory()
    found_poll = [poll_once(api, after(seconds), memory).permissions for seconds in (0, 5, 35, 70)]
    assert found_poll == [Permissions(True, (WritePermission("/", "bob", ".*"),)), None, None, Permissions(True)]
    assert broker.requested().count("permissions") == 3


def test_without_the_administrator_tag_permissions_are_not_requested_and_unknown(broker: FakeManagement) -> None:
    api, memory = broker.api(), PollMemory()
    assert [poll_once(api, after(seconds), memory).permissions for seconds in (0, 35)] == [Permissions(False), None]
    assert "permissions" not in broker.requested()
    broker.set("whoami", {"name": "ann", "tags": ["administrator"]})
    broker.fail("permissions", 401)
    assert poll_once(api, after(70), memory).permissions is None
    broker.set("permissions", [])
    broker.set("topic-permissions", [])
    assert poll_once(api, after(105), memory).permissions == Permissions(True)


def test_what_is_not_read_at_every_poll_is_read_after_thirty_seconds_and_after_a_sign_of_change() -> None:
    assert LastRead().due(NOON)
    read = LastRead(NOON, seconds=0.2, sign=1)
    assert [read.due(after(seconds), sign) for seconds, sign in ((5, 1), (5, 2), (30, 1), (-1, 1))] == [False, True, True, True]
    assert [LastRead(NOON, seconds).rarely for seconds in (0.01, 0.2, 9.0)] == [timedelta(seconds=30), timedelta(seconds=100), timedelta(minutes=10)]
