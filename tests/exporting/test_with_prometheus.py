"""A real Prometheus receives what is written, and answers what Hareline's own history answers, though it was away for a while."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from brokers import queries
from brokers.scope import EVERYTHING
from dashboard.exporting.sending import Sender
from dashboard.exporting.target import remote_target
from tests.exporting.watched import STEP, Watched
from tests.waiting import wait_until


class Prometheus:
    """The program of Debian's package, on a port of its own, with its data in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "prometheus.yml").write_text("")
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        files = [f"--config.file={self._directory}/prometheus.yml", f"--storage.tsdb.path={self._directory}/data"]
        listens = [f"--web.listen-address={self.url.removeprefix('http://')}", "--web.enable-remote-write-receiver", "--log.level=error"]
        self._process = subprocess.Popen(["prometheus", *files, *listens])
        wait_until(self._is_ready, 30)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(120)
            self._process = None

    def _is_ready(self) -> bool:
        assert self._process is not None and self._process.poll() is None
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=60) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False

    def course(self, query: str, start: datetime, end: datetime, step: timedelta) -> list[dict[str, Any]]:
        wanted = {"query": query, "start": start.timestamp(), "end": end.timestamp(), "step": step.total_seconds()}
        with urllib.request.urlopen(f"{self.url}/api/v1/query_range?{urlencode(wanted)}", timeout=60) as answer:  # noqa: S310
            return list(json.load(answer)["data"]["result"])


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    program = Prometheus(tmp_path)
    program.start()
    yield program
    program.stop()


@pytest.mark.django_db
def test_prometheus_answers_the_same_as_hareline_after_it_was_away(prometheus: Prometheus) -> None:
    target = remote_target({"HARELINE_REMOTE_WRITE_URL": f"{prometheus.url}/api/v1/write"}, 5.0)
    assert target is not None
    with closing(Sender(target, None)) as sender:
        _compare(prometheus, Watched(sender, timezone.now().replace(microsecond=0) - timedelta(minutes=20)))


def _compare(prometheus: Prometheus, watched: Watched) -> None:
    watched.poll(20)
    watched.now += STEP
    watched.snapshots.write_gap(watched.now)  # polls fail for half a minute
    watched.now += 5 * STEP
    watched.poll(10)
    watched.round()
    prometheus.stop()
    watched.poll(70)  # more than a window
    watched.round(seconds=100)
    assert watched.row.error == "it refused the connection"
    watched.poll(5)
    watched.restart()
    prometheus.start()
    watched.round(seconds=100)
    assert (watched.row.error, watched.row.dropped) == ("", 0)

    start, end = watched.began + timedelta(seconds=6), watched.now + timedelta(seconds=1)
    own = queries.history(EVERYTHING, watched.broker.pk, "queues", watched.queue.pk, ["ready"], start, end, 5.0)
    (found,) = prometheus.course("rabbitmq_queue_messages_ready", start, end, STEP)
    assert found["metric"] == {"__name__": "rabbitmq_queue_messages_ready", "broker": "prod", "queue": "mail", "vhost": "/"}
    answered = {round(at): float(value) for at, value in found["values"]}
    assert [answered.get(round(at.timestamp())) for at in own.times] == own.values["ready"]
    assert own.values["ready"].count(None) >= 5 and own.values["ready"][-1] == 105
