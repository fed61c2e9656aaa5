"""A receiver of webhooks that takes them, answers errors, hangs or closes connections, as it is set. Standard library only."""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TAKES, FAILS, HANGS, CLOSES = "takes", "fails", "hangs", "closes"
LONGEST_HANG_SECONDS = 30.0


class Receiver:
    """`taken` counts what it answered with 200: {(title, event): {id: how often}}, in which an id that comes again is no other finding."""

    def __init__(self) -> None:
        self.mode = TAKES
        self.requests: Counter[str] = Counter()  # by what it did
        self.taken: dict[tuple[str, str], Counter[str]] = {}
        self.messages: set[str] = set()
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def close(self) -> None:
        self._ended.set()
        self._server.shutdown()

    def count(self, title: str, event: str) -> int:
        """Under how many ids it came."""
        with self._lock:
            return len(self.taken.get((title, event), ()))

    @property
    def repeated(self) -> int:
        with self._lock:
            return sum(times - 1 for ids in self.taken.values() for times in ids.values())

    def _take(self, body: dict[str, Any]) -> None:
        with self._lock:
            self.messages.add(body["id"])
            for one in body["findings"]:
                self.taken.setdefault((one["title"], one["event"]), Counter())[one["id"]] += 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                mode = receiver.mode
                receiver.requests[mode] += 1
                if mode == CLOSES:
                    self.connection.close()
                    return
                if mode == HANGS:
                    receiver._ended.wait(LONGEST_HANG_SECONDS)
                if mode == TAKES:
                    receiver._take(body)
                self.send_response(200 if mode == TAKES else 503)
                self.end_headers()

            def finish(self) -> None:
                if self.connection.fileno() != -1:
                    super().finish()

            def log_message(self, *_: Any) -> None:
                """Nothing: it is counted."""

        return Handler
