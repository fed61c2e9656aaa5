"""Charts on their pages: the same figures as line, table, CSV and call; stretches, comparison, marks; who sees what of them."""

from __future__ import annotations

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers import store
from brokers.models import Broker, Change, Exchange, Node, Queue
from brokers.stats import NodeStats
from dashboard.layout.chart_ranges import written
from dashboard.layout.charts import Chart
from dashboard.models import Finding
from dashboard.models import Mark as PersonsMark
from tests.brokers.facts import a_poll, a_queue, after
from tests.people import person as a_person
from workers.models import Worker

pytestmark = pytest.mark.django_db
DAY = 86_400
SPAN = {"from": written(after(0)), "to": written(after(120))}


@pytest.fixture(scope="module")
def polled(module_rows: None) -> int:
    """Polled for two minutes a day ago, and for two minutes at noon, where one poll failed."""
    broker, memory = Broker.objects.create(name="prod", state=Broker.UP), store.BrokerMemory()
    for begin in (-DAY, 0):
        for seconds in range(0, 125, 5):
            at = after(begin + seconds)
            if begin + seconds == 60:
                store.save_failure(broker.pk, Broker.UNREACHABLE, "refused", at, 5, memory, began_at=at)
                continue
            node = NodeStats("rabbit@a", True, memory_used_bytes=10**9 + seconds, run_queue=seconds // 60)
            store.save_poll(broker.pk, a_poll(at, a_queue("mail", ready=seconds + 7, unacknowledged=1, consumers=2), nodes=[node]), at, memory)
    return Queue.objects.get(name="mail").pk


@pytest.fixture
def mail(polled: int) -> Queue:
    return Queue.objects.select_related("broker").get(pk=polled)


def charts_of(person: Client, address: str, **query: str) -> dict[str, Chart]:
    answer = person.get(address, query)
    assert answer.status_code == 200
    return {one.key: one for one in answer.context["charts"]}


def csv_of(person: Client, address: str, key: str, **query: str) -> list[list[str]]:
    answer = person.get(address, {**query, "part": "charts", "csv": key})
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.reader(StringIO(answer.content.decode())))


def test_line_table_csv_and_call_have_the_same_figures(person: Client, mail: Queue) -> None:
    address = f"/queues/{mail.pk}/"
    shown = charts_of(person, address, **SPAN)
    assert list(shown) == ["depth", "rates", "consumers", "memory"]
    depth = shown["depth"]
    known = {(at - after(0)).total_seconds(): value for at, value in zip(depth.times, depth.columns[0], strict=True)}
    assert known == {seconds: None if seconds == 60 else seconds + 8 for seconds in range(0, 125, 5)}
    place = {"broker": "prod", "vhost": "/", "queue": "mail", "metric": "depth"}
    called = person.get("/api/v1/history", {**place, **SPAN, "step": "5"}).json()
    assert called["values"] == depth.columns[0]
    rows = csv_of(person, address, "depth", **SPAN)
    assert rows[0][:2] == ["time", "depth (messages)"]
    assert [float(row[1]) if row[1] else None for row in rows[1:] if not row[-1]] == depth.columns[0]
    assert [row[0] for row in rows[1:] if not row[-1]] == [f"{at:%Y-%m-%dT%H:%M:%S}.000Z" for at in depth.times]
    assert [row.figures[0] for row in depth.table if row.figures] == [f"{value}" for value in reversed(depth.columns[0]) if value is not None]
    assert not depth.shown.follows and "12:00:55 to 12:01:05" in depth.gaps[0]
    assert person.get(address, {"part": "charts", "csv": "nothing"}).status_code == 404


def test_the_same_time_yesterday_is_a_second_line_that_the_links_keep(person: Client, mail: Queue) -> None:
    answer = person.get(f"/queues/{mail.pk}/", {**SPAN, "compare": "yesterday"})
    depth = answer.context["charts"][0]
    assert depth.lines[-1].label == "depth, yesterday" and depth.columns[-1] == [seconds + 8 for seconds in range(0, 125, 5)]
    page = answer.content.decode()
    assert "compare=yesterday&amp;part=charts&amp;csv=depth" in page and 'aria-current="true">yesterday</a>' in page
    assert "Nothing was recorded at the same time last week." in person.get(f"/queues/{mail.pk}/", {**SPAN, "compare": "week"}).content.decode()


