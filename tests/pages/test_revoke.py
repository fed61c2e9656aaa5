"""Revoking tasks on the pages and by the call: the sentence, what is typed, who may, and what was seen since."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from brokers.addresses import BrokerAddress
from brokers.models import Broker, Queue, VirtualHost
from brokers.scope import EVERYTHING
from dashboard import store
from dashboard.models import AuditEvent, User
from dashboard.revoke import action as revoking
from dashboard.tasks import selection
from tests.people import person as a_person
from workers.models import EventSource, Task, TaskCanvas, Worker

pytestmark = pytest.mark.django_db
PLACE = {"broker": "prod", "vhost": "/"}


@pytest.fixture
def broker(now: datetime, settings: LazySettings) -> Broker:
    """Nobody listens at the broker's address. Two nodes, of which one consumes mail."""
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.CONTROL = frozenset({"prod"})
    made = Broker.objects.create(name="prod", state=Broker.UP, since=now, polled_at=now, poll_seconds=60)
    VirtualHost.objects.create(broker=made, name="/", first_seen_at=now)
    EventSource.objects.create(broker=made, vhost="/", state=EventSource.RECEIVING, since=now, received_at=now)
    for hostname, queue, pool in (("a@web", "mail", "prefork"), ("secret@web", "secret", "solo")):
        facts = {"state": Worker.ONLINE, "inspected_at": now, "queues": [{"name": queue}], "pool": pool}
        Queue.objects.create(broker=made, vhost="/", name=queue, first_seen_at=now, changed_at=now)
        Worker.objects.create(broker=made, vhost="/", hostname=hostname, first_seen_at=now, changed_at=now, **facts)
    return made


def seen(broker: Broker, uuid: str, state: str = "PENDING", **known: Any) -> Task:
    at = timezone.now()
    facts = {"name": "shop.pay", "queue": "mail", **known}
    return Task.objects.create(broker=broker, vhost="/", uuid=uuid, state=state, first_seen_at=at, changed_at=at, **facts)


def ordered(task: Task, at: datetime, user: User | None = None, **known: Any) -> AuditEvent:
    detail = {"command": "revoke", "text": "1 task will be discarded.", "hostnames": ["a@web", "secret@web"], "tasks": [task.pk], "signal": "", "sent": "yes"}
    detail |= {"replies": {"a@web": [True, "tasks x flagged as revoked"]}, "within_seconds": 5.0, **known}
    return store.audit(user, revoking.ACTION, store.DONE, at, broker="prod", vhost="/", name=task.uuid, detail=detail)


def logged_in(role: str = "operator", **where: str) -> Client:
    client = Client()
    client.force_login(a_person("eve", role, **where))
    return client


