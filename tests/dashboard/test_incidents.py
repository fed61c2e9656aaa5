"""What needs somebody: what, since when, what it means, why, what to do; nothing is claimed about what is not visible."""

from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.template.loader import render_to_string

from brokers.models import Broker, Queue
from brokers.visibility import refusal
from dashboard.overview import blocked_publishers, incidents, unread_queues
from workers.models import EventSource, Worker

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PROD = Broker(pk=1, name="prod", state=Broker.UP, reason="", polled_at=NOON, poll_seconds=5)


def unreachable(**facts):
    known = {"pk": 1, "name": "prod", "state": Broker.UNREACHABLE, "reason": "connection refused at rabbit-1:15671", "poll_seconds": 5}
    return Broker(**(known | {"polled_at": NOON - timedelta(minutes=4), "since": NOON - timedelta(minutes=3)} | facts))


def abandoned(**facts):
    known = {"pk": 7, "vhost": "/", "name": "mail", "type": "classic", "ready": 12480, "unacknowledged": 0, "depth": 12480, "consumers": 0}
    rates = {"publish_per_second": 24.0, "deliver_per_second": 0.0, "ack_per_second": 0.0, "nobody_consumes_since": NOON - timedelta(minutes=8)}
    return Queue(**(known | rates | facts))


def test_a_broker_that_blocks_publishers_says_since_when_and_which_connections_are_blocked():
    alarms = [{"node": "rabbit@a", "resource": "memory", "since": NOON.isoformat()}, {"node": "rabbit@b", "resource": "disk"}]
    broker = Broker(name="prod", state=Broker.UP, polled_at=NOON, poll_seconds=5, alarms=alarms)
    incident = blocked_publishers.incident(broker, NOON, lambda: ["orders@web-1", "10.0.0.1:5000 -> 10.0.0.2:5672"])
    assert (incident.title, incident.since) == ("prod blocks publishers", NOON)
    assert incident.evidence == "blocked connections: orders@web-1 and 10.0.0.1:5000 -> 10.0.0.2:5672"


def test_a_broker_that_answers_needs_nobody():
    assert incidents.of_broker(PROD, [], NOON, NOON) is None


def test_an_unreachable_broker_shows_since_when_and_why_and_the_time_of_its_numbers():
    incident = incidents.of_broker(unreachable(), [], NOON, NOON)
    assert incident.title == "prod is unreachable; its queues are unknown"
    assert incident.lead == "Connection refused at rabbit-1:15671. Numbers are from 11:56:00."
    assert incident.since == NOON - timedelta(minutes=3)
    assert incident.level.word == "unknown"


def test_what_still_works_is_shown_only_while_events_arrive():
    fresh, old = (EventSource(vhost="/", state=EventSource.RECEIVING, received_at=NOON - timedelta(seconds=seconds)) for seconds in (2, 60))
    cut = EventSource(vhost="/", state=EventSource.UNREACHABLE, received_at=NOON - timedelta(seconds=2))
    assert "worker nodes are live" in incidents.of_broker(unreachable(), [fresh], NOON, NOON).meaning
    for silent in (old, cut):
        assert "worker nodes are live" not in incidents.of_broker(unreachable(), [silent], NOON, NOON).meaning


def test_a_broker_that_never_answered_has_no_numbers():
    assert incidents.of_broker(unreachable(polled_at=None), [], NOON, NOON).lead.endswith("It has never responded, so there are no numbers.")


def test_numbers_that_stand_still_without_a_poller_are_the_pollers_fault():
    stalled = Broker(pk=1, name="prod", state=Broker.UP, polled_at=NOON - timedelta(minutes=2), poll_seconds=5)
    assert incidents.of_broker(stalled, [], None, NOON).why == "Hareline's poller is not running."
    waiting = incidents.of_broker(stalled, [], NOON, NOON)
    assert waiting.title == "prod has not answered since 11:58:00; its queues are unknown"
    assert "waiting for an answer" in waiting.why and "Hareline's log" not in waiting.todo
    assert incidents.of_broker(stalled, [], NOON, NOON, lambda: "The database is read-only.").why == "The database is read-only."


def test_a_refused_login_names_the_setting_to_look_at():
    incident = incidents.of_broker(unreachable(state=Broker.REFUSED, reason="401"), [], NOON, NOON)
    assert "HARELINE_BROKERS" in incident.todo


def test_a_user_without_tags_is_not_told_to_check_its_password():
    reason = f"{refusal('ann', 401, '(Not management user)')} (GET http://b:15672/api/overview)"
    incident = incidents.of_broker(unreachable(state=Broker.REFUSED, reason=reason), [], NOON, NOON)
    assert incident.command == "rabbitmqctl set_user_tags ann monitoring"
    assert incident.why.startswith("The password is right, but the user has no tag")
    wrong = incidents.of_broker(unreachable(state=Broker.REFUSED, reason=refusal("ann", 401, "(Login failed)")), [], NOON, NOON)
    assert wrong.why == "The password is wrong, or there is no such user at the broker."


