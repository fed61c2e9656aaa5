"""The workers page: what is known of each node, what isn't and why, in every view."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.conditions import COMPARISONS
from brokers.models import Broker, Connection, Consumer, Queue, VirtualHost
from dashboard.layout.filter_language import NUMBER, QUEUES, Qualifier
from dashboard.workers.filter import QUALIFIERS as WORKER_QUALIFIERS
from workers.models import EventSource, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")


@pytest.fixture
def source(broker: Broker, now: datetime) -> EventSource:
    return EventSource.objects.create(broker=broker, vhost="/", state=EventSource.RECEIVING, inspect_state="inspecting", since=now, received_at=now)


def seen(broker: Broker, hostname: str = "worker-a@web-1", **known: Any) -> Worker:
    now = timezone.now()
    facts = {"state": Worker.ONLINE, "pool": "prefork", "concurrency": 8, "active": 5, "reserved": 3, "since": now, "heartbeat_at": now}
    return Worker.objects.create(broker=broker, vhost="/", hostname=hostname, first_seen_at=now, changed_at=now, **{**facts, **known})


def text_of(person: Client, address: str = "/workers/", **query: str) -> str:
    answer = person.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get("/workers/").headers["Location"].startswith("/login/")


def test_the_page_opens_with_its_state_in_a_sentence(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker)
    seen(broker, "worker-b@web-2", concurrency=4, active=4, reserved=0)
    page = text_of(person)
    assert "9</span> of <span" in page
    assert "2 worker nodes on 2 hosts. 3 tasks prefetched, not started." in page
    assert "5</strong> of 8 used, 3 free, 3 reserved" in page


def test_a_node_is_a_live_element_under_its_host(person: Client, broker: Broker, source: EventSource) -> None:
    worker = seen(broker)
    page = text_of(person)
    assert f'id="worker-{worker.pk}" data-live data-level="ok" data-state="online" data-used="5" data-slots="8"' in page
    assert 'id="group-1">web-1</h2>' in page
    assert f"workers/{broker.pk}/%2F" in page


def test_a_name_from_outside_is_only_text(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker, "<script>@web-1", queues=[{"name": "<img>"}], active_tasks=[{"uuid": "1", "name": "<b>", "args": "<i>", "started_at": None}])
    page = text_of(person)
    assert "<script>@" not in page
    assert "<img>" not in page
    assert "<b>" not in page.replace("<b>Inspection", "")
    assert "&lt;script&gt;@web-1" in page


def test_queues_link_to_their_pages_and_a_lost_one_is_struck_through(person: Client, broker: Broker, source: EventSource, now: datetime) -> None:
    queue = Queue.objects.create(broker=broker, vhost="/", name="mail", first_seen_at=now, changed_at=now)
    seen(broker, queues=[{"name": "mail"}])
    Connection.objects.create(broker=broker, vhost="/", name="c1", user="guest", peer_host="10.0.0.1")
    Consumer.objects.create(broker=broker, vhost="/", queue="worker-a@web-1.celery.pidbox", tag="t", connection_name="c1")
    page = text_of(person)
    assert f'href="/queues/{queue.pk}/"' in page
    assert "worker-a@web-1 reports to consume mail, but the broker shows no consumer of it" in page
    assert "alive, not consuming mail" in page


def test_a_node_that_is_gone_comes_last_with_time_and_reason(person: Client, broker: Broker, source: EventSource, now: datetime) -> None:
    seen(broker)
    seen(broker, "old@web-1", state=Worker.GONE, reason="no heartbeat for 12 s", since=now - timedelta(minutes=4))
    page = text_of(person)
    assert page.index("old@web-1") > page.index("worker-a@web-1")
    assert "gone since" in page
    assert "slots unknown, because no heartbeat for 12 s" in page
    assert "1 node is gone." in page


@pytest.mark.parametrize("view", ["", "table"])
def test_why_nodes_are_unknown_is_shown_once_above_them(person: Client, broker: Broker, source: EventSource, view: str) -> None:
    source.state, source.reason = EventSource.UNKNOWN, "the AMQP connection was refused"
    source.save()
    for number in range(3):
        seen(broker, f"w{number}@web-1", state=Worker.UNKNOWN, reason="the AMQP connection was refused")
    seen(broker, "late@web-1", state=Worker.UNKNOWN, reason="the receiver does not run")
    page = text_of(person, view=view)
    assert page.lower().count("the amqp connection was refused") == 1
    assert page.lower().count("the receiver does not run") == 1


def test_workers_that_may_not_be_inspected_are_shown_with_the_command_that_grants_it(person: Client, broker: Broker, source: EventSource) -> None:
    source.inspect_state, source.inspect_reason, source.inspect_grant = "refused", "our user may not write to the pidbox", "rabbitmqctl set_permissions …"
    source.save()
    seen(broker, pool=None, concurrency=None, active=2, reserved=None)
    page = text_of(person)
    assert "Our user may not write to the pidbox." in page
    assert "<code>rabbitmqctl set_permissions …</code>" in page
    assert "running, slots unknown" in page
    assert "pool unknown" in page


def test_events_that_are_off_name_the_two_settings(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker, events_off=True)
    page = text_of(person)
    assert "worker_send_task_events" in page
    assert "task_send_sent_event" in page


def test_an_unreachable_broker_does_not_hide_what_events_show(person: Client, broker: Broker, source: EventSource) -> None:
    Broker.objects.update(state=Broker.UNREACHABLE, reason="connection refused")
    seen(broker)
    page = text_of(person)
    assert "worker-a@web-1" in page
    assert "Worker nodes are shown from their own events" in page


def test_without_any_worker_the_page_lists_what_is_done_and_what_is_left(person: Client, broker: Broker) -> None:
    page = text_of(person)
    assert "No workers seen yet" in page
    assert "Broker prod is up" in page
    assert "No virtual host with Celery has been found" in page
    assert "Start a worker" in page


@pytest.mark.parametrize("address", ["/workers/", "/workers/?view=table", "/"])
def test_a_page_without_any_worker_follows_where_the_first_one_may_appear(person: Client, broker: Broker, now: datetime, address: str) -> None:
    for name in ("/", "shop"):
        VirtualHost.objects.create(broker=broker, name=name, first_seen_at=now)
    assert f"workers/{broker.pk}/%2F" in text_of(person, address) and f"workers/{broker.pk}/shop" in text_of(person, address)
    page = text_of(person, address, vhost="shop", broker="prod")
    assert f"workers/{broker.pk}/shop" in page and f"workers/{broker.pk}/%2F" not in page
    EventSource.objects.create(broker=broker, vhost="shop", state=EventSource.RECEIVING, inspect_state="inspecting", since=now, received_at=now)
    assert f"workers/{broker.pk}/%2F" not in text_of(person, address)


def test_without_any_broker_the_page_explains_how_to_name_one(person: Client) -> None:
    assert "HARELINE_BROKERS" in text_of(person)


def test_refused_events_are_shown_on_the_empty_page(person: Client, broker: Broker, source: EventSource) -> None:
    EventSource.objects.update(state=EventSource.REFUSED, reason="access refused", grant="rabbitmqctl set_permissions …")
    page = text_of(person)
    assert "No events of workers from prod, virtual host /" in page
    assert "rabbitmqctl set_permissions …" in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("host:web-1", ["worker-a@web-1", "worker-b@web-1"]),
        ("free>0", ["worker-b@web-1"]),
        ("queue:mail", ["worker-a@web-1"]),
        ("pool:solo", ["thumbs@media-1"]),
        ("state:gone", []),
        ("thumbs", ["thumbs@media-1"]),
        ("nonsense:1", []),
    ],
)
def test_the_filter_chooses_nodes(person: Client, broker: Broker, source: EventSource, query: str, shown: list[str]) -> None:
    seen(broker, "worker-a@web-1", active=8, queues=[{"name": "mail"}])
    seen(broker, "worker-b@web-1", active=0)
    seen(broker, "thumbs@media-1", pool="solo", concurrency=1, active=1)
    for view in ("board", "table"):
        page = text_of(person, q=query, part=view, view="table" if view == "table" else "")
        assert [name for name in ("worker-a@web-1", "worker-b@web-1", "thumbs@media-1") if name in page] == shown
        if not shown:
            assert ("This filter has a mistake" if "nonsense" in query else "No worker nodes match this filter") in page


def test_the_table_sorts_with_unknown_values_last(person: Client, broker: Broker, source: EventSource) -> None:
    for name, active in (("a@h", 1), ("b@h", None), ("c@h", 5)):
        seen(broker, name, active=active)
    page = text_of(person, view="table", sort="-used")
    assert page.index("c@h") < page.index("a@h") < page.index("b@h")
    assert 'aria-sort="descending"' in page


def test_by_queue_a_node_is_drawn_once_and_mentioned_elsewhere(person: Client, broker: Broker, source: EventSource) -> None:
    worker = seen(broker, queues=[{"name": "mail"}, {"name": "reports"}])
    page = text_of(person, group="queue")
    assert page.count(f'id="worker-{worker.pk}"') == 1
    assert "shown under mail (same slots)" in page


@pytest.mark.parametrize("part", ["head", "limits", "board", "table"])
def test_a_fragment_is_the_same_partial_without_the_frame(person: Client, broker: Broker, source: EventSource, part: str) -> None:
    seen(broker)
    fragment = text_of(person, part=part)
    assert "<html" not in fragment


def test_completion_offers_what_exists(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker, queues=[{"name": "mail"}])
    assert "web-1" in text_of(person, part="completion", typed="host:we")


def test_many_nodes_are_paged(person: Client, broker: Broker, source: EventSource) -> None:
    for number in range(51):
        seen(broker, f"w{number:03}@h")
    assert "Page 1 of 2" in text_of(person)
    assert "w050@h" in text_of(person, page="2")


@pytest.mark.parametrize("operator", COMPARISONS)
@pytest.mark.parametrize(("page", "qualifiers"), [("/workers/", WORKER_QUALIFIERS), ("/queues/", QUEUES)])
def test_every_comparison_of_every_number_is_understood(
    person: Client, broker: Broker, source: EventSource, page: str, qualifiers: Mapping[str, Qualifier], operator: str
) -> None:
    seen(broker, concurrency=4, active=1, reserved=0)
    Queue.objects.create(broker=broker, vhost="/", name="mail", depth=0, consumers=0, first_seen_at=timezone.now(), changed_at=timezone.now())
    numbers = [name for name, qualifier in qualifiers.items() if qualifier.kind == NUMBER]
    assert {name: person.get(page, {"q": f"{name}{operator}0"}).status_code for name in numbers} == dict.fromkeys(numbers, 200)
