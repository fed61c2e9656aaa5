"""The page of one workflow, and the call that answers the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from workers import store
from workers.canvas import UNLOCK, Canvas
from workers.models import EventSource, Task

pytestmark = pytest.mark.django_db
NOON = datetime.fromisoformat("2026-11-24T12:00:00Z")
WHERE = {"broker": "prod", "vhost": "/"}
ARGUMENTS = "('g1', {'task': 'shop.total', 'args': (), 'kwargs': {}, 'options': {'task_id': 'body', 'group_id': 'g1'}})"
RESULTS = "{'interval': None, 'result': [((...), None), ((...), None)]}"


@pytest.fixture
def broker() -> Broker:
    now = timezone.now()
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")
    EventSource.objects.create(broker=broker, vhost="/", state=EventSource.RECEIVING, since=now, received_at=now)
    return broker


def seen(broker: Broker, uuid: str, parent: str | None = "root", start: float = 0, ran: float | None = 1, **known: Any) -> Task:
    """A task that was sent `start` seconds after noon, began a second later and ran so long; None: it still runs."""
    times: dict[str, Any] = {"sent_at": NOON + timedelta(seconds=start), "started_at": NOON + timedelta(seconds=start + 1)}
    if ran is not None:
        times |= {"ended_at": NOON + timedelta(seconds=start + 1 + ran), "runtime_seconds": ran}
    facts = {"name": f"shop.{uuid}", "state": "STARTED" if ran is None else "SUCCESS", "root_id": "root", "parent_id": parent, "first_seen_at": NOON}
    return Task.objects.create(broker=broker, vhost="/", uuid=uuid, **{"changed_at": NOON, **times, **facts, **known})


def text_of(person: Client, root: str = "root", **query: str) -> str:
    answer = person.get("/tasks/flow/", {**WHERE, "root": root, **query})
    assert answer.status_code == 200
    return answer.content.decode()


def chord(broker: Broker) -> None:
    seen(broker, "root", None)
    seen(broker, "left", start=2, ran=1)
    seen(broker, "right", start=2, ran=4)
    seen(broker, "waits", start=2, ran=0, name=UNLOCK, args=ARGUMENTS, kwargs=RESULTS)
    seen(broker, "body", "waits", start=8, ran=2, state="FAILURE", runtime_seconds=None)


@pytest.mark.parametrize("query", [{}, {"root": ""}, {"root": "x" * 300}, {**WHERE, "root": "nothing"}, {"broker": "prod", "vhost": "/none", "root": "root"}])
def test_a_workflow_that_is_not_known_is_not_found(person: Client, broker: Broker, query: dict[str, str]) -> None:
    assert person.get("/tasks/flow/", query).status_code == 404


def test_the_page_has_totals_the_critical_path_and_a_box_a_task(person: Client, broker: Broker) -> None:
    chord(broker)
    page = text_of(person)
    assert "5 tasks: 1 failed, 4 succeeded" in page
    assert "11.0 s from its beginning to its end: 7.0 s of running, 4.0 s of waiting." in page
    assert "shop.root, then shop.right, then celery.chord_unlock, then shop.body." in page
    assert page.count('<g class="flow-box"') == page.count('<li class="flow-line"') == 5
    assert page.count("data-critical") == 8  # four boxes, four lines
    assert "after <bdi>shop.left and shop.right</bdi>" in page
    assert "may be a group" not in page


def test_as_a_list_it_has_no_drawing(person: Client, broker: Broker) -> None:
    chord(broker)
    page = text_of(person, view="list")
    assert page.count('<li class="flow-line"') == 5 and "<g class" not in page


def test_while_a_task_runs_it_is_running_and_its_parts_are_fetched_again(person: Client, broker: Broker) -> None:
    seen(broker, "root", None)
    seen(broker, "late", start=1, ran=None)
    page = text_of(person)
    assert "running" in page and "every 3s" in page
    assert person.get("/tasks/flow/", {**WHERE, "root": "root", "part": "head"}, headers={"HX-Request": "true"}).status_code == 200
    Task.objects.filter(uuid="late").update(state="SUCCESS")
    assert person.get("/tasks/flow/", {**WHERE, "root": "root", "part": "head"}, headers={"HX-Request": "true"}).status_code == 286


def test_tasks_of_one_parent_may_be_a_group_until_a_message_names_it(person: Client, broker: Broker) -> None:
    seen(broker, "root", None)
    seen(broker, "a")
    seen(broker, "b")
    assert "may be a group" in text_of(person)
    store.note_canvas(broker.pk, "/", [Canvas(uuid, "g", "later", {"customer": "7"}) for uuid in ("a", "b")], NOON)
    page = text_of(person)
    assert "may be a group" not in page and ">group</text>" in page and "chord header" in page


def test_what_a_program_sent_as_one_group_is_tied_by_its_messages(person: Client, broker: Broker) -> None:
    for uuid in ("a", "b"):
        seen(broker, uuid, None, root_id=uuid)
    seen(broker, "waits", None, root_id="waits", name=UNLOCK, args=ARGUMENTS, kwargs=RESULTS)
    seen(broker, "body", "waits", root_id="waits")
    assert "celery.chord_unlock waits for 2 tasks that are not tied to it here" in text_of(person, "waits")
    store.note_canvas(broker.pk, "/", [Canvas(uuid, "g1", "body") for uuid in ("a", "b")], NOON)
    assert "after <bdi>shop.a and shop.b</bdi>" in text_of(person, "waits")
    assert "after <bdi>shop.a and shop.b</bdi>" in text_of(person, "a")


def test_a_task_that_is_no_root_leads_to_its_root(person: Client, broker: Broker) -> None:
    chord(broker)
    answer = person.get("/tasks/flow/", {"root": "left"})
    assert (answer.status_code, answer["Location"]) == (302, "/tasks/flow/?broker=prod&vhost=%2F&root=root")


def test_what_is_missing_is_named(person: Client, broker: Broker) -> None:
    seen(broker, "deep", "gone")
    seen(broker, "one", "two")
    seen(broker, "two", "one")
    page = text_of(person)
    assert "The root task was never seen, or no longer kept." in page
    assert "1 task is below a parent that was never seen, or no longer kept; how many tasks are between them and the root is not known." in page
    assert "The parents of 1 task lead back to the task itself, so it is shown below the root." in page


def test_thousands_of_tasks_are_folded_and_those_that_are_not_read_are_counted(person: Client, broker: Broker) -> None:
    seen(broker, "root", None)
    made = [
        Task(broker=broker, vhost="/", uuid=f"t{n}", name="shop.mail", state="SUCCESS", root_id="root", parent_id="root", first_seen_at=NOON, changed_at=NOON)
        for n in range(2_100)
    ]
    Task.objects.bulk_create(made)
    page = text_of(person)
    assert "Of 2,101 tasks the first 2,001 are drawn and listed; all are counted by name." in page
    assert page.count('<g class="flow-box"') == 2 and "shop.mail × 2,000" in page
    answer = person.get("/api/v1/flow", {**WHERE, "root": "root"}).json()
    assert (answer["total"], len(answer["tasks"]), answer["complete"]) == (2_101, 2_001, False)
    assert answer["why_not"].startswith("Of 2,101 tasks")


def test_the_call_answers_the_tree_with_groups_and_chords_where_they_are_certain(person: Client, broker: Broker) -> None:
    chord(broker)
    answer = person.get("/api/v1/flow", {**WHERE, "root": "root"}).json()
    assert (answer["broker"], answer["vhost"], answer["root"], answer["complete"], answer["why_not"]) == ("prod", "/", "root", True, None)
    assert [(task["uuid"], task["parent"], task["group"], task["chord_body"]) for task in answer["tasks"]] == [
        ("root", None, None, None),
        ("left", "root", "g1", "body"),
        ("right", "root", "g1", "body"),
        ("waits", "root", None, None),
        ("body", "waits", None, None),
    ]
    assert answer["critical_path"] == ["root", "right", "waits", "body"]
    assert (answer["tasks"][2]["started_at"], answer["tasks"][2]["ended_at"]) == ("2026-11-24T12:00:03Z", "2026-11-24T12:00:07Z")
    assert person.get("/api/v1/flow", {**WHERE, "root": "none"}).status_code == 404
