"""A port that speaks something else than its address says is recognised by its answer, and TLS errors are in words of our own."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from brokers.addresses import BrokerAddress
from brokers.errors import BrokerUnreachable
from brokers.management.management_api import Limits, ManagementApi
from brokers.spoken_protocol import mistaken, recognised
from brokers.tls_failures import tls_text
from tests.certificates import server_context
from tests.fault_server import FaultServer
from workers.amqp_connection import Target, explained, open_connection
from workers.errors import Unreachable
from workers.sending import sender

ANSWERS = {"http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "amqp": b"AMQP\x00\x00\x09\x01"}
PATIENT = Limits(connect_seconds=10, read_seconds=20, total_seconds=40)  # every server here answers at once; the machine may be slow


@contextmanager
def listening(protocol: str, context: ssl.SSLContext) -> Iterator[int]:
    """The port of a server that answers whatever it gets as one of this protocol does, and closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    answer, tls = ANSWERS[protocol.removesuffix("s")], protocol.endswith("s")

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), contextlib.closing(client):
                client.settimeout(20)
                speaking = context.wrap_socket(client, server_side=True) if tls else client
                with contextlib.closing(speaking):
                    speaking.recv(8)  # RabbitMQ reads no more: what is left unread resets the connection
                    speaking.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(60)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    return server_context(tmp_path_factory.mktemp("tls"))


def polled(url: str, ca_file: Path | None = None) -> str:
    """The failure of a poll there."""
    with pytest.raises(BrokerUnreachable) as failure:
        ManagementApi(BrokerAddress("prod", (url,), "ann", "s3cret"), str(ca_file) if ca_file else None, PATIENT).overview()
    return str(failure.value)


def connected(url: str, ca_file: Path | None = None) -> str:
    """The failure of an AMQP connection there."""
    target = Target(url, "/", str(ca_file) if ca_file else None)
    with pytest.raises(Unreachable) as failure, explained(target):
        open_connection([target], "test")
    return str(failure.value)


@pytest.mark.parametrize(
    ("scheme", "spoken", "words"),
    [
        ("http", "https", "speaks TLS: the address must begin with https://"),
        ("http", "amqp", "speaks AMQP, not HTTP: give the management API's port"),
        ("http", "amqps", "speaks AMQP over TLS, not HTTP: give the management API's port"),
        ("https", "http", "speaks HTTP without TLS: give the port with TLS"),
        ("https", "amqp", "speaks AMQP, not HTTP: give the management API's port"),
        ("amqp", "http", "speaks HTTP, not AMQP: give the port of AMQP"),
        ("amqp", "https", "speaks HTTPS, not AMQP: give the port of AMQP"),
        ("amqp", "amqps", "speaks TLS: the address must begin with amqps://"),
        ("amqps", "amqp", "speaks AMQP without TLS: give the port with TLS"),
        ("amqps", "http", "speaks HTTP, not AMQP: give the port of AMQP"),
    ],
)
def test_a_port_that_speaks_something_else_is_recognised(context: ssl.SSLContext, scheme: str, spoken: str, words: str) -> None:
    with listening(spoken, context) as port:
        failure = polled(f"{scheme}://127.0.0.1:{port}") if scheme.startswith("http") else connected(f"{scheme}://ann:s3cret@127.0.0.1:{port}")
        assert f"127.0.0.1:{port} {words}" in failure
        assert "s3cret" not in failure
        if scheme.startswith("amqp"):
            sent = sender.send([Target(f"{scheme}://ann:s3cret@127.0.0.1:{port}", "/")], "t", (), {}, {"queue": "q"}, "u", sender.SendsAs(""))
            assert (sent.outcome, words in sent.reason) == ("not sent", True), sent.reason


def test_amqp_behind_a_trusted_certificate_is_recognised_too(tmp_path: Path) -> None:
    with listening("amqps", server_context(tmp_path)) as port:
        assert "speaks AMQP over TLS, not HTTP" in polled(f"https://127.0.0.1:{port}", tmp_path / "certificate.pem")


def test_a_web_server_that_misses_tls_is_understood(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", status=400, body=b"<center>The plain HTTP request was sent to HTTPS port</center>")
    assert "speaks TLS: the address must begin with https://" in polled(fault_server.url)


def test_a_port_that_is_right_is_not_blamed(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", reset=True)
    assert "closed the connection before its answer was complete" in polled(fault_server.url)
    assert mistaken("amqp", "amqp", "h") == mistaken("https", "tls", "h") == mistaken("amqp", "", "h") == ""
    assert recognised(b"") == recognised(b"220 mail ESMTP") == ""


@pytest.mark.parametrize(
    ("address", "age_hours", "words"),
    [
        ("127.0.0.1", 1, "its certificate is self-signed and not trusted; HARELINE_CA_FILE names the certificate authority to trust"),
        ("127.0.0.1", 3, "its certificate has expired"),
        ("127.0.0.1", -1, "its certificate is not valid yet; compare the clocks of both machines"),
        ("127.0.0.2", 1, "its certificate is not made out to this IP address"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_and_a_ca_only_where_trust_is_missing(tmp_path: Path, address: str, age_hours: int, words: str) -> None:
    with listening("https", server_context(tmp_path, address, timedelta(hours=age_hours))) as port:
        trusted = None if "CA_FILE" in words else tmp_path / "certificate.pem"
        for failure in (polled(f"https://127.0.0.1:{port}", trusted), connected(f"amqps://127.0.0.1:{port}", trusted)):
            assert words in failure
            assert ("HARELINE_CA_FILE" in failure) == ("CA_FILE" in words)
            assert "_ssl.c" not in failure
            assert "SSL:" not in failure


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "it requires a client certificate"),
        ("TLSV1_ALERT_PROTOCOL_VERSION", "it offers no TLS version"),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "no cipher is accepted by both sides"),
        ("UNEXPECTED_EOF_WHILE_READING", "it closed the connection during the handshake"),
        ("SOMETHING_NEW", "OpenSSL reports “something new”"),
    ],
)
def test_the_reasons_of_openssl_are_put_into_words(reason: str, words: str) -> None:
    error = ssl.SSLError(1, f"[SSL: {reason}] raw (_ssl.c:1006)")
    error.reason = reason
    assert tls_text([OSError("outside"), error]).startswith(words)
    assert tls_text([OSError("outside")]) == ""
