"""Views of the list of tasks that people keep: their own, and those that are shared with whoever may view all that they can name."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from brokers.models import Broker
from dashboard import store
from dashboard.models import AuditEvent, TaskView
from tests.people import person as a_person
from workers.models import Task

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now: Any) -> Broker:
    return Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60, version="3.10.8")


def logged_in(name: str, role: str = "viewer", **place: str) -> Client:
    client = Client()
    client.force_login(a_person(name, role, **place))
    return client


def keep(client: Client, name: str, status: int = 302, **given: str) -> TaskView | None:
    assert client.post("/tasks/views/", {"name": name, **given}).status_code == status
    return TaskView.objects.filter(name=name).order_by("-pk").first()


def act(client: Client, view: TaskView, action: str, status: int = 302, **given: str) -> TaskView | None:
    assert client.post(f"/tasks/views/{view.pk}/{action}/", given).status_code == status
    return TaskView.objects.filter(pk=view.pk).first()


def test_a_view_leads_to_the_address_that_it_was_made_of(broker: Broker) -> None:
    eve = logged_in("eve")
    address = "/tasks/?q=state%3Afailed+runtime%3E2s&columns=name%2Cwait&sort=-runtime_seconds&broker=prod&vhost=%2F"
    form = eve.get(address.replace("/tasks/", "/tasks/views/")).content.decode()
    assert 'name="q" value="state:failed runtime&gt;2s"' in form
    keep(eve, "slow <b>", q="state:failed runtime>2s", columns="name,wait", sort="-runtime_seconds", broker="prod", vhost="/")
    page = eve.get(address).content.decode()
    assert "slow &lt;b&gt;" in page and "slow <b>" not in page
    link = page.split('aria-label="Saved views"')[1].split("</a>")[0]
    assert f'href="{address.replace("&", "&amp;")}"' in link and 'aria-current="true"' in link


def test_own_views_are_renamed_replaced_and_removed_and_nobody_elses(broker: Broker) -> None:
    eve, bob = logged_in("eve"), logged_in("bob")
    keep(eve, "mine", q="old")
    view = keep(eve, "mine", q="new")
    assert view and TaskView.objects.count() == 1
    for action in ("rename", "remove", "usual", "unshare", "share"):
        act(bob, view, action, 404, name="his")
    assert act(eve, view, "rename", name="ours").name == "ours"  # type: ignore[union-attr]
    keep(eve, "other")
    assert act(eve, view, "rename", name="other").name == "ours"  # type: ignore[union-attr]
    assert act(eve, view, "remove") is None
    assert "ours" not in eve.get("/tasks/").content.decode()
    assert not AuditEvent.objects.filter(action__contains="task view").exists()


def test_a_view_is_shared_by_who_changes_settings_with_who_may_view_all_that_it_can_name(broker: Broker) -> None:
    ada = logged_in("ada", "admin")
    everywhere, there = keep(ada, "everywhere", q="queue:SECRET"), keep(ada, "there", q="queue:SECRET", broker="prod", vhost="/")
    assert everywhere and there
    own = keep(logged_in("op", "operator"), "own")
    assert own is not None
    act(Client(), own, "share", 302)  # to the login
    for view in (everywhere, there):
        act(ada, view, "share")
    seen = {
        "whole": logged_in("whole"),
        "of the virtual host": logged_in("host", broker="prod", vhost="/"),
        "of some queues": logged_in("queues", broker="prod", vhost="/", queue="mail"),
        "of another virtual host": logged_in("away", broker="prod", vhost="away"),
    }
    found = {who: [name for name in ("everywhere", "there") if f"<bdi>{name}</bdi>" in client.get("/tasks/").content.decode()] for who, client in seen.items()}
    assert found == {"whole": ["everywhere", "there"], "of the virtual host": ["there"], "of some queues": [], "of another virtual host": []}
    assert "SECRET" not in seen["of some queues"].get("/tasks/views/").content.decode()
    act(seen["whole"], there, "rename", 403, name="x")
    act(seen["whole"], there, "unshare", 403)
    act(seen["of some queues"], there, "unshare", 404)
    act(logged_in("bea", "admin"), there, "unshare")
    assert TaskView.objects.get(pk=there.pk).shared is False
    act(ada, everywhere, "remove")
    noted = AuditEvent.objects.filter(action__contains="task view").order_by("number").values_list("action", "name", "outcome")
    assert [one for one in noted if one[2] == "done"] == [
        ("share task view", "everywhere", "done"),
        ("share task view", "there", "done"),
        ("unshare task view", "there", "done"),
        ("remove task view", "everywhere", "done"),
    ]


def test_who_may_not_change_settings_can_not_share(broker: Broker) -> None:
    op = logged_in("op", "operator")
    view = keep(op, "own")
    assert view is not None
    assert act(op, view, "share", 403).shared is False  # type: ignore[union-attr]
    assert "Share" not in op.get("/tasks/views/").content.decode().replace("A shared view", "")


def test_the_columns_of_a_chosen_view_are_the_usual_ones_of_its_owner(broker: Broker) -> None:
    at = timezone.now()
    Task.objects.create(broker=broker, vhost="/", uuid="one", name="pay", state="SUCCESS", first_seen_at=at, changed_at=at, exchange="shop")
    eve, view = logged_in("eve"), None
    view = keep(eve, "mine", columns="name,exchange")
    assert view and 'data-html="runtime"' in eve.get("/tasks/").content.decode()
    act(eve, view, "usual")
    page = eve.get("/tasks/").content.decode()
    assert 'data-html="runtime"' not in page and "<bdi>shop</bdi>" in page
    assert 'data-html="runtime"' in eve.get("/tasks/?columns=name,runtime").content.decode()
    assert 'data-html="runtime"' in logged_in("bob").get("/tasks/").content.decode()
    act(eve, view, "not-usual")
    assert 'data-html="runtime"' in eve.get("/tasks/").content.decode()


@pytest.mark.parametrize(("name", "q"), [("", ""), ("x" * 101, ""), ("ok", "x" * 2001), ("a\x00b", "")])
def test_what_can_not_be_kept_is_refused_with_a_reason(broker: Broker, name: str, q: str) -> None:
    eve = logged_in("eve")
    assert keep(eve, name, 422, q=q) is None
    assert TaskView.objects.count() == 0


def test_a_person_keeps_so_many_views(broker: Broker) -> None:
    user = a_person("eve")
    for number in range(store.MOST_TASK_VIEWS):
        assert store.keep_task_view(user.pk, f"v{number}", timezone.now()) is not None
    assert store.keep_task_view(user.pk, "one more", timezone.now()) is None
    assert store.keep_task_view(user.pk, "v1", timezone.now()) is not None