def test_points_far_apart_have_a_band_of_the_least_and_the_most(person: Client, mail: Queue) -> None:
    span = {"from": written(after(-6 * 3600)), "to": written(after(125))}
    depth = charts_of(person, f"/queues/{mail.pk}/", **span)["depth"]
    assert depth.shown.step_seconds >= 60 and depth.band == ("low:depth", "high:depth")
    known = [(low, high) for low, high in zip(*(depth.values[metric] for metric in depth.band), strict=True) if low is not None]
    assert known and all(8 <= low <= high <= 128 for low, high in known) and any(low < high for low, high in known)
    assert csv_of(person, f"/queues/{mail.pk}/", "depth", **span)[0][-3:-1] == ["depth, lowest (messages)", "depth, highest (messages)"]
    node = charts_of(person, f"/nodes/{Node.objects.get().pk}/", **span)["memory"]
    assert max(value for value in node.values["high:memory_used_bytes"] if value is not None) > 10**9
    of_broker = charts_of(person, "/", part="charts", **span)
    assert [of_broker[key].band for key in ("messages", "depth")] == [("low:publish_per_second", "high:publish_per_second"), depth.band]


def test_a_range_begins_with_what_is_recorded_of_the_object(person: Client, mail: Queue) -> None:
    seen = timezone.now() - timedelta(hours=3)
    Queue.objects.update(first_seen_at=seen)
    shown = charts_of(person, f"/queues/{mail.pk}/", range="90d", **{"from": "", "to": ""})["depth"].shown
    assert timedelta(0) <= seen - shown.start < timedelta(minutes=1) and shown.is_cut and shown.follows


def test_a_stretch_that_means_nothing_is_named_and_the_range_is_shown(person: Client, mail: Queue) -> None:
    page = person.get(f"/queues/{mail.pk}/", {"from": "soon", "to": "<b>"}).content.decode()
    assert "The time to show is not a moment." in page and "The last 1 h is shown." in page and '<b>"' not in page


def happen(mail: Queue, seconds: float, kind: str, name: str, text: str, vhost: str = "/") -> None:
    Change.objects.create(broker=mail.broker, vhost=vhost, at=after(seconds), kind=kind, what="added", name=name, text=text)


@pytest.fixture
def eventful(mail: Queue) -> Queue:
    happen(mail, 20, "binding", "shop → mail", "Binding added: shop → mail (key a)")
    happen(mail, 25, "binding", "shop → airmail", "Binding added: shop → airmail (key a)")
    happen(mail, 40, "policy", "keep", "Policy keep added")
    happen(mail, 50, "node", "rabbit@a", "Node rabbit@a is down", vhost="")
    happen(mail, 70, "worker", "w@a", "Worker w@a is online")
    happen(mail, 75, "worker", "w@b", "Worker w@b is online", vhost="other")
    happen(mail, 80, "queue", "other", "Queue other added")
    seen = {"opened_at": after(90), "seen_at": after(100), "closed_at": after(110), "level": "critical", "worst_level": "critical"}
    about = {"broker": mail.broker, "vhost": "/", "kind": "queue", "name": "mail", "object_id": mail.pk, "title": "mail has no consumer"}
    named = {"made_by": "ada", "made_at": after(0)}
    PersonsMark.objects.create(at=after(30), title="release 7", broker=mail.broker, **named)
    PersonsMark.objects.create(at=after(35), title="release of another", broker=Broker.objects.create(name="other"), **named)
    Finding.objects.create(identity="i", rule="no_consumer", **about, **seen)
    return mail


def test_what_happened_around_a_queue_is_marked_and_in_its_table(person: Client, eventful: Queue) -> None:
    answer = person.get(f"/queues/{eventful.pk}/", SPAN)
    depth = answer.context["charts"][0]
    marked = [(round((mark.at - after(0)).total_seconds()), mark.text) for mark in depth.marks]
    assert marked == [
        (20, "Binding added: shop → mail (key a)"), (30, "release 7"), (40, "Policy keep added"), (50, "Node rabbit@a is down"),
        (60, "prod is unreachable: refused"),
        (65, depth.marks[5].text), (70, "Worker w@a is online"), (90, "Found: mail has no consumer"), (110, "Cleared: mail has no consumer"),
    ]  # fmt: skip
    assert depth.marks[5].text.startswith("prod responds again")
    assert '<td colspan="3">Policy keep added</td>' in answer.content.decode()
    assert [row[-1] for row in csv_of(person, f"/queues/{eventful.pk}/", "depth", **SPAN) if row[-1]][1:3] == marked_texts(depth)[:2]


