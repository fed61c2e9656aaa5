from __future__ import annotations

import io
import sys
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone

from dashboard import queries
from dashboard.models import AuditEvent, User
from dashboard.store import rights

pytestmark = pytest.mark.django_db
PASSWORD = "a good long one 17"


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> Any:
    User.objects.create_user("admin", password=PASSWORD, is_superuser=True)

    def run(*arguments: str, given: str = f"{PASSWORD}\n") -> str:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        printed = io.StringIO()
        call_command("people", *arguments, stdout=printed)
        return printed.getvalue()

    return run


def test_a_person_is_added_with_a_role_in_a_place(people: Any) -> None:
    assert people("add", "anna", "--role", "operator", "--broker", "prod", "--vhost", "/shop", "--queue", "orders.*") == (
        "anna is operator on prod, in /shop, of queues orders.*.\n"
    )
    anna = User.objects.get(username="anna")
    assert anna.check_password(PASSWORD)
    assert anna.rights.may("send", "prod", "/shop", "orders.eu")
    assert not anna.rights.may("view", "prod", "/shop", "mail")
    assert [group.name for group in anna.groups.all()] == ["operator"]
    assert people("list").splitlines() == ["admin\tactive\tadmin (superuser)", "anna\tactive\toperator on prod, in /shop, of queues orders.*"]
    assert set(AuditEvent.objects.values_list("action", "name")) == {("add person", "anna"), ("grant role", "anna")}


def test_a_star_alone_is_everywhere_and_a_place_that_can_not_be_is_named(people: Any) -> None:
    assert people("add", "anna", "--role", "viewer", "--broker", "*", "--vhost", "*") == "anna is viewer everywhere.\n"
    assert people("add", "anna", "--role", "viewer") == "anna is viewer everywhere.\n"
    assert [(granted.broker, granted.vhost) for granted in User.objects.get(username="anna").granted.all()] == [("", "")]
    with pytest.raises(CommandError, match="--queue: At most 255 characters"):
        people("add", "bo", "--role", "viewer", "--queue", "x" * 256)
    assert set(AuditEvent.objects.values_list("via", flat=True)) == {"command"}


def test_who_could_log_in_before_there_were_roles_may_view_and_who_was_given_none_since_may_not() -> None:
    names = ("before", "disabled", "granted", "since")
    before, disabled, granted, _ = (User.objects.create_user(name) for name in names)
    User.objects.exclude(username="since").update(date_joined=timezone.now() - timedelta(days=3660))
    User.objects.filter(pk=disabled.pk).update(is_active=False)
    rights.grant(granted, "operator", timezone.now(), vhost="/shop")
    listed, unlisted = Client(), Client()
    listed.force_login(before)
    unlisted.force_login(before)
    UserSession.objects.filter(session_key=unlisted.session.session_key).delete()
    migration = import_module("dashboard.migrations.0016_rights_from_before")
    for step in (migration.keep_rights, migration.end_unlisted_sessions):
        step(apps, SimpleNamespace(connection=connection))
    assert {one.username: [each.role.group.name for each in one.granted.all()] for one in User.objects.all()} == {
        "before": ["viewer"], "disabled": [], "granted": ["operator"], "since": []
    }  # fmt: skip
    assert (listed.get("/").status_code, unlisted.get("/").status_code) == (200, 302)


def test_a_person_who_is_disabled_may_nothing_until_enabled(people: Any) -> None:
    people("add", "anna", "--role", "viewer")
    people("disable", "anna")
    assert not User.objects.get(username="anna").rights.may_somewhere("view")
    people("enable", "anna")
    assert User.objects.get(username="anna").rights.may("view")
    people("password", "anna", given="another good one 18\n")
    assert User.objects.get(username="anna").check_password("another good one 18")


def test_a_person_without_a_password_gets_a_link_that_is_good_once(people: Any, client: Client) -> None:
    link = people("add", "anna", "--role", "viewer", given="").splitlines()[-1]
    assert link.startswith("http://127.0.0.1:8000/invitation/?token=")
    path = link.removeprefix("http://127.0.0.1:8000")
    assert b"anna" in client.get(path).content
    assert client.post(path, {"password1": PASSWORD, "password2": PASSWORD}).status_code == 302
    assert client.get(path).status_code == 410
    assert "invitation" not in people("add", "anna", "--role", "operator", given=""), "who has a password keeps it"


def test_a_delay_after_wrong_passwords_is_lifted(people: Any, client: Client) -> None:
    for _ in range(7):
        client.post("/login/", {"login": "admin", "password": "wrong"})
    assert client.post("/login/", {"login": "admin", "password": PASSWORD}).status_code == 429
    assert people("unlock", "admin") == "admin need not wait to log in.\n"
    assert client.post("/login/", {"login": "admin", "password": PASSWORD}).status_code == 302
    assert people("unlock", "admin") == "admin did not have to wait.\n"


@pytest.mark.parametrize(
    ("arguments", "given", "problem"),
    [
        (("add", "anna", "--role", "king"), f"{PASSWORD}\n", "--role: there is no role king; there are viewer, operator, admin."),
        (("add", "anna", "--role", "viewer"), "short\n", "This password is too short"),
        (("add", "an/na", "--role", "viewer"), f"{PASSWORD}\n", "valid username"),
        (("disable", "nobody"), "", "There is no person nobody"),
        (("disable", "admin"), "", "Somebody must remain who may manage people everywhere"),
    ],
)
def test_what_can_not_be_done_is_said_and_changes_nothing(people: Any, arguments: tuple[str, ...], given: str, problem: str) -> None:
    with pytest.raises(CommandError, match=problem.replace(".", r"\.")):
        people(*arguments, given=given)
    assert [one.username for one in queries.people()] == ["admin"] == [one.username for one in queries.managers()]


def test_the_last_manager_stays(people: Any) -> None:
    anna = rights.add_person("anna", PASSWORD)
    granted = rights.grant(anna, "admin", timezone.now())
    people("disable", "admin")
    with pytest.raises(rights.LastManager):
        rights.take_back(granted)
    with pytest.raises(rights.LastManager):
        rights.set_active(anna, False)
    assert [one.username for one in queries.managers()] == ["anna"]


@pytest.mark.parametrize("command", [("people", "list"), ("audit", "verify"), ("rotatekeys",)])
def test_a_database_of_an_older_version_is_one_sentence(command: tuple[str, ...]) -> None:
    MigrationRecorder(connection).record_unapplied("dashboard", "0010_people")
    with pytest.raises(ImproperlyConfigured, match=r"^HARELINE_DATABASE_URL: not applied: dashboard.0010_people; run `manage.py prepare` first$"):
        call_command(*command)
