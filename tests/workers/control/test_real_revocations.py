"""Revoking with a real worker node: what its tasks wrote shows what ran, and what was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from script.soak_parts.controlled import HOLD, NOTE, Controlled, words
from tests.waiting import wait_until
from tests.workers.control.conftest import Start
from workers.control.revocation import Nodes, Revocable, Revocation, revocation, stamped_revocation

SECONDS = 60
Send = Callable[..., str]


@pytest.fixture
def node(start: Start) -> Controlled:
    """One worker node with a single process."""
    return start("revoking", "prefork", 1)


@pytest.fixture
def send(node: Controlled) -> Send:
    def sent(task: str, *arguments: object, **options: object) -> str:
        uuid = str(uuid4())
        with node.app.connection_for_write() as link:
            node.app.send_task(task, [str(argument) for argument in arguments], task_id=uuid, queue=node.queue, connection=link, **options)
        return uuid

    return sent


def ordered(node: Controlled, made: Revocation) -> str:
    """The node's own sentence."""
    outcome = node.sent(made.command, made.arguments, SECONDS)
    assert (outcome.sent, list(outcome.replies)) == ("yes", [node.hostname]) and outcome.replies[node.hostname].ok
    return outcome.replies[node.hostname].text


def run_after(send: Send, directory: Path) -> None:
    """Returns once a task that was sent last has run: the queue is in order, so that those before it are over."""
    log = directory / f"after-{time.monotonic_ns()}"
    send(NOTE, log)
    wait_until(lambda: words(log), SECONDS)


def test_a_waiting_task_that_was_revoked_never_runs(node: Controlled, send: Send, tmp_path: Path) -> None:
    gate, held, revoked, kept = (tmp_path / name for name in ("gate", "held", "revoked", "kept"))
    send(HOLD, held, gate)
    wait_until(lambda: words(held), SECONDS)
    uuid = send(NOTE, revoked)
    send(NOTE, kept)
    assert "flagged as revoked" in ordered(node, revocation([Revocable(uuid, NOTE, "PENDING")], Nodes(1)))
    gate.touch()
    wait_until(lambda: words(kept), SECONDS)
    assert (words(held), words(revoked)) == (["began", "ended"], [])


def test_a_running_task_gets_the_signal_and_one_that_the_node_does_not_have_is_unknown_to_it(node: Controlled, send: Send, tmp_path: Path) -> None:
    gate, held = tmp_path / "gate", tmp_path / "held"
    uuid = send(HOLD, held, gate)
    wait_until(lambda: words(held), SECONDS)
    running = Revocable(uuid, HOLD, "STARTED", "prefork")
    assert ordered(node, revocation([running], Nodes(1), "SIGTERM")) == f"terminate: {uuid}"
    run_after(send, tmp_path)  # the only process is free again
    assert words(held) == ["began"]
    assert ordered(node, revocation([running], Nodes(1), "SIGTERM")) == "terminate: tasks unknown"


def test_tasks_with_a_stamped_header_are_discarded_and_others_are_run(node: Controlled, send: Send, tmp_path: Path) -> None:
    ordered(node, stamped_revocation({"order": ["17"]}, 0, 0, Nodes(1)))
    stamped, other = tmp_path / "stamped", tmp_path / "other"
    send(NOTE, stamped, stamped_headers=["order"], order="17", stamps={"order": ["17"]})
    send(NOTE, other, stamped_headers=["order"], order="18", stamps={"order": ["18"]})
    run_after(send, tmp_path)
    assert (words(stamped), words(other)) == ([], ["ran"])
