"""A task that was sent from here, followed to its end: what happened, what it waits for, in a few steps.

Pure: functions of the sending's outcome, the task's events, and the queue's state.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from dashboard.layout import formatting
from dashboard.tasks.timeline import long

Progress = Literal["done", "now", "later", "bad"]


class SentFacts(msgspec.Struct, frozen=True):
    """How the sending ended. `outcome` is that of `workers.sending.sender.Sent`, `place` where it went in words ("the queue reports")."""

    outcome: str
    reason: str
    at: datetime
    place: str


class QueueFacts(msgspec.Struct, frozen=True):
    """The queue that it went to. `consumers` None: unknown; `unseen`: why the broker's word can't be had now, "" while it can."""

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


ENDED = {"SUCCESS": "success", "FAILURE": "failure", "REVOKED": "revoked", "REJECTED": "rejected"}
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
        return f"Sent at {at}, and gone"
    if task is not None and task.state in ENDED and task.ended_at is not None:
        return f"Sent at {at}, done after {long(task.ended_at - sent.at)}"
    return f"Sent at {at}"


def summary(sent: SentFacts, task: TaskFacts | None, queue: QueueFacts | None) -> tuple[str, str]:
    """(level, words) of the state as it is now: a word of `dashboard.layout.levels`, "" for neither good nor bad."""
    if sent.outcome == "not sent":
        return "critical", "not sent"
    if sent.outcome == "returned":
        return "warning", "reached no queue"
    if task is None or task.state == "PENDING":
        if sent.outcome == "unknown":
            return "unknown", "not known whether it arrived"
        if queue is not None and queue.known and queue.consumers == 0 and not queue.unavailable:
            return "warning", f"sent, waiting: nobody consumes {queue.name}"
        return "", "sent, waiting"
    words = {"SUCCESS": ("ok", "success"), "FAILURE": ("critical", "failure"), "REVOKED": ("notice", "revoked"), "REJECTED": ("warning", "rejected")}
    others = {"RETRY": ("warning", "waits for its retry"), "RECEIVED": ("", "received"), "STARTED": ("", "runs"), "UNKNOWN": ("unknown", "unknown")}
    return (words | others).get(task.state, ("unknown", task.state.lower()))


def steps(sent: SentFacts, task: TaskFacts | None, queue: QueueFacts | None, silent: str, now: datetime) -> list[Step]:
    """The steps in their order. `silent`: why no event of workers can be heard there, "" if they can.

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
        return Step("Sent", "done", f"to {sent.place}; the broker confirmed that it has it.", sent.at)
    if sent.outcome == "unknown":
        if task is not None:
            return Step("Sent", "done", f"to {sent.place}. No confirmation came, but it did arrive: events tell of it.", sent.at)
        return Step("Sent", "bad", sent.reason, sent.at)
    return Step("Not sent" if sent.outcome == "not sent" else "Sent", "bad", sent.reason, sent.at)


def _waiting(sent: SentFacts, queue: QueueFacts | None, silent: str) -> str:
    if silent:
        return f"Can’t be followed: {silent}."
    if sent.outcome == "unknown":
        return "If it arrived, what a worker does with it appears here."
    if queue is None:
        return f"Waiting. It went to {sent.place}, whose bindings decide which queues have it."
    if queue.unavailable:
        return f"Waiting. Who consumes {queue.name} is unknown: {queue.unavailable}."
    if not queue.known:
        return f"Waiting. The queue {queue.name} has not been seen in a poll yet."
    if queue.consumers == 0:
        return f"Sent, waiting: nobody consumes {queue.name}. It stays there until a worker does, or until it expires."
    if queue.consumers is None:
        return f"Waiting in {queue.name}; who consumes it is unknown."
    before = f", which holds {formatting.count(queue.ready, 'message')}" if queue.ready else ""
    return f"Waiting in {queue.name}{before}. {formatting.count(queue.consumers, 'consumer takes', 'consumers take')} from it."


def _received(sent: SentFacts, task: TaskFacts) -> Step:
    if task.received_at is None:
        known = task.worker is not None
        return Step("Received", "done" if known else "later", f"by {task.worker}; time unknown, its event is missing." if known else "No event shows it.")
    waited = long(task.received_at - sent.at) if task.received_at > sent.at else "at once"
    after = f" after {waited}" if waited != "at once" else " at once"
    return Step("Received", "done", f"by {task.worker or 'a worker node'}{after}.", task.received_at)


def _started(task: TaskFacts, now: datetime) -> Step:
    if task.state == "UNKNOWN":
        return Step("Started", "bad", f"Unknown now: {task.reason or 'its worker node can’t be asked'}.", task.started_at)
    if task.state == "RECEIVED":
        if task.eta is not None and task.eta > now:
            return Step("Started", "now", f"Held back until {formatting.moment_text(task.eta, now)}, as its countdown asks.")
        return Step("Started", "now", f"Reserved: {task.worker or 'the worker node'} has it and all its slots are busy.")
    if task.state == "RETRY":
        tries = formatting.count(task.retries, "try", "tries") if task.retries else "a try"
        return Step("Started", "now", f"{tries[0].upper()}{tries[1:]} failed; it waits for the next. {task.exception or ''}".strip(), task.started_at)
    if task.started_at is None:
        return Step("Started", "later" if task.state in ENDED else "now", "No event shows its start.")
    return Step("Started", "done" if task.state in ENDED else "now", "" if task.state in ENDED else "It runs.", task.started_at)


def _ended(task: TaskFacts) -> Step:
    if task.state not in ENDED:
        return Step("Ended", "later", "")
    ran = f" after {formatting.duration(task.runtime_seconds)} of work" if task.runtime_seconds is not None else ""
    if task.state == "SUCCESS":
        return Step("Ended", "done", f"Success{ran}.", task.ended_at)
    if task.state == "FAILURE":
        return Step("Ended", "bad", f"Failure: {task.exception or 'its exception is unknown'}", task.ended_at)
    words = {"REVOKED": "Revoked: somebody called it off, or it expired.", "REJECTED": "Rejected by its worker node."}
    return Step("Ended", "bad", words[task.state], task.ended_at)
