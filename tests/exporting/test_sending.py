"""One request to a store: what its answer means, and that it ends."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from dashboard.exporting import sending
from dashboard.exporting.sending import Answer, Sender, answered
from dashboard.exporting.target import RemoteTarget, remote_target
from tests import fault_server as faults
from tests.certificates import server_context
from tests.fault_server import FaultServer

PATH = "/api/v1/write"


def target(url: str, **variables: str) -> RemoteTarget:
    found = remote_target({"HARELINE_REMOTE_WRITE_URL": url, **variables}, 15.0)
    assert found is not None
    return found


Opened = Callable[..., Sender]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Makes a Sender to an address, which is closed in the end."""
    with ExitStack() as stack:

        def made(url: str, ca_file: str | None = None, total_seconds: float = sending.TOTAL_SECONDS, **variables: str) -> Sender:
            return stack.enter_context(closing(Sender(target(url, **variables), ca_file, total_seconds)))

        yield made


def test_a_request_has_the_headers_of_the_protocol_and_the_credentials(fault_server: FaultServer, opened: Opened) -> None:
    fault_server.answer(PATH, status=204, body=b"")
    one = opened(f"{fault_server.url}{PATH}", HARELINE_REMOTE_WRITE_TOKEN="t0ken")
    assert [one.send(b"first"), one.send(b"second")] == [Answer(taken=True)] * 2
    other = opened(fault_server.url.replace("://", "://eve:p%40ss@") + PATH)
    assert other.send(b"third").taken
    first, second, third = fault_server.requests
    assert (first.method, first.body, second.body, third.body) == ("POST", b"first", b"second", b"third")
    expected = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf", "X-Prometheus-Remote-Write-Version": "0.1.0"}
    assert expected.items() <= first.headers.items()
    assert (first.headers["Authorization"], third.headers["Authorization"]) == ("Bearer t0ken", "Basic ZXZlOnBAc3M=")


@pytest.mark.parametrize(
    ("status", "text", "retry_after", "answer"),
    [
        (200, "", "", Answer(taken=True)),
        (204, "", "", Answer(taken=True)),
        (301, "", "", Answer(failed="it answered with status 301")),
        (400, "out of order sample", "", Answer(refused="status 400: they are not in the order of time there, or were written before", has_later=True)),
        (400, "Out of bounds", "", Answer(refused="status 400: they are older than it takes (Prometheus: storage.tsdb.out_of_order_time_window)")),
        (422, "anything", "", Answer(refused="status 422")),
        (401, "", "", Answer(failed="it answered with status 401, so its credentials are wrong or missing")),
        (404, "", "", Answer(failed="it answered with status 404, so the path of its address is wrong")),
        (429, "", "7", Answer(failed="it answered with status 429", wait_seconds=7.0)),
        (503, "", "86400", Answer(failed="it answered with status 503", wait_seconds=300.0, may_be_taken=True)),
        (500, "", "Wed, 21 Oct 2026 07:28:00 GMT", Answer(failed="it answered with status 500", may_be_taken=True)),
    ],
)
def test_what_a_status_means(status: int, text: str, retry_after: str, answer: Answer) -> None:
    assert answered(status, text, retry_after) == answer


def test_a_kept_connection_that_has_ended_is_made_anew(fault_server: FaultServer, opened: Opened) -> None:
    fault_server.answer(PATH, faults.Answer(body=b""), faults.Answer(reset=True), faults.Answer(body=b""))
    one = opened(f"{fault_server.url}{PATH}")
    assert [one.send(b"a").taken, one.send(b"b").taken] == [True, True]
    assert [request.body for request in fault_server.requests] == [b"a", b"b", b"b"]


def test_a_store_that_is_not_there_or_answers_nonsense_is_a_failure_in_words(fault_server: FaultServer, opened: Opened) -> None:
    fault_server.answer(PATH, reset=True)
    assert opened(f"{fault_server.url}{PATH}").send(b"") == Answer(failed="it closed the connection", may_be_taken=True)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert opened(f"http://127.0.0.1:{port}/").send(b"") == Answer(failed="it refused the connection")
    assert opened(f"https://127.0.0.1:{fault_server.url.rpartition(':')[2]}/").send(b"") == Answer(failed="no TLS connection could be made")


