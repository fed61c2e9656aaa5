"""The parts of the overview below what is wrong: figures, queues, worker nodes, broker nodes, changes."""

from datetime import timedelta
from html import unescape

import pytest

from brokers import store
from brokers.models import Broker, Change, Node, PollAttempt, VirtualHost
from tests.pages.overview import page, queue, stored_broker, worker
from workers.models import EventSource, Task, Worker

pytestmark = pytest.mark.django_db

PARTS = ["state", "figures", "charts", "changes", "queues", "workers", "nodes", "limits"]


@pytest.fixture
def prod(now):
    return stored_broker(now)


def test_the_default_queue_type_of_the_chosen_virtual_host_is_shown_where_it_has_one(person, prod):
    shown = []
    for default in ("", "undefined", "quorum"):
        VirtualHost.objects.filter(name="/").update(default_queue_type=default)
        shown.append("Default queue type of <code>/</code>: quorum." in page(person, "/?broker=prod&vhost=%2F&part=queues"))
    assert shown == [False, False, True]
    assert "Default queue type" not in page(person, "/?broker=prod&part=queues")


def test_celerys_own_queues_are_not_counted(person, prod):
    queue(prod)
    queue(prod, "celery@web-1.celery.pidbox", consumers=0)
    assert "No problems in 1 queue" in page(person)


def test_an_unreachable_broker_keeps_its_old_numbers_marked_with_their_age(person, prod, now):
    queue(prod)
    Broker.objects.update(
        state=Broker.UNREACHABLE, reason="connection refused at rabbit-1:15671", polled_at=now - timedelta(minutes=9), since=now - timedelta(minutes=8)
    )
    for seconds, answered in ((540, True), (480, False), (475, False), (470, False)):
        PollAttempt.objects.create(broker=prod, at=now - timedelta(seconds=seconds), answered=answered, ms=2, reason="" if answered else "connection refused")
    html = page(person)
    assert "prod is unreachable; its queues are unknown" in html
    assert "Numbers are from" in html
    assert f'id="broker-{prod.pk}" data-level="unknown" data-stale="yes"' in html
    assert "first of 3 failed attempts: connection refused" in html
    assert "unknown<span" in html
    assert "No problems" not in html


def test_slots_are_the_sum_of_what_worker_nodes_report(person, prod):
    worker(prod, succeeded_per_second=4.0, failed_per_second=0.5)
    worker(prod, "worker-b@web-1", active=1, concurrency=4, succeeded_per_second=1.0, failed_per_second=0.0)
    worker(prod, "silent@web-1", active=None, concurrency=None)
    html = page(person)
    assert "6 <small>of 12</small>" in html
    assert "1 node not reporting" in html


def test_failed_tasks_of_the_last_hour_are_counted_where_events_report_them(person, prod, now):
    worker(prod, succeeded_per_second=4.0, failed_per_second=0.5)
    worker(prod, "worker-b@web-1", succeeded_per_second=1.0, failed_per_second=0.0)
    source = EventSource.objects.create(broker=prod, vhost="/", state=EventSource.RECEIVING, since=now - timedelta(days=1))
    for minutes, state in ((90, "FAILURE"), (3, "SUCCESS"), (2, "FAILURE"), (1, "FAILURE")):
        at = now - timedelta(minutes=minutes)
        Task.objects.create(broker=prod, vhost="/", uuid=str(minutes), state=state, first_seen_at=at, changed_at=at)
    figures = page(person, "/?part=figures")
    assert '<span class="figure-value">2 <small>' in figures.split("Failed tasks, last hour")[1]
    assert "now 5.0/s ok, 0.5/s failed" in figures
    assert "since" not in figures.split("Failed tasks, last hour")[1]
    EventSource.objects.filter(pk=source.pk).update(since=now - timedelta(seconds=90))  # the count and its title begin with the last whole stretch
    assert '<span class="figure-value">1 <small>' in page(person, "/?part=figures").split("Failed tasks, last 2 min")[1]
    EventSource.objects.filter(pk=source.pk).update(state=EventSource.REFUSED)
    assert '<span class="figure-unknown">unknown</span>' in page(person, "/?part=figures").split("Failed tasks, last hour")[1]


