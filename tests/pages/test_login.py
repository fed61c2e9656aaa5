"""Logging in and out and changing the password; each is recorded, and nothing shows a stranger whether a name exists."""

import pytest
from django.core.cache import cache
from django.test import Client

from dashboard.models import AuditEvent, User

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough one"


@pytest.fixture(autouse=True)
def no_tries_so_far():
    cache.clear()


@pytest.fixture
def ada():
    return User.objects.create_superuser("ada", password=PASSWORD)


@pytest.fixture
def stranger():
    return Client()


def log_in(client, login="ada", password=PASSWORD, **more):
    return client.post("/login/", {"login": login, "password": password, **more})


def noted():
    return list(AuditEvent.objects.order_by("pk").values_list("action", "outcome", "user_name"))


def text_of(answer):
    return answer.content.decode()


@pytest.mark.parametrize(
    "address", ["/", "/queues/", "/queues/1/", "/exchanges/", "/workers/", "/glossary/", "/password/change/", "/signup/", "/no/such/page/"]
)
def test_a_stranger_is_sent_to_the_login_page_and_back_after_login(stranger, address):
    answer = stranger.get(address)
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/login/")


def test_the_right_password_leads_to_the_requested_page(stranger, ada):
    assert log_in(stranger).headers["Location"] == "/"
    assert log_in(Client(), next="/queues/?q=mail").headers["Location"] == "/queues/?q=mail"


def test_no_other_site_is_a_return_address(stranger, ada):
    assert log_in(stranger, next="https://elsewhere.example/").headers["Location"] == "/"


def test_a_wrong_name_a_wrong_password_and_a_switched_off_account_sound_the_same(stranger, ada):
    User.objects.create_user("eve", password=PASSWORD, is_active=False)
    answers = [log_in(stranger, password="wrong"), log_in(stranger, login="nobody"), log_in(stranger, login="eve")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all("The user name or the password is wrong." in text_of(answer) for answer in answers)
    assert not any("_auth_user_id" in answer.wsgi_request.session for answer in answers)


def test_many_wrong_tries_are_stopped_even_with_the_right_password(stranger, ada):
    for _ in range(5):
        log_in(stranger, password="wrong")
    assert "_auth_user_id" not in log_in(stranger).wsgi_request.session


def test_logging_in_failing_and_leaving_are_noted(stranger, ada):
    log_in(stranger, password="wrong")
    log_in(stranger, login="nobody")
    log_in(stranger)
    stranger.post("/logout/")
    assert noted() == [("log in", "failed", "ada"), ("log in", "failed", "nobody"), ("log in", "done", "ada"), ("log out", "done", "ada")]
    assert PASSWORD not in str(list(AuditEvent.objects.values_list()))


def test_only_a_post_logs_out(client, ada):
    client.force_login(ada)
    assert "Log out?" in text_of(client.get("/logout/"))
    assert client.get("/").status_code == 200
    assert client.post("/logout/").headers["Location"] == "/login/"
    assert client.get("/").status_code == 302


def test_the_login_page_offers_only_what_works(stranger):
    page = text_of(stranger.get("/login/"))
    for missing in ("signup", "sign up", "passkey", "reset", "Keycloak"):
        assert missing not in page.lower()


@pytest.mark.parametrize("address", ["/signup/", "/email/", "/password/reset/", "/password/set/", "/inactive/", "/reauthenticate/", "/2fa/"])
def test_pages_of_the_login_library_that_we_do_not_offer_do_not_exist(client, ada, address):
    client.force_login(ada)
    assert client.get(address).status_code == 404


def change(client, now=PASSWORD, new="another long one", again="another long one"):
    return client.post("/password/change/", {"oldpassword": now, "password1": new, "password2": again})


def test_a_changed_password_counts_at_once_keeps_the_person_in_and_is_noted(client, ada):
    client.force_login(ada)
    assert change(client).headers["Location"] == "/"
    assert client.get("/").status_code == 200
    ada.refresh_from_db()
    assert ada.check_password("another long one")
    assert ("change password", "done", "ada") in noted()


@pytest.mark.parametrize("wrong", [{"now": "not this"}, {"again": "something else"}, {"new": "short", "again": "short"}, {"new": "ada", "again": "ada"}])
def test_a_password_that_may_not_be_is_explained_beside_its_field(client, ada, wrong):
    client.force_login(ada)
    answer = change(client, **wrong)
    assert answer.status_code == 200
    assert 'class="error"' in text_of(answer)
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_forms_of_another_site_are_refused(ada):
    client = Client(enforce_csrf_checks=True)
    assert log_in(client).status_code == 403
