"""Messages sent for real, to servers on loopback that take them, refuse, redirect, fail and hang."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from apprise.plugins import pagerduty
from django.conf import LazySettings

from dashboard.models import Target
from dashboard.notifications import sending
from dashboard.notifications.messages import Item, Message, composed
from dashboard.notifications.outside.apprise_services import notify, service
from dashboard.notifications.outside.web import Failed, signature
from tests.certificates import server_context
from tests.fault_server import Answer, FaultServer
from tests.notifications.objects import KEY, at, finding

SECRET = "T0psecret"


@pytest.fixture(autouse=True)
def loopback(settings: LazySettings) -> None:
    settings.NOTIFY_LOOPBACK = True


def message() -> Message:
    return composed("d1", "opened", [Item(finding(), "opened", "i1")], "", at(0))


def webhook(url: str, seconds: float = 10.0) -> sending.Outcome:
    return sending.send(Target.WEBHOOK, {"url": url, "key": KEY}, message(), seconds)


def test_a_webhook_is_signed_and_names_the_message_by_its_id(fault_server: FaultServer) -> None:
    fault_server.answer(f"/hook/{SECRET}", status=204, body=b"")
    assert webhook(f"{fault_server.url}/hook/{SECRET}?a=b") == sending.Outcome()
    (request,) = fault_server.requests
    assert (request.method, request.query) == ("POST", "a=b")
    assert request.headers["X-Hareline-Delivery"] == json.loads(request.body)["id"] == "d1"
    expected = signature(KEY, request.headers["X-Hareline-Timestamp"], request.body)
    assert request.headers["X-Hareline-Signature"] == f"v1={expected}"


def test_whatever_the_other_side_does_is_one_sentence_without_the_address(fault_server: FaultServer) -> None:
    server = fault_server
    server.answer("/500", status=500, body=SECRET.encode())
    server.answer("/302", status=302, headers={"Location": f"http://169.254.169.254/{SECRET}"})
    server.answer("/reset", reset=True)
    server.answer("/huge", Answer(status=200, body=b"x" * 5_000_000))
    found = {path: webhook(f"{server.url}/{path}?{SECRET}").error for path in ("500", "302", "reset", "huge")}
    assert found == {
        "500": "it answered with status 500",
        "302": "it answered with a redirect (status 302), which is not followed: enter the address to which it leads",
        "reset": "it closed the connection",
        "huge": "",
    }
    assert [request.path for request in server.requests] == ["/500", "/302", "/reset", "/huge"]


def test_one_that_hangs_or_answers_slowly_forever_is_given_up_in_time(fault_server: FaultServer) -> None:
    fault_server.answer("/hang", delay_seconds=600)
    assert webhook(f"{fault_server.url}/hang", 0.4).error == "it did not answer in time"
    with closing(socket.create_server(("127.0.0.1", 0))) as nobody_accepts:
        assert webhook(f"http://127.0.0.1:{nobody_accepts.getsockname()[1]}/", 0.4).error == "it did not answer in time"


def test_an_address_that_is_not_permitted_is_not_connected_to(fault_server: FaultServer, settings: LazySettings) -> None:
    assert webhook("http://169.254.169.254/latest").error == "its address is not permitted: it is link-local"
    settings.NOTIFY_LOOPBACK = False
    url = fault_server.url.replace("127.0.0.1", "localhost")  # a name, which is checked once it is resolved
    assert "it is this machine" in webhook(url).error
    assert "it is this machine" in sending.send(Target.APPRISE, {"url": url.replace("http", "json")}, message()).error
    assert fault_server.requests == []


def test_apprise_sends_and_its_errors_hold_no_address(fault_server: FaultServer) -> None:
    to_metadata = Answer(status=307, headers={"Location": "http://169.254.169.254/latest"})
    fault_server.answer(f"/{SECRET}", Answer(status=500, body=SECRET.encode()), to_metadata, Answer())
    address = {"url": f"{fault_server.url.replace('http', 'json')}/{SECRET}"}
    assert sending.send(Target.APPRISE, address, message()).error == "the service answered with status 500"
    assert sending.send(Target.APPRISE, address, message()).error == "its address is not permitted: it is link-local"
    assert sending.send(Target.APPRISE, address, message()) == sending.Outcome()
    sent = json.loads(fault_server.requests[-1].body)
    assert (sent["title"], sent["type"]) == ("[critical] mail is growing (prod)", "failure")
    assert "Message d1" in sent["message"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of modules that the library imports
def test_which_service_an_address_is_of_and_what_is_none() -> None:
    assert service("tgram://123456789:abcdefg_hijklmnop/12315544/").service_name == "Telegram"
    for url, why in (("nothing://x", "it is no address that apprise knows, or a part of it is missing"), ("syslog://", "it would notify this machine only")):
        with pytest.raises(Failed, match=why):
            service(url)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_pagerduty_gets_each_finding_as_an_incident_that_its_recovery_resolves(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pagerduty.PAGERDUTY_API_LOOKUP, "us", f"{fault_server.url}/v2/enqueue")
    fault_server.answer("/v2/enqueue", status=202, body=b"{}")
    url = f"pagerduty://{'i' * 20}@{'a' * 20}"
    mail, jobs = finding(), finding(pk=18, identity="k18", name="jobs", title="jobs is growing")
    for kind, event, about in (("opened", "opened", [mail, jobs]), ("recovered", "recovered", [mail]), ("digest", "opened", [jobs])):
        sent = composed("d", kind, [Item(one, event, "i") for one in about], "", at(0))
        assert notify(service(url), sending.question_for(Target.APPRISE, {"url": url}, sent))
    found = [json.loads(request.body) for request in fault_server.requests]
    keys = [f"k{number}-{int(at(0).timestamp())}" for number in (17, 18)]
    assert [(one["event_action"], one.get("dedup_key")) for one in found] == [
        ("trigger", keys[0]), ("trigger", keys[1]), ("resolve", keys[0]), ("trigger", None),
    ]  # fmt: skip
    assert "mail is growing" in found[0]["payload"]["summary"] and "jobs" not in found[0]["payload"]["summary"]


class SmtpServer(Controller):
    """On a free port, which is `port` once it has started."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


