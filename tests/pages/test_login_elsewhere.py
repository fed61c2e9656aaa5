"""A name that a trusted proxy sends, and pages that strangers may view; both are off by default."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from dashboard import proxies, store
from dashboard.models import AuditEvent
from tests.people import person as person_with

pytestmark = pytest.mark.django_db
PROXY = proxies.parse("10.0.0.1")


@pytest.mark.parametrize(
    ("peer", "name", "kept"),
    [("10.0.0.1", b"x-remote-user", True), ("10.0.0.1", b"X_Remote_User", False), ("10.0.0.2", b"x-remote-user", False), ("10.0.0.2", b"x_remote_user", False)],
)
@pytest.mark.parametrize("begin", ["x-remote", "x-forwarded"])
def test_the_name_counts_only_from_a_trusted_proxy(peer: str, name: bytes, kept: bool, begin: str) -> None:
    sent = name.lower().replace(b"x-remote", begin.encode()).replace(b"x_remote", begin.replace("-", "_").encode())
    scope = {"type": "http", "headers": [(sent, b"eve"), (b"accept", b"*"), (b"x-forwarded-host", b"eve")], "client": [peer, 1], "scheme": "http"}
    assert (len(proxies.resolved(PROXY, scope, f"{begin}-user")["headers"]) == 2) is kept


def test_the_named_person_is_logged_in_until_another_or_nobody_is_named(settings: Any, client: Client) -> None:
    eve = person_with("eve")
    person_with("mia")
    assert client.get("/account/", headers={"X-Remote-User": "eve"}).status_code == 302, "off by default"
    settings.PROXY_USER_HEADER = "x-remote-user"
    assert b"eve" in client.get("/account/", headers={"X-Remote-User": "eve"}).content
    assert b"mia" in client.get("/account/", headers={"X-Remote-User": "mia"}).content
    assert client.get("/account/").status_code == 302
    assert client.get("/account/", headers={"X-Remote-User": "nobody"}).status_code == 302
    eve.is_active = False
    eve.save()
    assert client.get("/account/", headers={"X-Remote-User": "eve"}).status_code == 302


def test_the_named_person_of_a_call_gets_no_session_and_a_login_has_its_address(settings: Any, client: Client) -> None:
    person_with("eve")
    settings.PROXY_USER_HEADER = "x-remote-user"
    for _ in range(2):
        assert Client().get("/api/v1/brokers", headers={"X-Remote-User": "eve"}).status_code == 200
    assert Client().get("/api/v1/brokers").status_code == 401
    assert (Session.objects.count(), UserSession.objects.count(), AuditEvent.objects.count()) == (0, 0, 0)
    client.get("/account/", headers={"X-Remote-User": "eve"}, REMOTE_ADDR="203.0.113.9")
    assert list(AuditEvent.objects.values_list("action", "address", "via")) == [("log in", "203.0.113.9", "proxy")]


def test_sessions_that_are_over_are_forgotten_but_for_the_last_visit() -> None:
    eve, now = person_with("eve"), timezone.now()
    for number in range(3):
        store.begin_session(eve.pk, f"key {number}", "127.0.0.1", "curl", now - timedelta(hours=number))
    client = Client()
    client.force_login(eve)
    UserSession.objects.filter(session_key=client.session.session_key).update(last_seen_at=now - timedelta(days=1))
    assert (store.trim_sessions(), store.trim_sessions()) == (2, 0)
    assert set(UserSession.objects.values_list("session_key", flat=True)) == {"key 0", client.session.session_key}


def test_strangers_view_pages_with_the_role_and_change_nothing(settings: Any, client: Client) -> None:
    assert client.get("/queues/").status_code == 302, "off by default"
    settings.ANONYMOUS_ROLE = "admin"
    page = client.get("/queues/")
    assert page.status_code == 200
    assert b"Log in" in page.content and b"Log out" not in page.content
    assert b"js/live.js" not in page.content, "they get no socket"
    for address in ("/account/", "/people/", "/audit/", "/password/change/", "/findings/feeds/", "/send/"):
        assert client.get(address).status_code == 302, address
    assert client.get("/api/v1/brokers").status_code == 401
    assert client.post("/findings/silence/", {}).headers["Location"].startswith("/login/")
    assert client.post("/theme/", {"theme": "dark", "next": "/queues/"}).headers["Location"] == "/queues/"
    settings.ANONYMOUS_ROLE = "no such role"
    assert client.get("/queues/").status_code == 302
