"""The real maintenance process, killed in the middle of a message: whoever compares ids gets each finding and each recovery once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.utils import timezone

from brokers.models import Broker
from dashboard.models import Delivery
from dashboard.notifications.delivering import Deliverer
from dashboard.notifications.planning import Planner
from tests.fault_server import Answer, FaultServer
from tests.notifications.objects import KEY, close, stored_finding, target
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def maintenance() -> Iterator[None]:
    """Killed with -9 at the end, whatever it does then."""
    environment = {**os.environ, "HARELINE_NOTIFY_LOOPBACK": "true"}
    process = subprocess.Popen([sys.executable, "manage.py", "maintain"], cwd=ROOT, env=environment)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def received(server: FaultServer) -> list[tuple[str, str, str]]:
    """(id of the message, what happened, id of that) in the order in which they came."""
    bodies = [json.loads(request.body) for request in server.requests]
    return [(body["id"], one["event"], one["id"]) for body in bodies for one in body["findings"]]


@pytest.fixture
def sent_to(fault_server: FaultServer, transactional_db: None) -> FaultServer:
    """A receiver that hangs at the first message and takes the later ones."""
    Broker.objects.create(name="prod", state=Broker.UP, reason="", configured=False)  # so that no rule closes what the test opens
    target(f"{fault_server.url}/hook", created_at=timezone.now(), changed_at=timezone.now())
    fault_server.answer("/hook", Answer(delay_seconds=600), Answer())
    return fault_server


def test_a_message_that_was_being_sent_at_a_kill_is_sent_again_under_its_id(sent_to: FaultServer, settings: LazySettings) -> None:
    settings.NOTIFY_LOOPBACK = True
    with maintenance():
        mail = stored_finding(opened_at=timezone.now())
        wait_until(lambda: sent_to.requests, 60)  # it is being sent, and nothing of that is stored
    planner, deliverer = Planner(), Deliverer()  # of the next process, without its start
    close(mail, timezone.now())

    def all_sent() -> bool:
        planner.round(timezone.now())
        deliverer.round(timezone.now())
        return Delivery.objects.filter(state=Delivery.SENT).count() == 2

    wait_until(all_sent, 60)
    check(received(sent_to))


@pytest.mark.nightly
def test_a_finding_and_its_recovery_arrive_across_a_kill_under_the_ids_they_had(sent_to: FaultServer) -> None:
    with maintenance():
        mail = stored_finding(opened_at=timezone.now())
        wait_until(lambda: sent_to.requests, 60)  # it is being sent, and nothing of that is stored
    with maintenance():
        wait_until(lambda: Delivery.objects.filter(state=Delivery.SENT).count() == 1, 60)
        close(mail, timezone.now())
        wait_until(lambda: Delivery.objects.filter(state=Delivery.SENT).count() == 2, 60)
    check(received(sent_to))
    assert all(KEY not in request.body.decode() for request in sent_to.requests)


def check(found: list[tuple[str, str, str]]) -> None:
    """Opened twice, as the kill makes it, under the same ids; recovered once."""
    assert [event for _, event, _ in found] == ["opened", "opened", "recovered"]
    assert len({(message, key) for message, event, key in found if event == "opened"}) == 1
    assert len({key for _, _, key in found}) == 2
