"""Failures in groups: the list, a group's page, what people do with it, and what of it they may see."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from dashboard.models import AuditEvent
from tests.people import person as a_person
from tests.secret_shop import leaked
from tests.secret_tasks import SHOP, Works
from workers import store
from workers.models import FailureGroup, Task

pytestmark = pytest.mark.django_db
TRACEBACK = (
    'Traceback (most recent call last):\n  File "/venv/lib/python3.11/site-packages/celery/app/trace.py", line 451, in trace_task\n    R = fun(*args)\n'
    '  File "/srv/shop/pay.py", line 17, in pay\n    charge("<b>ARGUMENT</b>")\nshop.Declined: no\n'
)


@pytest.fixture
def broker(now: datetime) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=600, version="3.10.8")


def fail(broker: Broker, uuid: str, exception: str = "Declined('card 17')", ago: timedelta = timedelta(minutes=1), **fields: Any) -> Task:
    at = timezone.now() - ago
    known: dict[str, Any] = {"name": "shop.pay", "worker": "a@web-1", "queue": "mail", "traceback": TRACEBACK, "vhost": "/", "state": "FAILURE"}
    known |= {"exception": exception, "ended_at": at, "first_seen_at": at, "changed_at": at, **fields}
    return Task.objects.create(broker=broker, uuid=uuid, **known)


def count() -> None:
    store.count_failures(timezone.now())


def group(**fields: Any) -> FailureGroup:
    return FailureGroup.objects.get(**fields)


def shown(person: Client, address: str = "/tasks/failures/", **query: str) -> str:
    answer = person.get(address, query)
    assert answer.status_code == 200
    return answer.content.decode()


def listed(html: str) -> list[int]:
    return [int(key) for key in re.findall(r'<tr id="failure-(\d+)"', html)]


def test_without_failures_it_states_that_and_before_the_first_count_that_nothing_is_known(person: Client, broker: Broker) -> None:
    html = shown(person)
    assert "Failures are not counted yet" in html and "No task has failed" in html
    count()
    assert "not counted yet" not in shown(person)


def test_groups_are_listed_with_what_is_new_sorted_and_filtered_by_the_address(person: Client, broker: Broker) -> None:
    fail(broker, "1")
    fail(broker, "2", worker="b@web-2")
    fail(broker, "3", "TimeLimitExceeded(300)", timedelta(seconds=5), traceback=None, name="shop.report")
    count()
    FailureGroup.objects.filter(exception="Declined").update(first_at=timezone.now() - timedelta(days=3))
    old, new = group(exception="Declined").pk, group(exception="TimeLimitExceeded").pk
    html = shown(person)
    assert listed(html) == [new, old]
    assert "shop/pay.py in pay" in html and "task shop.report" in html and "a@web-1 and b@web-2" in html
    assert listed(shown(person, sort="-count")) == [old, new]
    for text, expected in (
        ("exception:Time*", [new]), ("name:shop.pay", [old]), ("worker:b@*", [old]), ("is:new", [new]), ("state:open", [new, old]), ("state:resolved", []),
        ("card", [old]), ("after:-1m", [new]), ("worker:c", []), ("nonsense:1", []),
    ):  # fmt: skip
        assert listed(shown(person, q=text)) == expected, text
    assert "Nothing here is called nonsense" in shown(person, q="nonsense:1")


def test_a_groups_page_shows_the_users_frames_first_and_leads_to_its_tasks(person: Client, broker: Broker) -> None:
    task = fail(broker, "1")
    count()
    html = shown(person, f"/tasks/failures/{group().pk}/")
    frames = html[html.index("Your code") : html.index("Whole traceback")]
    assert "/srv/shop/pay.py:17" in frames and "trace.py" not in frames and "trace.py" in html
    assert "<b>ARGUMENT" not in html and "&lt;b&gt;ARGUMENT" in html
    assert '<span class="task-state-word">failed</span>' in html, "without what the page was rendered from"
    assert f'href="/tasks/{task.pk}/"' in html and "q=state%3Afailure+exception%3ADeclined+name%3Ashop.pay" in html
    assert f'href="/tasks/failures/{group().pk}/"' in shown(person, f"/tasks/{task.pk}/")


def test_a_resolved_group_says_by_whom_and_opens_when_it_fails_again(admin_client: Client, broker: Broker) -> None:
    fail(broker, "1")
    count()
    address = f"/tasks/failures/{group().pk}/"
    assert admin_client.post(f"{address}comment/", {"text": "rolled back", "do": "resolve"}).status_code == 302
    html = shown(admin_client, address)
    assert "It opens again by itself" in html and "rolled back" in html and listed(shown(admin_client, q="state:resolved")) == [group().pk]
    assert AuditEvent.objects.filter(action="resolve failures", outcome="done", detail__text="rolled back", vhost="/").exists()
    fail(broker, "2", ago=-timedelta(seconds=1))
    count()
    assert "It was resolved, and failed again at" in shown(admin_client, address) and "failed again" in shown(admin_client)
    assert admin_client.post(f"{address}comment/", {"text": ""}).status_code == 422
    assert admin_client.post(f"{address}comment/", {"text": "looking"}).status_code == 302
    assert "looking" in shown(admin_client, address)
    assert admin_client.post(f"{address}delete/").status_code == 404
    assert admin_client.get(f"{address}resolve/").status_code == 405


def test_who_may_not_act_is_refused_and_that_is_recorded(client: Client, broker: Broker) -> None:
    fail(broker, "1")
    count()
    client.force_login(a_person("eve", "viewer"))
    assert client.post(f"/tasks/failures/{group().pk}/resolve/").status_code == 403
    assert group().resolved_at is None and AuditEvent.objects.filter(action="resolve failures", outcome="refused").exists()


def test_a_traceback_is_hidden_from_who_may_not_see_arguments(client: Client, broker: Broker) -> None:
    fail(broker, "1")
    count()
    client.force_login(a_person("eve", "viewer"))  # who sees no arguments
    html = shown(client, f"/tasks/failures/{group().pk}/")
    assert "Its traceback is hidden" in html and "ARGUMENT" not in html and "shop/pay.py in pay" in html


def test_who_may_view_some_queues_sees_the_failures_in_these_and_no_trace_of_others(client: Client) -> None:
    works = Works()
    for number, (name, worker, queue) in enumerate(
        (("shop.pack", "packer@shop", "orders.eu"), ("SECRETtask", "SECRETworker@shop", "SECRETqueue"), ("SECRETtask", "SECRETworker@shop", None))
    ):
        fail(works.broker, f"f{number}", ago=timedelta(minutes=number), vhost=SHOP, name=name, worker=worker, queue=queue)
    fail(works.broker, "g", "SECRETError()", vhost=SHOP, queue="SECRETqueue")
    count()
    shared, hidden = group(exception="Declined"), group(exception="SECRETError")
    store.comment_on_failures(shared, "ada", "SECRET comment", timezone.now())
    client.force_login(a_person("eve", "viewer", vhost=SHOP, queue="orders.*"))
    pages = (
        "/tasks/failures/",
        "/tasks/failures/?q=name:*",
        f"/tasks/failures/{shared.pk}/",
        "/api/v1/failures",
        "/tasks/failures/?part=completion&typed=name:",
    )
    assert [found for address in pages if (found := leaked(client, address))] == []
    assert listed(shown(client)) == [shared.pk] and listed(shown(client, q="name:SECRET*")) == []
    (item,) = client.get("/api/v1/failures").json()["items"]
    assert (item["count"], item["tasks"], item["workers"], item["partial"]) == (1, ["shop.pack"], ["packer@shop"], True)
    assert client.get(f"/tasks/failures/{hidden.pk}/").status_code == 404
    assert "in queues that you may view" in shown(client, f"/tasks/failures/{shared.pk}/")
    for action in ("resolve", "comment"):
        assert client.post(f"/tasks/failures/{shared.pk}/{action}/", {"text": "x"}).status_code == 403


def test_the_call_lists_groups_by_time_and_filter_and_refuses_what_it_does_not_know(admin_client: Client, broker: Broker) -> None:
    fail(broker, "1", ago=timedelta(hours=2))
    fail(broker, "2", "OSError('x')")
    count()
    found = admin_client.get("/api/v1/failures", {"broker": "prod", "vhost": "/"}).json()
    assert found["total"] == 2 and [item["exception"] for item in found["items"]] == ["OSError", "Declined"]
    assert found["items"][1] | {"id": 0, "first": "", "last": ""} == {
        "id": 0, "broker": "prod", "vhost": "/", "exception": "Declined", "message": "card …", "place": "shop/pay.py in pay", "count": 1, "first": "",
        "last": "", "tasks": ["shop.pay"], "workers": ["a@web-1"], "state": "open", "resolved_at": None, "reopened_at": None, "partial": False,
    }  # fmt: skip
    assert admin_client.get("/api/v1/failures", {"from": "-1h"}).json()["total"] == 1
    assert admin_client.get("/api/v1/failures", {"q": "exception:Decl*"}).json()["total"] == 1
    for query in ({"q": "state:odd"}, {"from": "soon"}, {"sort": "odd"}, {"colour": "red"}):
        assert admin_client.get("/api/v1/failures", query).status_code == 400
    assert admin_client.get("/api/v1/failures", {"broker": "none"}).status_code == 404
