"""Who is notified: only administrators see it, mistakes stand beside their fields, and nothing secret is ever shown, logged or stored in the clear."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client

from dashboard.models import AuditEvent, Delivery, Target
from dashboard.notifications import vault
from dashboard.notifications.targets import address_of
from tests import people
from tests.fault_server import FaultServer
from tests.notifications.objects import stored_finding, target

pytestmark = pytest.mark.django_db
SECRET, SIGNING, PASSWORD = "T0psecret-path", "k3y-of-a-signature", "pa55-of-mail"


def form(**changed: Any) -> dict[str, Any]:
    """As a browser posts a webhook's."""
    usual = {
        "name": "ops", "url": f"https://hooks.example.com/{SECRET}", "key": SIGNING, "levels": ["critical", "warning"], "rules": "", "brokers": "",
        "vhosts": "", "names": "", "days": ["0", "1", "2", "3", "4", "5", "6"], "begins": "00:00", "ends": "24:00", "zone": "UTC", "at_once": "on",
        "group_seconds": "15", "repeat_minutes": "", "recovery": "on", "digest_hour": "",
    }  # fmt: skip
    return {name: value for name, value in (usual | changed).items() if value is not None}


def posted(person: Client, address: str, **changed: Any) -> tuple[int, str]:
    answer = person.post(address, form(**changed), follow=True)
    return answer.status_code, unescape(answer.content.decode())


NEW = "/findings/targets/new/?kind=webhook"


def test_only_administrators_see_targets(client: Client, now: datetime) -> None:
    row = target()
    assert client.get("/findings/targets/").headers["Location"].startswith("/login/")
    client.force_login(people.person("bo"))
    for address in ("/findings/targets/", NEW, f"/findings/targets/{row.pk}/"):
        assert client.get(address).status_code == 403
    assert client.post(NEW, form()).status_code == 403
    assert client.post(f"/findings/targets/{row.pk}/", form()).status_code == 403
    assert client.post(f"/findings/targets/{row.pk}/remove/").status_code == 403
    recorded = AuditEvent.objects.filter(user_name="bo").exclude(action="log in").order_by("pk")
    assert [(event.action, event.name, event.outcome) for event in recorded] == [
        ("add target", "", "refused"), ("change target", "ops", "refused"), ("remove target", "ops", "refused"),
    ]  # fmt: skip
    assert Target.objects.count() == 1


def test_a_target_is_added_and_its_secrets_are_nowhere(person: Client, caplog: pytest.LogCaptureFixture, settings: LazySettings) -> None:
    with caplog.at_level(logging.DEBUG):
        status, html = posted(person, NEW)
        listed = person.get("/findings/targets/").content.decode()
        wrong = posted(person, NEW, name="")[1]
    row = Target.objects.get()
    assert address_of(row) == {"url": f"https://hooks.example.com/{SECRET}", "key": SIGNING, "signed": True}
    assert "https://hooks.example.com/…" in html
    assert (status, row.name, row.group_seconds, row.selection["levels"]) == (200, "ops", 15.0, ["critical", "warning"])
    assert [(event.action, event.outcome, event.name) for event in AuditEvent.objects.exclude(action="log in")] == [("add target", "done", "ops")]
    for text in (html, listed, wrong, caplog.text, _database_text()):
        assert SECRET not in text
        assert SIGNING not in text


def _database_text() -> str:
    with connection.cursor() as cursor:
        found = []
        for table in connection.introspection.table_names(cursor):
            if table.startswith("dashboard_"):
                cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608
                found.append(repr(cursor.fetchall()))
    return "".join(found)


def test_what_is_wrong_stands_beside_its_field(person: Client) -> None:
    status, html = posted(person, NEW, levels=None, begins="25:00", zone="Mars/Olympus", group_seconds="nan", url="http://169.254.169.254/")
    assert status == 422
    for problem in (
        "Choose at least one level.",
        "Expected a time such as 08:00.",
        "Expected a time zone",
        "Expected a number from 5 to 600.",
        "it is link-local.",
    ):
        assert problem in html
    assert 'value="Mars/Olympus"' in html, "what was typed is still there"
    assert Target.objects.count() == 0


MAIL = {
    "host": "smtp.example.com",
    "port": "587",
    "security": "starttls",
    "user": "u",
    "password": PASSWORD,
    "sender": "h@example.com",
    "url": None,
    "key": None,
}


def test_mail_keeps_its_password_until_another_is_typed_or_the_server_changes(person: Client) -> None:
    new = "/findings/targets/new/?kind=mail"
    mail = MAIL | {"recipients": "ops@example.com, ada@example.com"}
    assert "x is no address." in posted(person, new, **mail | {"recipients": "x"})[1]
    assert "only over TLS" in posted(person, new, **mail | {"security": "none"})[1]
    status, html = posted(person, new, **mail)
    assert (status, PASSWORD in html) == (200, False)
    row = Target.objects.get()
    address = f"/findings/targets/{row.pk}/"
    assert posted(person, address, **mail | {"password": "", "recipients": "bo@example.com"})[0] == 200
    kept = address_of(Target.objects.get())
    assert (kept["password"], kept["recipients"]) == (PASSWORD, ["bo@example.com"])
    status, html = posted(person, address, **mail | {"password": "", "host": "smtp.evil.example"})
    assert (status, "Enter the password of this user." in html) == (422, True)


def test_an_address_that_is_left_empty_stays(person: Client) -> None:
    posted(person, NEW)
    row = Target.objects.get()
    status, html = posted(person, f"/findings/targets/{row.pk}/", url="", key="", name="night shift", repeat_minutes="60")
    changed = Target.objects.get()
    assert (status, changed.name, changed.repeat_seconds, changed.secret) == (200, "night shift", 3600.0, row.secret)
    assert 'value="60"' in html
    assert SECRET not in html