def test_a_request_ends_however_slow_the_answer_is(fault_server: FaultServer, opened: Opened) -> None:
    fault_server.answer(PATH, faults.Answer(delay_seconds=600), faults.Answer(status=503, body=b"x" * 2000, seconds_per_byte=600))
    one = opened(f"{fault_server.url}{PATH}", total_seconds=0.3)
    assert one.send(b"") == Answer(failed="it did not answer in time", may_be_taken=True)
    assert one.send(b"").failed in ("it did not answer in time", "it answered with status 503")


def test_its_certificate_is_checked_and_may_be_of_our_own_authority(tmp_path: Path, opened: Opened) -> None:
    context = server_context(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"https://127.0.0.1:{listening.getsockname()[1]}{PATH}"
        serving = threading.Thread(target=_serve, args=[listening, context, 2], daemon=True)
        serving.start()
        refused = opened(address).send(b"x")
        taken = opened(address, str(tmp_path / "certificate.pem")).send(b"x")
        serving.join(60)
    assert refused.failed.startswith("its certificate was not accepted (self")
    assert taken == Answer(taken=True)


def _serve(listening: socket.socket, context: ssl.SSLContext, times: int) -> None:
    for _ in range(times):
        raw, _ = listening.accept()
        try:
            with context.wrap_socket(raw, server_side=True) as connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        except OSError:
            raw.close()


def test_an_address_is_shown_without_credentials_and_query() -> None:
    found = target("https://eve:secret@metrics.example/write?key=secret")
    assert found.address == "https://metrics.example:443/write"
    assert "secret" not in repr(found)
    assert (found.user, found.password, found.path) == ("eve", "secret", "/write?key=secret")
    other = target("https://adam:other@metrics.example/write?key=secret")
    assert found.key == other.key != target("https://metrics.example/write?key=other").key
    assert target("http://[::1]:9090/w").address == "http://[::1]:9090/w"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"HARELINE_REMOTE_WRITE_URL": "metrics.example/secret"}, "HARELINE_REMOTE_WRITE_URL: expected an address such as https://"),
        ({"HARELINE_REMOTE_WRITE_URL": "ftp://metrics.example/secret"}, "HARELINE_REMOTE_WRITE_URL: expected an address"),
        ({"HARELINE_REMOTE_WRITE_URL": "https:///secret"}, "HARELINE_REMOTE_WRITE_URL: expected an address"),
        ({"HARELINE_REMOTE_WRITE_URL": "https://host:99999/secret"}, "HARELINE_REMOTE_WRITE_URL: expected an address"),
        ({"HARELINE_REMOTE_WRITE_URL": "https://host/secret\r\nX: y"}, "HARELINE_REMOTE_WRITE_URL: expected an address"),
        ({"HARELINE_REMOTE_WRITE_URL": "https://höst/secret"}, "HARELINE_REMOTE_WRITE_URL: expected an address"),
        ({"HARELINE_REMOTE_WRITE_URL": "https://a:secret@host/", "HARELINE_REMOTE_WRITE_TOKEN": "secret"}, "HARELINE_REMOTE_WRITE_URL has a user and "),
        ({"HARELINE_REMOTE_WRITE_TOKEN": "secret"}, "HARELINE_REMOTE_WRITE_TOKEN is set without HARELINE_REMOTE_WRITE_URL"),
        ({"HARELINE_REMOTE_WRITE_URL": "https://host/", "HARELINE_REMOTE_WRITE_TOKEN": "sec\nret"}, "HARELINE_REMOTE_WRITE_TOKEN: expected a token"),
    ],
)
def test_what_is_set_wrongly_is_refused_by_one_sentence_without_a_secret(variables: dict[str, Any], words: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        remote_target(variables, 15.0)
    assert str(refused.value).startswith(words) and "secret" not in str(refused.value)


def test_without_an_address_nothing_is_written() -> None:
    assert remote_target({}, 15.0) is None
    assert sending.TOTAL_SECONDS >= sending.READ_SECONDS