def test_queues_that_cant_be_read_are_an_incident_although_the_broker_responds():
    limit = {
        "part": "queues",
        "what": "queues",
        "why": "answered with status 500 (GET http://b:15672/api/queues)",
        "since": (NOON - timedelta(seconds=22)).isoformat(),
    }
    broker = Broker(pk=1, name="prod", state=Broker.UP, polled_at=NOON, poll_seconds=5, limits=[limit])
    incident = unread_queues.incident(broker, NOON)
    assert incident.title == "The queues of prod can't be read; they are unknown"
    assert incident.lead == "Answered with status 500 (GET http://b:15672/api/queues). Numbers are from 11:59:38 or earlier."
    assert (incident.level.word, incident.since) == ("unknown", NOON - timedelta(seconds=22))
    assert unread_queues.incident(Broker(pk=1, name="prod", state=Broker.UP, polled_at=NOON, poll_seconds=5), NOON) is None
    assert unread_queues.incident(unreachable(limits=[limit]), NOON) is None


def test_an_abandoned_queue_is_shown_with_its_numbers_and_its_page():
    incident = incidents.of_queue(abandoned(), PROD, [], NOON)
    assert incident.title == "mail is growing and nobody consumes it"
    assert incident.lead == "12,480 messages wait. In 24.0/s, out 0.0/s."
    assert incident.place == incidents.PageLink("Open mail", "queue", 7)
    assert [(fact.name, fact.value) for fact in incident.facts][:3] == [("Ready", "12,480"), ("Growth", "+24.0/s"), ("Consumers", "0")]


def test_a_queue_that_is_fed_now_and_then_shows_its_last_message_in_place_of_no_growth():
    fed = abandoned(publish_per_second=0.0, last_publish_at=NOON - timedelta(seconds=40))
    incident = incidents.of_queue(fed, PROD, [], NOON)
    assert incident.title == "mail is growing and nobody consumes it"
    assert [(fact.name, fact.value) for fact in incident.facts][1] == ("Last message", "40 s ago")


def test_dead_letters_which_the_broker_does_not_count_as_published_are_estimated_in_the_lead_too():
    fed = abandoned(publish_per_second=0.0, growth_per_second=0.2)
    assert incidents.of_queue(fed, PROD, [], NOON).lead == "12,480 messages wait. In ~0.2/s, out 0.0/s."


def test_workers_that_report_to_consume_it_are_the_evidence():
    assert "worker-b@web-1 is configured to consume it" in incidents.of_queue(abandoned(), PROD, ["worker-b@web-1"], NOON).why


def test_the_length_limit_shows_when_it_is_reached_and_what_happens_then():
    def meaning(**arguments):
        return incidents.of_queue(abandoned(arguments={"x-max-length": 50_000, **arguments}), PROD, [], NOON).meaning

    assert meaning().endswith("At this rate the length limit of 50,000 is reached in ~26 min 3 s; after that, the oldest are dropped.")
    assert meaning(**{"x-dead-letter-exchange": "mail.dead"}).endswith("the oldest go to mail.dead.")
    assert meaning(**{"x-overflow": "reject-publish"}).endswith("new messages are refused.")


def test_a_worker_that_went_with_tasks_is_an_incident_and_one_without_is_not():
    def worker(active):
        return Worker(pk=3, broker=PROD, vhost="/", hostname="thumbs@media-1", state=Worker.GONE, active=active, reserved=0, heartbeat_at=NOON)

    assert incidents.of_worker(worker(4), NOON).title == "thumbs@media-1 is gone with 4 tasks"
    assert incidents.of_worker(worker(0), NOON) is None


def test_the_worst_comes_first_and_of_equals_the_older_one():
    old = incidents.of_queue(abandoned(name="old"), PROD, [], NOON)
    new = incidents.of_queue(abandoned(name="new", nobody_consumes_since=NOON - timedelta(minutes=1)), PROD, [], NOON)
    lost = incidents.of_queue(abandoned(name="lost", nobody_consumes_since=NOON, publish_per_second=None), PROD, [], NOON)
    assert incidents.worst_first([None, lost, new, old]) == [old, new, lost]


@pytest.mark.parametrize(("at_least", "text"), [(False, "Since <b>"), (True, "At least since <b>"), (None, "At least since <b>")])
def test_since_when_nobody_consumes_is_a_lower_bound_where_nobody_was_seen_leaving(at_least, text):
    incident = incidents.of_queue(abandoned(nobody_since_at_least=at_least), PROD, [], NOON)
    html = render_to_string("overview/_incident.html", {"incident": incident, "now": NOON})
    assert f"{incident.lead} {text}" in unescape(html)
    line = render_to_string("overview/_incident_line.html", {"incident": incident, "now": NOON})
    assert (" at least since " in line) is (at_least is not False)
