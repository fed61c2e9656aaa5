"""`POST workers/control`: who may, what is refused by which field, what a dry run says, and that every try is noted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client

from brokers.addresses import BrokerAddress
from brokers.models import VirtualHost
from dashboard import store
from dashboard.control import action as control
from dashboard.models import AuditEvent
from tests.api.conftest import World
from tests.people import person
from workers.models import Worker

Post = Callable[..., tuple[int, Any]]


@pytest.fixture
def post(world: World, settings: LazySettings) -> Post:
    """Posts an order with Anna's token, changed by the arguments; (status, JSON). Nobody listens at the broker's address."""
    settings.BROKERS = (BrokerAddress("prod", ("http://127.0.0.1:1",), "u", "p", amqp_url="amqp://u:p@127.0.0.1:1"),)
    settings.CONTROL = frozenset({"prod"})
    VirtualHost.objects.create(broker=world.broker, name="/", first_seen_at=world.now)
    seen = {"broker": world.broker, "vhost": "/", "first_seen_at": world.now, "changed_at": world.now, "inspected_at": world.now}
    Worker.objects.create(**seen, hostname="grows@web", state=Worker.ONLINE, pool="prefork", concurrency=4, active=0, registered=[{"name": "shop.pay"}])
    Worker.objects.create(**seen, hostname="solo@web", state=Worker.ONLINE, pool="solo", concurrency=1)
    Worker.objects.create(**seen, hostname="gone@web", state=Worker.GONE, since=world.now)

    def answered(token: str = world.token, **changed: Any) -> tuple[int, Any]:
        body = {"broker": "prod", "vhost": "/", "hostnames": ["grows@web"], "action": "pool_grow", "arguments": {"n": 2}} | changed
        headers = {"Authorization": f"Bearer {token}"}
        response = Client().post("/api/v1/workers/control", json.dumps(body), content_type="application/json", headers=headers)
        return response.status_code, response.json()

    return answered


def test_a_dry_run_says_what_would_happen_and_sends_and_records_nothing(world: World, post: Post) -> None:
    viewer = store.make_token(person("eve"), "script", world.now)
    found = post(dry_run=True, token=viewer)
    said = {"text": "2 processes will be added to grows@web: 4 → 6 slots.", "replies": [], "unanswered": [], "warnings": [], "sent": False}
    assert found == (200, said)
    assert not AuditEvent.objects.filter(action="control worker").exists()


def test_who_may_only_look_gets_403_and_the_try_is_noted(world: World, post: Post) -> None:
    status, answer = post(token=store.make_token(person("eve"), "script", world.now))
    assert (status, answer["error"]["field"]) == (403, "broker")
    assert AuditEvent.objects.get(action="control worker").outcome == store.REFUSED


def test_where_control_is_off_the_answer_names_the_setting(post: Post, settings: LazySettings) -> None:
    settings.CONTROL = frozenset()
    status, answer = post()
    assert status == 403
    assert "set HARELINE_CONTROL=prod" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("changed", "status", "field", "message"),
    [
        ({"arguments": {"n": 0}}, 422, "n", "Processes: 0 is out of range; allowed are whole numbers from 1 to 1,000."),
        ({"arguments": {"m": 1}}, 422, "m", "m: pool_grow has no such argument; there are n."),
        ({"action": "explode"}, 422, "action", "action: there is no explode; there are pool_grow, "),
        ({"hostnames": []}, 422, "hostnames", "hostnames: name 1 to 500 worker nodes; these are 0."),
        ({"hostnames": [f"w@{number}" for number in range(501)]}, 422, "hostnames", "hostnames: name 1 to 500 worker nodes; these are 501."),
        ({"hostnames": "grows@web"}, 400, "hostnames", "hostnames: Input should be a valid list"),
        ({"hostnames": ["grows@web", "nobody@web"]}, 404, "hostnames", "There is no worker node nobody@web in / on prod."),
        ({"vhost": "nowhere"}, 404, "vhost", "There is no virtual host nowhere on prod."),
        ({"broker": "none"}, 404, "broker", "There is no broker none."),
        ({"hostnames": ["grows@web", "solo@web"]}, 409, "action", "solo@web uses the solo pool, which runs one task at a time in its own process."),
        ({"hostnames": ["gone@web", "solo@web"]}, 409, "hostnames", "gone@web is gone, so nothing reaches it. 1 more of these nodes can't either."),
        ({"action": "rate_limit", "arguments": {"task": "shop.lost", "rate": "1/s"}}, 409, "task", "grows@web has no task shop.lost registered."),
        ({"surprise": 1}, 400, "surprise", "surprise: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(post: Post, changed: dict[str, Any], status: int, field: str, message: str) -> None:
    found, answer = post(**changed)
    assert (found, answer["error"]["field"]) == (status, field)
    assert answer["error"]["message"].startswith(message)


def test_a_broker_that_is_away_answers_503_and_the_attempt_is_recorded_with_its_sentence(world: World, post: Post) -> None:
    status, answer = post()
    assert (status, answer["error"]["field"]) == (503, "broker")
    assert answer["error"]["message"].startswith("Nothing was sent: no AMQP connection to 127.0.0.1:1: ")
    begun, ended = AuditEvent.rows.filter(action="control worker").order_by("number")
    assert (begun.outcome, ended.outcome, ended.name) == (store.BEGUN, store.FAILED, "grows@web")
    assert ended.detail["text"] == "2 processes will be added to grows@web: 4 → 6 slots."
    assert (ended.detail["sent"], ended.detail["unanswered"]) == ("no", ["grows@web"])
    assert [event.pk for event in control.history("prod", "/", "grows@web", world.now)] == [ended.pk]
    assert control.history("prod", "/", "solo@web", world.now) == []


def test_a_script_in_a_loop_is_stopped_after_thirty_orders_a_minute(world: World, post: Post) -> None:
    for second in range(30):
        store.audit(world.user, control.ACTION, store.DONE, world.now - timedelta(seconds=second), broker="prod", vhost="/", name="grows@web")
    status, answer = post()
    assert status == 429
    assert "Address several worker nodes by one order" in answer["error"]["message"]
