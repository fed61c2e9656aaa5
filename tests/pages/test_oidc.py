"""Logging in by a real OpenID Connect provider: its groups become roles, and whatever goes wrong is stated on the login page."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from dashboard.models import AuditEvent, User
from dashboard.people import providers
from dashboard.people.providers import as_apps, parse
from dashboard.store import rights
from tests.fault_server import FaultServer
from tests.oidc import OidcProvider, log_in_there
from tests.pages.reading import text_of

pytestmark = [pytest.mark.django_db, pytest.mark.skipif(shutil.which("node") is None, reason="the provider is a program for Node.js")]
BACK = "http://testserver/oidc/corp/callback/"
ROLES = "ops=operator?vhost=/shop&queue=orders.*, admins=admin"


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcProvider]:
    found = OidcProvider(tmp_path_factory.mktemp("oidc"), BACK)
    yield found
    found.stop()


def configure(settings: Any, issuer: str, roles: str = ROLES) -> None:
    found = parse(
        {
            "HARELINE_OIDC_CORP_ISSUER": issuer,
            "HARELINE_OIDC_CORP_CLIENT_ID": "hareline",
            "HARELINE_OIDC_CORP_CLIENT_SECRET": "of-the-suite",
            "HARELINE_OIDC_CORP_ROLES": roles,
        }
    )
    settings.OIDC_PROVIDERS, settings.SOCIALACCOUNT_PROVIDERS = found, as_apps(found)


def back_from(client: Client, name: str) -> str:
    """The address at which the provider sends the person back."""
    return log_in_there(begun(client), name, BACK).removeprefix("http://testserver")


def begun(client: Client, **given: str) -> str:
    """Where the browser goes to log in: by a page, since what a form leads to may only be Hareline itself."""
    answer = client.post("/oidc/corp/login/", given)
    assert (answer.status_code, "Go on to Corp" in text_of(answer)) == (200, True)
    return str(answer.headers["Refresh"].removeprefix("0; url="))


def test_groups_become_roles_that_come_and_go_with_them(provider: OidcProvider, settings: Any, client: Client) -> None:
    configure(settings, provider.issuer)
    assert "Log in with Corp" in text_of(client.get("/login/"))
    provider.people({"eve": {"groups": ["ops", "other"]}})
    back = back_from(client, "eve")
    assert client.get(back).headers["Location"] == "/"
    eve = User.objects.get(username="eve")
    assert eve.rights.may("send", "prod", "/shop", "orders.eu") and not eve.rights.may("view", "prod", "/", "orders.eu")
    assert "operator in /shop, of queues orders.*" in text_of(client.get("/account/"))
    replayed = Client().get(back, follow=True)
    assert (replayed.status_code, "This login was completed already" in text_of(replayed)) == (200, True)
    provider.people({"eve": {"groups": ["admins"]}})
    again = Client()
    again.get(back_from(again, "eve"))
    assert [granted.role.group.name for granted in eve.granted.all()] == ["admin"]
    provider.people({"eve": {"groups": []}})
    rights.grant(rights.add_person("mia", None), "admin", eve.granted.get().at)
    again = Client()
    again.get(back_from(again, "eve"))
    assert not User.objects.get(username="eve").rights.may_somewhere("view")
    assert AuditEvent.objects.filter(action="roles from groups", outcome="done").count() == 3


def test_who_has_no_group_with_a_role_or_the_name_of_somebody_else_gets_no_account(provider: OidcProvider, settings: Any) -> None:
    configure(settings, provider.issuer)
    provider.people({"eve": {"groups": ["other"]}, "ada": {"groups": ["ops"]}})
    rights.add_person("ada", "a good long one 17")
    for name, reason in (("eve", "None of your groups at Corp has a role here."), ("ada", "There is a person ada already")):
        client = Client()
        assert reason in text_of(client.get(back_from(client, name), follow=True))
        assert client.get("/account/").status_code == 302
    assert list(User.objects.values_list("username", flat=True)) == ["ada"]


def test_the_same_subject_of_another_issuer_is_another_person(provider: OidcProvider, settings: Any, tmp_path: Any) -> None:
    configure(settings, provider.issuer)
    provider.people({"eve": {"groups": ["ops"]}})
    first = Client()
    first.get(back_from(first, "eve"))
    other = OidcProvider(tmp_path, BACK)
    try:
        configure(settings, other.issuer)
        other.people({"eve": {"groups": ["ops"]}})
        client = Client()
        assert "There is a person eve already" in text_of(client.get(back_from(client, "eve"), follow=True))
    finally:
        other.stop()


def test_a_login_begins_as_a_login_whatever_was_sent_with_it(provider: OidcProvider, settings: Any, client: Client) -> None:
    configure(settings, provider.issuer)
    address = begun(client, process="connect", scope="everything", auth_params="prompt=none", next="/queues/")
    assert "everything" not in address and "prompt" not in address
    (state,) = client.session["socialaccount_states"].values()
    assert (state[0]["process"], state[0]["next"]) == ("login", "/queues/")


def test_a_role_that_nobody_made_gives_no_account_and_no_entry_at_each_login(provider: OidcProvider, settings: Any) -> None:
    configure(settings, provider.issuer, "ops=watcher, all=viewer")
    provider.people({"eve": {"groups": ["ops"]}})
    client = Client()
    assert "None of your groups at Corp has a role here." in text_of(client.get(back_from(client, "eve"), follow=True))
    provider.people({"eve": {"groups": ["ops", "all"]}})
    for _ in range(2):
        client = Client()
        assert client.get(back_from(client, "eve")).headers["Location"] == "/"
    done = AuditEvent.objects.filter(outcome="done").values_list("action", "user_name")
    assert list(done.exclude(action="log in").order_by("number")) == [("add person", "Corp"), ("roles from groups", "eve")]


def test_who_is_disabled_here_stays_out(provider: OidcProvider, settings: Any, client: Client) -> None:
    configure(settings, provider.issuer)
    provider.people({"eve": {"groups": ["ops"]}})
    client.get(back_from(client, "eve"))
    User.objects.update(is_active=False)
    other = Client()
    assert "disabled" in text_of(other.get(back_from(other, "eve"), follow=True))
    assert other.get("/account/").status_code == 302


def test_a_code_of_another_browser_and_a_cancelled_login_are_refused(provider: OidcProvider, settings: Any, client: Client) -> None:
    configure(settings, provider.issuer)
    provider.people({"eve": {"groups": ["ops"]}})
    back = back_from(client, "eve")
    assert "began in another browser" in text_of(Client().get(back, follow=True))
    state = re.search(r"state=([\w-]+)", begun(client))
    assert state
    assert "cancelled" in text_of(client.get(f"/oidc/corp/callback/?error=access_denied&state={state[1]}", follow=True))
    assert not User.objects.exists()


def test_a_clock_that_is_off_by_five_minutes_is_named(settings: Any, client: Client, tmp_path: Any) -> None:
    wrong = OidcProvider(tmp_path, BACK, clock_offset_seconds=300)
    try:
        configure(settings, wrong.issuer)
        wrong.people({"eve": {"groups": ["ops"]}})
        answer = client.get(back_from(client, "eve"), follow=True)
        assert (answer.status_code, "The clocks of Corp and of this machine differ" in text_of(answer)) == (200, True)
    finally:
        wrong.stop()


def stated_reason(settings: Any, issuer: str) -> str:
    """What the login page states about a provider at that address."""
    configure(settings, issuer)
    found = re.search(r"Corp (?:can’t|names|did)[^.]*", text_of(Client().post("/oidc/corp/login/", follow=True)))
    return found[0] if found else ""


def test_a_provider_that_is_down_names_another_issuer_or_answers_nonsense_is_stated(provider: OidcProvider, settings: Any, fault_server: FaultServer) -> None:
    down, other = "Corp can’t be reached, or refused the request", "Corp names another issuer than the one that is configured here"
    unusable = "Corp did not confirm who you are"
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # nothing listens there, and nothing else can
        assert stated_reason(settings, f"http://127.0.0.1:{nobody.getsockname()[1]}") == down
    assert stated_reason(settings, provider.issuer.replace("127.0.0.1", "localhost")) == other
    for body, stated in (
        (b"<html>", down),
        (b"[]", unusable),
        (b'{"issuer": 7}', other),
        (b'{"issuer": "%s"}' % fault_server.url.encode(), unusable),
    ):
        fault_server.answer("/.well-known/openid-configuration", status=200, body=body)
        assert stated_reason(settings, fault_server.url) == stated, body
    refused = AuditEvent.objects.filter(action="log in", outcome="refused")
    assert {event.detail["provider"] for event in refused} == {"corp"}
    assert Client().post("/oidc/nothing/login/").status_code == 404


@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"ISSUER": "http://id.example", "CLIENT_ID": "x"}, "CORP_ISSUER: expected an https address"),
        ({"ISSUER": "https://id.example"}, "CORP_CLIENT_ID is missing"),
        ({"ISSUER": "https://id.example", "CLIENT_ID": "x", "ROLES": "ops"}, "CORP_ROLES: expected group=role"),
        ({"ISSUER": "https://id.example", "CLIENT_ID": "x", "ROLES": "ops=admin?where=x"}, "CORP_ROLES: expected group=role"),
        ({"ISSUER": "https://id.example", "CLIENT_ID": "x", "ROLES": f"ops=admin?broker={'x' * 201}"}, "CORP_ROLES: in .* broker has too many characters"),
        ({"ISSUER": "https://id.example", "CLIENT_ID": "x", "SECRET": "y"}, "CORP_SECRET: expected"),
    ],
)
def test_a_value_that_can_not_be_used_is_named(variables: dict[str, str], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse({f"HARELINE_OIDC_CORP_{name}": value for name, value in variables.items()})


def test_groups_may_be_one_text_and_names_may_be_encoded() -> None:
    (found,) = parse({"HARELINE_OIDC_A_B_ISSUER": "https://id.example", "HARELINE_OIDC_A_B_CLIENT_ID": "x", "HARELINE_OIDC_A_B_ROLES": "a%2Cb=viewer, *=peek"})
    assert (found.name, found.label) == ("a-b", "A b")
    assert [one.role for one in found.roles_of({"groups": "a,b"})] == ["viewer", "peek"]
    assert [one.role for one in found.roles_of({"groups": 7})] == ["peek"]
    assert providers.parse({}) == ()
