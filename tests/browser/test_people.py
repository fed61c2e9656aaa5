"""People as they come and go: invited, limited to a part, with second factors and tokens of their own, seen in the audit log, and out at once when disabled."""

from __future__ import annotations

import re
import time
from base64 import b32decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from playwright.sync_api import Page, expect

from script.screenshots import violations
from tests.browser.conftest import OpenContext, Stack, Watch
from tests.oidc import OidcProvider
from tests.waiting import wait_until

PASSWORD = "a good long one 17"
FONTS = "https://fonts.googleapis.com/"
OVER = re.compile(r"/login/")
KEY = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}


@pytest.fixture
def elsewhere(stack: Stack) -> Iterator[str]:
    """A virtual host with a queue `secrets`, in which nobody here has a role but admins."""
    vhost = stack.node.new_vhost()
    stack.node.api("PUT", f"queues/{vhost}/secrets", {"durable": True})
    yield vhost
    stack.node.api("DELETE", f"vhosts/{vhost}")


def invite(stack: Stack, manager: Page, name: str, **place: str) -> str:
    """The one-time link of a new viewer."""
    manager.goto(f"{stack.url}/people/")
    manager.get_by_label("User name").fill(name)
    manager.get_by_label("Role").select_option("viewer")
    for field, pattern in place.items():
        manager.locator(f"[name={field}]").fill(pattern)
    manager.get_by_role("button", name="Add and make a link").click()
    link: str = manager.get_by_role("status").locator("code", has_text="/invitation/").inner_text()
    return link


