"""The page of one task: its timeline, its routing, related tasks, and what is unknown and why."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, Exchange, Queue
from dashboard.layout.map_links import node_id
from workers.models import EventSource, Task, Worker

pytestmark = pytest.mark.django_db
NOON = datetime.fromisoformat("2026-11-24T12:00:00Z")
SENT, RECEIVED, STARTED, RETRIED, FAILED, SUCCEEDED = 0, 1, 2, 3, 6, 7


@pytest.fixture
def broker() -> Broker:
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")
    EventSource.objects.create(broker=broker, vhost="/", state=EventSource.RECEIVING, since=now, received_at=now)
    return broker


def moments(*events: tuple[int, float, str]) -> list[list[Any]]:
    """As `Task.tries` keeps them: (rank, seconds after noon, detail)."""
    start = NOON.timestamp()
    return [[start + seconds, rank, "gen1@web-2" if rank == SENT else "worker-a@web-1", start + seconds, detail] for rank, seconds, detail in events]


def seen(broker: Broker, uuid: str = "1f0c7a52-9a41-4d5e-8c37-2b60b0e4d9aa", **known: Any) -> Task:
    now = timezone.now()
    facts = {"name": "reports.render", "state": "SUCCESS", "worker": "worker-a@web-1", "queue": "reports", "exchange": "", "routing_key": "reports"}
    sent = {"sender": "gen1@web-2", "sent_at": NOON, "received_at": NOON, "started_at": NOON, "ended_at": NOON, "retries": 1}
    return Task.objects.create(broker=broker, vhost="/", uuid=uuid, first_seen_at=now, changed_at=now, **{**facts, **sent, **known})


def text_of(person: Client, task: Task, **query: str) -> str:
    answer = person.get(f"/tasks/{task.pk}/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_task_that_is_not_kept_any_more_is_not_found(person: Client, broker: Broker) -> None:
    assert person.get("/tasks/999/").status_code == 404


def test_the_head_shows_what_it_is_how_it_ended_and_its_id(person: Client, broker: Broker) -> None:
    page = text_of(person, seen(broker))
    assert "<h1><bdi>reports.render</bdi></h1>" in page
    assert "succeeded after 1 retry" in page
    assert '<code id="task-uuid">1f0c7a52-9a41-4d5e-8c37-2b60b0e4d9aa</code>' in page


def test_it_leads_to_its_workflow_where_there_are_other_tasks_of_it(person: Client, broker: Broker) -> None:
    task = seen(broker, "a", root_id="a")
    assert "Workflow:" not in text_of(person, task)
    child = seen(broker, "b", root_id="a", parent_id="a")
    for one in (task, child):
        page = text_of(person, one)
        assert "Workflow: 2 tasks" in page and "/tasks/flow/?broker=prod&amp;vhost=%2F&amp;root=a" in page
    task.delete()
    assert "Workflow:" not in text_of(person, child)


def test_the_timeline_names_every_wait_and_each_try(person: Client, broker: Broker) -> None:
    events = moments((SENT, 0, ""), (RECEIVED, 2, ""), (STARTED, 3, ""), (RETRIED, 5, "ConnectionError('refused')"), (STARTED, 9, ""), (SUCCEEDED, 12, ""))
    page = text_of(person, seen(broker, tries=events))
    assert "12.0 s from sent to done: 5.0 s running, 7.0 s waiting" in page
    for words in ("In queue reports", "Reserved, worker-a@web-1", "2.0 s, raised ConnectionError", "Waiting for retry", "Attempt 2", "3.0 s, succeeded"):
        assert words in page
    assert ">2<" in page[page.index("Attempts") :]


def test_links_lead_to_queue_exchange_and_worker(person: Client, broker: Broker) -> None:
    now = timezone.now()
    common: dict[str, Any] = {"broker": broker, "vhost": "/", "first_seen_at": now, "changed_at": now}
    queue = Queue.objects.create(name="reports", **common)
    exchange = Exchange.objects.create(name="", type="direct", durable=True, auto_delete=False, internal=False, **common)
    worker = Worker.objects.create(hostname="worker-a@web-1", state=Worker.ONLINE, **common)
    page = text_of(person, seen(broker))
    for address in (f"/queues/{queue.pk}/", f"/exchanges/{exchange.pk}/", f"/workers/{worker.pk}/"):
        assert f'href="{address}"' in page
    assert "task-sent event named" not in page


def test_the_queue_is_the_one_that_bindings_and_worker_show_and_the_senders_word_stands_beside_it(person: Client, broker: Broker) -> None:
    page = text_of(person, seen(broker, queue="orders.us", queue_source="both", sent_queue="search.index", exchange="orders"))
    assert "orders.us" in page and "by the bindings when it was sent, and its worker node consumes it" in page
    assert "Sender’s task-sent event named <bdi>search.index</bdi>." in page


def test_several_queues_are_named_and_an_unknown_one_has_a_reason(person: Client, broker: Broker) -> None:
    page = text_of(person, seen(broker, queue=None, queues='["audit", "us"]', queue_source="routing"))
    assert "audit and us" in page and "a copy in each" in page
    page = text_of(person, seen(broker, "u2", queue=None, queue_source="", queue_reason="hash picks one of several queues"))
    assert "unknown: hash picks one of several queues" in page
    assert "unknown: it was stored before Hareline worked out queues" in text_of(person, seen(broker, "u3", queue=None, sent_queue="mail"))


def test_without_a_task_sent_event_routing_is_unknown_with_the_setting_that_enables_it(person: Client, broker: Broker) -> None:
    page = text_of(person, seen(broker, sent_at=None, queue=None, exchange=None, routing_key=None, sender=None), part="routing")
    assert "Unknown: no event of its sender arrived" in page
    assert "task_send_sent_event = True" in page


def test_a_failed_task_has_no_empty_box_as_its_result(person: Client, broker: Broker) -> None:
    page = text_of(person, seen(broker, state="FAILURE", result="", exception="ValueError()"))
    assert 'aria-label="Result"' not in page and "none (task failed)" in page


def test_a_sending_stamped_after_its_receipt_leaves_the_wait_unknown_with_its_reason(person: Client, broker: Broker) -> None:
    events = moments((RECEIVED, 0, ""), (STARTED, 0.01, ""), (SENT, 0.05, ""), (SUCCEEDED, 0.2, ""))
    page = text_of(person, seen(broker, tries=events, sent_at=NOON + timedelta(seconds=0.05)))
    assert "stamped 50 ms after it was received" in page and "unknown: it was received before its task-sent event" in page


def test_a_failed_task_shows_exception_and_traceback_as_text(person: Client, broker: Broker) -> None:
    page = text_of(person, seen(broker, state="FAILURE", exception="ValueError('<b>')", traceback='File "a.py", line 3\n<script>x</script>'))
    assert "ValueError(&#x27;&lt;b&gt;&#x27;)" in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert 'aria-label="Traceback"' in page


def test_an_unknown_task_is_never_shown_as_running(person: Client, broker: Broker) -> None:
    task = seen(broker, state="UNKNOWN", last_seen_state="STARTED", unknown_reason="worker a@h is gone since 12:00:09", tries=moments((STARTED, 1, "")))
    page = text_of(person, task)
    assert "unknown, last seen started" in page
    assert "Outcome unknown: worker a@h is gone since 12:00:09." in page
    assert "outcome unknown" in page
    assert "so far" not in page


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"received_at": None}, "the task-received event was lost"),
        ({"started_at": None}, "When it started is unknown: that event was lost."),
        ({"state": "PENDING", "received_at": None, "worker": None}, "No worker node has reported receiving it."),
        ({"args": None}, "unknown: no event reported them"),
        ({"result": None}, "unknown: the event did not contain it"),
    ],
)
def test_what_no_event_reported_is_shown_as_unknown(person: Client, broker: Broker, known: dict[str, Any], expected: str) -> None:
    assert expected in text_of(person, seen(broker, **known))


def test_relatives_are_a_nested_list_with_their_states(person: Client, broker: Broker) -> None:
    root = seen(broker, "root-1", name="orders.capture", root_id="root-1")
    sibling = seen(broker, "sib-1", name="stock.reserve", root_id="root-1", parent_id="root-1", state="FAILURE")
    Task.objects.filter(pk=root.pk).update(parent_id="root-1")  # as a retry reports it
    this = seen(broker, "this-1", root_id="root-1", parent_id="root-1")
    child = seen(broker, "child-1", name="mail.receipt", root_id="root-1", parent_id="this-1", state="STARTED")
    family = text_of(person, this, part="family")
    for relative in (root, sibling, child):
        assert f'href="/tasks/{relative.pk}/"' in family
    assert 'aria-current="true"' in family
    assert family.count("orders.capture") == 1
    assert "failed" in family


def test_a_parent_that_is_not_kept_is_named_by_its_id(person: Client, broker: Broker) -> None:
    family = text_of(person, seen(broker, "this-1", parent_id="gone-1234", root_id="gone-1234"), part="family")
    assert "no longer kept" in family
    assert "gone-123" in family


def test_a_task_that_was_retried_is_not_its_own_parent(person: Client, broker: Broker) -> None:
    assert "Related tasks" not in text_of(person, seen(broker, "again-1", parent_id="again-1", root_id="again-1"))


def test_a_task_on_its_own_has_no_family(person: Client, broker: Broker) -> None:
    assert "Related tasks" not in text_of(person, seen(broker, root_id="1f0c7a52-9a41-4d5e-8c37-2b60b0e4d9aa"))


@pytest.mark.parametrize("part", ["head", "figures", "timeline", "routing", "arguments", "outcome", "family", "gaps"])
def test_a_fragment_is_the_same_partial_without_the_frame(person: Client, broker: Broker, part: str) -> None:
    assert "<html" not in text_of(person, seen(broker), part=part)


def test_the_page_follows_its_task(person: Client, broker: Broker) -> None:
    task = seen(broker)
    page = text_of(person, task)
    assert f"tasks/{broker.pk}/%2F" in page
    assert f'id="task-{task.pk}"' in page


def test_its_path_is_lit_on_the_map_as_far_as_it_is_known(person: Client, broker: Broker) -> None:
    task = seen(broker)
    assert path_on_map(text_of(person, task)) == [
        node_id(kind, broker.pk, "/", name) for kind, name in (("exchange", ""), ("queue", "reports"), ("worker", "worker-a@web-1"))
    ]
    assert path_on_map(text_of(person, seen(broker, "b", exchange=None, worker=None))) == [node_id("queue", broker.pk, "/", "reports")]
    assert path_on_map(text_of(person, seen(broker, "c", queue=None))) == []


def path_on_map(page: str) -> list[str]:
    found = re.search(r'href="/map/\?([^"]+)"', page)
    return parse_qs(unescape(found[1]))["path"][0].split("~") if found else []