def call(user: str = "ada", **given: Any) -> tuple[int, Any]:
    token = store.make_token(User.objects.get(username=user), "script", timezone.now())
    headers = {"Authorization": f"Bearer {token}"}
    answer = Client().post("/api/v1/tasks/revoke", json.dumps({**PLACE, **given}), content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def test_a_task_that_has_not_ended_leads_to_its_confirmation_and_nothing_is_sent_by_it(person: Client, broker: Broker) -> None:
    waits, done = seen(broker, "u1"), seen(broker, "u2", "SUCCESS")
    assert f'href="/tasks/revoke/?task={waits.pk}"' in person.get(f"/tasks/{waits.pk}/").content.decode()
    assert "/tasks/revoke/" not in person.get(f"/tasks/{done.pk}/").content.decode()
    page = person.get("/tasks/revoke/", {"task": waits.pk}).content.decode()
    assert "1 task that waits will be discarded by the worker node that takes it." in page
    assert "Worker nodes remember revoked tasks in memory only" in page and "Type <b>shop.pay</b> to confirm it." in page
    assert "has ended" in person.get("/tasks/revoke/", {"task": done.pk}).content.decode()
    assert not AuditEvent.objects.filter(action=revoking.ACTION).exists()


def test_who_may_not_revoke_has_no_button_and_gets_403_which_is_recorded(broker: Broker) -> None:
    task, viewer = seen(broker, "u1"), logged_in("viewer")
    assert "/tasks/revoke/" not in viewer.get(f"/tasks/{task.pk}/").content.decode()
    assert "Revoke…" not in viewer.get("/tasks/").content.decode()
    assert viewer.post("/tasks/revoke/order/", {"tasks": task.pk, "act": "revoke", "typed": "shop.pay"}).status_code == 403
    assert AuditEvent.objects.get(action=revoking.ACTION).outcome == store.REFUSED


def test_an_order_needs_what_is_typed_and_an_attempt_that_fails_is_recorded_with_its_reason(person: Client, broker: Broker) -> None:
    order = {"tasks": seen(broker, "u1").pk, "act": "revoke"}
    wrong = person.post("/tasks/revoke/order/", {**order, "typed": "shop"})
    assert (wrong.status_code, "Type shop.pay to confirm it.</span>" in wrong.content.decode()) == (422, True)
    answer = person.post("/tasks/revoke/order/", {**order, "typed": "shop.pay"})
    event = AuditEvent.objects.get(action=revoking.ACTION)
    assert (answer.headers["Location"], event.outcome) == (f"/tasks/revocations/{event.pk}/", store.FAILED)
    assert (event.detail["arguments"], event.detail["hostnames"]) == ({"task_id": ["u1"], "terminate": False}, ["a@web", "secret@web"])
    page = person.get(answer.headers["Location"]).content.decode()
    assert "No AMQP connection to 127.0.0.1:1" in page and "was not sent to it" in page


def test_a_confirmation_that_is_sent_twice_is_carried_out_once(person: Client, broker: Broker) -> None:
    order = {"tasks": seen(broker, "u1").pk, "act": "revoke", "typed": "shop.pay", "confirmation": "0123456789abcdef"}
    assert person.post("/tasks/revoke/order/", order).status_code == 302
    again = person.post("/tasks/revoke/order/", order)
    assert again.status_code == 409 and "nothing was sent again" in again.content.decode()


def test_all_that_a_filter_finds_are_counted_with_a_sample_and_only_those_that_were_shown_are_posted(person: Client, broker: Broker) -> None:
    tasks = [seen(broker, f"u{number}", "STARTED" if number == 0 else "PENDING", worker="a@web") for number in range(12)]
    seen(broker, "done", "SUCCESS"), seen(broker, "other", name="shop.mail")
    page = person.post("/tasks/revoke/", {"all": "1", "q": "name:shop.pay"}).content.decode()
    assert "Revoke 12 tasks" in page and "And 2 more." in page
    assert "11 tasks that wait will be discarded by the worker node that takes them. 1 task that runs will go on" in page
    assert "Type <b>terminate 12</b> to confirm it." in page
    assert f'name="tasks" value="{",".join(str(task.pk) for task in reversed(tasks))}"' in page
    ticked = person.post("/tasks/revoke/", {"uuid": ["u1", "u2"]}).content.decode()
    assert "Type <b>revoke 2</b>" in ticked
    assert person.post("/tasks/revoke/", {"all": "1", "q": "stat:failed"}).status_code == 422


def test_a_selection_says_that_more_tasks_match_than_it_takes(broker: Broker, now: datetime) -> None:
    for number in range(3):
        seen(broker, f"u{number}")
    found = selection.of_text(EVERYTHING, "name:shop.*", broker, "/", ("PENDING",), 2, now)
    assert ([task.uuid for task in found.tasks], found.more) == (["u2", "u1"], True)
    assert not selection.of_text(EVERYTHING, "name:shop.*", broker, "/", ("PENDING",), 3, now).more
    assert not selection.of_text(EVERYTHING, "state:failed", broker, "/", ("PENDING",), 3, now).tasks
    assert selection.of_ids(EVERYTHING, ",".join(str(task.pk) for task in Task.objects.all()), 2).more


def test_running_tasks_of_a_pool_that_can_end_none_are_left_out_of_a_termination(person: Client, broker: Broker) -> None:
    task = seen(broker, "u1", "STARTED", worker="secret@web")
    page = person.get("/tasks/revoke/", {"task": task.pk}).content.decode()
    assert "Revoke?" in page and "Revoke and terminate?" not in page
    assert call(uuids=["u1"], terminate=True, dry_run=True)[1]["error"]["message"] == "1 task runs in a pool that can’t end a task (solo)."


def test_who_may_revoke_tasks_of_some_queues_only_revokes_these_and_sees_no_name_of_the_other_nodes(broker: Broker) -> None:
    mine, hidden, unplaced = seen(broker, "u1"), seen(broker, "u2", queue="secret"), seen(broker, "u3", queue=None)
    limited = logged_in(queue="mail")
    page = limited.post("/tasks/revoke/", {"uuid": ["u1", "u2", "u3"]}).content.decode()
    assert "1 task that waits" in page and "u2" not in page and "secret" not in page
    for task in (hidden, unplaced):
        assert limited.post("/tasks/revoke/order/", {"tasks": task.pk, "act": "revoke", "typed": "shop.pay"}).status_code == 403
    assert limited.post("/tasks/revoke/order/", {**PLACE, "ids": "never-seen", "act": "revoke", "typed": "never-seen"}).status_code == 403
    assert limited.post("/tasks/revoke/order/", {**PLACE, "stamp": "a", "values": "1", "act": "revoke", "typed": "revoke a=1"}).status_code == 403
    answer = limited.post("/tasks/revoke/order/", {"tasks": mine.pk, "act": "revoke", "typed": "shop.pay"})
    result = limited.get(answer.headers["Location"]).content.decode()
    assert "a@web" in result and "secret" not in result
    assert call("eve", uuids=["u2"])[0] == 403
    status, dry = call("eve", uuids=["u1", "u2"], dry_run=True)
    assert (status, dry["total"], dry["sample"]) == (200, 1, ["u1"])
    other = ordered(mine, timezone.now())
    assert limited.get(f"/tasks/revocations/{other.pk}/").status_code == 404


def test_ids_that_were_never_seen_can_be_revoked_by_who_may_revoke_all(person: Client, broker: Broker) -> None:
    page = person.post("/tasks/revoke/", {**PLACE, "ids": "never-seen\nu1, u1"}).content.decode()
    assert "Of 2 tasks the state is unknown: what still waits will be discarded." in page
    assert person.get("/tasks/revoke/").status_code == 200
    assert "Choose the broker and the virtual host first." in person.post("/tasks/revoke/", {"ids": "x", "broker": "prod", "vhost": "none"}).content.decode()


def test_a_stamped_header_shows_the_tasks_that_are_known_to_carry_it(person: Client, broker: Broker, now: datetime) -> None:
    seen(broker, "u1"), seen(broker, "u2")
    TaskCanvas.objects.create(broker=broker, vhost="/", uuid="u1", stamps={"order": "17, 18"}, seen_at=now)
    page = person.post("/tasks/revoke/", {**PLACE, "stamp": "order", "values": "18\n19"}).content.decode()
    assert "Every task stamped order=18 or order=19 will be discarded" in page and "1 is known to carry it" in page
    assert "u1" in page and "u2" not in page
    status, dry = call(stamps={"order": ["18"]}, dry_run=True)
    assert (status, dry["total"], dry["sample"]) == (200, 1, ["u1"])


@pytest.mark.parametrize(
    ("given", "status", "field", "message"),
    [
        ({}, 400, "uuids", "uuids: give uuids, q or stamps, and only one of them."),
        ({"uuids": ["u1"], "q": ""}, 400, "uuids", "uuids: give uuids, q or stamps, and only one of them."),
        ({"uuids": []}, 400, "uuids", "uuids: name 1 to 1,000 tasks; these are 0."),
        ({"uuids": ["a\x00"]}, 400, "uuids", "uuids: an id is not empty and holds no NUL."),
        ({"uuids": ["u1"], "terminate": True, "signal": "SIGSTOP"}, 400, "signal", "signal: there is no SIGSTOP; there are SIGTERM,"),
        ({"stamps": {"a": 5}}, 400, "stamps", "stamps: a: expected a text or several"),
        ({"q": "stat:failed"}, 400, "q", "q: stat:failed: "),
        ({"q": "state:failed"}, 409, "q", "No task that has not ended matches."),
        ({"uuids": ["done"]}, 409, "uuids", "1 task has ended, so there is nothing to revoke."),
        ({"uuids": ["u1"], "vhost": "none"}, 404, "vhost", "There is no virtual host none on prod."),
        ({"uuids": ["u1"]}, 503, "broker", "Nothing was sent: no AMQP connection to 127.0.0.1:1"),
    ],
)
def test_what_is_wrong_with_a_call_is_named_by_its_field(person: Client, broker: Broker, given: dict[str, Any], status: int, field: str, message: str) -> None:
    seen(broker, "u1"), seen(broker, "done", "SUCCESS")
    found, answer = call(**given)
    assert (found, answer["error"]["field"]) == (status, field)
    assert answer["error"]["message"].startswith(message)


def test_where_control_is_off_the_setting_is_named_and_orders_in_a_loop_are_stopped(
    person: Client, broker: Broker, settings: LazySettings, now: datetime
) -> None:
    task = seen(broker, "u1")
    for second in range(30):
        ordered(task, now - timedelta(seconds=second), User.objects.get(username="ada"))
    assert call(uuids=["u1"])[0] == 429
    assert person.post("/tasks/revoke/order/", {"tasks": task.pk, "act": "revoke", "typed": "shop.pay"}).status_code == 429
    settings.CONTROL = frozenset()
    assert "set HARELINE_CONTROL=prod" in call(uuids=["u1"])[1]["error"]["message"]
    assert "set HARELINE_CONTROL=prod" in person.get("/tasks/revoke/", {"task": task.pk}).content.decode()


def test_the_page_of_an_order_shows_the_answers_and_what_became_of_the_task_until_nothing_more_is_to_be_seen(
    person: Client, broker: Broker, now: datetime
) -> None:
    task = seen(broker, "u1")
    address = f"/tasks/revocations/{ordered(task, now).pk}/"
    page = person.get(address).content.decode()
    assert "tasks x flagged as revoked" in page and "not seen yet" in page and "every 2s" in page
    assert "1 of 2 worker nodes answered within 5 s" in page and "did not answer; it may still carry the order out" in page
    Task.objects.update(revoked_by="a@web")
    assert "a worker node lists it as revoked" in person.get(address).content.decode()
    Task.objects.update(state="REVOKED", revoked_by="")
    part = person.get(f"{address}?part=seen", headers={"HX-Request": "true"})
    assert (part.status_code, "1 revoked" in part.content.decode()) == (286, True)
    assert f'href="{address}"' in person.get(f"/tasks/{task.pk}/").content.decode()


def test_what_no_report_shows_is_said_not_to_have_happened(person: Client, broker: Broker, now: datetime) -> None:
    late, task = now - timedelta(seconds=60), seen(broker, "u1", "STARTED", worker="a@web")
    terminated = ordered(task, late, signal="SIGTERM", replies={"a@web": [True, "terminate: tasks unknown"]})
    page = person.get(f"/tasks/revocations/{terminated.pk}/").content.decode()
    assert "still runs after 45 s" in page and "it has none of them, and will discard one that it takes later" in page
    assert "goes on: it ran already, and got no signal" in person.get(f"/tasks/revocations/{ordered(task, late).pk}/").content.decode()
    Task.objects.update(state="SUCCESS")
    assert "ended before the order took effect" in person.get(f"/tasks/revocations/{terminated.pk}/").content.decode()