def accept(page: Page, link: str, name: str) -> None:
    """Sets the password and logs in with it."""
    page.goto(link)
    expect(page.get_by_text(f"You log in as {name}.")).to_be_visible()
    assert violations(page) == []
    page.fill("[name=password1]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.press("[name=password2]", "Enter")
    page.wait_for_url(OVER)
    enter_password(page, name)
    expect(page.locator("#live-badge")).to_have_attribute("data-state", "live")


def enter_password(page: Page, name: str) -> None:
    page.fill("[name=login]", name)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")


def log_out(page: Page, url: str) -> None:
    page.goto(f"{url}/logout/")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(OVER)


def code_of(secret: str, ahead: int = 0) -> str:
    """What an authenticator app shows `ahead` seconds from now, by another implementation than the one that checks it."""
    return TOTP(b32decode(secret), 6, SHA1(), 30, enforce_key_length=False).generate(int(time.time()) + ahead).decode()  # noqa: S303


def test_an_invited_person_sees_their_part_uses_a_token_and_is_out_when_disabled(stack: Stack, open_context: OpenContext, watch: Watch, elsewhere: str) -> None:
    watch.expect("status of 40")  # what is refused: it is looked at here
    manager, eve, script = open_context().new_page(), open_context(stranger=True).new_page(), open_context(stranger=True).request
    listed = wait_until(lambda: manager.request.get(f"{stack.url}/api/v1/queues?broker=test&vhost={elsewhere}").json().get("items"), seconds=120)
    hidden = f"/queues/{listed[0]['id']}/"
    accept(eve, invite(stack, manager, "eve", vhost=f"{stack.vhost[:-1]}?"), "eve")

    eve.goto(f"{stack.url}/queues/")
    expect(eve.get_by_role("link", name="mail", exact=True)).to_be_visible()
    expect(eve.get_by_role("link", name="secrets", exact=True)).to_have_count(0)
    expect(eve.get_by_role("link", name="People")).to_have_count(0)
    for address in (hidden, "/people/", "/audit/"):
        answer = eve.goto(f"{stack.url}{address}")
        assert answer
        assert answer.status == (404 if address == hidden else 403)

    eve.goto(f"{stack.url}/account/")
    eve.get_by_label("What uses it").fill("deploy script")
    eve.get_by_role("button", name="Make a token").click()
    bearer = {"Authorization": f"Bearer {eve.locator('#new-token').inner_text()}"}
    listed = script.get(f"{stack.url}/api/v1/queues?page_size=500", headers=bearer).json()["items"]
    assert {"mail", "reports"} <= {queue["name"] for queue in listed if queue["vhost"] == stack.vhost}
    assert {queue["vhost"] for queue in listed} == {stack.vhost}
    eve.get_by_role("button", name="Revoke deploy script").click()
    expect(eve.get_by_text("Revoked: deploy script")).to_be_visible()
    assert script.get(f"{stack.url}/api/v1/queues", headers=bearer).status == 401

    manager.goto(f"{stack.url}/audit/")
    manager.get_by_label("Who").fill("eve")
    manager.get_by_role("button", name="Filter").click()
    table = manager.get_by_role("table")
    for action in ("accept invitation", "log in", "make token", "revoke token"):
        expect(table.get_by_role("row").filter(has_text=action).filter(has_text="done").first).to_contain_text("eve")
    expect(table.get_by_role("row").filter(has_text="invite person")).to_have_count(0)

    eve.goto(f"{stack.url}/queues/")
    expect(eve.locator("#live-badge")).to_have_attribute("data-state", "live")
    manager.goto(f"{stack.url}/people/")
    manager.get_by_role("link", name="eve", exact=True).click()
    manager.get_by_text("Disable…").click()
    manager.get_by_role("button", name="Disable eve").click()
    expect(manager.get_by_text("eve is disabled")).to_be_visible()
    expect(eve).to_have_url(OVER)  # by itself
    enter_password(eve, "eve")
    expect(eve.get_by_role("alert").first).to_be_visible()


@pytest.mark.nightly
def test_an_authenticator_app_a_recovery_code_and_a_security_key_log_in(stack: Stack, open_context: OpenContext, watch: Watch) -> None:
    site = stack.url.replace("127.0.0.1", "localhost")  # a security key needs a name
    watch.expect(f"foreign request: {site}/")
    watch.expect(f"foreign request: {site.replace('http', 'ws')}/")
    pia = open_context(stranger=True).new_page()
    accept(pia, invite(stack, open_context().new_page(), "pia").replace(stack.url, site), "pia")
    pia.goto(f"{site}/account/")
    pia.get_by_role("link", name="Authenticator app").click()
    pia.fill("[name=password]", PASSWORD)  # once, for both of them
    pia.get_by_role("button", name="Confirm").click()
    secret = pia.locator("#totp-secret").inner_text()
    assert violations(pia) == []
    pia.fill("[name=code]", code_of(secret))
    pia.press("[name=code]", "Enter")
    expect(pia.get_by_role("status")).to_have_text("The authenticator app is set up.")
    recovery = pia.locator("#recovery-codes").inner_text().split()
    devices = pia.context.new_cdp_session(pia)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    pia.goto(f"{site}/account/")
    pia.get_by_role("link", name="Security key").click()
    pia.get_by_label("Name of the key").fill("blue key")
    pia.get_by_role("button", name="Add the key").click()
    pia.wait_for_url(f"{site}/account/")

    log_out(pia, site)
    enter_password(pia, "pia")
    expect(pia.get_by_role("heading", name="Second factor")).to_be_visible()
    assert violations(pia) == []
    pia.get_by_role("button", name="Use a security key").click()
    pia.wait_for_url(f"{site}/")
    for code in (code_of(secret, 30), recovery[0]):  # no code is good twice, and that of the next half minute is good already
        log_out(pia, site)
        enter_password(pia, "pia")
        pia.fill("[name=code]", code)
        pia.press("[name=code]", "Enter")
        pia.wait_for_url(f"{site}/")
    pia.goto(f"{site}/account/")
    factors = pia.get_by_role("region", name="Second factor")
    for line in ("Authenticator app", "blue key", "9 left"):
        expect(factors.get_by_text(line)).to_be_visible()


def test_somebody_logs_in_by_their_companys_provider_with_the_role_of_their_group(
    stack: Stack, open_context: OpenContext, watch: Watch, tmp_path: Path
) -> None:
    provider = OidcProvider(tmp_path, f"{stack.url}/oidc/corp/callback/", listening=stack.provider_socket)
    watch.expect(f"foreign request: {provider.issuer}/")
    provider.people({"olga": {"groups": ["ops"]}})
    watch.expect(f"foreign request: {FONTS}")
    olga = open_context(stranger=True).new_page()
    olga.route(f"{FONTS}**", lambda route: route.fulfill(content_type="text/css", body=""))  # which the provider's own pages load
    try:
        olga.goto(f"{stack.url}/queues/?{stack.here}")
        olga.get_by_role("button", name="Log in with Corp").click()
        olga.fill("[name=login]", "olga")
        olga.fill("[name=password]", "any")
        olga.press("[name=password]", "Enter")
        olga.get_by_role("button", name="Continue").click()  # on another page of the provider: what Hareline may know
        expect(olga.get_by_role("link", name="mail", exact=True)).to_be_visible()
    finally:
        provider.stop()
    olga.goto(f"{stack.url}/account/")
    expect(olga.get_by_text(f"olga · operator in {stack.vhost}")).to_be_visible()
    expect(olga.get_by_role("link", name="Change password")).to_have_count(0)
