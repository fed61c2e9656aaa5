"""The management API's client: every failure of a broker becomes a sentence that names what was tried where."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from brokers.addresses import BrokerAddress
from brokers.errors import BrokerAnswerUnusable, BrokerError, BrokerRefused, BrokerUnreachable, ObjectNotFound
from brokers.management import parse
from brokers.management.changing import delete_queue
from brokers.management.management_api import Limits, ManagementApi
from tests.certificates import self_signed
from tests.conftest import TestNode
from tests.fault_server import Answer, FaultServer, running_fault_server
from tests.waiting import wait_until

QUICK = Limits(connect_seconds=1, read_seconds=0.5, total_seconds=1)
OVERVIEW = {"rabbitmq_version": "3.10.8", "object_totals": {"queues": 0}}


def api_of(*urls: str, limits: Limits | None = None, ca_file: str | None = None) -> ManagementApi:
    return ManagementApi(BrokerAddress("prod", urls, "ann", "s3cret-pässwörd"), ca_file, limits or QUICK)


def unused_url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def dripping_server(start: bytes, drop: bytes) -> Iterator[str]:
    """Sends `start`, then `drop` again and again, so that no time-out between two bytes ever fires."""
    stop = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            try:
                client.sendall(start)
                while not stop.wait(0.05):
                    client.sendall(drop)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        listener.close()
        thread.join(60)


def test_a_refused_connection_names_host_port_and_path_but_no_password() -> None:
    url = unused_url()
    with pytest.raises(BrokerUnreachable) as failure:
        api_of(url).overview()
    host = url.removeprefix("http://")
    assert str(failure.value) == f"connection refused at {host} (GET {url}/api/overview)"


def test_an_unknown_host_is_unreachable() -> None:
    with pytest.raises(BrokerUnreachable, match=r"the host name of nowhere\.invalid:15672 is not known"):
        api_of("http://nowhere.invalid:15672").overview()


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b'{"error":"not_authorized","reason":"Login failed"}', BrokerRefused, r"refuses the user 'ann': 401 \(Login failed\): the password is wrong"),
        (401, b'{"reason":"Not management user"}', BrokerRefused, "it has no tag; rabbitmqctl set_user_tags ann monitoring gives it one"),
        (401, b'{"reason":"User can only log in via localhost"}', BrokerRefused, "it may log in on the broker's own machine only"),
        (403, b"<html>no</html>", BrokerRefused, "refuses the user 'ann': 403"),
        (404, b"", ObjectNotFound, "not found: GET http://127.0.0.1"),
        (500, b'{"reason":"boom"}', BrokerAnswerUnusable, r"answered with status 500 \(boom\)"),
        (503, b"", BrokerAnswerUnusable, r"answered with status 503 \(GET"),
        (302, b"", BrokerAnswerUnusable, r"answered with a redirect \(302\), which is not followed"),
        (200, b"<html>a proxy's page</html>", BrokerAnswerUnusable, "the answer is not JSON"),
        (200, b"", BrokerAnswerUnusable, "the answer is not JSON"),
        (200, b"[]", BrokerAnswerUnusable, "the answer has an unexpected shape"),
        (200, b"{}", BrokerAnswerUnusable, "this is not the management API"),
        (200, b'{"rabbitmq_version": 4}', BrokerAnswerUnusable, "the answer has an unexpected shape"),
        (200, b"[" * 100_000, BrokerAnswerUnusable, "the answer"),
    ],
)
def test_an_invalid_answer_is_reported(fault_server: FaultServer, status: int, body: bytes, kind: type[BrokerError], words: str) -> None:
    fault_server.answer("/api/overview", status=status, body=body, headers={"Location": "http://elsewhere/"})
    with pytest.raises(kind, match=words) as failure:
        api_of(fault_server.url).overview()
    assert "s3cret" not in str(failure.value)
    assert f"{fault_server.url}/api/overview" in str(failure.value)


def test_a_silent_broker_is_unreachable_after_the_time_out(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", delay_seconds=20)
    with pytest.raises(BrokerUnreachable, match=r"no (complete )?answer (from 127\.0\.0\.1:\d+ )?within"):
        api_of(fault_server.url).overview()


def test_a_body_that_drips_ends_at_the_deadline(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", body=json.dumps(OVERVIEW).encode() + b" " * 1000, seconds_per_byte=0.1)
    with pytest.raises(BrokerUnreachable, match="no complete answer within 1 s"):
        api_of(fault_server.url).overview()


def test_headers_that_drip_end_at_the_deadline() -> None:
    with dripping_server(b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n") as url, pytest.raises(BrokerUnreachable, match="no complete answer within 1 s"):
        api_of(url).overview()


def test_an_answer_that_is_cut_is_unreachable(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", body=json.dumps(OVERVIEW).encode(), cut_after=10)
    with pytest.raises(BrokerUnreachable, match="closed the connection before its answer was complete"):
        api_of(fault_server.url).overview()


def test_a_get_is_tried_once_more_when_the_connection_is_reset(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", Answer(reset=True), OVERVIEW)
    assert api_of(fault_server.url).overview().version == "3.10.8"


def test_a_delete_is_never_tried_again(fault_server: FaultServer) -> None:
    fault_server.answer("/api/queues///mail", Answer(reset=True), Answer(status=204, body=b""))
    with pytest.raises(BrokerUnreachable):
        delete_queue(api_of(fault_server.url), "/", "mail")
    assert [requests.method for requests in fault_server.requests] == ["DELETE"]


def test_a_compressed_answer_is_read(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", body=gzip.compress(json.dumps(OVERVIEW).encode()), headers={"Content-Encoding": "gzip"})
    assert api_of(fault_server.url).overview().version == "3.10.8"


def test_a_damaged_compressed_answer_is_unusable(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", body=b"no gzip at all", headers={"Content-Encoding": "gzip"})
    with pytest.raises(BrokerAnswerUnusable, match="compressed answer is damaged"):
        api_of(fault_server.url).overview()


def test_an_answer_too_large_is_refused_also_when_it_only_unpacks_large(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", body=gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"})
    with pytest.raises(BrokerAnswerUnusable, match="larger than 1 MiB"):
        api_of(fault_server.url, limits=Limits(body_bytes=2**20)).overview()


@pytest.mark.parametrize("packed", [False, True])
def test_a_hundred_megabytes_are_not_taken_into_memory(fault_server: FaultServer, packed: bool) -> None:
    body = b" " * 100_000_000
    fault_server.answer("/api/queues", body=gzip.compress(body, 1) if packed else body, headers={"Content-Encoding": "gzip"} if packed else {})
    tracemalloc.start()
    try:
        with pytest.raises(BrokerAnswerUnusable, match="the answer is larger than 64 MiB"):
            api_of(fault_server.url, limits=Limits()).queues_columns()
        assert tracemalloc.get_traced_memory()[1] < 80 * 2**20
    finally:
        tracemalloc.stop()


def test_the_next_address_of_the_cluster_answers_and_is_tried_first_from_then_on(fault_server: FaultServer) -> None:
    with running_fault_server() as broken:
        broken.default = Answer(status=500)
        fault_server.answer("/api/overview", OVERVIEW)
        api = api_of(broken.url, fault_server.url)
        assert api.overview().version == api.overview().version == "3.10.8"
        assert len(broken.requests) == 1
        assert api.current_url() == fault_server.url


def test_where_no_address_answers_each_is_named() -> None:
    first, second = unused_url(), "http://nowhere.invalid:1"
    with pytest.raises(BrokerUnreachable) as failure:
        api_of(first, second).overview()
    assert first in str(failure.value)
    assert second in str(failure.value)


def test_a_refusal_is_not_tried_elsewhere(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", status=401)
    with pytest.raises(BrokerRefused), running_fault_server() as other:
        try:
            api_of(fault_server.url, other.url).overview()
        finally:
            assert other.requests == []


def test_a_private_certificate_is_accepted_only_with_its_authority(tmp_path: Path) -> None:
    class Overview(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(OVERVIEW).encode())

        def log_message(self, *_: object) -> None:
            """Nothing."""

    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Overview) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]  # the client that does not trust us hangs up
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            url = f"https://127.0.0.1:{server.server_address[1]}"
            with pytest.raises(BrokerUnreachable, match=r"failed: its certificate is self-signed and not trusted; HARELINE_CA_FILE names"):
                api_of(url).overview()
            trusting = api_of(url, ca_file=str(certificate))
            assert trusting.overview().version == "3.10.8"
            trusting.close()
        finally:
            server.shutdown()
            thread.join(60)


def test_proxies_of_the_environment_are_not_used(fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", unused_url())
    monkeypatch.setenv("no_proxy", "")
    fault_server.answer("/api/overview", OVERVIEW)
    assert api_of(fault_server.url).overview().version == "3.10.8"


def test_the_login_is_sent_to_the_management_api_but_not_to_the_metrics(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", OVERVIEW)
    fault_server.answer("/metrics/detailed", body=b'rabbitmq_detailed_queue_messages_ready{vhost="/",queue="mail"} 3\n')
    api = api_of(fault_server.url)
    api.overview()
    for url in (fault_server.url, f"{fault_server.url}/metrics", f"{fault_server.url}/metrics/detailed"):
        assert parse.DepthsReader().read(api.depths_of_node(url))[0] == {("/", "mail"): (3, None, None)}
    assert ["Authorization" in requests.headers for requests in fault_server.requests] == [True, False, False, False]


def test_closing_ends_the_open_request(fault_server: FaultServer) -> None:
    fault_server.answer("/api/overview", delay_seconds=60)
    api = api_of(fault_server.url, limits=Limits(read_seconds=60, total_seconds=60))
    failures: list[BrokerError] = []

    def fetch() -> None:
        try:
            api.overview()
        except BrokerError as error:
            failures.append(error)

    thread = threading.Thread(target=fetch)
    thread.start()
    wait_until(lambda: fault_server.requests)
    api.close()
    thread.join(60)
    assert [type(failure) for failure in failures] == [BrokerUnreachable]


@pytest.mark.parametrize("name", ["mail", "a/b", "a b?c#d%2F", "<script>alert(1)</script>", 'né"}', "😀"])
def test_any_name_reaches_the_broker_as_it_is(rabbitmq: TestNode, vhost: str, name: str) -> None:
    api = ManagementApi(rabbitmq.address())
    rabbitmq.api("PUT", f"queues/{vhost}/{quote(name, safe='')}", {"durable": True})
    assert api.queue(vhost, name).key == (vhost, name)
    assert (vhost, name) in [queue.key for queue in api.queues_totals()]
    delete_queue(api, vhost, name)
    with pytest.raises(ObjectNotFound):
        api.queue(vhost, name)


def test_a_wrong_password_is_refused_by_a_real_broker(rabbitmq: TestNode) -> None:
    with pytest.raises(BrokerRefused, match=r"Login failed|Not_Authorized"):  # 3.10, 4.0
        ManagementApi(rabbitmq.address(password="wrong")).overview()
