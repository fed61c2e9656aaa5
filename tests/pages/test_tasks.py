"""The list of tasks: what is known of each, filtered and sorted by its address, and the text where nothing is known."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from tests.people import person as a_person
from workers import store
from workers.models import EventSource, Task, Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")


@pytest.fixture
def source(broker: Broker, now: datetime) -> EventSource:
    return EventSource.objects.create(broker=broker, vhost="/", state=EventSource.RECEIVING, inspect_state="inspecting", since=now, received_at=now)


def seen(broker: Broker, uuid: str = "1f0c7a52", seconds_ago: float = 10, **known: Any) -> Task:
    at = timezone.now() - timedelta(seconds=seconds_ago)
    facts = {"name": "orders.capture", "state": "SUCCESS", "worker": "worker-a@web-1", "queue": "orders.eu", "args": "(88412,)", "kwargs": "{}"}
    return Task.objects.create(broker=broker, vhost="/", uuid=uuid, first_seen_at=at, changed_at=at, **{**facts, **known})


def worker(broker: Broker, hostname: str = "worker-a@web-1", **known: Any) -> Worker:
    now = timezone.now()
    facts = {"state": Worker.ONLINE, "pool": "prefork", "heartbeat_at": now, **known}
    return Worker.objects.create(broker=broker, vhost="/", hostname=hostname, first_seen_at=now, changed_at=now, **facts)


def text_of(person: Client, **query: str) -> str:
    answer = person.get("/tasks/", query)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(page: str, *uuids: str) -> list[str]:
    """Those of the uuids that the page shows, in its order."""
    return sorted((uuid for uuid in uuids if f'title="{uuid}"' in page), key=lambda uuid: page.index(f'title="{uuid}"'))


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get("/tasks/").headers["Location"].startswith("/login/")


def test_the_newest_task_comes_first_as_a_live_row(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker, "older", 60)
    newer = seen(broker, "newer", 1)
    page = text_of(person)
    assert listed(page, "older", "newer") == ["newer", "older"]
    assert f'id="task-{newer.pk}" data-live data-level="ok" data-state="SUCCESS"' in page
    assert f"tasks/{broker.pk}/%2F" in page
    assert "2 tasks (since " in page


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"state": "FAILURE"}, "failed"),
        ({"state": "STARTED", "started_at": datetime.fromisoformat("2026-01-01T00:00:00Z")}, ">since 1 Jan 00:00:00</time>"),
        ({"state": "UNKNOWN", "last_seen_state": "STARTED"}, '<span class="task-seen">, last seen started</span>'),
        ({"state": "RETRY", "retries": 2}, '<td role="cell" class="num retries-cell" data-text="retries">2</td>'),
        ({"name": None}, "name unknown"),
        ({"args": "(1,)", "kwargs": "{'eu': True}"}, "(1,) {&#x27;eu&#x27;: True}"),
        ({"args": None, "kwargs": None}, '<bdi data-text="arguments">–</bdi>'),
        ({"runtime_seconds": 0.0123}, ">12 ms<"),
    ],
)  # fmt: skip
def test_a_row_shows_what_is_known_and_claims_nothing_else(person: Client, broker: Broker, source: EventSource, known: dict[str, Any], words: str) -> None:
    seen(broker, **known)
    assert words in text_of(person)


def test_what_comes_from_outside_is_only_text(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker, "<u>", name="<script>alert(1)</script>", args="<img src=x>", queue="<b>q", worker="<i>@h")
    page = text_of(person)
    assert not [tag for tag in ("<script>alert", "<img", "<b>q", "<i>@", "<u>") if tag in page]
    assert "&lt;script&gt;alert(1)" in page


def test_long_arguments_are_cut(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker, args="x" * 4000)
    page = text_of(person)
    assert "x" * 159 + "…" in page
    assert "x" * 160 not in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("state:failure", ["failed"]),
        ("state:failure,success", ["failed", "mail", "done"]),
        ("name:orders.*", ["failed", "done"]),
        ("name:mail.send", ["mail"]),
        ("queue:mail", ["mail"]),
        ("worker:worker-b@web-2", ["mail"]),
        ("after:-2min", ["failed", "mail"]),
        ("before:-2min", ["done"]),
        ("state:failed", ["failed"]),
        ("-state:succeeded", ["failed"]),
        ("retries>0", ["mail"]),
        ("stat:failed", []),
        ("customer=17", []),
        ("state:revoked", []),
    ],
)
def test_the_filter_chooses_tasks(person: Client, broker: Broker, source: EventSource, query: str, shown: list[str]) -> None:
    seen(broker, "done", 300)
    seen(broker, "mail", 20, name="mail.send", queue="mail", worker="worker-b@web-2", retries=1)
    seen(broker, "failed", 10, state="FAILURE")
    page = text_of(person, q=query, part="table")
    assert listed(page, "done", "mail", "failed") == shown
    if not shown:
        assert ("No tasks match this filter" if "revoked" in query else "This filter has a mistake") in page
        assert f"Remove {query}" in page


def test_states_are_views_with_counts_that_keep_the_rest_of_the_filter(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker, "a", state="FAILURE")
    seen(broker, "b", state="FAILURE", queue="mail")
    seen(broker, "c")
    store.repair_counts()
    views = text_of(person, part="views")
    assert 'Failed <span class="view-count">2</span>' in views
    assert 'All <span class="view-count">3</span>' in views
    narrowed = text_of(person, part="views", q="queue:mail state:success")
    assert 'Failed <span class="view-count">1</span>' in narrowed
    assert 'href="/tasks/?q=queue%3Amail+state%3Afailure"' in narrowed
    assert 'aria-current="true">Succeeded' in narrowed


def test_newer_tasks_are_counted_not_pushed_in(person: Client, broker: Broker, source: EventSource) -> None:
    shown = seen(broker, "shown", 60)
    assert "newer" not in text_of(person, part="newer", newest=shown.first_seen_at.isoformat())
    seen(broker, "newer", 5)
    seen(broker, "other", 5, state="FAILURE")
    assert "2 newer tasks" in text_of(person, part="newer", newest=shown.first_seen_at.isoformat())
    assert "1 newer task<" in text_of(person, part="newer", newest=shown.first_seen_at.isoformat(), q="state:failure")
    assert "newer-link" not in text_of(person, part="newer", newest="nonsense")


def test_the_list_sorts_with_unknown_values_last(person: Client, broker: Broker, source: EventSource) -> None:
    for uuid, runtime in (("short", 0.1), ("none", None), ("long", 9.0)):
        seen(broker, uuid, runtime_seconds=runtime)
    page = text_of(person, sort="-runtime_seconds")
    assert listed(page, "short", "none", "long") == ["long", "short", "none"]
    assert 'aria-sort="descending"' in page


def test_many_tasks_are_paged(person: Client, broker: Broker, source: EventSource) -> None:
    for number in range(51):
        seen(broker, f"t{number:03}", 200 - number)
    assert "1–50 of 51 tasks" in text_of(person)
    assert listed(text_of(person, page="2"), "t000", "t001") == ["t000"]
    assert listed(text_of(person, page="99"), "t000", "t001") == ["t000"]


def test_the_links_beside_a_page_lead_to_the_same_tasks_however_many_come(person: Client, broker: Broker, source: EventSource) -> None:
    for number in range(120):
        seen(broker, f"t{number:03}", 200 - number)
    links = re.compile(r'href="(/tasks/\?[^"]*)" rel="(prev|next)"')

    def beside(page: str) -> dict[str, str]:
        return {which: address.replace("&amp;", "&") for address, which in links.findall(page)}

    first = text_of(person)
    assert "1–50 of 120 tasks" in first and set(beside(first)) == {"next"}
    seen(broker, "newer", 1)
    second = person.get(beside(first)["next"]).content.decode()
    assert listed(second, "t119", "t070", "t069", "t020", "t019") == ["t069", "t020"] and "First page" in second and "121 tasks" in second
    third = person.get(beside(second)["next"]).content.decode()
    assert set(beside(third)) == {"prev"} and listed(third, "t020", "t019", "t000") == ["t019", "t000"]
    assert listed(person.get(beside(third)["prev"]).content.decode(), "t070", "t069", "t020", "t019") == ["t069", "t020"]
    back = person.get(beside(second)["prev"]).content.decode()
    assert listed(back, "newer", "t119", "t070", "t069") == ["t119", "t070"] and set(beside(back)) == {"prev", "next"}
    assert listed(person.get(beside(back)["prev"]).content.decode(), "newer", "t119", "t071") == ["newer", "t119", "t071"]  # not one alone


@pytest.mark.parametrize(
    "query", [{"after": "nonsense"}, {"before": "17~x"}, {"after": "1"}, {"sort": "runtime_seconds", "after": "9~nan"}, {"after": "9" * 30}]
)
def test_a_cursor_that_leads_nowhere_shows_the_first_page(person: Client, broker: Broker, source: EventSource, query: dict[str, str]) -> None:
    seen(broker, "there")
    assert listed(text_of(person, **query), "there") == ["there"]


def test_a_sorted_list_goes_on_from_a_value(person: Client, broker: Broker, source: EventSource) -> None:
    for number in range(60):
        seen(broker, f"t{number:03}", 200 - number, name=f"job & {number:02}~", state="FAILURE")
    page = text_of(person, sort="name", q="state:failure")
    [address] = re.findall(r'href="(/tasks/\?[^"]*)" rel="next"', page)
    assert listed(person.get(address.replace("&amp;", "&")).content.decode(), "t049", "t050", "t059") == ["t050", "t059"]


def test_workers_without_events_are_counted_with_what_would_change_it(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker)
    worker(broker, events_off=True)
    worker(broker, "b@h", events_off=False)
    page = text_of(person, part="limits")
    assert "1 worker node sends no task events: worker-a@web-1" in page
    assert "worker_send_task_events = True" in page


def test_an_empty_list_is_a_checklist_of_facts(person: Client, broker: Broker, source: EventSource) -> None:
    worker(broker, events_off=True)
    worker(broker, "b@h", events_off=True, pool="threads")
    page = text_of(person)
    assert "No task events have arrived yet" in page
    assert "Two of four steps are left." in page
    assert "Broker prod is up" in page
    assert "2 worker nodes answer" in page
    assert "threads 1, prefork 1" in page
    assert "Events are off on all 2 worker nodes" in page
    assert "task_send_sent_event = True" in page


def test_refused_events_are_shown_with_the_command_that_grants_them(person: Client, broker: Broker, source: EventSource) -> None:
    EventSource.objects.update(state=EventSource.REFUSED, reason="access refused", grant="rabbitmqctl set_permissions …")
    assert "rabbitmqctl set_permissions …" in text_of(person)
    seen(broker)
    assert "Task events are not received from prod, virtual host /" in text_of(person)


def test_while_the_broker_stands_still_the_list_says_as_of_when_its_tasks_are(person: Client, broker: Broker, now: datetime) -> None:
    seen(broker)
    at = now - timedelta(seconds=40)
    EventSource.objects.update_or_create(broker=broker, vhost="/", defaults={"state": EventSource.RECEIVING, "received_at": at})
    assert "is unreachable" not in text_of(person)
    Broker.objects.update(state=Broker.UNREACHABLE)
    assert f"<b>prod is unreachable.</b> The last event of its workers arrived at {at:%H:%M:%S}: tasks are shown as they were then." in text_of(person)
    EventSource.objects.update(received_at=now)  # only the management API is away: events still arrive
    assert "<b>prod is unreachable.</b>" not in text_of(person)


def test_without_any_broker_the_page_explains_how_to_name_one(person: Client) -> None:
    assert "HARELINE_BROKERS" in text_of(person)


def test_completion_offers_names_that_are_registered_or_seen(person: Client, broker: Broker, source: EventSource) -> None:
    seen(broker)
    worker(broker, registered=[{"name": "mail.send", "attributes": {}}], queues=[{"name": "mail"}])
    offered = {name: re.findall(r'data-text="([^"]*)"', text_of(person, part="completion", typed=f"{name}:")) for name in ("name", "queue", "worker", "state")}
    assert offered["name"] == ["name:mail.send", "name:orders.capture"]
    assert offered["queue"] == ["queue:mail", "queue:orders.eu"]
    assert offered["worker"] == ["worker:worker-a@web-1"]
    assert "state:failure" in offered["state"]


@pytest.mark.parametrize("part", ["limits", "views", "table", "newer"])
def test_a_fragment_is_the_same_partial_without_the_frame(person: Client, broker: Broker, source: EventSource, part: str) -> None:
    seen(broker)
    assert "<html" not in text_of(person, part=part)


def test_a_page_of_a_hundred_makes_no_more_queries_than_one_of_one(
    person: Client, broker: Broker, source: EventSource, django_assert_max_num_queries: Any
) -> None:
    for number in range(100):
        seen(broker, f"t{number}")
    with django_assert_max_num_queries(35):
        text_of(person)


@pytest.mark.parametrize(("role", "offered"), [("viewer", False), ("operator", True)])
def test_an_empty_list_offers_a_test_task_only_to_who_may_send_one(client: Client, broker: Broker, source: EventSource, role: str, offered: bool) -> None:
    worker(broker)
    client.force_login(a_person("eve", role))
    page = text_of(client)
    assert "Tasks appear here with the first event." in page
    assert (">send a test task</a>" in page) is offered
