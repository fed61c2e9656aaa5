"""Questions: scope, filters, sorting, pages, the course of numbers, the past."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from brokers import queries, store
from brokers.conditions import Condition
from brokers.errors import NotRecorded
from brokers.models import Broker, Queue
from brokers.scope import EVERYTHING, NOTHING
from brokers.store import BrokerMemory
from brokers.topology import PolicyDefinition
from tests.brokers.facts import NOON, a_broker, a_poll, a_queue, a_topology, after
from tests.scopes import of_brokers

pytestmark = pytest.mark.django_db


@pytest.fixture
def prod() -> Iterator[Broker]:
    broker = a_broker()
    queues = [
        a_queue("mail", ready=5, unacknowledged=0, consumers=1),
        a_queue("reports", ready=1000, unacknowledged=1, consumers=0, type="quorum", policy="limits", node="rabbit@b"),
        a_queue("Audit", consumers=None, durable=False),
        a_queue("mail", vhost="shop", ready=0, unacknowledged=0, consumers=2),
    ]
    store.save_poll(broker.pk, a_poll(NOON, *queues, vhosts={"/": False, "shop": False}, visible_vhosts=frozenset({"/", "shop"})), NOON)
    yield broker


def names(*conditions: Condition, **arguments: Any) -> list[str]:
    return [f"{queue.vhost}{queue.name}" for queue in queries.queues(EVERYTHING, conditions=conditions, **arguments).items]


@pytest.mark.usefixtures("prod")
class TestQueues:
    def test_unknown_depths_are_last_in_both_orders(self) -> None:
        assert names(sort="-depth") == ["/reports", "/mail", "shopmail", "/Audit"]
        assert names(sort="depth") == ["shopmail", "/mail", "/reports", "/Audit"]

    def test_names_sort_without_regard_to_case(self) -> None:
        assert names(sort="name") == ["/Audit", "/mail", "shopmail", "/reports"]

    def test_every_allowed_sort_works_in_both_orders(self) -> None:
        for sort in queries.QUEUE_SORTS:
            assert len(names(sort=sort)) == len(names(sort=f"-{sort}")) == 4

    @pytest.mark.parametrize("sort", ["password", "", "--depth", "broker__name", "depth desc"])
    def test_an_unknown_sort_is_an_error_with_the_allowed_ones(self, sort: str) -> None:
        with pytest.raises(ValueError, match="allowed, each also with a leading -: name, vhost"):
            queries.queues(EVERYTHING, sort=sort)

    def test_pages_count_all_and_end(self) -> None:
        page = queries.queues(EVERYTHING, sort="name", page=2, page_size=3)
        assert (page.total, page.pages, [queue.name for queue in page.items]) == (4, 2, ["reports"])
        assert queries.queues(EVERYTHING, page=9).items == []
        for page_number, size in ((0, 100), (1, 0), (1, 501)):
            with pytest.raises(ValueError, match="page"):
                queries.queues(EVERYTHING, page=page_number, page_size=size)

    def test_a_broker_is_named_by_name_or_key_and_an_unknown_one_has_nothing(self, prod: Broker) -> None:
        assert len(names(broker="prod")) == len(names(broker=prod.pk)) == 4
        assert names(broker="other") == []
        assert names(vhost="shop") == ["shopmail"]

    @pytest.mark.parametrize(
        ("condition", "found"),
        [
            (Condition("depth", ">", "5"), ["/reports"]),
            (Condition("depth", "<", 5), ["shopmail"]),
            (Condition("depth", "!=", "5"), ["/reports", "shopmail"]),  # the unknown one is not known to differ
            (Condition("depth", ">=", "5"), ["/reports", "/mail"]),
            (Condition("depth", "<=", 5), ["/mail", "shopmail"]),
            (Condition("consumers", ">=", 0), ["/reports", "/mail", "shopmail"]),  # a count of 0 too, and none that is unknown
            (Condition("consumers", ">", -0.5), ["/reports", "/mail", "shopmail"]),
            (Condition("consumers", "<=", -0.5), []),
            (Condition("depth", "=", 5.5), []),
            (Condition("depth", "!=", 5.5), ["/reports", "/mail", "shopmail"]),
            (Condition("depth", ">=", 4.5), ["/reports", "/mail"]),
            (Condition("consumers", "=", "0"), ["/reports"]),
            (Condition("name", "~", "AUD"), ["/Audit"]),
            (Condition("name", "in", "mail, Audit"), ["/mail", "shopmail", "/Audit"]),
            (Condition("name", "in", ("reports",)), ["/reports"]),
            (Condition("type", "!=", "classic"), ["/reports"]),
            (Condition("vhost", "=", "shop"), ["shopmail"]),
            (Condition("policy", "=", "limits"), ["/reports"]),
            (Condition("node", "~", "rabbit@b"), ["/reports"]),
            (Condition("durable", "=", "no"), ["/Audit"]),
            (Condition("exclusive", "=", True), []),
            (Condition("name", "~", "100%_"), []),
        ],
    )
    def test_conditions(self, condition: Condition, found: list[str]) -> None:
        assert names(condition) == found

    def test_conditions_add_up(self) -> None:
        assert names(Condition("name", "=", "mail"), Condition("consumers", ">", "1")) == ["shopmail"]

    def test_the_broker_comes_with_the_rows(self) -> None:
        with CaptureQueriesContext(connection) as arguments:
            assert {queue.broker.name for queue in queries.queues(EVERYTHING).items} == {"prod"}
        assert len(arguments) == 2


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [("password", "=", "x"), ("depth", "~", "1"), ("name", ">", "a"), ("depth", ">", "many"), ("depth", ">", "nan"), ("durable", "=", "perhaps")],
)
def test_a_condition_that_makes_no_sense_is_refused_where_it_is_made(field: str, operator: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"allowed|expected"):
        Condition(field, operator, value)


def test_nothing_is_answered_outside_the_scope(prod: Broker) -> None:
    store.save_topology(prod.pk, {"/": a_topology(("orders", "a", "mail"))}, [], [], [], NOON)
    queue, exchange = Queue.objects.get(name="reports"), queries.exchange(EVERYTHING, "prod", "/", "orders")
    assert exchange is not None
    for scope in (NOTHING, of_brokers("other")):
        assert queries.brokers(scope) == []
        assert queries.broker(scope, "prod") is None
        assert queries.broker_by_id(scope, prod.pk) is None
        assert queries.queues(scope).total == queries.exchanges(scope).total == 0
        assert queries.queue(scope, "prod", "/", "reports") is None
        assert queries.queue_by_id(scope, queue.pk) is None
        assert queries.queues_by_ids(scope, [queue.pk]) == queries.exchanges_by_ids(scope, [exchange.pk]) == []
        assert queries.exchange(scope, "prod", "/", "orders") is None
        assert queries.exchange_by_id(scope, exchange.pk) is None
        for query in (queries.virtual_hosts, queries.nodes, queries.changes, queries.poll_attempts, queries.policies, queries.queue_names):
            assert query(scope) == []  # type: ignore[operator]
        for query in (queries.consumers, queries.connections, queries.channels):
            assert query(scope, prod.pk) == []  # type: ignore[operator]
        assert queries.bindings(scope) == []
        assert queries.history(scope, prod.pk, "queues", queue.pk, ["ready"], NOON, NOON, 5).values == {"ready": [None]}
        assert queries.sparklines(scope, prod.pk, "queues", [queue.pk], "ready", NOON, after(5), 2) == {queue.pk: [None, None]}
    seen = of_brokers("prod")
    assert queries.queues(seen).total == 4
    assert queries.history(seen, prod.pk, "queues", queue.pk, ["ready"], NOON, NOON, 5).values == {"ready": [1000]}


def test_a_queue_is_found_by_name_and_key_also_when_gone(prod: Broker) -> None:
    found = queries.queue(EVERYTHING, "prod", "shop", "mail")
    assert found is not None and found.consumers == 2
    store.save_poll(prod.pk, a_poll(after(5)), after(5))
    assert queries.queue(EVERYTHING, "prod", "shop", "mail") is None
    gone = queries.queue_by_id(EVERYTHING, found.pk)
    assert gone is not None and gone.gone_at == after(5)


def test_a_poll_marks_the_rows_that_changed_and_no_others(prod: Broker) -> None:
    before, memory = queries.revisions(), BrokerMemory()
    both = {"vhosts": {"/": False, "shop": False}, "visible_vhosts": frozenset({"/", "shop"})}
    listed = list(Queue.objects.all())
    stats = [a_queue(row.name, vhost=row.vhost, ready=row.ready, unacknowledged=row.unacknowledged, consumers=row.consumers) for row in listed]
    for row, queue in zip(listed, stats, strict=True):
        queue.type, queue.durable, queue.policy, queue.node = row.type, row.durable, row.policy, row.node
    stats[0].ready = 6
    store.save_poll(prod.pk, a_poll(after(5), *stats, **both), after(5), memory)
    assert [queue.pk for queue in Queue.objects.filter(changed_at__gt=NOON)] == [listed[0].pk]
    assert queries.revisions()[prod.pk] == before[prod.pk] + 1


def five_minutes_of_mail(skipped: range = range(0)) -> tuple[Broker, Queue]:
    """A poll every 5 s, depth 0, 1, 2 …; without those of the numbers in `skipped`."""
    broker, memory = a_broker(), BrokerMemory()
    for number in (number for number in range(61) if number not in skipped):
        at = after(5 * number)
        poll = a_poll(at, a_queue("mail", ready=number, unacknowledged=1, published=50 * number), overview={"ready": number})
        store.save_poll(broker.pk, poll, at, memory)
    return broker, Queue.objects.get()


def test_history_has_the_number_in_force_at_each_moment() -> None:
    broker, queue = five_minutes_of_mail()
    found = queries.history(EVERYTHING, broker.pk, "queues", queue.pk, ["ready", "depth", "publish_per_second"], after(-5), after(20), 5)
    assert found.times == [after(seconds) for seconds in (-5, 0, 5, 10, 15, 20)]
    assert found.values == {"ready": [None, 0, 1, 2, 3, 4], "depth": [None, 1, 2, 3, 4, 5], "publish_per_second": [None, None, 10.0, 10.0, 10.0, 10.0]}
    assert found.resolution_seconds == 5
    assert queries.history(EVERYTHING, broker.pk, "broker", None, ["ready"], after(298), after(300), 1).values == {"ready": [59, 59, 60]}
    assert queries.sparklines(EVERYTHING, broker.pk, "queues", [queue.pk, 999], "ready", NOON, after(300), 4) == {queue.pk: [0, 20, 40, 60], 999: [None] * 4}


def test_long_steps_are_answered_from_keyframes() -> None:
    broker, queue = five_minutes_of_mail()
    found = queries.history(EVERYTHING, broker.pk, "queues", queue.pk, ["ready"], NOON, after(600), 300)
    assert (found.values["ready"], found.resolution_seconds) == ([0, 60, 60], 300)


def test_an_outage_is_a_gap_and_not_the_last_number() -> None:
    broker, queue = five_minutes_of_mail(skipped=range(20, 30))  # 95 s is the last before, 150 s the first after
    found = queries.history(EVERYTHING, broker.pk, "queues", queue.pk, ["ready"], after(95), after(155), 5).values["ready"]
    assert found == [19, 19, 19, 19, *[None] * 7, 30, 31]
    with pytest.raises(NotRecorded):
        queries.queues(EVERYTHING, at=after(130))


@pytest.mark.parametrize(
    ("kind", "metric", "end", "step"),
    [("dogs", "ready", 60, 5), ("queues", "age", 60, 5), ("queues", "ready", 60, 0), ("queues", "ready", -60, 5), ("queues", "ready", 1e6, 1)],
)
def test_a_history_that_makes_no_sense_is_refused(kind: str, metric: str, end: float, step: float) -> None:
    with pytest.raises(ValueError, match=r"allowed|step"):
        queries.history(EVERYTHING, a_broker().pk, kind, 1, [metric], NOON, after(end), step)


class TestThePast:
    def test_queues_are_as_they_were(self) -> None:
        broker, memory = a_broker(), BrokerMemory()
        store.save_poll(broker.pk, a_poll(NOON, a_queue("mail", ready=7, unacknowledged=1), a_queue("old", ready=9, unacknowledged=0)), NOON, memory)
        store.save_poll(broker.pk, a_poll(after(5), a_queue("mail", ready=2, unacknowledged=0), a_queue("new", ready=1)), after(5), memory)
        store.save_poll(broker.pk, a_poll(after(10), a_queue("mail", ready=2, unacknowledged=0), a_queue("new", ready=1)), after(10), memory)
        then = queries.queues(EVERYTHING, at=after(2))
        assert [(queue.name, queue.depth, queue.state) for queue in then.items] == [("old", 9, ""), ("mail", 8, "")]
        assert [(queue.name, queue.ready) for queue in queries.queues(EVERYTHING, at=after(10), sort="name").items] == [("mail", 2), ("new", 1)]
        deep = queries.queues(EVERYTHING, conditions=[Condition("depth", ">", 8), Condition("name", "~", "o")], at=NOON)
        assert [queue.name for queue in deep.items] == ["old"]
        with pytest.raises(ValueError, match="state is not recorded"):
            queries.queues(EVERYTHING, conditions=[Condition("state", "=", "running")], at=NOON)
        for sort in queries.QUEUE_SORTS:
            assert queries.queues(EVERYTHING, sort=sort, at=NOON, page_size=1).total == 2
        found = queries.queue(EVERYTHING, "prod", "/", "old", at=NOON)
        assert found is not None and found.depth == 9
        assert queries.queue(EVERYTHING, "prod", "/", "new", at=NOON) is None

    def test_brokers_are_as_they_were(self) -> None:
        broker, memory = a_broker(), BrokerMemory()
        store.save_poll(broker.pk, a_poll(NOON, overview={"ready": 5, "unacknowledged": 2}), NOON, memory)
        store.save_poll(broker.pk, a_poll(after(5), overview={"ready": 8}), after(5), memory)
        then = queries.broker(EVERYTHING, "prod", at=after(4))
        assert then is not None and (then.ready, then.unacknowledged, then.polled_at, then.version) == (5, 2, NOON, "")

    def test_bindings_and_policies_are_those_of_the_version_in_force(self) -> None:
        broker, memory = a_broker(), BrokerMemory()
        first = a_topology(("orders", "a", "mail"), policies=(PolicyDefinition("limits", "", "queues", 0, {"max-length": 5}),))
        for at, topology in ((NOON, first), (after(5), a_topology(("orders", "b", "mail")))):
            store.save_poll(broker.pk, a_poll(at), at, memory)
            store.save_topology(broker.pk, {"/": topology}, None, None, None, at, memory)
        assert [binding.routing_key for binding in queries.bindings(EVERYTHING, source="orders", at=after(4))] == ["a"]
        assert [binding.routing_key for binding in queries.bindings(EVERYTHING, source="orders", at=after(5))] == ["b"]
        assert [policy.definition for policy in queries.policies(EVERYTHING, at=NOON)] == [{"max-length": 5}]
        assert queries.policies(EVERYTHING, at=after(5)) == []
        assert [exchange.name for exchange in queries.exchanges(EVERYTHING, at=after(5)).items] == ["", "orders"]

    def test_what_was_not_recorded_is_reported(self) -> None:
        broker = a_broker()
        store.save_poll(broker.pk, a_poll(NOON, a_queue("mail")), NOON)
        long_ago: datetime = after(-60)
        for query in (
            lambda: queries.queues(EVERYTHING, at=long_ago),
            lambda: queries.broker(EVERYTHING, "prod", at=long_ago),
            lambda: queries.bindings(EVERYTHING, at=long_ago),
            lambda: queries.exchanges(EVERYTHING, at=long_ago),
            lambda: queries.consumers(EVERYTHING, at=NOON),
            lambda: queries.nodes(EVERYTHING, at=NOON),
        ):
            with pytest.raises(NotRecorded, match="nothing is recorded of"):
                query()
        assert queries.brokers(EVERYTHING, at=long_ago) == []


@pytest.mark.django_db(transaction=True)
def test_questions_are_answered_in_any_thread() -> None:
    broker, queue = five_minutes_of_mail()

    def query(_: int) -> float | None:
        try:
            return queries.history(EVERYTHING, broker.pk, "queues", queue.pk, ["ready"], after(300), after(300), 5).values["ready"][0]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(query, range(8))) == [60] * 8