def marked_texts(chart: Chart) -> list[str]:
    return [mark.text for mark in chart.marks]


def test_who_may_view_one_queue_sees_no_mark_of_anything_else(client: Client, eventful: Queue) -> None:
    client.force_login(a_person("eve", vhost="/", queue="mail"))
    answer = client.get(f"/queues/{eventful.pk}/", SPAN)
    assert {text.partition(":")[0] for text in marked_texts(answer.context["charts"][0])} <= {"Found", "Cleared", "release 7"}
    rows = csv_of(client, f"/queues/{eventful.pk}/", "depth", **SPAN)
    assert not any(word in str(rows) for word in ("keep", "rabbit@a", "w@a", "airmail"))


def test_an_exchange_a_worker_and_the_totals_have_the_same(person: Client, eventful: Queue) -> None:
    seen: dict[str, Any] = {"broker": eventful.broker, "vhost": "/", "first_seen_at": after(-DAY), "changed_at": after(0)}
    exchange = Exchange.objects.create(**seen, name="shop", type="topic", durable=True, auto_delete=False, internal=False)
    worker = Worker.objects.create(**seen, hostname="w@a", state=Worker.ONLINE)
    rates = charts_of(person, f"/exchanges/{exchange.pk}/", **SPAN)["rates"]
    assert marked_texts(rates)[:2] == ["Binding added: shop → mail (key a)", "Binding added: shop → airmail (key a)"]
    of_worker = csv_of(person, f"/workers/{worker.pk}/", "slots", **SPAN)
    assert [row[-1] for row in of_worker if row[-1]][1:] == ["release 7", "is online"]
    totals = csv_of(person, "/", "depth", broker="prod", **SPAN)
    assert totals[1][0] == "2026-05-04T12:00:00.000Z" and "Worker w@b is online" in str(totals)


def test_a_node_has_a_page_with_its_history(person: Client, client: Client, mail: Queue) -> None:
    node = Node.objects.get()
    address = f"/nodes/{node.pk}/"
    shown = charts_of(person, address, **SPAN)
    assert list(shown) == ["memory", "disk", "sockets", "processes", "run_queue"]
    assert shown["memory"].columns[0][:2] == [10**9, 10**9 + 5] and shown["memory"].columns[0][12] is None
    assert shown["memory"].table[0].figures == ("1.00 GB",)
    assert shown["disk"].columns[0][0] is None
    assert csv_of(person, address, "run_queue", **SPAN)[-1][1] == "2"
    Node.objects.update(gone_at=after(130))
    page = person.get(address).content.decode()
    assert "This node left the cluster." in page and "rabbit@a" in page
    assert charts_of(person, address)["memory"].shown.end == after(130)
    client.force_login(a_person("eve", vhost="/"))
    assert client.get(address).status_code == 404


def test_the_history_of_a_node_that_left_ends_there(mail: Queue, person: Client) -> None:
    memory = store.BrokerMemory()
    for seconds, names in ((200, ("rabbit@a", "rabbit@b")), (205, ("rabbit@a",)), (210, ("rabbit@a",))):
        nodes = [NodeStats(name, True, memory_used_bytes=seconds) for name in names]
        store.save_poll(mail.broker_id, a_poll(after(seconds), nodes=nodes), after(seconds), memory)
    left = Node.objects.get(name="rabbit@b")
    span = {"from": written(after(150)), "to": written(after(210))}
    assert charts_of(person, f"/nodes/{left.pk}/", **span)["memory"].columns[0][-3:] == [None, 200, None]
    assert left.gone_at == after(205) and timedelta(0) < left.gone_at - left.at


def test_a_broker_that_lists_no_nodes_leaves_a_gap(mail: Queue, person: Client) -> None:
    memory = store.BrokerMemory()
    for seconds, nodes in ((200, [NodeStats("rabbit@a", True, memory_used_bytes=1)]), (205, []), (210, [])):
        store.save_poll(mail.broker_id, a_poll(after(seconds), nodes=nodes), after(seconds), memory)
    span = {"from": written(after(150)), "to": written(after(210))}
    assert charts_of(person, f"/nodes/{Node.objects.get().pk}/", **span)["memory"].columns[0][-3:] == [1, None, None]
