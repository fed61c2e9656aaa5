"""Revoking with a real worker node: what its tasks wrote shows what ran, and what was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.waiting import wait_until
from tests.workers.conftest import Workers
from workers.amqp_connection import Target
from workers.control.orders import Order, give
from workers.control.revocation import Nodes, Revocable, Revocation, revocation, stamped_revocation

SECONDS = 60
HOSTNAME, QUEUE = "revoking@control", "revoking"
NOTE, HOLD = "tests.workers.control_app.note", "tests.workers.control_app.hold"
Send = Callable[..., str]


@pytest.fixture(scope="module")
def node(module_workers: Workers) -> Iterator[Workers]:
    """One worker node with a single process."""
    module_workers.start(HOSTNAME, "-Q", QUEUE, "-P", "prefork", "-c", "1", "--without-gossip", "--without-mingle", app="control_app")
    yield module_workers


@pytest.fixture
def send(node: Workers) -> Send:
    def sent(task: str, *arguments: object, **options: object) -> str:
        uuid = str(uuid4())
        with node.app.connection_for_write() as link:
            node.app.send_task(task, [str(argument) for argument in arguments], task_id=uuid, queue=QUEUE, connection=link, **options)
        return uuid

    return sent


def ordered(node: Workers, made: Revocation) -> str:
    """The node's own sentence."""
    order = Order(made.command, made.arguments, (HOSTNAME,))
    outcome = give([Target(node.node.amqp_url(node.vhost), node.vhost)], order, "hareline.test.control", SECONDS)
    assert (outcome.sent, list(outcome.replies)) == ("yes", [HOSTNAME]) and outcome.replies[HOSTNAME].ok
    return outcome.replies[HOSTNAME].text


def words(log: Path) -> list[str]:
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def run_after(send: Send, directory: Path) -> None:
    """Returns once a task that was sent last has run: the queue is in order, so that those before it are over."""
    log = directory / f"after-{time.monotonic_ns()}"
    send(NOTE, log)
    wait_until(lambda: words(log), SECONDS)


def test_a_waiting_task_that_was_revoked_never_runs(node: Workers, send: Send, tmp_path: Path) -> None:
    gate, held, revoked, kept = (tmp_path / name for name in ("gate", "held", "revoked", "kept"))
    send(HOLD, held, gate)
    wait_until(lambda: words(held), SECONDS)
    uuid = send(NOTE, revoked)
    send(NOTE, kept)
    assert "flagged as revoked" in ordered(node, revocation([Revocable(uuid, NOTE, "PENDING")], Nodes(1)))
    gate.touch()
    wait_until(lambda: words(kept), SECONDS)
    assert (words(held), words(revoked)) == (["began", "ended"], [])


def test_a_running_task_gets_the_signal_and_one_that_the_node_does_not_have_is_unknown_to_it(node: Workers, send: Send, tmp_path: Path) -> None:
    gate, held = tmp_path / "gate", tmp_path / "held"
    uuid = send(HOLD, held, gate)
    wait_until(lambda: words(held), SECONDS)
    running = Revocable(uuid, HOLD, "STARTED", "prefork")
    assert ordered(node, revocation([running], Nodes(1), "SIGTERM")) == f"terminate: {uuid}"
    run_after(send, tmp_path)  # the only process is free again
    assert words(held) == ["began"]
    assert ordered(node, revocation([running], Nodes(1), "SIGTERM")) == "terminate: tasks unknown"


def test_tasks_with_a_stamped_header_are_discarded_and_others_are_run(node: Workers, send: Send, tmp_path: Path) -> None:
    ordered(node, stamped_revocation({"order": ["17"]}, 0, 0, Nodes(1)))
    stamped, other = tmp_path / "stamped", tmp_path / "other"
    send(NOTE, stamped, stamped_headers=["order"], order="17", stamps={"order": ["17"]})
    send(NOTE, other, stamped_headers=["order"], order="18", stamps={"order": ["18"]})
    run_after(send, tmp_path)
    assert (words(stamped), words(other)) == ([], ["ran"])