def test_two_targets_cant_have_one_name(person: Client) -> None:
    posted(person, NEW)
    status, html = posted(person, NEW)
    assert (status, "Another target has this name." in html) == (422, True)


def test_the_test_button_sends_a_marked_message_and_shows_what_came_of_it(person: Client, fault_server: FaultServer, settings: LazySettings) -> None:
    settings.NOTIFY_LOOPBACK = True
    row = target(f"{fault_server.url}/{SECRET}")
    html = unescape(person.post(f"/findings/targets/{row.pk}/test/", follow=True).content.decode())
    assert "The test failed: it answered with status 404." in html
    assert SECRET not in html + _database_text()
    fault_server.answer(f"/{SECRET}", {})
    assert "The test was sent to ops." in unescape(person.post(f"/findings/targets/{row.pk}/test/", follow=True).content.decode())
    assert b'"kind": "test"' in fault_server.requests[-1].body
    assert Target.objects.get().failures == 0
    outcomes = [event.outcome for event in AuditEvent.objects.filter(action="test target").order_by("pk")]
    assert outcomes == ["failed", "done"]


def test_a_target_is_paused_goes_on_and_is_removed(person: Client) -> None:
    row = target()
    address = f"/findings/targets/{row.pk}/"
    assert person.get(f"{address}pause/").status_code == 405
    assert "Resume" in person.post(f"{address}pause/", follow=True).content.decode()
    assert Target.objects.get().paused
    person.post(f"{address}resume/")
    assert not Target.objects.get().paused
    assert "Nobody is notified" in person.post(f"{address}remove/", follow=True).content.decode()
    assert person.get(address).status_code == 404


def test_the_list_says_how_each_target_goes_and_what_waits(person: Client, now: datetime) -> None:
    row = target(last_success_at=now - timedelta(hours=2))
    Target.objects.filter(pk=row.pk).update(failures=3, failing_since=now, last_failure_at=now, last_error="it refused the connection", next_try_at=now)
    Delivery.objects.create(key="a" * 32, target=row, kind="opened", planned_at=now - timedelta(minutes=5), due_at=now, attempts=3)
    Delivery.objects.create(key="b" * 32, target=row, kind="opened", planned_at=now, due_at=now, state="failed", ended_at=now, error="it refused")
    html = unescape(person.get("/findings/targets/").content.decode())
    for text in ("It refused the connection.", "3 times in a row", "2 h ago", "1 message, the oldest for 5 min", "1 message could not be delivered", "failing"):
        assert text in html
    page = unescape(person.get(f"/findings/targets/{row.pk}/").content.decode())
    assert "could not be delivered" in page and "tried again" in page
    assert "<html" not in person.get("/findings/targets/?part=list").content.decode()


@pytest.mark.parametrize("stored", [{"digest_hour": 239}, {"schedule": {"begins": "soon"}}, {"selection": {"levels": 5}}])
def test_a_target_of_which_nothing_can_be_planned_says_so(person: Client, stored: dict[str, Any]) -> None:
    row = target(**stored)
    for address in ("/findings/targets/", f"/findings/targets/{row.pk}/"):
        html = unescape(person.get(address).content.decode())
        assert "What is stored of it can't be used (" in html and "can’t be used" in html


def test_what_is_secret_has_to_be_entered_again_after_a_mistake_and_says_so(person: Client) -> None:
    html = posted(person, NEW, name="")[1]
    assert html.count("Enter it again: what is secret is not sent back to the page.") == 2
    assert "At least 16 characters." in unescape(person.get(NEW).content.decode())
    assert "Enter it again" not in posted(person, NEW, name="", url="", key="")[1]


def test_names_are_text_whatever_they_hold(person: Client) -> None:
    row = target(name="<script>x</script>")
    stored_finding()
    for address in ("/findings/targets/", f"/findings/targets/{row.pk}/"):
        assert "<script>x</script>" not in person.get(address).content.decode()


def test_the_findings_page_leads_there_for_those_who_may(person: Client, client: Client) -> None:
    assert "Who is notified" in person.get("/findings/").content.decode()
    client.force_login(people.person("bo"))
    shown = client.get("/findings/")
    assert (shown.status_code, "Who is notified" in shown.content.decode()) == (200, False)


def rotated() -> str:
    """What `manage.py rotatekeys` prints."""
    output = StringIO()
    call_command("rotatekeys", stdout=output)
    return output.getvalue()


def test_keys_can_be_rotated(settings: LazySettings) -> None:
    first = settings.SECRETS_KEYS[0]
    stored = vault.encrypted({"url": "u"})
    settings.SECRETS_KEYS = ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", first)
    assert vault.decrypted(stored) == {"url": "u"}
    again = vault.rotated(stored)
    assert vault.rotated(again) == again
    row = target()
    Target.objects.update(secret=stored)
    assert rotated().splitlines() == [
        "1 target and 0 secrets of second factors encrypted anew by the first key.",
        "Every target can be decrypted by the first key alone: the older ones may be taken out.",
    ]
    assert rotated().startswith("0 targets and 0 secrets")
    assert [event.detail["targets"] for event in AuditEvent.objects.filter(action="encrypt by the first key").order_by("number")] == [1, 0]
    settings.SECRETS_KEYS = settings.SECRETS_KEYS[:1]
    assert vault.decrypted(again) == address_of(Target.objects.get(pk=row.pk)) == {"url": "u"}
    with pytest.raises(vault.Unreadable):
        vault.decrypted(stored)
    Target.objects.update(secret=stored)
    with pytest.raises(CommandError, match=f"No key of HARELINE_SECRETS_KEY decrypts the secrets of {row.name}: restore the key"):
        rotated()
