"""One's own account: sessions seen and ended, API tokens made, used and revoked."""

from __future__ import annotations

import json
import re
from base64 import b32decode
from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.test import Client

from brokers.models import Broker, Queue
from dashboard import encryption, queries
from dashboard.accounts.factors import FactorAdapter
from dashboard.models import ApiToken, AuditEvent, User
from dashboard.people.browsers import browser_text
from dashboard.store.second_factors import encrypt_anew
from tests.pages.reading import text_of
from tests.people import person as person_with

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"


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


def test_any_number_of_sessions_is_read_by_the_same_queries(eve: User, django_assert_num_queries: Any) -> None:
    for number in range(4):
        logged_in(FIREFOX, f"10.0.0.{number}")
    with django_assert_num_queries(3):
        assert len(queries.sessions_of(eve.pk)) == 4


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


def test_the_preview_of_a_token_counts_only_what_its_person_may_view(client: Client, now: datetime) -> None:
    for name in ("prod", "staging"):
        broker = Broker.objects.create(name=name, state=Broker.UP, reason="", since=now, polled_at=now, poll_seconds=60)
        for queue in ("orders.eu", "mail"):
            Queue.objects.create(broker=broker, vhost="/", name=queue, first_seen_at=now, changed_at=now)
    client.force_login(person_with("eve", broker="prod", queue="orders.*"))
    page = client.get("/account/")
    assert "Covers 1 queue in 1 virtual host now, Celery’s own included." in text_of(page) and "staging" not in page.content.decode()
    for pattern in ({"queue": "mail"}, {"broker": "staging"}):
        assert "Covers no queue that exists now." in text_of(client.post("/account/tokens/?part=coverage", pattern))


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


def code_for(secret: str, now: datetime) -> str:
    """What an authenticator app shows for the secret, by another implementation than the one that checks it."""
    return TOTP(b32decode(secret), 6, SHA1(), 30, enforce_key_length=False).generate(int(now.timestamp())).decode()  # noqa: S303


def test_an_authenticator_app_is_set_up_then_requested_and_a_code_is_good_once(eve: User, now: datetime, django_capture_on_commit_callbacks: Any) -> None:
    client = logged_in(FIREFOX, "10.0.0.1")
    confirm = client.get("/2fa/totp/activate/")
    assert confirm.headers["Location"] == "/reauthenticate/?next=%2F2fa%2Ftotp%2Factivate%2F"
    assert "Confirm it is you" in text_of(client.get(confirm.headers["Location"]))
    assert client.post(confirm.headers["Location"], {"password": "a good long one 17"}).headers["Location"] == "/2fa/totp/activate/"
    secret = re.search(r'id="totp-secret">(\w+)<', client.get("/2fa/totp/activate/").content.decode())
    assert secret
    assert "wrong" in text_of(client.post("/2fa/totp/activate/", {"code": "000000"}))
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post("/2fa/totp/activate/", {"code": code_for(secret[1], now)}).headers["Location"] == "/2fa/recovery-codes/"
    codes = re.search(r'id="recovery-codes">([\d ]+)<', client.get("/2fa/recovery-codes/").content.decode())
    assert codes
    assert "10 of 10 are left" in text_of(client.get("/2fa/recovery-codes/")), "codes are shown once"
    assert secret[1] not in str(list(Authenticator.objects.values())), "the secret is stored encrypted"
    other = browser(SAFARI, "10.0.0.2")
    assert other.post("/login/", {"login": "eve", "password": "a good long one 17"}).headers["Location"] == "/2fa/authenticate/"
    assert other.get("/account/").status_code == 302, "the password alone opens no page"
    assert "wrong" in text_of(other.post("/2fa/authenticate/", {"code": "123"}))
    later = code_for(secret[1], now + timedelta(seconds=30))
    assert other.post("/2fa/authenticate/", {"code": later}).headers["Location"] == "/"
    assert "Authenticator app" in text_of(other.get("/account/"))
    third = browser(SAFARI, "10.0.0.3")
    third.post("/login/", {"login": "eve", "password": "a good long one 17"})
    assert "was used already" in text_of(third.post("/2fa/authenticate/", {"code": later}))
    assert third.post("/2fa/authenticate/", {"code": codes[1].split()[0]}).headers["Location"] == "/"
    assert "9 left" in text_of(third.get("/account/"))
    done = set(AuditEvent.objects.filter(user=eve, outcome="done").values_list("action", "name"))
    assert {("add second factor", "totp"), ("add second factor", "recovery_codes")} <= done
    assert AuditEvent.objects.filter(action="log in", outcome="failed", user_name="eve").count() == 2


def test_a_manager_removes_the_second_factors_of_somebody_who_has_lost_them(person: Client, eve: User) -> None:
    Authenticator.objects.create(user=eve, type="totp", data={"secret": "x"})
    locked = browser(FIREFOX, "10.0.0.1")
    locked.post("/login/", {"login": "eve", "password": "a good long one 17"})
    assert "wrong" in text_of(locked.post("/2fa/authenticate/", {"code": "123456"})), "a secret that can't be decrypted fits no code"
    assert "has a second factor" in text_of(person.get(f"/people/{eve.pk}/"))
    person.post(f"/people/{eve.pk}/forget-factors/")
    logged_in(FIREFOX, "10.0.0.1")


def test_pages_of_security_keys_have_what_the_browser_needs(eve: User) -> None:
    client = logged_in(FIREFOX, "10.0.0.1")
    client.post("/reauthenticate/?next=/2fa/webauthn/add/", {"password": "a good long one 17"})
    page = client.get("/2fa/webauthn/add/").content.decode()
    options = re.search(r'id="key-options" type="application/json">(.+?)</script>', page)
    assert options
    assert {"challenge", "rp", "user", "pubKeyCredParams"} <= set(json.loads(options[1])["publicKey"])
    assert client.post("/2fa/webauthn/add/", {"name": "key", "credential": '{"no": "key"}'}).status_code == 200
    assert not Authenticator.objects.exists()


def test_another_secrets_key_takes_over_second_factors(eve: User, settings: Any) -> None:
    old = FactorAdapter().encrypt("JBSWY3DPEHPK3PXP")
    Authenticator.objects.create(user=eve, type="totp", data={"secret": old})
    Authenticator.objects.create(user=eve, type="recovery_codes", data={"seed": "made by a key that is lost", "used_mask": 5})
    settings.SECRETS_KEYS = ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", *settings.SECRETS_KEYS)
    assert encrypt_anew(encryption.rotated) == 1
    settings.SECRETS_KEYS = settings.SECRETS_KEYS[:1]
    assert FactorAdapter().decrypt(Authenticator.objects.get(type="totp").data["secret"]) == "JBSWY3DPEHPK3PXP"
    assert Authenticator.objects.get(type="recovery_codes").data == {"seed": "made by a key that is lost", "used_mask": 5}
    assert encrypt_anew(encryption.rotated) == 0
