"""A name that a trusted proxy sends, and pages that strangers may look at; both are off by default."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from dashboard import proxies
from tests.people import person as person_with

pytestmark = pytest.mark.django_db
PROXY = proxies.parse("10.0.0.1")


@pytest.mark.parametrize(
    ("peer", "name", "kept"),
    [("10.0.0.1", b"x-remote-user", True), ("10.0.0.1", b"X_Remote_User", False), ("10.0.0.2", b"x-remote-user", False), ("10.0.0.2", b"x_remote_user", False)],
)
def test_the_name_counts_only_from_a_trusted_proxy(peer: str, name: bytes, kept: bool) -> None:
    scope = {"type": "http", "headers": [(name, b"eve"), (b"accept", b"*")], "client": [peer, 1], "scheme": "http"}
    assert (len(proxies.resolved(PROXY, scope, "x-remote-user")["headers"]) == 2) is kept


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


def test_strangers_look_at_pages_with_the_role_and_change_nothing(settings: Any, client: Client) -> None:
    assert client.get("/queues/").status_code == 302, "off by default"
    settings.ANONYMOUS_ROLE = "admin"
    page = client.get("/queues/")
    assert page.status_code == 200
    assert b"Log in" in page.content and b"Log out" not in page.content
    for address in ("/account/", "/people/", "/audit/", "/password/change/", "/findings/feeds/", "/send/"):
        assert client.get(address).status_code == 302, address
    assert client.get("/api/v1/brokers").status_code == 401
    assert client.post("/findings/silence/", {}).status_code == 302
    settings.ANONYMOUS_ROLE = "no such role"
    assert client.get("/queues/").status_code == 302
