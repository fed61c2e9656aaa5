"""The overview: the sentence first, what needs somebody, figures that are never 0 where they are unknown."""

from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from brokers import database_damage
from brokers.models import Broker, Heartbeat, Queue, VirtualHost
from brokers.visibility import WITHOUT_MONITORING
from dashboard.models import Finding, FindingRound, Silence
from dashboard.overview.page import CARDS
from tests.findings.evaluated import evaluate
from tests.findings.stored import finding, looked
from tests.pages.overview import page, queue, stored_broker, worker
from workers.models import Worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def prod(now):
    return stored_broker(now)


def test_without_a_broker_it_explains_how_to_name_one(person):
    html = page(person)
    assert "No broker to watch yet" in html
    assert "HARELINE_BROKERS=" in html


def test_a_broker_that_was_never_polled_has_no_numbers(person):
    Broker.objects.create(name="prod")
    html = page(person)
    assert "prod is not being polled; its queues are unknown" in html
    assert '<span class="figure-value" data-text="ready">–</span>' in html


def test_a_broker_that_has_never_responded_is_not_said_to_have_no_queues_and_no_celery(person, now):
    Broker.objects.create(name="prod", state=Broker.UNREACHABLE, reason="connection refused", since=now)
    html = page(person)
    assert "<h2>Queues are unknown</h2><p>Hareline has no record of any queue: prod is unreachable.</p>" in html
    assert "Whether a virtual host has Celery's exchanges is unknown: prod is unreachable." in html
    assert "No queues yet" not in html and "All 0 queues" not in html and "the first worker creates it" not in html


def test_while_all_is_well_the_sentence_is_all_clear(person, prod):
    queue(prod)
    queue(prod, "orders")
    html = page(person)
    assert "<h1>No problems in 2 queues</h1>" in html
    assert "All clear." in html
    assert "14,028" in html


def test_what_needs_somebody_comes_first_and_whole(person, prod):
    mail = queue(prod, consumers=0, nobody_consumes_since=timezone.now() - timedelta(minutes=8, seconds=40), deliver_per_second=0.0, ack_per_second=0.0)
    html = page(person)
    assert "<h1>mail is growing and nobody consumes it</h1>" in html
    assert "8 min 4" in html
    assert f'href="/queues/{mail.pk}/">Open mail</a>' in html


def test_problems_beyond_those_that_are_shown_are_counted(person, prod):
    since = timezone.now() - timedelta(minutes=9)
    for number in range(60):
        queue(prod, f"q{number}", consumers=0, nobody_consumes_since=since, nobody_since_at_least=False)
    html = page(person)
    assert "<h1>60 problems</h1>" in html and f"{60 - CARDS} more problems" in html


def test_several_problems_are_counted_and_the_others_are_lines(person, prod):
    queue(prod, consumers=0)
    worker(prod, state=Worker.GONE, active=4, heartbeat_at=timezone.now() - timedelta(minutes=1))
    html = page(person)
    assert "<h1>2 problems</h1>" in html
    assert "worker-a@web-1 is gone with 4 tasks" in html


def test_what_is_only_worth_a_look_is_a_line(person, prod):
    queue(prod)
    queue(prod, "mail.dead", consumers=0, publish_per_second=0.0)
    html = page(person)
    assert "<h1>1 of 2 queues holds messages without a consumer</h1>" in html
    assert "mail.dead holds 10 messages and nobody consumes it</a>." in html


def test_nothing_is_clear_while_the_queues_may_not_be_seen(person, prod):
    prod.limits = [{"vhost": "/", "what": "its queues", "why": "no permission there", "grant": "rabbitmqctl set_permissions …", "part": "", "since": None}]
    prod.save()
    html = page(person)
    assert "<h1>Queues are not visible to Hareline</h1>" in html and "<h2>Queues are not visible</h2>" in html
    assert "All clear" not in html and "No queues yet" not in html


@pytest.mark.parametrize("others", [0, 1])
def test_nothing_is_clear_while_a_broker_does_not_respond_and_that_is_no_finding_yet(person, prod, others):
    if others:
        Broker.objects.create(name="other", state=Broker.UP, polled_at=prod.polled_at)
    Broker.objects.filter(pk=prod.pk).update(state=Broker.UNREACHABLE)
    html = person.get("/").content.decode()  # without a round of the rules before
    assert "prod is not visible</h1>" in html and "All clear" not in html


@pytest.mark.parametrize("what", [WITHOUT_MONITORING, "channels"])
def test_a_user_without_monitoring_may_not_know_of_all_queues(person, prod, what):
    prod.limits = [{"vhost": None, "what": what, "why": "lacks the monitoring tag", "grant": "", "part": "", "since": None}]
    prod.save()
    assert ("All clear" in page(person)) is (what == "channels")
    queue(prod)
    assert ("No problems in 1 queue visible to Hareline" in page(person)) is (what == WITHOUT_MONITORING)


def test_nothing_is_clear_while_a_queue_is_unknown(person, prod):
    queue(prod)
    queue(prod, "quiet", ack_per_second=None, deliver_per_second=None)
    queue(prod, "empty", ack_per_second=None, deliver_per_second=None, depth=0)
    queue(prod, "stream", ack_per_second=None, deliver_per_second=None, type="stream")
    html = page(person)
    assert "<h1>No problems known; 1 of 4 queues is unknown</h1>" in html
    assert "What is unknown may need you." in html and "All clear" not in html


