"""A loopback HTTP server that answers as a test sets it up: errors, slow bytes, answers that break off, connections that close."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Answer:
    """What the server does for one path."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    delay_seconds: float = 0  # before the first byte
    seconds_per_byte: float = 0  # between the bytes of the body
    cut_after: int | None = None  # closes after so many bytes of the body, though Content-Length promised all
    reset: bool = False  # closes at once, without an answer


@dataclass
class RecordedRequest:
    """A request that came in."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class FaultServer:
    """`url` is its address. Paths are compared percent-decoded and without their query; a path without an answer of its own gets `default`."""

    def __init__(self) -> None:
        self.default = Answer(status=404, body=b'{"error":"not_found"}')
        self.requests: list[RecordedRequest] = []
        self._answers: dict[str, list[Answer]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, path: str, *answers: Answer | Any, **settings: Any) -> None:
        """Sets what `path` answers: Answers, or JSON values, given one after the other; the last one stays.

        `answer("/api/overview", status=500, body=b"oops")` is short for one Answer.
        """
        given = [answer if isinstance(answer, Answer) else Answer(body=json.dumps(answer).encode()) for answer in answers] or [Answer(**settings)]
        with self._lock:
            self._answers[unquote(path)] = given

    def next_answer(self, path: str) -> Answer:
        with self._lock:
            answers = self._answers.get(unquote(path))
            if not answers:
                return self.default
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def pause(self, seconds: float) -> None:
        """Waits, but not longer than the server lives."""
        self._stopping.wait(seconds)

    def close(self) -> None:
        """From now on connections are refused."""
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(60)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # headers and body are written apart: the second waited 40 ms for the client's acknowledgement

            def handle_any(self) -> None:
                parts = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                server.requests.append(RecordedRequest(self.command, unquote(parts.path), parts.query, dict(self.headers.items()), body))
                try:
                    self.send(server.next_answer(parts.path))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

            def send(self, answer: Answer) -> None:
                server.pause(answer.delay_seconds)
                if answer.reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    self.close_connection = True
                    return
                if "Date" in answer.headers:
                    self.send_response_only(answer.status)
                else:
                    self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.send_body(answer)

            def send_body(self, answer: Answer) -> None:
                body = answer.body if answer.cut_after is None else answer.body[: answer.cut_after]
                if not answer.seconds_per_byte:
                    self.wfile.write(body)
                for byte in body if answer.seconds_per_byte else b"":
                    self.wfile.write(bytes([byte]))
                    server.pause(answer.seconds_per_byte)
                self.close_connection = answer.cut_after is not None

            def finish(self) -> None:
                if self.connection.fileno() != -1:
                    super().finish()

            def log_message(self, *_: Any) -> None:
                """Nothing: the requests are in `requests`."""

        return Handler


@contextmanager
def running_fault_server() -> Iterator[FaultServer]:
    server = FaultServer()
    try:
        yield server
    finally:
        server.close()
