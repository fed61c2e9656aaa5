"""Running tasks again on the pages: what is known in full, the links between old and new, who may, and how a batch goes on."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from dashboard import queries, store
from dashboard.again import action as again
from dashboard.again import runner
from dashboard.again.message import seen_message
from dashboard.models import AuditEvent, RunAgain, RunAgainBatch, User
from tests.pages.failed_tasks import broker as broker
from tests.pages.failed_tasks import seen
from tests.people import person as a_person
from workers.models import FailedTask, FailureGroup, Task
from workers.results.addresses import FILE, ResultsAddress

pytestmark = pytest.mark.django_db


def begun(*tasks: Task, state: str = RunAgainBatch.RUNNING, ago: float = 0) -> RunAgainBatch:
    at, user = timezone.now() - timedelta(seconds=ago), User.objects.get(username="ada")
    items = [(task.pk, task.uuid, f"new-{task.uuid}", "shop.pay") for task in tasks]
    batch = store.begin_run_again(user, "prod", "/", "", 10.0, items, at)
    store.end_run_again(batch.pk, state) if state != RunAgainBatch.RUNNING else None
    return batch


def test_a_task_that_has_ended_leads_to_what_would_be_sent_with_its_own_arguments(person: Client, broker: Broker) -> None:
    failed, running = seen(broker, "u1"), seen(broker, "u2", "STARTED")
    assert f'href="/tasks/again/?task={failed.pk}"' in person.get(f"/tasks/{failed.pk}/").content.decode()
    assert "/tasks/again/" not in person.get(f"/tasks/{running.pk}/").content.decode()
    page = person.get("/tasks/again/", {"task": failed.pk}).content.decode()
    assert "One message goes to mail, with a new id." in page
    assert "[1, &quot;a&quot;] {&quot;x&quot;: null}" in page
    assert "as their sender described them" in page
    assert "It has not ended, so that it would be run twice." in person.get("/tasks/again/", {"task": running.pk}).content.decode()


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"args": "('a...',)"}, "not known in full"),
        ({"args": None}, "no event reported them"),
        ({"kwargs": "{'token': '[redacted]'}"}, "a secret in them was redacted"),
        ({"name": None}, "Its name is unknown"),
    ],
)
def test_what_is_not_known_in_full_is_never_sent_and_leads_to_the_form(person: Client, broker: Broker, known: dict[str, Any], why: str) -> None:
    task = seen(broker, "u1", **known)
    page = person.get("/tasks/again/", {"task": task.pk}).content.decode()
    assert why in page and f"like={task.pk}" in page and "Run again</span>" not in page
    assert person.post("/tasks/again/begin/", {"tasks": task.pk}).status_code == 422
    assert not RunAgainBatch.objects.exists()


def test_who_may_not_see_arguments_cant_send_them_and_who_may_not_send_gets_403_which_is_recorded(person: Client, broker: Broker) -> None:
    task, viewer = seen(broker, "u1"), Client()
    viewer.force_login(a_person("eve"))
    assert "/tasks/again/" not in viewer.get(f"/tasks/{task.pk}/").content.decode()
    assert "Your role does not allow seeing its arguments" in viewer.get("/tasks/again/", {"task": task.pk}).content.decode()
    assert viewer.post("/tasks/again/begin/", {"tasks": task.pk}).status_code == 403
    assert AuditEvent.objects.get(action=again.ACTION).outcome == store.REFUSED
    limited = Client()
    limited.force_login(a_person("bo", "operator", queue="mail"))  # sending needs the whole virtual host
    assert limited.post("/tasks/again/begin/", {"tasks": task.pk}).status_code == 403


def test_a_confirmation_that_is_sent_twice_is_refused_the_second_time_until_a_person_has_looked_again(person: Client, broker: Broker) -> None:
    task = seen(broker, "u1")
    given = {"tasks": task.pk, "newest": 0}
    begun(task)
    for answer in (person.post("/tasks/again/begin/", given), person.post("/tasks/again/begin/", {"tasks": task.pk})):
        assert answer.status_code == 409 and "Nothing more was sent." in answer.content.decode()
    assert RunAgain.objects.count() == 1
    page = person.post("/tasks/again/", {"tasks": task.pk}).content.decode()
    assert "It was run again already." in page
    newest = re.findall(r'name="newest" value="(\d+)"', page)
    assert person.post("/tasks/again/begin/", {"tasks": task.pk, "newest": newest[0]}).status_code == 302
    assert RunAgain.objects.count() == 2


def test_one_that_could_not_be_sent_is_recorded_and_may_be_run_again(person: Client, broker: Broker) -> None:
    task = seen(broker, "u1")
    answer = person.post("/tasks/again/begin/", {"tasks": task.pk})
    batch = RunAgainBatch.objects.get()
    assert answer.headers["Location"] == f"/tasks/again/{batch.pk}/"
    item = RunAgain.objects.get()
    assert (item.old_uuid, item.state, batch.state) == ("u1", "not sent", RunAgainBatch.DONE)
    page = person.get(answer.headers["Location"]).content.decode()
    assert "No AMQP connection" in page or "no AMQP connection" in page
    sent = AuditEvent.objects.get(action="send task", outcome=store.FAILED)
    assert (sent.detail["again_of"], sent.detail["args"], sent.detail["kwargs"]) == ("u1", '[1, "a"]', '{"x": null}')
    assert AuditEvent.objects.get(action=again.ACTION, outcome=store.DONE).detail["uuids"] == ["u1"]
    assert queries.run_again_already("prod", "/", ["u1"]) == frozenset()


def test_old_and_new_lead_to_each_other_for_who_may_view_the_whole_virtual_host(person: Client, broker: Broker) -> None:
    old = seen(broker, "u1")
    batch = begun(old, state=RunAgainBatch.DONE)
    store.end_run_again_item(RunAgain.objects.get().pk, "confirmed")
    new = seen(broker, "new-u1", "SUCCESS")
    assert f'<a href="/tasks/{new.pk}/"><code>new-u1</code>' in person.get(f"/tasks/{old.pk}/").content.decode()
    assert "Runs an older task again" in person.get(f"/tasks/{new.pk}/").content.decode()
    page = person.get(f"/tasks/again/{batch.pk}/").content.decode()
    assert "Done: 1 sent." in page and "The new tasks: 1 succeeded." in page and "every 2s" not in page
    limited = Client()
    limited.force_login(a_person("bo", "operator", queue="mail"))
    assert "new-u1" not in limited.get(f"/tasks/{old.pk}/").content.decode()
    assert limited.get(f"/tasks/again/{batch.pk}/").status_code == 404
    assert "It was run again already." in person.get("/tasks/again/", {"task": old.pk}).content.decode()


def test_many_are_counted_with_a_sample_and_those_left_out_named_by_the_reason(person: Client, broker: Broker) -> None:
    tasks = [seen(broker, f"u{number:02}") for number in range(12)]
    seen(broker, "cut", args="('a...',)"), seen(broker, "cut2", args="('b...',)"), seen(broker, "fine", "SUCCESS")
    begun(tasks[0])
    page = person.post("/tasks/again/", {"all": "1", "q": "name:shop.pay"}).content.decode()
    assert "Run 11 tasks again?" in page and "11 messages are sent one after the other" in page and "Type <b>run 11</b>" in page
    assert "2 tasks left out, each for this reason: its arguments are not known in full" in page and "1 task left out. It was run again already." in page
    more = person.post("/tasks/again/", {"tasks": ",".join(str(task.pk) for task in tasks), "include": "1"}).content.decode()
    assert "Run 12 tasks again?" in more
    assert person.post("/tasks/again/", {"all": "1", "q": "stat:failed"}).status_code == 422


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "Type run 2 to confirm it."),
        ({"typed": "run 3"}, "Type run 2 to confirm it."),
        ({"typed": "run 2", "limit": "0"}, "Enter a whole number from 1 to 1,000."),
        ({"typed": "run 2", "limit": "many"}, "Enter a whole number from 1 to 1,000."),
        ({"typed": "run 2", "per_second": "11"}, "Enter a number from 0.1 to 10."),
        ({"typed": "run 2", "per_second": "nan"}, "Enter a number from 0.1 to 10."),
        ({"typed": "run 2", "limit": "1"}, ""),
    ],
)
def test_what_is_wrong_with_the_number_or_the_rate_stands_beside_it(person: Client, broker: Broker, given: dict[str, str], problem: str) -> None:
    tasks = f"{seen(broker, 'u1').pk},{seen(broker, 'u2').pk}"
    answer = person.post("/tasks/again/begin/", {"tasks": tasks, **given})
    if problem:
        assert (answer.status_code, f"<span>{problem}</span>" in answer.content.decode()) == (422, True)
        assert not RunAgainBatch.objects.exists()
    else:  # one task needs nothing typed
        assert (answer.status_code, RunAgain.objects.get().old_uuid) == (302, "u1")


def test_a_group_of_failures_is_run_again_but_for_what_has_succeeded_since(person: Client, broker: Broker, now: datetime) -> None:
    group = FailureGroup.objects.create(broker=broker, vhost="/", fingerprint="f", exception="ValueError", place="shop.pay", first_at=now, last_at=now)
    for uuid, state in (("u1", "FAILURE"), ("u2", "SUCCESS"), ("u3", "FAILURE")):
        task = seen(broker, uuid, state)
        FailedTask.objects.create(task_id=task.pk, group=group, failed_at=now, name=task.name, worker="a@web", queue="mail")
    assert f"/tasks/again/?failure={group.pk}" in person.get(f"/tasks/failures/{group.pk}/").content.decode()
    page = person.get("/tasks/again/", {"failure": group.pk}).content.decode()
    assert "Run 2 tasks again?" in page and "failures: ValueError at shop.pay" in page
    assert "No task to run again" in person.get("/tasks/again/", {"failure": "99999999999999999999"}).content.decode()


def test_a_batch_stops_where_one_could_not_be_sent_and_the_rest_waits_for_a_person(person: Client, broker: Broker) -> None:
    batch = begun(seen(broker, "cut", args="('a...',)"), seen(broker, "u1"), seen(broker, "u2"))
    runner.run(batch.pk)
    assert list(RunAgain.objects.order_by("pk").values_list("state", flat=True)) == ["left out", "not sent", "waiting"]
    page = person.get(f"/tasks/again/{batch.pk}/").content.decode()
    assert "Stopped after 2 of 3 tasks." in page and "Send the 1 that wait</span>" in page
    assert store.resume_run_again(batch.pk, timezone.now())
    assert not store.resume_run_again(batch.pk, timezone.now())  # the first of two has it
    runner.run(batch.pk)
    assert list(RunAgain.objects.order_by("pk").values_list("state", flat=True)) == ["left out", "not sent", "not sent"]


def test_nothing_more_is_sent_for_who_may_no_longer_send(broker: Broker) -> None:
    user = a_person("ada")
    batch = begun(seen(broker, "u1"))
    runner.run(batch.pk)
    batch.refresh_from_db()
    assert (batch.state, "your role does not allow sending to prod" in batch.reason) == (RunAgainBatch.STOPPED, True)
    user.delete()
    assert store.resume_run_again(batch.pk, timezone.now())
    runner.run(batch.pk)
    batch.refresh_from_db()
    assert batch.reason == "The account that began it is gone or disabled."
    assert RunAgain.objects.get().state == RunAgain.WAITING


def test_a_program_that_ended_leaves_what_it_was_sending_unknown_and_never_sends_it_again(person: Client, broker: Broker) -> None:
    first, second = seen(broker, "u1"), seen(broker, "u2")
    batch = begun(first, second, ago=90)
    item = RunAgain.objects.order_by("pk")[0]
    assert store.take_run_again(item.pk, batch.pk, batch.begun_at)
    page = person.get(f"/tasks/again/{batch.pk}/").content.decode()
    assert "Interrupted after 0 of 2 tasks" in page and "unknown whether it arrived" in page and "Send the 1 that wait" in page
    assert store.resume_run_again(batch.pk, timezone.now())
    runner.run(batch.pk)
    item.refresh_from_db()
    assert item.state == RunAgain.SENDING
    assert not store.take_run_again(item.pk, batch.pk, timezone.now())


def test_a_batch_is_stopped_by_who_may_send_and_shows_how_far_it_is(person: Client, broker: Broker) -> None:
    batch = begun(seen(broker, "u1"), seen(broker, "u2"))
    page = person.get(f"/tasks/again/{batch.pk}/").content.decode()
    assert "0 of 2 tasks sent or left out, 10 a second." in page and "every 2s" in page
    viewer = Client()
    viewer.force_login(a_person("eve"))
    assert viewer.post(f"/tasks/again/{batch.pk}/stop/").status_code == 403
    person.post(f"/tasks/again/{batch.pk}/stop/")
    runner.run(batch.pk)
    assert not RunAgain.objects.exclude(state=RunAgain.WAITING).exists()
    assert "Stopped by ada." in person.get(f"/tasks/again/{batch.pk}/").content.decode()
    assert person.post(f"/tasks/again/{batch.pk}/explode/").status_code == 404


def test_what_was_run_again_is_kept_as_long_as_tasks_are(person: Client, broker: Broker, now: datetime) -> None:
    begun(seen(broker, "u1"), ago=8 * 86400), begun(seen(broker, "u2"))
    assert (store.trim_runs_again(now, 7), store.trim_runs_again(now, 7)) == (1, 0)
    assert RunAgain.objects.get().old_uuid == "u2"


def message(**changed: Any) -> str:
    death = {"queue": "mail", "reason": "rejected", "count": 1, "exchange": "", "routing-keys": ["mail"]}
    headers = {"task": "shop.pay", "id": "u1", "lang": "py", "x-death": [death]}
    properties = {"content_type": "application/json", "content_encoding": "utf-8", "headers": headers}
    item = {"exchange": "dlx", "routing_key": "mail", "properties": properties, "payload_encoding": "string", "queue": "dead"}
    return json.dumps({"payload": '[[1], {"a": "b"}, {}]', **item, **changed})


def test_a_message_that_was_seen_whole_is_sent_to_where_it_died_with_its_own_arguments(person: Client, broker: Broker) -> None:
    given = {"broker": "prod", "vhost": "/", "message": message()}
    page = person.post("/tasks/again/", given).content.decode()
    assert "One message goes to mail, with a new id instead of <code>u1</code>." in page
    assert "This sends a new task; a dead-lettered message stays in dead." in page
    answer = person.post("/tasks/again/begin/", given)
    assert person.get(answer.headers["Location"]).status_code == 200
    item = RunAgain.objects.get()
    assert (item.old_uuid, item.name, item.state) == ("u1", "shop.pay", "not sent")
    assert AuditEvent.objects.get(action="send task", outcome=store.FAILED).detail["args"] == "[1]"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Line 1"),
        ("{}", "format"),
        (message(payload_truncated=True), "was cut when it was read"),
        (message(payload=None), "body was not seen"),
        (message(payload="[[1], {}, {}]", payload_encoding="base64"), "not plain text"),
        (message(payload='[["[redacted]"], {}, {}]'), "A secret in it was redacted"),
        (message(payload='[[{"__type__": "datetime", "__value__": "2026-11-30"}], {}, {}]'), "kombu’s own encoding"),
        (message(payload="hello"), "is not the json"),
        (message(properties={}), "no task of Celery"),
    ],
)
def test_a_message_that_is_not_known_in_full_is_refused_with_the_reason(text: str, why: str) -> None:
    found = seen_message(text)
    assert found.order is None
    assert why in found.why


def test_what_of_a_message_is_not_repeated_is_named(person: Client, broker: Broker) -> None:
    text = message(payload='[[1], {}, {"chord": {"task": "t"}, "callbacks": null}]')
    assert "Not repeated: chord." in person.post("/tasks/again/", {"broker": "prod", "vhost": "/", "message": text}).content.decode()


def test_what_is_given_by_hand_in_the_form_is_linked_to_the_old_task(person: Client, broker: Broker) -> None:
    task = seen(broker, "u1", args="('a...',)", kwargs="{'x': 1}")
    address = f"/send/?broker=prod&vhost=%2F&like={task.pk}"
    page = person.get(address).content.decode()
    assert "Its arguments are not known in full" in page and "{&quot;x&quot;: 1}" in page and f'name="like" value="{task.pk}"' in page
    given = {"task": "shop.pay", "args": '["abc"]', "kwargs": '{"x": 1}', "queue": "mail", "like": str(task.pk)}
    question = person.post("/send/?broker=prod&vhost=%2F", given).content.decode()
    assert f'name="like" value="{task.pk}"' in question.split("data-question")[1]
    person.post("/send/now/?broker=prod&vhost=%2F", {**given, "usual": "", "uuid": "7ad44b28-83b7-4a44-9d0b-0c4eb93ed1a1"})
    item = RunAgain.objects.get()
    assert (item.old_uuid, item.new_uuid, item.state) == ("u1", "7ad44b28-83b7-4a44-9d0b-0c4eb93ed1a1", "not sent")


def test_arguments_that_events_cut_are_taken_from_the_result_backend_where_it_has_them(
    person: Client, broker: Broker, tmp_path: Path, settings: LazySettings
) -> None:
    task, args = seen(broker, "u1", args="('a...',)"), ["a" * 2000]
    settings.RESULTS = {"prod": {"/": ResultsAddress(FILE, str(tmp_path))}}
    assert "not known in full" in person.get("/tasks/again/", {"task": task.pk}).content.decode()
    (tmp_path / "celery-task-meta-u1").write_text(json.dumps({"status": "FAILURE", "args": args, "kwargs": {}}))
    assert "are those that the result backend has" in person.get("/tasks/again/", {"task": task.pk}).content.decode()
    person.post("/tasks/again/begin/", {"tasks": task.pk})
    assert AuditEvent.objects.get(action="send task", outcome=store.FAILED).detail["args"] == json.dumps(args)
