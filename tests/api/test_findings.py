"""`GET findings` and `POST findings/silence`: every fact of a finding, pages, filters, and errors that name the field."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from dashboard import store
from dashboard.models import AuditEvent, Silence
from tests.api.conftest import World
from tests.findings.stored import finding, looked
from tests.people import person


def test_an_open_finding_has_all_that_its_page_has(call: Any, world: World) -> None:
    one = finding(world.broker, world.now, object_id=world.mail.pk)
    Silence.objects.create(name="ma*", reason="x", user_name="a", begun_at=world.now, until=world.now + timedelta(hours=1))
    status, answer = call("findings")
    (item,) = answer["items"]
    assert (status, answer["total"], item["id"], item["broker"], item["rule"], item["level"]) == (200, 1, one.pk, "prod", "no_consumer", "critical")
    assert item["title"] == "mail is growing and nobody consumes it"
    assert (item["since"] < item["opened_at"], item["closed_at"]) == (True, None)
    assert item["evidence"][1] | {"at": None} == {"name": "Growth", "value": "+1,440/min", "at": None, "source": "over 5 min"}
    assert [cause["text"] for cause in item["causes"]] == ["Both nodes lost their consumers on reconnecting", "Somebody cancelled them"]
    assert (item["to_do"], item["command"]) == (["Start a worker for mail."], "celery -A proj worker -Q mail")
    assert item["object"] == {"kind": "queue", "vhost": "/", "name": "mail", "id": world.mail.pk}
    assert item["silenced_until"].endswith("Z")
    assert item["url"] == f"http://testserver/findings/{one.pk}/"


def test_findings_are_filtered_and_paged(call: Any, world: World) -> None:
    looked(world.broker, at=world.now)
    finding(world.broker, world.now, "a", "warning")
    finding(world.broker, world.now, "b")
    finding(None, world.now, "c", "notice", rule="own_work", vhost="")
    for hours in (1, 30):
        at = world.now - timedelta(hours=hours)
        finding(world.broker, world.now, f"past-{hours}", opened_at=at - timedelta(minutes=1), closed_at=at)

    def names(**query: Any) -> list[str]:
        return [item["object"]["name"] for item in call("findings", **query)[1]["items"]]

    assert names() == ["b", "a", "c"]
    assert names(broker="prod", page_size=2, page=2) == ["c"]
    assert names(rule="own_work") == ["c"]
    assert (names(level="warning"), names(level="unknown")) == (["a"], [])
    assert names(vhost="/") == ["b", "a", "c"]  # what is about Hareline itself is in every virtual host
    assert names(vhost="/other") == ["c"]
    assert names(state="closed") == ["past-1", "past-30"]
    assert names(**{"state": "closed", "from": (world.now - timedelta(hours=2)).isoformat()}) == ["past-1"]
    assert call("findings", broker="nowhere")[1]["error"] == {"code": "not_found", "message": "There is no broker nowhere.", "field": "broker"}
    assert call("findings", state="loud")[1]["error"]["field"] == "state"


@pytest.mark.parametrize(("name", "value", "allowed"), [("rule", "nosuch", "no_consumer"), ("level", "loud", "'critical'"), ("name", "mail", "page_size")])
def test_what_the_list_does_not_know_is_refused_with_what_there_is(call: Any, world: World, name: str, value: str, allowed: str) -> None:
    status, answer = call("findings", **{name: value})
    assert (status, answer["error"]["field"]) == (400, name)
    assert allowed in answer["error"]["message"]


def silence(world: World, token: str = "", **body: Any) -> tuple[int, Any]:
    answer = Client().post(
        "/api/v1/findings/silence",
        json.dumps({"reason": "known", "until": (world.now + timedelta(hours=1)).isoformat()} | body),
        content_type="application/json",
        headers={"Authorization": f"Bearer {token or world.token}"},
    )
    return answer.status_code, answer.json()


def test_a_silence_is_made_from_patterns(world: World) -> None:
    one = finding(world.broker, world.now)
    finding(world.broker, world.now, "orders")
    assert silence(world, name="ma*", dry_run=True)[1]["findings"] == [one.pk]
    assert not Silence.objects.exists()
    status, answer = silence(world, name="ma*", rule="no_consumer")
    stored = Silence.objects.get()
    assert (status, answer["id"], answer["total"]) == (201, stored.pk, 1)
    assert (stored.rule, stored.broker, stored.name, stored.reason, stored.user_name) == ("no_consumer", "*", "ma*", "known", "anna")
    assert [event.action for event in AuditEvent.objects.all()] == ["silence findings"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": " "}, "reason"),
        ({"until": "2020-01-01T00:00:00Z"}, "until"),
        ({"until": "2090-01-01T00:00:00Z"}, "until"),
        ({"until": "soon"}, "until"),
        ({"name": "x" * 501}, "name"),
        *(({field: f"a{odd}"}, field) for field in ("rule", "broker", "vhost", "name", "reason") for odd in ("\0", "\ud800")),
        ({"names": "mail"}, "names"),
        ({"name": 1}, "name"),
    ],
)
def test_what_is_wrong_with_a_silence_names_its_field(world: World, body: dict[str, Any], field: str) -> None:
    status, answer = silence(world, **body)
    assert (status, answer["error"]["field"]) == (400, field)
    assert not Silence.objects.exists()


def test_a_viewer_may_only_count_what_a_silence_would_be_about(world: World) -> None:
    finding(world.broker, world.now)
    token = store.make_token(person("vera"), "script", world.now)
    assert silence(world, token, dry_run=True)[1]["total"] == 1
    status, answer = silence(world, token)
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert [(event.action, event.outcome) for event in AuditEvent.objects.all()] == [("silence findings", "refused")]


def test_metrics_count_open_findings_by_rule_level_and_broker(world: World) -> None:
    looked(world.broker, at=world.now)
    finding(world.broker, world.now, "a")
    finding(world.broker, world.now, "b")
    finding(world.broker, world.now, "c", closed_at=world.now)
    finding(None, world.now, "d", "notice", rule="behind")
    finding(world.broker, world.now, "quiet")
    Silence.objects.create(name="quiet", reason="x", user_name="a", begun_at=world.now, until=world.now + timedelta(hours=1))
    text = Client().get("/metrics", headers={"Authorization": f"Bearer {world.token}"}).content.decode()
    assert 'hareline_finding{broker="prod",level="critical",rule="no_consumer"} 2.0' in text
    assert 'hareline_finding{broker="",level="notice",rule="behind"} 1.0' in text
    assert 'hareline_findings_silenced{broker="prod"} 1.0' in text
    assert 'hareline_findings_age_seconds{broker="prod"}' in text
