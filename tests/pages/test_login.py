"""Logging in and out and changing the password; each is recorded, and nothing shows a stranger whether a name exists."""

import doctest
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard import store
from dashboard.models import AuditEvent, LoginDelay, User
from dashboard.people import login_delays
from dashboard.people.inside import is_inside

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough one"


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


@pytest.mark.parametrize(
    "elsewhere",
    ["https://elsewhere.example/", "//elsewhere.example/", "/\\elsewhere.example/", "https://localhost/", "http://[::1]/", "javascript:alert(1)", "queues/"],
)
def test_no_other_site_is_a_return_address(stranger, ada, elsewhere):
    assert log_in(stranger, next=elsewhere).headers["Location"] == "/"


@pytest.mark.parametrize(("back", "leads_to"), [("/other/", "/"), ("/hareline/../other/", "/"), ("/hareline/queues/", "/hareline/queues/")])
def test_behind_a_prefix_nothing_else_of_that_host_is_a_return_address(rf, settings, back, leads_to):
    settings.PATH_PREFIX = "/hareline"
    assert is_inside(back, rf.get("/")) is (leads_to == back)


def test_nothing_that_a_person_sees_is_kept_by_a_cache(client, ada):
    for address in ("/", "/login/", "/no/such/page/", "/api/v1/brokers", "/readyz"):
        client.force_login(ada)
        assert {"private", "no-store"} <= {part.strip() for part in client.get(address).headers["Cache-Control"].split(",")}, address
    assert "Strict-Transport-Security" not in client.get("/").headers


def test_browsers_keep_to_https_where_people_reach_us_by_it(client, ada, settings):
    settings.HSTS_SECONDS = 1000
    assert client.get("/login/").headers["Strict-Transport-Security"] == "max-age=1000"