class Mailbox:
    """What came in, as the server's handler keeps it."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, list[str], Any]] = []
        self.refused: set[str] = set()
        self.last_answer = "221 Bye"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refused:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 taken"

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:
        return self.last_answer


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def smtp(mailbox: Mailbox) -> Iterator[int]:
    """The port of a real SMTP server in clear text."""
    controller = SmtpServer(mailbox, hostname="127.0.0.1", port=0)
    controller.start()
    yield controller.port
    controller.stop()


def mail(port: int, **changed: Any) -> sending.Outcome:
    usual = {"host": "127.0.0.1", "port": port, "security": "none", "user": "", "password": "", "sender": "hareline@example.com"}
    return sending.send(Target.MAIL, {**usual, "recipients": ["ops@example.com", "ada@example.com"], **changed}, message(), 10.0)


def test_a_mail_arrives_with_the_id_of_its_message(smtp: int, mailbox: Mailbox) -> None:
    assert mail(smtp) == sending.Outcome()
    ((sender, recipients, content),) = mailbox.mails
    assert (sender, recipients) == ("hareline@example.com", ["ops@example.com", "ada@example.com"])
    assert content["Subject"] == "[critical] mail is growing (prod)"
    assert content["Message-ID"] == "<d1@example.com>"
    assert content["X-Hareline-Delivery"] == "d1"
    assert "Ready: 12,480" in content.get_payload()


def test_a_mail_that_was_taken_counts_as_sent_however_the_connection_ends(smtp: int, mailbox: Mailbox) -> None:
    mailbox.last_answer = "421 overloaded"
    assert mail(smtp) == sending.Outcome()
    assert len(mailbox.mails) == 1


def test_recipients_that_are_refused_are_reported_and_the_others_get_it_once(smtp: int, mailbox: Mailbox) -> None:
    mailbox.refused = {"ada@example.com"}
    assert mail(smtp) == sending.Outcome(note="the server refused 1 of 2 recipients")
    mailbox.refused = {"ada@example.com", "ops@example.com"}
    assert mail(smtp).error == "the server refused every recipient"
    assert len(mailbox.mails) == 1


def test_tls_is_not_left_out_where_the_server_offers_none(smtp: int, mailbox: Mailbox) -> None:
    assert mail(smtp, security="starttls").error == "the server offers no STARTTLS or no login"
    assert mail(smtp, security="tls").error == "no TLS connection could be made"
    assert mailbox.mails == []


def test_user_and_password_go_over_starttls_whose_certificate_is_checked(mailbox: Mailbox, tmp_path: Path, settings: LazySettings) -> None:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, login: LoginPassword) -> AuthResult:
        return AuthResult(success=(login.login, login.password) == (b"hareline", SECRET.encode()), handled=False)

    context = server_context(tmp_path)
    controller = SmtpServer(mailbox, hostname="127.0.0.1", port=0, tls_context=context, authenticator=check, auth_required=True, require_starttls=True)
    controller.start()
    try:
        login = {"security": "starttls", "user": "hareline", "password": SECRET}
        assert mail(controller.port, **login).error == "its certificate was not accepted (self-signed certificate)"
        settings.CA_FILE = str(tmp_path / "certificate.pem")
        assert mail(controller.port, **login | {"password": "wrong"}).error == "the server refused the user or the password (status 535)"
        assert mail(controller.port, **login) == sending.Outcome()
    finally:
        controller.stop()
    assert len(mailbox.mails) == 1
