"""The pages and calls of statistics: what they show, of which range, and to whom."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker, Queue, VirtualHost
from brokers.queries import kept
from dashboard.models import Mark, User
from tests.people import person
from workers import store
from workers.models import EventSource, Task
from workers.receiving.task_order import FAILED, RECEIVED, RETRIED, STARTED, SUCCEEDED
from workers.store.task_statistics import save_counted
from workers.task_statistics import OTHERS, Key, nothing

pytestmark = pytest.mark.django_db
PLACE = "broker=prod&vhost=/"


class Shop:
    def __init__(self) -> None:
        self.now = timezone.now()
        self.broker = Broker.objects.create(name="prod", state=Broker.UP, since=self.now, polled_at=self.now, poll_seconds=5, revision=1)
        VirtualHost.objects.create(broker=self.broker, name="/", first_seen_at=self.now)
        Queue.objects.create(broker=self.broker, vhost="/", name="orders", type="classic", first_seen_at=self.now, changed_at=self.now)
        EventSource.objects.create(broker=self.broker, vhost="/", state=EventSource.RECEIVING, received_at=self.now, lost_events=12)

    def ran(
        self, name: str, queue: str, ago: timedelta = timedelta(minutes=5), succeeded: int = 0, failed: int = 0, runtime: float = 1.0, wait: float = 0.5
    ) -> None:
        counted = nothing()
        counted.events[RECEIVED] = counted.events[STARTED] = succeeded + failed
        counted.events[SUCCEEDED], counted.events[FAILED], counted.events[RETRIED] = succeeded, failed, 1
        for _ in range(succeeded + failed):
            counted.runtimes.add(runtime)
            counted.waits.add(wait)
        at: datetime = self.now - ago
        save_counted(self.broker.pk, "/", {Key(int(at.timestamp()) // 60 * 60, name, queue): counted})


@pytest.fixture
def shop() -> Shop:
    shop = Shop()
    shop.ran("shop.pay <b>", "orders", succeeded=30, failed=10, runtime=2.0)
    shop.ran("shop.mail", "mail", succeeded=100, runtime=0.02, wait=70.0)
    shop.ran("shop.lost", "", succeeded=1)
    return shop


def ann() -> User:
    """Who may view everything."""
    return User.objects.filter(username="ann").first() or person("ann", "viewer")


def html(client: Client, address: str, user: Any = None) -> str:
    client.force_login(user or ann())
    response = client.get(address)
    assert response.status_code == 200, response.content
    return response.content.decode()


def names(client: Client, query: str, user: Any = None) -> list[str]:
    client.force_login(user or ann())
    return [item["name"] for item in client.get(f"/api/v1/task-statistics?{query}").json()["items"]]


def test_nothing_is_counted_before_events_come(client: Client, db: None) -> None:
    Broker.objects.create(name="prod")
    assert "Nothing was counted" in html(client, "/tasks/statistics/")


def test_a_row_has_counts_shares_percentiles_age_and_what_was_lost(client: Client, shop: Shop) -> None:
    text = html(client, "/tasks/statistics/")
    assert "shop.pay &lt;b&gt;" in text and "shop.pay <b>" not in text
    for shown in (">25.0 %<", ">2.00 s<", ">20 ms<", ">1 min 10 s<", "the last one came", "12 in all are known to be lost"):
        assert shown in text, shown


@pytest.mark.parametrize(
    ("sort", "first"), [("-ended", "shop.mail"), ("-p95", "shop.pay <b>"), ("-failed", "shop.pay <b>"), ("-wait_p95", "shop.mail"), ("name", "shop.lost")]
)
def test_each_top_list_begins_with_its_top(client: Client, shop: Shop, sort: str, first: str) -> None:
    assert names(client, f"sort={sort}")[0] == first


def test_rows_are_by_name_queue_or_both(client: Client, shop: Shop) -> None:
    text = html(client, "/tasks/statistics/?group=queue")
    assert "unknown queue" in text and "shop.mail" not in text
    assert "in <bdi>mail</bdi>" in html(client, "/tasks/statistics/?group=both")


def test_a_range_shows_what_happened_in_it_in_periods_that_are_kept(client: Client, shop: Shop) -> None:
    shop.ran("shop.old", "orders", timedelta(days=3), succeeded=1)
    store.sum_statistics()
    for query, expected in (("", False), ("?range=24h", False), ("?range=7d", True), ("?from=-4d&to=-2d", True), ("?from=-2d&to=-1d", False)):
        assert ("shop.old" in html(client, f"/tasks/statistics/{query}")) is expected, query
    assert "is not a moment" in html(client, "/tasks/statistics/?from=soon")
    assert "ends before it begins" in html(client, "/tasks/statistics/?from=-1h&to=-2h")


def test_the_page_of_a_name_has_charts_distributions_and_a_comparison(client: Client, shop: Shop) -> None:
    for number in range(3):
        shop.ran("shop.mail", "mail", timedelta(days=1, minutes=5 + number), succeeded=100, runtime=0.2)
    store.sum_statistics()
    text = html(client, f"/tasks/statistics/name/?{PLACE}&name=shop.mail&against=day")
    assert "vendor/uPlot.iife.min" in text
    assert 'id="chart-tasks"' in text and 'id="chart-wait"' in text and "Runtime: distribution" in text and "<b>noticeable</b>" in text
    assert "Nothing was counted" in html(client, f"/tasks/statistics/name/?{PLACE}&name=shop.other")
    assert "too few tasks to say" in html(client, f"/tasks/statistics/name/?{PLACE}&queue=orders&at=-10min")
    assert client.get("/tasks/statistics/name/?broker=other&vhost=/&name=a").status_code == 404
    assert client.get(f"/tasks/statistics/name/?{PLACE}").status_code == 404


def test_marked_moments_are_offered_for_the_comparison(client: Client, shop: Shop) -> None:
    other = Broker.objects.create(name="staging")
    for title, broker in (("shop <1.4>", None), ("staging 2", other)):
        Mark.objects.create(at=shop.now - timedelta(minutes=10), title=title, broker=broker, made_by="ada", made_at=shop.now)
    text = html(client, f"/tasks/statistics/name/?{PLACE}&queue=orders")
    assert "shop &lt;1.4&gt;" in text and "staging 2" not in text
    address = unescape(re.findall(r'Marked: <a href="([^"]+)"', text)[0])
    assert 'aria-current="true">shop' in html(client, address)


def test_figures_of_a_time_that_was_not_counted_whole_say_so(client: Client, shop: Shop) -> None:
    for minutes in range(40, 50):
        shop.ran("shop.pay <b>", "orders", timedelta(minutes=minutes), succeeded=20)
    store.sum_statistics()
    assert "Nothing was counted before" in html(client, "/tasks/statistics/")
    assert "Nothing was counted before" not in html(client, "/tasks/statistics/?from=-30min")
    name = f"/tasks/statistics/name/?{PLACE}&name=shop.pay"
    for query, partly in (("&from=-20min", False), ("&from=-30min", True)):
        assert ("a part of the time before was not counted" in html(client, f"{name}{query}")) is partly, query
    assert "Events of any task came in 10 of" in html(client, f"{name}&from=-30min")
    rates = {one["what"]: one["noticeable"] for one in client.get("/api/v1/task-statistics/compare?from=-30min").json()["differences"]}
    assert (rates["Ended"], rates["Retries"]) == (None, None)


def test_a_name_that_did_not_run_while_others_did_ended_none_a_second_then(client: Client, shop: Shop) -> None:
    shop.ran("shop.mail", "mail", timedelta(minutes=20), succeeded=60)
    client.force_login(ann())
    for _ in range(2):
        (item,) = client.get("/api/v1/task-statistics?name=shop.pay <b>").json()["items"]
        assert sorted(rate for rate in item["ended_per_second"] if rate is not None) == [0, pytest.approx(40 / 60)]
        store.sum_statistics()


def test_the_pages_of_a_task_and_a_queue_lead_to_their_statistics(client: Client, shop: Shop) -> None:
    moments = {"first_seen_at": shop.now, "changed_at": shop.now}
    task = Task.objects.create(broker=shop.broker, vhost="/", uuid="1", name="shop.pay <b>", **moments)
    nameless = Task.objects.create(broker=shop.broker, vhost="/", uuid="2", **moments)
    for address, expected in (
        (f"/tasks/{task.pk}/", "name=shop.pay+%3Cb%3E"),
        (f"/queues/{Queue.objects.get().pk}/", "queue=orders"),
    ):
        assert f'/tasks/statistics/name/?broker=prod&amp;vhost=%2F&amp;{expected}"' in html(client, address)
    assert "/tasks/statistics/name/" not in html(client, f"/tasks/{nameless.pk}/")


def test_the_csv_file_has_every_row_and_no_formula(client: Client, shop: Shop) -> None:
    shop.ran("=cmd()", "orders", succeeded=1)
    rows = list(csv.DictReader(io.StringIO(html(client, "/tasks/statistics/export/?group=both&sort=name"))))
    assert [(row["name"], row["queue"], row["succeeded"]) for row in rows[:2]] == [("'=cmd()", "orders", "1"), ("shop.lost", "unknown queue", "1")]
    assert rows[-1]["runtime_p50_seconds"].startswith("2.0") or rows[-1]["runtime_p50_seconds"].startswith("1.9")


def test_other_names_are_named_so_and_have_no_page(client: Client, shop: Shop) -> None:
    shop.ran(OTHERS, "orders", succeeded=5)
    text = html(client, "/tasks/statistics/")
    assert "other names" in text and OTHERS not in text and "counted as other names" in text


def test_the_call_returns_the_same_with_its_range(client: Client, shop: Shop) -> None:
    client.force_login(ann())
    found = client.get("/api/v1/task-statistics?by=both&from=-2h&name=shop.mail").json()
    assert (found["total"], found["period_seconds"], found["lost_events"]) == (1, 60, 12)
    item = found["items"][0]
    assert (item["queue"], item["succeeded"], item["runtime"]["count"], item["failed_percent"]) == ("mail", 100, 100, 0)
    assert sum(rate is not None for rate in item["ended_per_second"]) == 1
    for query in ("sort=size", "from=-1h&to=-2h", "form=-1h", "broker=other"):
        assert client.get(f"/api/v1/task-statistics?{query}").status_code in (400, 404), query
    compared = client.get("/api/v1/task-statistics/compare?from=-1h&at=-30min").json()
    assert {one["what"]: one["after"] for one in compared["differences"]}["Ended"] == 141
    assert client.get("/api/v1/task-statistics/compare?from=-1h&at=-3h").status_code == 400


def test_viewers_share_what_was_read_of_a_range_until_its_page_renews_itself(client: Client, shop: Shop) -> None:
    address = "/api/v1/task-statistics?name=shop.mail"

    def succeeded(user: Any = None) -> list[int]:
        client.force_login(user or ann())
        return [item["succeeded"] for item in client.get(address).json()["items"]]

    assert succeeded() == [100]
    shop.ran("shop.mail", "mail", succeeded=5)
    some = person("sue", "viewer", broker="prod", queue="mail")
    assert [succeeded(), succeeded(person("bob", "viewer")), succeeded(some)] == [[100], [100], [105]]
    kept.forget()
    assert succeeded() == [105]


@pytest.mark.parametrize(("query", "seconds"), [("", 30), ("?range=24h", 120), ("?from=-30d", 600)])
def test_a_longer_range_renews_itself_more_rarely(client: Client, shop: Shop, query: str, seconds: int) -> None:
    assert f'data-follows="tick/{seconds}"' in html(client, f"/tasks/statistics/{query}")


def test_who_may_view_some_queues_sees_nothing_of_others(client: Client, shop: Shop) -> None:
    limited = person("bob", "viewer", queue="orders")
    for sums in range(2):
        assert names(client, "by=name", limited) == ["shop.pay <b>"]
        assert client.get("/api/v1/task-statistics?by=name").json()["lost_events"] is None
        pages = ("", "?group=both", "export/", f"name/?{PLACE}&queue=orders", f"name/?{PLACE}&name=shop.pay <b>")
        for address in (f"/tasks/statistics/{page}" for page in pages):
            text = html(client, address, limited)
            assert "shop.mail" not in text and "shop.lost" not in text and "12 in all" not in text and "none is known to be lost" not in text, address
        assert client.get(f"/tasks/statistics/name/?{PLACE}&queue=mail").status_code == 404
        if not sums:
            store.sum_statistics()