@pytest.mark.parametrize("address", ["/healthz", "/readyz", "/metrics", "/api/v1/brokers", "/api/v1/nothing"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_every_method_on_an_address_of_programs_is_answered_in_json(client, ada, address, method):
    client.force_login(ada)
    answer = client.generic(method, address)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404 if "nothing" in address else 405, "application/json")
    assert answer.json()["error"]["code"] in ("method_not_allowed", "not_found")


def test_a_bad_host_is_an_error_in_json_for_programs(client):
    answer = client.get("/api/v1/brokers", headers={"host": "elsewhere.example"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")


def test_a_wrong_name_a_wrong_password_and_a_switched_off_account_sound_the_same(stranger, ada):
    User.objects.create_user("eve", password=PASSWORD, is_active=False)
    answers = [log_in(stranger, password="wrong"), log_in(stranger, login="nobody"), log_in(stranger, login="eve")]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all("The user name or the password is wrong." in text_of(answer) for answer in answers)
    assert not any("_auth_user_id" in answer.wsgi_request.session for answer in answers)


def wrong_tries(client, times=5, **more):
    return [log_in(client, password="wrong", **more) for _ in range(times)]


def wait_for_long():
    """However slow the machine, nobody's time to wait ends during the test."""
    LoginDelay.objects.exclude(name="").update(free_at=timezone.now() + timedelta(minutes=14, seconds=30))


def is_in(answer):
    return "_auth_user_id" in answer.wsgi_request.session


def test_after_many_wrong_passwords_the_next_one_waits_and_the_page_states_how_long(stranger, ada):
    assert [answer.status_code for answer in wrong_tries(stranger)] == [200] * 5
    wait_for_long()
    refused = log_in(stranger)
    assert (refused.status_code, 700 < int(refused.headers["Retry-After"]) <= 870, is_in(refused)) == (429, True, False)
    assert "Too many wrong passwords. Try again in 15 minutes." in text_of(refused)
    log_in(stranger)
    assert noted()[5:] == [("log in", "refused", "ada")]  # once, however often it is tried


def test_wrong_passwords_from_one_address_make_no_other_address_and_no_other_name_wait(stranger, ada):
    User.objects.create_user("bo", password=PASSWORD)
    wrong_tries(stranger)
    wait_for_long()
    assert is_in(log_in(Client(REMOTE_ADDR="203.0.113.9")))
    assert is_in(log_in(Client(), login="bo"))


def test_a_browser_that_ada_logged_in_from_is_let_in_beside_somebody_who_guesses_at_its_address(stranger, ada):
    own = Client()
    log_in(own)
    own.post("/logout/")
    wrong_tries(stranger)
    wait_for_long()
    assert not is_in(log_in(stranger)) and is_in(log_in(own))
    own.post("/logout/")
    wrong_tries(own, 5)
    wait_for_long()
    assert not is_in(log_in(own))  # it counts for itself
    assert own.cookies["hareline_browser"]["path"] == "/login/" and own.cookies["hareline_browser"]["httponly"]


@pytest.mark.parametrize("cookie", ["", "x", "eyJudW1iZXIiOiIxIn0:1:abc"])
def test_a_made_up_cookie_makes_no_browser_known(stranger, ada, cookie):
    wrong_tries(stranger)
    wait_for_long()
    stranger.cookies["hareline_browser"] = cookie
    assert not is_in(log_in(stranger))


def test_an_address_that_tries_many_names_is_slowed_down_and_known_browsers_there_are_not(stranger, ada):
    own = Client()
    log_in(own)
    own.post("/logout/")
    soon = timezone.now() + timedelta(minutes=2)
    assert [bool(store.begin_login(f"nobody{number}", "127.0.0.1", "", soon).wait) for number in range(32)] == [False] * 30 + [True] * 2
    assert log_in(stranger, login="somebody").status_code == 429
    assert is_in(log_in(own)) and is_in(log_in(Client(REMOTE_ADDR="203.0.113.9")))


def test_names_beyond_the_pace_of_an_address_fill_neither_the_database_nor_the_audit_log(stranger):
    soon = timezone.now() + timedelta(minutes=2)
    tries = [store.begin_login(f"nobody{number}", "203.0.113.9", "", soon) for number in range(40)]
    assert LoginDelay.objects.count() == 31  # the names until then, and the pace
    assert [tried.first for tried in tries if tried.wait] == [True] + [False] * 9
    assert [store.begin_login("x", "203.0.113.9", "", soon + timedelta(seconds=11)).wait] == [timedelta(0)]


def test_failed_logins_by_a_provider_are_recorded_at_the_pace_of_an_address():
    now = timezone.now()
    assert [store.notes_refusal("203.0.113.9", now) for _ in range(32)] == [True] * 30 + [False] * 2
    assert store.notes_refusal("203.0.113.10", now) and store.notes_refusal("203.0.113.9", now + timedelta(seconds=11))
    assert not store.begin_login("ada", "203.0.113.9", "", now).wait, "passwords have a pace of their own"


def test_the_right_password_ends_what_was_counted_and_an_admin_can_end_it_too(stranger, ada):
    wrong_tries(stranger, 4)
    assert is_in(log_in(stranger))
    stranger = Client()
    wrong_tries(stranger)
    wait_for_long()
    assert store.unlock(" ADA ") == 1
    assert is_in(log_in(stranger))
    assert b"ada" not in str(list(LoginDelay.objects.values_list())).encode() and store.unlock("ada") == 0


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


@pytest.mark.parametrize("address", ["/signup/", "/email/", "/password/reset/", "/password/set/", "/inactive/"])
def test_pages_of_the_login_library_that_we_do_not_offer_do_not_exist(client, ada, address):
    client.force_login(ada)
    assert client.get(address).status_code == 404


def change(client, now=PASSWORD, new="another long one", again="another long one"):
    return client.post("/password/change/", {"oldpassword": now, "password1": new, "password2": again})


def test_who_logs_in_without_a_password_has_none_to_change(client):
    client.force_login(User.objects.create_user("grace"))
    assert client.get("/password/change/").status_code == 404


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


def test_the_examples_hold():
    assert doctest.testmod(login_delays).failed == 0
