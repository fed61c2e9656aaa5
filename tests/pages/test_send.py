"""The send page without a script: who may send, mistakes beside their fields, the question, and what is shown of what was sent."""

from __future__ import annotations

from datetime import datetime
from html import unescape
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from brokers.addresses import BrokerAddress
from brokers.models import Broker, VirtualHost
from dashboard import store
from dashboard.models import AuditEvent
from tests.pages.sending import PLACE, form, sent_event
from tests.pages.sending import broker as broker
from tests.people import person as person_of
from workers.grants import send_grant
from workers.models import Task, Worker

pytestmark = pytest.mark.django_db


def checked(person: Client, **changed: str) -> tuple[int, str]:
    answer = person.post(f"/send/{PLACE}", form(**changed))
    return answer.status_code, answer.content.decode()


def test_a_stranger_is_sent_to_the_login(client: Client) -> None:
    assert client.get("/send/").headers["Location"].startswith("/login/")
    assert client.post("/send/now/").headers["Location"].startswith("/login/")


def test_the_form_offers_registered_tasks_and_queues(person: Client, broker: Broker) -> None:
    page = person.get("/send/").content.decode()
    assert '<option value="reports.render">' in page
    assert '<option value="mail">' in page
    assert "1 registered on live workers" in page
    assert 'aria-current="page" title="Send"' in page


def test_a_broker_that_blocks_publishers_is_sent_nothing_since_when_and_why(person: Client, broker: Broker, now: datetime) -> None:
    Broker.objects.update(alarms=[{"node": "rabbit@a", "resource": "memory", "since": now.replace(microsecond=0).isoformat()}])
    status, page = checked(person)
    assert status == 503
    assert f"prod blocks publishers since {now:%H:%M:%S} (memory alarm on rabbit@a): nothing can be sent until it clears." in page
    assert person.post(f"/send/now/{PLACE}", form(uuid="00000000-0000-4000-8000-000000000001")).status_code == 503
    assert AuditEvent.objects.get(action="send task").outcome == store.REFUSED
    Broker.objects.update(alarms=[])
    assert checked(person)[0] == 200


def test_while_the_broker_is_unreachable_the_page_says_so_and_stays_where_the_workers_are(person: Client, broker: Broker, now: datetime) -> None:
    VirtualHost.objects.create(broker=broker, name="/shop", first_seen_at=now)
    Worker.objects.update(vhost="/shop", state=Worker.UNKNOWN)
    assert "is unreachable" not in person.get("/send/").content.decode()
    Broker.objects.update(state=Broker.UNREACHABLE)
    page = person.get("/send/").content.decode()
    assert "<b>prod is unreachable.</b>" in page
    assert 'aria-current="true"><b>prod</b> <code>/shop</code>' in page


def test_a_switched_off_broker_names_the_setting_that_allows_it(person: Client, broker: Broker, settings: LazySettings) -> None:
    settings.CONTROL = frozenset()
    page = person.get("/send/").content.decode()
    assert "HARELINE_CONTROL=prod" in page
    assert "<fieldset disabled>" in page
    status, page = checked(person)
    assert status == 403
    assert "data-question" not in page