def test_a_stuck_queue_is_listed_however_short_it_is(person, prod, now):
    Queue.objects.bulk_create(
        Queue(broker=prod, name=f"deep-{number}", vhost="/", depth=1000 + number, consumers=1, ack_per_second=9.0, first_seen_at=now, changed_at=now)
        for number in range(60)
    )
    still = {"publish_per_second": 0.0, "deliver_per_second": 0.0, "ack_per_second": 0.0, "still_since": now - timedelta(minutes=9)}
    queue(prod, "waits", depth=3, ready=3, **still)
    queue(prod, "inactive", depth=2, ready=2, consumers=2, active_consumers=0)
    queue(prod, "leaderless", depth=None, ready=None, type="quorum", leader="", members=["a", "b"], online=["a"])
    queue(prod, "degraded", type="quorum", leader="a", members=["a", "b", "c"], online=["a", "b"])
    html = page(person, "/?part=state")
    for title in (
        "waits is stuck: no acknowledgement since",
        "inactive stands still",
        "leaderless has no leader: 1 of 2",
        "degraded has 2 of 3 members online",
    ):
        assert title in html
    assert "<h1>4 problems</h1>" in html


def test_unknown_worker_nodes_are_listed_with_their_reason_once(person, prod):
    queue(prod)
    for number in range(3):
        worker(prod, f"w{number}@web-1", state=Worker.UNKNOWN, reason="events can't be received")
    html = page(person, "/?part=state")
    assert "What is unknown may need you." in html and "All clear" not in html
    assert unescape(html).count("3 worker nodes</a> in / are unknown: events can't be received.") == 1
    assert "because in / are unknown" not in html  # the reason is the line itself


def test_worker_nodes_that_fell_silent_within_seconds_are_one_line(person, prod):
    for second in (59, 57, 58):
        worker(prod, f"w{second}@web-1", state=Worker.UNKNOWN, reason=f"no heartbeat since 2026-11-29 14:16:{second} UTC; control queue still present")
    html = unescape(page(person))
    assert "3 worker nodes</a> in / are unknown: no heartbeat since 2026-11-29 14:16:57 UTC or later; control queue still present." in html
    assert html.count("14:16:57 UTC or later") == 2 and "14:16:58" not in html  # once among the notices, once above the nodes


def test_the_tiles_are_those_of_the_chosen_virtual_host(person, prod):
    VirtualHost.objects.filter(name="/").update(ready=167, unacknowledged=2, publish_per_second=3.5)
    figures = page(person, "/?broker=prod&vhost=%2F&part=figures")
    assert 'data-text="ready">167</span>' in figures and "14,028" not in figures
    assert 'data-text="published">3.5</span>' in figures and 'data-text="delivered">–</span>' in figures
    assert f'id="broker-{prod.pk}"' not in figures
    VirtualHost.objects.filter(name="/").update(ready=None, visible=False)
    hidden = page(person, "/?broker=prod&vhost=%2F&part=figures")
    assert 'data-text="ready">–</span>' in hidden and "not visible to Hareline" in hidden


def test_a_damaged_database_that_only_the_poller_meets_is_the_reason(person, prod):
    Broker.objects.update(polled_at=timezone.now() - timedelta(minutes=9))
    beat = {"kind": "poller", "holder": "a", "at": timezone.now()}
    Heartbeat.objects.create(**beat, problem=f"the thread of a broker ended; {database_damage.text()}")
    html = unescape(page(person, "/?part=state"))
    assert "prod is not being polled; its queues are unknown" in html
    assert "Hareline’s database file" in html and "put a copy that is whole in its place by `manage.py restore COPY`" in html


def test_it_is_plain_when_the_rules_do_not_look_and_levels_are_then_what_numbers_say(person, prod, now):
    queue(prod, consumers=0, nobody_consumes_since=now - timedelta(minutes=9), nobody_since_at_least=False)
    html = unescape(page(person, rules=False))
    assert "Hareline’s rules do not look at prod.</b> Nothing is known to be wrong or right" in html
    assert "<h1>Problems in 1 queue are unknown</h1>" in html and "All clear" not in html
    assert 'data-level="critical" data-stale="no"' in html
    evaluate(now)
    FindingRound.objects.update(at=now - timedelta(minutes=8))
    html = unescape(page(person, rules=False))
    assert f"Hareline’s rules do not look at prod since {now - timedelta(minutes=8):%H:%M:%S}." in html
    assert "<h1>mail is growing and nobody consumes it</h1>" in html


def test_cards_and_table_have_the_same_level(person, prod, now):
    mail = queue(prod, consumers=0, nobody_consumes_since=now - timedelta(minutes=9), nobody_since_at_least=False)
    quiet = queue(prod, "quiet", consumers=0, nobody_consumes_since=now - timedelta(minutes=9), nobody_since_at_least=False)
    evaluate(now)
    Finding.objects.filter(name="mail").update(level="warning")  # as hysteresis may have it
    Silence.objects.create(name="quiet", reason="known", user_name="ada", begun_at=now, until=now + timedelta(hours=1))
    html = page(person, rules=False)
    assert '<section class="incident" data-level="warning"' in html
    assert f'<tr id="queue-{mail.pk}" data-live data-level="warning"' in html
    assert f'<tr id="queue-{quiet.pk}" data-live data-level="notice"' in html
    assert "1 silenced" in html and "quiet is growing" not in html


def test_who_is_on_it_and_what_follows_from_it_are_shown(person, prod, now):
    cause = finding(prod, now, "thumbs@media-1", taken_by="MK", rule="worker_gone", kind="worker", title="thumbs@media-1 is gone with 4 tasks")
    finding(prod, now, "thumbnails", under=cause)
    looked(prod, at=now)
    html = page(person, rules=False)
    assert "<h1>thumbs@media-1 is gone with 4 tasks</h1>" in html
    assert "MK is on it." in html and ">1 other finding</a> follows, from it." in html.replace("follows from", "follows, from")
