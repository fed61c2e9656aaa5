"""One's own account: sessions seen and ended, API tokens made, used and revoked."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client

from dashboard.models import ApiToken, AuditEvent, User
from dashboard.people.browsers import browser_text
from tests.people import person as person_with

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def browser(agent: str, address: str) -> Client:
    return Client(HTTP_USER_AGENT=agent, REMOTE_ADDR=address)


@pytest.fixture
def eve() -> User:
    return person_with("eve")


def logged_in(agent: str, address: str) -> Client:
    client = browser(agent, address)
    assert client.post("/login/", {"login": "eve", "password": "a good long one 17"}).status_code == 302
    return client


def test_sessions_show_browser_and_address_and_end_one_by_one_or_all_others(eve: User) -> None:
    here, phone, other = logged_in(FIREFOX, "10.0.0.1"), logged_in(SAFARI, "10.0.0.2"), logged_in("curl/8", "fe80::1%eth0")
    text = text_of(here.get("/account/"))
    assert "Firefox on Linux 10.0.0.1 this browser" in text and "Safari on iPhone 10.0.0.2" in text and "curl fe80::1" in text
    on_phone = UserSession.objects.get(ip="10.0.0.2")
    assert "That browser is logged out." in text_of(here.post(f"/account/sessions/{on_phone.pk}/end/", follow=True))
    assert (phone.get("/account/").status_code, other.get("/account/").status_code) == (302, 200)
    here.post("/account/sessions/end-others/")
    assert (here.get("/account/").status_code, other.get("/account/").status_code) == (200, 302)
    assert "10.0.0.2" not in text_of(here.get("/account/"))


def test_nobody_ends_a_session_or_revokes_a_token_of_another(person: Client, eve: User, now: datetime) -> None:
    theirs = logged_in(FIREFOX, "10.0.0.1")
    token = ApiToken.objects.create(user=eve, name="ci", sha256="x", created_at=now)
    session = UserSession.objects.get(user=eve)
    assert person.post(f"/account/sessions/{session.pk}/end/").status_code == 404
    assert person.post(f"/account/tokens/{token.pk}/revoke/").status_code == 404
    assert theirs.get("/account/").status_code == 200


def test_a_changed_password_ends_the_other_sessions_and_leaves_them_out(eve: User) -> None:
    here, other = logged_in(FIREFOX, "10.0.0.1"), logged_in(SAFARI, "10.0.0.2")
    new = "another good one 18"
    here.post("/password/change/", {"oldpassword": "a good long one 17", "password1": new, "password2": new})
    assert other.get("/account/").status_code == 302
    text = text_of(here.get("/account/"))
    assert "this browser" in text and "10.0.0.2" not in text


def made(client: Client, **fields: Any) -> str:
    answer = client.post("/account/tokens/", {"name": "ci", "lasts": "7", "actions": ["view"]} | fields)
    found = re.search(r'id="new-token">([\w-]+)<', answer.content.decode())
    assert found
    return found[1]


def test_a_token_is_shown_once_used_and_revoked(eve: User) -> None:
    client = logged_in(FIREFOX, "10.0.0.1")
    plain = made(client)
    page = client.get("/account/")
    assert plain not in page.content.decode() and "never used" in text_of(page)
    script = Client(REMOTE_ADDR="10.9.9.9", headers={"Authorization": f"Bearer {plain}"})
    assert script.get("/api/v1/brokers").status_code == 200
    assert script.get("/account/").status_code == 302, "a token opens no page"
    assert "from 10.9.9.9" in text_of(client.get("/account/"))
    token = ApiToken.objects.get(name="ci")
    assert "Revoked: ci" in text_of(client.post(f"/account/tokens/{token.pk}/revoke/", follow=True))
    assert script.get("/api/v1/brokers").status_code == 401
    assert [(event.action, event.name) for event in AuditEvent.objects.filter(action__contains="token")] == [("make token", "ci"), ("revoke token", "ci")]


def test_a_token_may_no_more_than_was_chosen_there_than_its_person_and_until_it_expires(eve: User, now: datetime) -> None:
    client = logged_in(FIREFOX, "10.0.0.1")
    plain = made(client, actions=["view", "people"], broker="prod", queue="orders.*")
    token = ApiToken.objects.get(name="ci")
    assert (token.actions, token.broker, token.vhost, token.queue) == (["view"], "prod", "", "orders.*")
    assert token.rights().may("view", "prod", "/", "orders.eu") and not token.rights().may("view", "prod", "/", "mail")
    assert timedelta(days=6) < token.expires_at - now < timedelta(days=8)  # type: ignore[operator]
    ApiToken.objects.update(expires_at=now)
    assert Client(headers={"Authorization": f"Bearer {plain}"}).get("/api/v1/brokers").status_code == 401
    assert "expired" in text_of(client.get("/account/"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"name": ""}, "A name of up to 100"),
        ({"name": "HARELINE_API_TOKEN"}, "other than HARELINE_API_TOKEN"),
        ({"actions": []}, "Choose at least one."),
        ({"actions": ["people"]}, "Choose at least one."),
        ({"lasts": "8"}, "Choose one of the times."),
        ({"vhost": "x" * 256}, "At most 255"),
    ],
)
def test_what_is_wrong_with_a_token_is_said_beside_the_form(client: Client, eve: User, given: dict[str, Any], problem: str) -> None:
    client.force_login(eve)
    answer = client.post("/account/tokens/", {"name": "ci", "lasts": "7", "actions": ["view"]} | given)
    assert (answer.status_code, ApiToken.objects.count()) == (422, 0)
    assert problem in text_of(answer)


def test_a_token_in_an_address_is_refused(eve: User, client: Client) -> None:
    client.force_login(eve)
    plain = made(client)
    for name in ("token", "access_token"):
        assert Client().get(f"/api/v1/brokers?{name}={plain}").status_code == 401


def test_browsers_have_the_names_that_people_know() -> None:
    edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"
    assert [browser_text(agent) for agent in (edge, FIREFOX, SAFARI, "", "<b>")] == [
        "Edge on Windows", "Firefox on Linux", "Safari on iPhone", "Unknown browser", "Unknown browser",
    ]  # fmt: skip