def test_why_worker_nodes_are_unknown_is_shown_once_and_not_in_every_row(person, prod):
    reason = "events can't be received: (403) ACCESS_REFUSED in vhost '/'"
    for number in range(3):
        worker(prod, f"w{number}@web-1", state=Worker.UNKNOWN, reason=reason)
    worker(prod, "other@web-1", vhost="/other", state=Worker.UNKNOWN, reason="receiver stopped")
    html = page(person, "/?part=workers")
    assert html.count("ACCESS_REFUSED") == 1 and html.count("Receiver stopped.") == 1
    assert "3 worker nodes in / are unknown" in html and "1 worker node in /other is unknown" in html


def test_unknown_slots_are_unknown_with_the_reason(person, prod):
    html = page(person, "/?part=figures")
    assert html.count('<span class="figure-unknown">unknown</span>') == 2
    assert "no worker node seen" in html


def test_what_we_may_not_see_is_shown_with_the_command_that_grants_it(person, prod, now):
    prod.limits = [{"vhost": "/secret", "what": "queues", "why": "no permission there", "grant": "rabbitmqctl set_permissions -p /secret guest '' '' ''"}]
    prod.save()
    EventSource.objects.create(broker=prod, vhost="/", state=EventSource.REFUSED, reason="may not bind", grant="rabbitmqctl set_permissions -p / guest a b c")
    html = page(person)
    assert "rabbitmqctl set_permissions -p /secret guest &#x27;&#x27; &#x27;&#x27; &#x27;&#x27;" in html
    assert "may not bind" in html
    assert "rabbitmqctl set_permissions -p / guest a b c" in html


def test_broker_nodes_stand_against_their_limits(person, prod, now):
    Node.objects.create(broker=prod, name="rabbit@rabbit-1", running=True, memory_used_bytes=1_213_000_000, memory_limit_bytes=3_200_000_000, at=now)
    html = page(person, "/?part=nodes")
    assert "1.21 GB" in html
    assert 'width="37.9%"' in html
    assert "Polled every 1 min · last response 38 ms" in html
    read_at = now - timedelta(seconds=70)
    Broker.objects.update(poll_busy_seconds=0.09, topology_at=read_at, topology_busy_seconds=0.6, topology_every_seconds=300)
    html = page(person, "/?part=nodes")
    cost = f"a poll takes the broker 0.09 s · bindings and policies read at {read_at:%H:%M:%S}, again after a change or 5 min, which takes it 0.6 s"
    assert cost in html


def test_the_source_of_changes_of_definitions_is_named(person, prod, now):
    Broker.objects.update(poll_ms=38)
    assert "event exchange" not in page(person, "/?part=nodes")
    store.note_definition_events(prod.pk, "/", now, everything=1)
    assert "changes named by the broker’s event exchange" in page(person, "/?part=nodes")
    store.note_definition_events(prod.pk, "/", now, problem="the broker refused it")
    assert "the broker’s event exchange can’t be used: the broker refused it" in unescape(page(person, "/?part=nodes"))


def test_what_changed_is_shown_with_its_time(person, prod, now):
    Change.objects.create(broker=prod, vhost="/", at=now, kind="binding", what="added", name="order.*", text="Binding added: orders → receipts (key order.*)")
    assert "Binding added: orders → receipts (key order.*)" in page(person, "/?part=changes")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_alone_is_what_the_page_shows(person, prod, part):
    queue(prod)
    worker(prod)
    fragment = page(person, f"/?part={part}")
    assert "<html" not in fragment
    assert f'data-part="{part}"' in page(person)


def test_names_are_text_whatever_they_hold(person, prod):
    queue(prod, "<script>alert(1)</script>", consumers=0)
    assert "<script>alert(1)" not in page(person)


def test_several_brokers_have_a_card_each(person, prod, now):
    Broker.objects.create(name="staging", state=Broker.UNREACHABLE, reason="connection refused", since=now)
    queue(prod)
    html = page(person)
    assert f'id="broker-{prod.pk}"' in html
    assert 'href="/?broker=staging"' in html
    assert "staging is unreachable" in html
    assert "All 1 queues" not in html
    assert page(person, "/?broker=prod").count("<figure") == 2


def test_the_page_listens_to_what_it_shows(person, prod):
    queue(prod)
    worker(prod)
    html = page(person)
    for topic in (f"broker/{prod.pk}", f"queues/{prod.pk}/%2F", f"workers/{prod.pk}/%2F"):
        assert f"&quot;{topic}&quot;" in html


def test_the_virtual_host_narrows_queues_and_is_kept_in_the_links(person, prod):
    queue(prod)
    queue(prod, "elsewhere", vhost="/other")
    html = page(person, "/?broker=prod&vhost=%2F")
    assert "elsewhere" not in html
    assert "/queues/?broker=prod&amp;vhost=%2F" in html
