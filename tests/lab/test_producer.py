"""The producer of an experiment, where it ends by itself or its broker hangs; what becomes of the experiment is in `test_runner`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tests.waiting import wait_until
from workers.lab import host
from workers.lab.catalog import PATTERNS
from workers.lab.place import Place
from workers.lab.publisher import Publisher
from workers.lab.reports import PUBLISHER


def test_the_program_of_an_experiment_notices_that_its_producer_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[str, str]] = []
    monkeypatch.setattr(host, "_report", lambda kind, name, text="": said.append((kind, name)))
    its = host.Host()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    its._publisher = ended.pid

    def noticed() -> bool:
        its._look_after()
        return bool(said)

    wait_until(noticed, 10)
    assert said == [("left", PUBLISHER)]
    noticed()
    assert len(said) == 1
    ended.wait()


def test_a_producer_that_a_broker_leaves_without_an_answer_reports_that_and_does_not_wait_for_a_farewell() -> None:
    class Connected:
        sock, collected = SimpleNamespace(getsockname=lambda: ("127.0.0.1", 1)), False

        def collect(self) -> None:
            Connected.collected = True

    class Link:
        recoverable_connection_errors = recoverable_channel_errors = ()
        connected, connection = True, Connected()

        def connect(self) -> None: ...

    class Hanging(Publisher):
        links = iter((Link(),))

        def _connection(self) -> Any:
            return next(self.links)

        def _publish(self, link: Any) -> None:
            raise TimeoutError("no confirmation")

    reading, writing = os.pipe()
    publisher = Hanging(Place("", ""), PATTERNS["routing"].plan(PATTERNS["routing"].defaults).publisher, 1, writing, 0)
    with pytest.raises(StopIteration):
        publisher.run()
    os.close(writing)
    with os.fdopen(reading) as lines:
        assert [line["kind"] for line in map(json.loads, lines)] == ["ready", "away"]
    assert Connected.collected
