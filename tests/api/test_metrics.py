"""`GET /metrics`: figures of brokers, Celery and Hareline itself as Prometheus' text."""

from __future__ import annotations

import re
import subprocess
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from brokers.models import Broker, Exchange, Node, Queue
from dashboard import store
from dashboard.exporting import names, text
from tests.api.conftest import World
from tests.people import person
from workers.models import EventSource, TaskTotal, Worker

ODD = 'a"b\\c\nd {x="y"} ü'
"""A name of a queue that would end a label, a line or a family, were it not escaped."""


def scraped(token: str, query: str = "") -> str:
    response = Client().get(f"/metrics{query}", headers={"Authorization": f"Bearer {token}"})
    assert response.status_code == 200 and response.headers["Content-Type"].startswith("text/plain")
    return response.content.decode()


def samples(exported: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """{family: {labels: value}} as Prometheus' own client reads it."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(exported):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_metrics_are_prometheus_text_for_a_token(world: World) -> None:
    Node.objects.update(uptime_ms=5000, memory_alarm=False)
    TaskTotal.objects.create(broker=world.broker, vhost="/", name="shop.pay", queue="mail", received=7, failed=2, counted_until=0)
    exported = scraped(world.token)
    for line in (
        'hareline_broker_up{broker="prod"} 1.0',
        'rabbitmq_queue_messages_ready{broker="prod",queue="mail",vhost="/"} 2.0',
        'rabbitmq_queue_messages_unacked{broker="prod",queue="mail",vhost="/"} 1.0',
        'rabbitmq_queue_messages{broker="prod",queue="mail",vhost="/"} 3.0',
        'rabbitmq_process_resident_memory_bytes{broker="prod",rabbitmq_node="rabbit@a"} 1000.0',
        'rabbitmq_erlang_uptime_seconds{broker="prod",rabbitmq_node="rabbit@a"} 5.0',
        'rabbitmq_alarms_memory_used_watermark{broker="prod",rabbitmq_node="rabbit@a"} 0.0',
        'rabbitmq_queues{broker="prod"} 3.0',
        'hareline_exchange_publish_in_per_second{broker="prod",exchange="orders",vhost="/"} 1.5',
        'celery_worker_up{broker="prod",hostname="a@web-1",vhost="/"} 1.0',
        'celery_worker_tasks_active{broker="prod",hostname="a@web-1",vhost="/"} 1.0',
        'hareline_worker_slots{broker="prod",hostname="a@web-1",vhost="/"} 4.0',
        'hareline_worker_load{broker="prod",hostname="a@web-1",vhost="/"} 0.1',
        'celery_task_received_total{broker="prod",name="shop.pay",queue_name="mail",vhost="/"} 7.0',
        'celery_task_failed_total{broker="prod",name="shop.pay",queue_name="mail",vhost="/"} 2.0',
        "# TYPE celery_task_failed_total counter",
        'hareline_celery_events_total{broker="prod",vhost="/"} 12.0',
        'rabbitmq_build_info{broker="prod",erlang_version="",rabbitmq_version="3.10.8"} 1.0',
        'hareline_metrics_left_out{family="rabbitmq_queue_messages_ready"} 0.0',
        "hareline_live_sockets 0.0",
    ):
        assert line in exported.splitlines(), line
    assert samples(exported)["hareline_broker_polled_timestamp_seconds"] == {(("broker", "prod"),): world.now.timestamp()}
    assert 'queue="unknown"' not in exported and 'hostname="b@web-2"' not in exported  # what is unknown has no sample


def test_promtool_finds_nothing_in_them(world: World) -> None:
    Queue.objects.filter(name="mail").update(name=ODD, memory_bytes=1, message_bytes=0, publish_per_second=0.5)
    Worker.objects.update(state=Worker.ONLINE, processed=3, heartbeat_at=world.now, clock_skew_seconds=-0.25, peak_memory_bytes=1)
    TaskTotal.objects.create(broker=world.broker, vhost="/", name=ODD, queue="", counted_until=0)
    EventSource.objects.update(received_at=world.now)
    exported = scraped(world.token)
    done = subprocess.run(["promtool", "check", "metrics"], input=exported, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert samples(exported)["rabbitmq_queue_messages_ready"][("broker", "prod"), ("queue", ODD), ("vhost", "/")] == 2.0
    exported_names = set(re.findall(r"^# TYPE (\S+)", exported, re.MULTILINE))
    assert {name for name in exported_names if not name.startswith(names.OF_PROCESS)} <= set(names.known_families())


@pytest.mark.parametrize(
    ("changed", "absent"),
    [
        ({"state": Broker.UNREACHABLE, "reason": "connection refused"}, True),
        ({"polled_at": timezone.now() - timedelta(hours=1)}, True),
        ({"polled_at": None}, True),
        ({}, False),
    ],
)
def test_figures_that_no_longer_hold_have_no_sample_and_their_moment_stays(world: World, changed: dict[str, Any], absent: bool) -> None:
    Broker.objects.update(**changed)
    found = samples(scraped(world.token))
    for family in ("rabbitmq_queue_messages_ready", "hareline_exchange_publish_in_per_second", "rabbitmq_process_resident_memory_bytes", "rabbitmq_queues"):
        assert (family not in found) is absent, family
    assert found["hareline_broker_up"][(("broker", "prod"),)] == (changed.get("state") is None)
    assert ("hareline_broker_polled_timestamp_seconds" in found) is (changed.get("polled_at", world.now) is not None)


def test_a_worker_that_is_gone_is_down_and_has_no_other_figure(world: World) -> None:
    Worker.objects.filter(hostname="a@web-1").update(state=Worker.GONE, since=world.now)
    found = samples(scraped(world.token))
    assert found["celery_worker_up"] == {(("broker", "prod"), ("hostname", "a@web-1"), ("vhost", "/")): 0.0}
    assert "celery_worker_tasks_active" not in found and "hareline_worker_slots" not in found


def test_series_are_bounded_in_each_family_and_the_others_counted(world: World, settings: Any) -> None:
    settings.METRICS_SERIES = 3
    seen: dict[str, Any] = {"broker": world.broker, "first_seen_at": world.now, "changed_at": world.now}
    Queue.objects.bulk_create(Queue(**seen, vhost="/", name=f"deep{depth}", ready=depth, unacknowledged=0, depth=depth) for depth in range(10, 14))
    Worker.objects.all().delete()
    states = [Worker.ONLINE] * 4 + [Worker.GONE] * 2
    Worker.objects.bulk_create(Worker(**seen, vhost="/", hostname=f"{state}{number}@web", state=state, since=world.now) for number, state in enumerate(states))
    TaskTotal.objects.bulk_create(TaskTotal(broker=world.broker, vhost="/", name=f"task{n}", queue="", counted_until=0) for n in range(5))
    exported = scraped(world.token)
    found = samples(exported)
    assert sorted(found["rabbitmq_queue_messages_ready"].values()) == [11.0, 12.0, 13.0]
    left_out = {labels[0][1]: value for labels, value in found["hareline_metrics_left_out"].items()}
    assert left_out["rabbitmq_queue_messages_ready"] == left_out["rabbitmq_queue_consumers"] == 4.0  # 7 queues
    assert (left_out["celery_worker_up"], left_out["celery_task_sent_total"], left_out["hareline_exchange_publish_in_per_second"]) == (3.0, 2.0, 0.0)
    assert "(the 3 deepest queues; hareline_metrics_left_out counts the others)" in exported
    settings.METRICS_SERIES = 5
    assert sorted(samples(scraped(world.token))["celery_worker_up"].values()) == [0.0, 1.0, 1.0, 1.0, 1.0]  # those online first


def test_workers_are_read_over_several_pages_and_counted_by_state(world: World) -> None:
    now = timezone.now()
    Worker.objects.all().delete()
    states = [Worker.ONLINE] * 503 + [Worker.GONE] * 700
    Worker.objects.bulk_create(
        Worker(broker=world.broker, vhost="/", hostname=f"{state}{number:04}@web", state=state, concurrency=4, first_seen_at=now, changed_at=now)
        for number, state in enumerate(states)
    )
    exported = scraped(world.token)
    found = samples(exported)
    assert 'hareline_workers{broker="prod",state="online",vhost="/"} 503.0' in exported
    assert 'hareline_workers{broker="prod",state="gone",vhost="/"} 700.0' in exported
    assert (len(found["hareline_worker_slots"]), len(found["celery_worker_up"]), sum(found["celery_worker_up"].values())) == (503, 1203, 503.0)
    EventSource.objects.update(beat_at=now - timedelta(minutes=5))
    exported = scraped(world.token)
    assert 'hareline_workers{broker="prod",state="unknown",vhost="/"} 503.0' in exported
    assert "hareline_worker_slots{" not in exported


def test_a_scrape_picks_brokers_and_families(world: World) -> None:
    other = Broker.objects.create(name="staging", state=Broker.UP, polled_at=world.now)
    Queue.objects.create(broker=other, vhost="/", name="mail", ready=5, first_seen_at=world.now, changed_at=world.now)
    found = samples(scraped(world.token, "?broker=staging"))
    assert found["rabbitmq_queue_messages_ready"] == {(("broker", "staging"), ("queue", "mail"), ("vhost", "/")): 5.0}
    assert {dict(labels).get("broker") for labels in found["hareline_broker_up"]} == {"staging"}
    assert "celery_worker_up" not in found and "hareline_celery_events_total" not in found
    chosen = samples(scraped(world.token, "?family=celery_*&family=hareline_broker_up&family=rabbitmq_queue_messages"))
    assert set(chosen) == {"celery_worker_up", "celery_worker_tasks_active", "hareline_broker_up", "rabbitmq_queue_messages"}


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("?broker=nowhere", "broker", "There is no broker 'nowhere'."),
        ("?family=celery_worker_op", "family", "There is no family 'celery_worker_op'; docs/metrics.md lists all."),
        ("?family=x*", "family", "There is no family 'x*'; docs/metrics.md lists all."),
    ],
)
def test_a_broker_or_a_family_that_is_not_there_is_an_error(world: World, query: str, field: str, message: str) -> None:
    response = Client().get(f"/metrics{query}", headers={"Authorization": f"Bearer {world.token}"})
    assert (response.status_code, response.json()["error"]["field"], response.json()["error"]["message"]) == (422, field, message)


def test_a_token_exports_only_what_its_person_may_view(world: World) -> None:
    seen: dict[str, Any] = {"broker": world.broker, "first_seen_at": world.now, "changed_at": world.now}
    Queue.objects.create(**seen, vhost="/", name="secret", ready=40, unacknowledged=0, depth=40)
    Exchange.objects.filter(name="").update(publish_in_per_second=99.0)
    for name, queue in (("shop.mail", "mail"), ("shop.secret", "secret"), ("shop.unknown", "")):
        TaskTotal.objects.create(broker=world.broker, vhost="/", name=name, queue=queue, received=1, counted_until=0)
    viewer = person("vera", "viewer", vhost="/", queue="mail")
    exported = scraped(store.make_token(viewer, "script", world.now))
    found = samples(exported)
    assert list(found["rabbitmq_queue_messages_ready"].values()) == [2.0]
    assert found["hareline_broker_ready"] == {(("broker", "prod"),): 2.0}
    assert list(found["celery_task_received_total"].values()) == [1.0]
    for hidden in ("secret", "shop.unknown", "amq.default", "rabbit@a"):
        assert hidden not in exported, hidden


def test_a_label_without_a_value_is_left_out_and_the_rest_is_escaped() -> None:
    assert text.labels(("broker", "name", "queue"), ("prod", "", ODD)) == '{broker="prod",queue="a\\"b\\\\c\\nd {x=\\"y\\"} ü"}'


def test_no_two_families_have_one_name_and_labels_are_in_order() -> None:
    known = names.known_families()
    assert len(set(known)) == len(known)
    assert set(names.LABELS) == set(names.FIGURES)
    assert all(tuple(sorted(labels)) == labels for labels in names.LABELS.values())
    assert all((figure.type == "counter") is figure.name.endswith("_total") for figures in names.FIGURES.values() for figure in figures)
