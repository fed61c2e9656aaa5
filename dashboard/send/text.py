"""A task that was sent from here, followed to its end: what happened, what it waits for, in a few steps.

Pure: functions of the sending's outcome, the task's events, and the queue's state.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from dashboard.layout import formatting
from dashboard.tasks.row import runtime_text

Progress = Literal["done", "now", "later", "bad"]


class SentFacts(msgspec.Struct, frozen=True):
    """How the sending ended. `outcome` is that of `workers.sending.sender.Sent`, `place` where it went as text ("the queue reports")."""

    outcome: str
    reason: str
    at: datetime
    place: str


class QueueFacts(msgspec.Struct, frozen=True):
    """The queue that it went to. `consumers` None: unknown; `unseen`: why the broker is unavailable now, "" while it responds."""

    name: str
    known: bool
    consumers: int | None
    ready: int | None
    unavailable: str = ""


class TaskFacts(msgspec.Struct, frozen=True):
    """What is known of the task from its events."""

    state: str
    worker: str | None = None
    received_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    eta: datetime | None = None
    runtime_seconds: float | None = None
    retries: int | None = None
    exception: str | None = None
    reason: str = ""  # why its state is unknown


class Step(msgspec.Struct, frozen=True):
    name: str
    progress: Progress
    words: str
    at: datetime | None = None


ENDED = frozenset(("SUCCESS", "FAILURE", "REVOKED", "REJECTED"))
NOT_FOLLOWED = ("returned", "not sent")


def goes_on(sent: SentFacts, task: TaskFacts | None) -> bool:
    """True while more is to come."""
    return sent.outcome not in NOT_FOLLOWED and (task is None or task.state not in ENDED)


def title(sent: SentFacts, task: TaskFacts | None) -> str:
    """ "Sent at 14:31:40.118, done after 37.9 s"."""
    at = clock_with_milliseconds(sent.at)
    if sent.outcome == "not sent":
        return f"Not sent at {at}"
    if sent.outcome == "returned":
        return f"Sent at {at}, unroutable"
    if task is not None and task.state in ENDED and task.ended_at is not None:
        return f"Sent at {at}, done after {runtime_text((task.ended_at - sent.at).total_seconds())}"
    return f"Sent at {at}"


def summary(sent: SentFacts, task: TaskFacts | None, queue: QueueFacts | None) -> tuple[str, str]:
    """(level, words) of the state as it is now: a word of `dashboard.layout.levels`, "" for neither good nor bad."""
    if sent.outcome == "not sent":
        return "critical", "not sent"
    if sent.outcome == "returned":
        return "warning", "unroutable"
    if task is None or task.state == "PENDING":
        if sent.outcome == "unknown":
            return "unknown", "unknown whether it arrived"
        if queue is not None and queue.known and queue.consumers == 0 and not queue.unavailable:
            return "warning", f"sent, waiting: {queue.name} has no consumers"
        return "", "sent, waiting"
    words = {"SUCCESS": ("ok", "succeeded"), "FAILURE": ("critical", "failed"), "REVOKED": ("notice", "revoked"), "REJECTED": ("warning", "rejected")}
    others = {"RETRY": ("warning", "waiting for retry"), "RECEIVED": ("", "received"), "STARTED": ("", "running"), "UNKNOWN": ("unknown", "unknown")}
    return (words | others).get(task.state, ("unknown", task.state.lower()))


def steps(sent: SentFacts, task: TaskFacts | None, queue: QueueFacts | None, silent: str, now: datetime) -> list[Step]:
    """The steps in their order. `silent`: why no events of workers are received there, "" if they are.

    >>> at = datetime(2026, 11, 24, 14, 31, 40)
    >>> [step.progress for step in steps(SentFacts("confirmed", "", at, "the queue mail"), None, None, "", at)]
    ['done', 'now', 'later', 'later']
    """
    first = _first(sent, task)
    if sent.outcome in NOT_FOLLOWED:
        return [first]
    if task is None or task.state == "PENDING":
        return [first, Step("Received", "now", _waiting(sent, queue, silent)), Step("Started", "later", ""), Step("Ended", "later", "")]
    return [first, _received(sent, task), _started(task, now), _ended(task)]


def clock_with_milliseconds(at: datetime) -> str:
    return f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"


def _first(sent: SentFacts, task: TaskFacts | None) -> Step:
    if sent.outcome == "confirmed":
        return Step("Sent", "done", f"to {sent.place}; confirmed by the broker.", sent.at)
    if sent.outcome == "unknown":
        if task is not None:
            return Step("Sent", "done", f"to {sent.place}. The broker did not confirm it, but events show that it arrived.", sent.at)
        return Step("Sent", "bad", sent.reason, sent.at)
    return Step("Not sent" if sent.outcome == "not sent" else "Sent", "bad", sent.reason, sent.at)


def _waiting(sent: SentFacts, queue: QueueFacts | None, silent: str) -> str:
    if silent:
        return f"Can’t be followed: {silent}."
    if sent.outcome == "unknown":
        return "If it arrived, its events appear here."
    if queue is None:
        return f"Waiting. It was sent to {sent.place}, whose bindings decide which queues receive it."
    if queue.unavailable:
        return f"Waiting. The consumers of {queue.name} are unknown: {queue.unavailable}."
    if not queue.known:
        return f"Waiting. No poll has listed the queue {queue.name} yet."
    if queue.consumers == 0:
        return f"Waiting: {queue.name} has no consumers. The task stays there until a worker consumes it, or until it expires."
    if queue.consumers is None:
        return f"Waiting in {queue.name}; its consumers are unknown."
    before = f", which holds {formatting.count(queue.ready, 'message')}" if queue.ready else ""
    return f"Waiting in {queue.name}{before}. It has {formatting.count(queue.consumers, 'consumer')}."


def _received(sent: SentFacts, task: TaskFacts) -> Step:
    if task.received_at is None:
        known = task.worker is not None
        return Step("Received", "done" if known else "later", f"by {task.worker}; time unknown, the event is missing." if known else "No event reported it.")
    waited = runtime_text((task.received_at - sent.at).total_seconds()) if task.received_at > sent.at else "at once"
    after = f" after {waited}" if waited != "at once" else " at once"
    return Step("Received", "done", f"by {task.worker or 'a worker node'}{after}.", task.received_at)


def _started(task: TaskFacts, now: datetime) -> Step:
    if task.state == "UNKNOWN":
        return Step("Started", "bad", f"Unknown: {task.reason or 'its worker node does not respond'}.", task.started_at)
    if task.state == "RECEIVED":
        if task.eta is not None and task.eta > now:
            return Step("Started", "now", f"Held back until {formatting.moment_text(task.eta, now)} (countdown).")
        return Step("Started", "now", f"Reserved by {task.worker or 'the worker node'}, whose slots are all in use.")
    if task.state == "RETRY":
        attempts = formatting.count(task.retries, "attempt") if task.retries else "An attempt"
        return Step("Started", "now", f"{attempts} failed; waiting for the next. {task.exception or ''}".strip(), task.started_at)
    if task.started_at is None:
        return Step("Started", "later" if task.state in ENDED else "now", "No event reported its start.")
    return Step("Started", "done" if task.state in ENDED else "now", "" if task.state in ENDED else "Running.", task.started_at)


def _ended(task: TaskFacts) -> Step:
    if task.state not in ENDED:
        return Step("Ended", "later", "")
    ran = f" after {runtime_text(task.runtime_seconds)} of running" if task.runtime_seconds is not None else ""
    if task.state == "SUCCESS":
        return Step("Ended", "done", f"Succeeded{ran}.", task.ended_at)
    if task.state == "FAILURE":
        return Step("Ended", "bad", f"Failed: {task.exception or 'exception unknown'}", task.ended_at)
    words = {"REVOKED": "Revoked, or expired.", "REJECTED": "Rejected by its worker node."}
    return Step("Ended", "bad", words[task.state], task.ended_at)