def test_somebody_who_may_only_view_gets_the_reason_and_the_attempt_is_recorded(client: Client, broker: Broker) -> None:
    client.force_login(person_of("eve"))
    assert "your role does not allow sending" in client.get("/send/").content.decode()
    answer = client.post(f"/send/now/{PLACE}", form(uuid="6f1c7a52-9a41-4d5e-8c37-2b60b0e4d9aa"))
    assert answer.status_code == 403
    assert AuditEvent.objects.get(action="send task").outcome == store.REFUSED


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("args", '["sales", 2026-11]', "Line 1, column 15: after 2026 a comma or ] must follow."),
        ("kwargs", "[]", "This is a list; wanted is an object"),
        ("args", "[" * 10_000, "nested more than 100 levels deep"),
        ("args", '["\x00"]', "a NUL may not stand in a text"),
        ("task", " ", "Task: enter the name"),
        ("queue", "a\x00", "Queue: it holds a control character"),
        ("countdown", "soon", "Countdown: &quot;soon&quot; is not a number; allowed are"),
        ("priority", "300", "Priority: 300 is too large; allowed are 0 to 255."),
        ("expires", "0", "Expires: 0 is too small"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_the_values_stay(person: Client, broker: Broker, field: str, value: str, words: str) -> None:
    status, page = checked(person, kwargs='{"keep": "me"}') if field == "" else checked(person, **{field: value})
    assert status == 422
    beside = page.split(f'id="{field}-says"')[1].split("</div>")[0]
    assert words in beside
    assert "data-question" not in page
    assert f'value="{form()["task"]}"' in page or field == "task"


def test_html_in_arguments_is_only_text(person: Client, broker: Broker) -> None:
    status, page = checked(person, args='["<script>alert(1)</script>"]')
    assert status == 200
    assert "<script>alert" not in page


def test_ten_megabytes_are_refused_with_a_reason(person: Client, broker: Broker) -> None:
    status, page = checked(person, args='["' + "x" * 10_000_000 + '"]')
    assert status == 413
    assert "The form came with 10.0 MB; at most 2.62 MB are read" in page


def test_it_shows_one_confirmation_before_it_sends(person: Client, broker: Broker) -> None:
    status, page = checked(person, args="[1, 2]", countdown="90")
    assert status == 200
    assert "One message with 2 arguments and 0 keyword arguments goes to the queue mail. It may start after 1 min 30 s." in page
    assert "Send once to prod /" in page
    assert not AuditEvent.objects.filter(action="send task").exists()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"task": "no.such"}, "No live worker has registered no.such (not one of 1 live worker node there)."),
        ({"queue": "nope"}, "Hareline knows no queue nope in /."),
        ({"queue": "reports"}, "reports has no consumers now: the task will wait there."),
        ({"routing_key": "a.b"}, "Celery will ignore this routing key"),
        ({"queue": "", "exchange": "nox", "routing_key": "k"}, "Hareline knows no exchange nox in /."),
        ({"priority": "5"}, "mail has no priorities"),
        ({"queue": ""}, "It is Celery’s default: no queue is set"),
        ({"countdown": "9", "expires": "3"}, "It expires before its countdown ends"),
    ],
)
def test_what_may_not_go_as_meant_is_a_warning(person: Client, broker: Broker, changed: dict[str, str], words: str) -> None:
    status, page = checked(person, **changed)
    assert status == 200
    assert words in page


def test_an_empty_queue_is_the_one_where_the_task_was_last_taken(person: Client, broker: Broker, now: datetime) -> None:
    usual: dict[str, Any] = {"broker": broker, "vhost": "/", "name": "reports.render", "first_seen_at": now, "changed_at": now, "exchange": ""}
    Task.objects.create(**usual, uuid="1", state="SUCCESS", routing_key="mail", queue="mail", received_at=now)
    Task.objects.create(**usual, uuid="2", state="PENDING", routing_key="reports", queue="reports")
    _, page = checked(person, queue="")
    assert "goes to the queue mail (the route reports.render last took)." in page
    assert '<input type="hidden" name="queue" value="mail">' in page


def test_a_refused_connection_reports_that_nothing_was_sent_and_is_recorded(person: Client, broker: Broker) -> None:
    answer = person.post(f"/send/now/{PLACE}", form(uuid="6f1c7a52-9a41-4d5e-8c37-2b60b0e4d9ab"), follow=True)
    page = answer.content.decode()
    assert "Not sent at" in page
    assert "Nothing was sent: no AMQP connection to 127.0.0.1:1" in page
    event = AuditEvent.objects.get(action="send task")
    assert (event.outcome, event.name, event.detail["outcome"], event.user_name) == (store.FAILED, "reports.render", "not sent", "ada")


def test_a_missing_permission_is_shown_with_the_command_that_grants_it(person: Client, broker: Broker) -> None:
    reason = "The broker refused it: the user hareline may not write to the default exchange (amq.default) in the virtual host / (ACCESS_REFUSED)."
    event = sent_event(outcome="not sent", reason=reason, grant=send_grant("hareline", "/"))
    page = unescape(person.get(f"/send/{PLACE}&sent={event.pk}").content.decode())
    assert reason in page
    assert f'<code class="command">{send_grant("hareline", "/")}</code>' in page


def test_nothing_is_sent_where_the_password_would_go_to_a_guessed_port(person: Client, broker: Broker, settings: LazySettings) -> None:
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p"),)
    page = person.get(f"/send/{PLACE}").content.decode()
    assert "The AMQP port of prod is unknown: the broker reports no listeners" in page
    assert person.post(f"/send/now/{PLACE}", form(uuid="6f1c7a52-9a41-4d5e-8c37-2b60b0e4d9ad")).status_code == 403
    assert AuditEvent.objects.get(action="send task").outcome == store.REFUSED


