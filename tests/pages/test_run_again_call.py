"""`POST tasks/run-again` and `GET tasks/run-again`: what is sent, what is left out, who may, and what is wrong by which field."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from dashboard import store
from dashboard.again import action as again
from dashboard.models import AuditEvent, RunAgainBatch, User
from tests.pages.failed_tasks import broker as broker
from tests.pages.failed_tasks import seen
from tests.people import person as a_person

pytestmark = pytest.mark.django_db


def call(user: str = "ada", **given: Any) -> tuple[int, Any]:
    token = store.make_token(User.objects.get(username=user), "script", timezone.now())
    headers = {"Authorization": f"Bearer {token}"}
    body = json.dumps({"broker": "prod", "vhost": "/", **given})
    answer = Client().post("/api/v1/tasks/run-again", body, content_type="application/json", headers=headers)
    return answer.status_code, answer.json()


def test_a_dry_run_of_the_call_says_what_would_be_sent_and_what_is_left_out(person: Client, broker: Broker) -> None:
    seen(broker, "u1"), seen(broker, "u2"), seen(broker, "cut", args="('a...',)"), seen(broker, "fine", "SUCCESS")
    status, answer = call(q="name:shop.pay", limit=1, dry_run=True)
    assert (status, answer["id"], answer["total"], answer["sample"]) == (200, None, 1, ["u1"])
    assert [(one["total"], one["sample"]) for one in answer["left_out"]] == [(1, ["cut"])]
    assert not RunAgainBatch.objects.exists()


def test_the_call_sends_one_task_at_once_and_returns_how_far_it_is(person: Client, broker: Broker) -> None:
    seen(broker, "u1")
    status, answer = call(uuids=["u1"])
    assert (status, answer["total"]) == (202, 1)
    token = store.make_token(User.objects.get(username="ada"), "other", timezone.now())
    shown = Client().get("/api/v1/tasks/run-again", {"id": answer["id"]}, headers={"Authorization": f"Bearer {token}"}).json()
    assert (shown["state"], shown["total"], shown["over"]) == ("done", 1, 1)
    assert (shown["items"][0]["old_uuid"], shown["items"][0]["state"]) == ("u1", "not sent")


@pytest.mark.parametrize(
    ("given", "status", "field", "message"),
    [
        ({}, 400, "uuids", "uuids: give uuids, q or failure, and only one of them."),
        ({"uuids": []}, 400, "uuids", "uuids: name 1 to 1,000 tasks; these are 0."),
        ({"uuids": ["u1", "none"]}, 404, "uuids", "There is no task none in / on prod."),
        ({"uuids": ["cut"]}, 409, "uuids", "Its arguments are not known in full"),
        ({"uuids": ["u1"], "per_second": 11}, 400, "per_second", "per_second: "),
        ({"q": "stat:failed"}, 400, "q", "q: stat:failed: "),
        ({"q": "state:succeeded"}, 409, "uuids", "No task that can be run again matches."),
        ({"failure": 4711}, 404, "failure", "There is no group of failures 4711 in / on prod."),
        ({"uuids": ["u1"], "vhost": "none"}, 404, "vhost", "There is no virtual host none on prod."),
    ],
)
def test_what_is_wrong_with_a_call_is_named_by_its_field(person: Client, broker: Broker, given: dict[str, Any], status: int, field: str, message: str) -> None:
    seen(broker, "u1"), seen(broker, "cut", args="('a...',)")
    found, answer = call(**given)
    assert (found, answer["error"]["field"]) == (status, field)
    assert answer["error"]["message"].startswith(message)


def test_the_call_is_for_who_may_send_and_a_script_in_a_loop_is_stopped(person: Client, broker: Broker, now: datetime, settings: LazySettings) -> None:
    seen(broker, "u1")
    a_person("eve")
    assert call("eve", uuids=["u1"])[0] == 403
    assert AuditEvent.objects.get(action=again.ACTION).outcome == store.REFUSED
    for second in range(30):
        store.audit(User.objects.get(username="ada"), again.ACTION, store.DONE, now - timedelta(seconds=second), broker="prod", vhost="/", name="u1")
    assert call(uuids=["u1"])[0] == 429
    settings.CONTROL = frozenset()
    assert "set HARELINE_CONTROL=prod" in call(uuids=["u1"])[1]["error"]["message"]
