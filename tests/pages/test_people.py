"""People and roles on their pages: added by a link that is good once, granted and taken back, disabled; the last manager stays."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from brokers.models import Broker, Queue
from dashboard.models import AuditEvent, Granted, Invitation, Role, User
from dashboard.store import rights
from tests.pages.reading import text_of
from tests.people import person as person_with

pytestmark = pytest.mark.django_db
GOOD = "a good long one 17"


def link_in(answer: Any) -> str:
    found = re.search(r"http://testserver(/invitation/\?token=[\w-]+)", answer.content.decode())
    assert found
    return found[1]


def add(manager: Client, name: str = "eve", **more: str) -> Any:
    return manager.post("/people/", {"name": name, "role": "viewer"} | more)


def test_a_person_is_added_sets_a_password_by_the_link_once_and_logs_in(person: Client) -> None:
    answer = add(person, vhost="/shop", queue="orders.*")
    eve, link = User.objects.get(username="eve"), link_in(answer)
    assert 'value="eve"' not in answer.content.decode(), "the form is ready for the next one"
    assert "invited" in text_of(answer) and "viewer in /shop, of queues orders.*" in text_of(answer)
    assert not eve.has_usable_password() and link.partition("=")[2] not in str(Invitation.objects.values())
    stranger = Client()
    assert "You log in as eve" in text_of(stranger.get(link))
    assert "too short" in text_of(stranger.post(link, {"password1": "short", "password2": "short"}))
    assert "not the same" in text_of(stranger.post(link, {"password1": GOOD, "password2": GOOD + "x"}))
    assert stranger.post(link, {"password1": GOOD, "password2": GOOD}).headers["Location"] == "/login/"
    assert "Your password is set" in text_of(stranger.get("/login/"))
    assert stranger.post("/login/", {"login": "eve", "password": GOOD}).headers["Location"] == "/"
    assert Client().get(link).status_code == 410
    assert Client().post(link, {"password1": GOOD, "password2": GOOD}).status_code == 410
    done = AuditEvent.objects.filter(outcome="done").values_list("action", "name")
    assert {("add person", "eve"), ("grant role", "eve"), ("invite person", "eve"), ("accept invitation", "eve")} <= set(done)


def test_a_password_that_was_set_otherwise_and_a_pause_end_the_link(person: Client) -> None:
    link = link_in(add(person))
    eve = User.objects.get(username="eve")
    rights.set_password(eve, GOOD)
    assert Client().get(link).status_code == 410
    link = link_in(person.post(f"/people/{eve.pk}/invite/"))
    own = Client()
    own.force_login(eve)
    own.post("/password/change/", {"oldpassword": GOOD, "password1": GOOD + " 2", "password2": GOOD + " 2"})
    assert Client().get(link).status_code == 410
    link = link_in(person.post(f"/people/{eve.pk}/invite/"))
    for action in ("disable", "enable"):
        person.post(f"/people/{eve.pk}/{action}/")
    assert Client().get(link).status_code == 410


def test_a_link_that_expired_was_replaced_or_is_of_a_disabled_person_is_over(person: Client, now: datetime) -> None:
    first = link_in(add(person))
    eve = User.objects.get(username="eve")
    second = link_in(person.post(f"/people/{eve.pk}/invite/"))
    assert (Client().get(first).status_code, Client().get(second).status_code) == (410, 200)
    person.post(f"/people/{eve.pk}/disable/")
    assert Client().get(second).status_code == 410
    person.post(f"/people/{eve.pk}/enable/")
    Invitation.objects.update(expires_at=now - timedelta(seconds=1))
    assert Client().get(second).status_code == 410
    assert "invitation expired" in text_of(person.get("/people/"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": "an/na"}, "Enter a valid username"),
        ({"name": ""}, "cannot be blank"),
        ({"name": "ada"}, "There is a person ada already."),
        ({"role": "king"}, "There is no such role."),
        ({"queue": "a" * 256}, "At most 255 characters"),
        ({"vhost": "a\x00"}, "none of them invisible"),
    ],
)
def test_what_is_wrong_with_a_new_person_is_said_beside_the_form(person: Client, given: dict[str, str], problem: str) -> None:
    answer = add(person, **given)
    assert answer.status_code == 422
    assert problem in text_of(answer)
    assert User.objects.count() == 1


def test_a_preview_counts_what_a_place_covers(person: Client, now: datetime) -> None:
    broker = Broker.objects.create(name="prod", state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60)
    for vhost, name in (("/", "orders.eu"), ("/shop", "orders.us"), ("/shop", "mail")):
        Queue.objects.create(broker=broker, vhost=vhost, name=name, first_seen_at=now, changed_at=now)
    Queue.objects.create(broker=broker, vhost="/old", name="orders.old", first_seen_at=now, changed_at=now, gone_at=now)
    for place, text in (
        ({"queue": "orders.*"}, "Covers 2 queues in 2 virtual hosts now, Celery’s own included."),
        ({"broker": "*", "vhost": "/shop", "queue": "mail"}, "Covers 1 queue in 1 virtual host now, Celery’s own included."),
        ({"broker": "other"}, "Covers no queue that exists now."),
    ):
        assert text in text_of(person.post("/people/?part=coverage", place))
        assert text in text_of(person.post("/account/tokens/?part=coverage", place))


def test_roles_are_granted_and_taken_back(person: Client) -> None:
    eve = person_with("eve")
    person.post(f"/people/{eve.pk}/", {"role": "operator", "broker": "prod"})
    granted = Granted.objects.get(user=eve, role__group__name="operator")
    assert (granted.broker, granted.vhost, granted.queue) == ("prod", "", "")
    assert "eve is no longer operator on prod." in text_of(person.post(f"/people/{eve.pk}/roles/{granted.pk}/take-back/", follow=True))
    assert not User.objects.get(pk=eve.pk).rights.may_somewhere("send")
    assert person.post(f"/people/{eve.pk}/roles/{granted.pk}/take-back/").status_code == 404


def test_the_last_manager_can_neither_be_disabled_nor_lose_the_role() -> None:
    manager = person_with("mia", "admin")
    client = Client()
    client.force_login(manager)
    granted = manager.granted.get()
    for address in (f"/people/{manager.pk}/disable/", f"/people/{manager.pk}/roles/{granted.pk}/take-back/"):
        assert "Somebody must remain who may manage people" in text_of(client.post(address, follow=True))
    assert User.objects.get(pk=manager.pk).rights.may("people")
    assert AuditEvent.objects.filter(outcome="failed", name="mia").count() == 2


def test_a_disabled_person_is_logged_out_at_once_and_an_enabled_one_logs_in_again(person: Client) -> None:
    eve, theirs = person_with("eve"), Client()
    theirs.force_login(eve)
    assert theirs.get("/account/").status_code == 200
    person.post(f"/people/{eve.pk}/disable/")
    assert theirs.get("/account/").status_code == 302
    assert "disabled" in text_of(person.get("/people/?q=EVE"))
    person.post(f"/people/{eve.pk}/enable/")
    assert theirs.get("/account/").status_code == 302, "the old session is gone"


def test_own_roles_are_made_changed_and_removed(person: Client) -> None:
    person.post("/people/roles/", {"name": "peeker", "actions": ["view", "peek", "no such"]})
    role = Role.objects.get(group__name="peeker")
    assert role.actions == ["peek", "view"]
    eve = person_with("eve", "peeker", queue="orders.*")
    assert "1 person has it" in text_of(person.get("/people/roles/"))
    person.post(f"/people/roles/{role.pk}/", {"actions": ["view"]})
    assert not User.objects.get(pk=eve.pk).rights.may_somewhere("peek")
    for name in ("peeker", "viewer", "", "x" * 101):
        assert person.post("/people/roles/", {"name": name}).status_code == 422
    person.post(f"/people/roles/{role.pk}/remove/")
    assert not User.objects.get(pk=eve.pk).rights.may_somewhere("view")
    assert person.post(f"/people/roles/{role.pk}/remove/").status_code == 404


def test_who_may_not_manage_people_everywhere_is_refused_and_offered_nothing(client: Client) -> None:
    eve = person_with("eve", "admin", vhost="/shop")
    client.force_login(eve)
    assert 'href="/people/"' not in client.get("/account/").content.decode()
    for address in ("/people/", "/people/roles/", f"/people/{eve.pk}/"):
        assert (client.get(address).status_code, client.post(address, {"name": "x", "role": "admin"}).status_code) == (403, 403)
    assert client.post(f"/people/{eve.pk}/invite/").status_code == 403
    assert AuditEvent.objects.filter(outcome="refused", user=eve).count() == 4