def test_the_same_form_twice_is_sent_once(person: Client, broker: Broker) -> None:
    posted = form(uuid="6f1c7a52-9a41-4d5e-8c37-2b60b0e4d9ac")
    first = person.post(f"/send/now/{PLACE}", posted).headers["Location"]
    assert person.post(f"/send/now/{PLACE}", posted).headers["Location"] == first
    assert AuditEvent.objects.filter(action="send task").count() == 1


def test_a_seen_task_fills_the_form(person: Client, broker: Broker, now: datetime) -> None:
    seen = Task.objects.create(
        broker=broker,
        vhost="/",
        uuid="9",
        name="mail.send",
        state="SUCCESS",
        args="(1, 'de')",
        kwargs="{'a': None}",
        queue="mail",
        first_seen_at=now,
        changed_at=now,
    )
    page = person.get(f"/send/{PLACE}&like={seen.pk}").content.decode()
    assert "[1, &quot;de&quot;]" in page
    assert "{&quot;a&quot;: null}" in page


@pytest.mark.parametrize("query", ["sent=99999", "sent=x", "again=-1", "like=0", "part=follow", "vhost=nowhere", "task=%00&queue=%F0"])
def test_an_odd_address_is_no_error(person: Client, broker: Broker, query: str) -> None:
    assert person.get(f"/send/?broker=prod&{query}").status_code == 200


def test_there_is_nothing_to_send_to_in_a_virtual_host_that_there_is_not(person: Client, broker: Broker) -> None:
    assert "There is no virtual host nowhere on prod." in person.get("/send/?broker=prod&vhost=nowhere").content.decode()
    uuid = "00000000-0000-4000-8000-000000000001"
    assert person.post("/send/now/?broker=prod&vhost=nowhere", form(uuid=uuid)).status_code == 403
    assert AuditEvent.objects.get(action="send task").outcome == store.REFUSED


def test_without_any_broker_the_page_explains_how_to_name_one(person: Client) -> None:
    assert "HARELINE_BROKERS" in person.get("/send/").content.decode()


def test_a_broker_that_has_never_responded_is_not_said_to_be_unwatched(person: Client, now: datetime) -> None:
    Broker.objects.create(name="prod", state=Broker.UNREACHABLE, reason="connection refused", since=now)
    for address in ("/send/", "/routing/"):
        html = person.get(address).content.decode()
        assert 'No virtual host of prod is known; the <a href="/">overview</a> shows why.' in html and "HARELINE_BROKERS" not in html


def prediction_of(page: str) -> str:
    return page.split("data-prediction")[1].split("</section>")[0]


def test_where_it_will_go_stands_beside_the_form(person: Client, broker: Broker) -> None:
    assert "Enter a task name to see its queue" in prediction_of(person.get(f"/send/{PLACE}").content.decode())
    panel = prediction_of(person.get(f"/send/{PLACE}&task=reports.render&queue=reports").content.decode())
    for words in ("nobody consumes", "<bdi>reports</bdi>", "key reports", "the call", "sent by the queue’s name"):
        assert words in panel
    assert "exchange=&amp;routing_key=reports" in panel


def test_a_task_that_no_worker_knows_is_a_warning_beside_its_route_before_it_is_sent(person: Client, broker: Broker) -> None:
    words = "No live worker has registered no.such"
    assert words in person.post(f"/send/{PLACE}&part=prediction", form(task="no.such")).content.decode()
    assert words not in person.post(f"/send/{PLACE}&part=prediction", form()).content.decode()
    assert checked(person, task="no.such")[1].count(words) == 2  # in the confirmation and beside its field


def test_it_follows_what_is_typed_and_sends_nothing(person: Client, broker: Broker) -> None:
    answer = person.post(f"/send/{PLACE}&part=prediction", form(queue="nope"))
    panel = answer.content.decode()
    assert answer.status_code == 200
    assert "unroutable, lost" in panel
    assert "<form" not in panel
    unreadable = person.post(f"/send/{PLACE}&part=prediction", form(args="[")).content.decode()
    assert "Not predicted" in unreadable and "Arguments" in unreadable and "Enter a task name" not in unreadable
    assert "&lt;script&gt;" in person.post(f"/send/{PLACE}&part=prediction", form(queue="<script>")).content.decode()
    assert not AuditEvent.objects.filter(action="send task").exists()


def test_a_routing_key_that_celery_ignores_is_what_the_queue_beats(person: Client, broker: Broker) -> None:
    panel = person.post(f"/send/{PLACE}&part=prediction", form(routing_key="a.b")).content.decode()
    assert "a.b (the call)" in panel
