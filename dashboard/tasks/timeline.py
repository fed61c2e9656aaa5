"""A task's events as phases: it was sent, waited in its queue, was reserved, ran once or several times, waited for its retries.

Pure. Phases follow from the moments of its events; what no event shows is not guessed. How phases are drawn is `dashboard.tasks.drawing`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from dashboard.layout import formatting
from dashboard.tasks.row import runtime_text
from workers.receiving.task_state import Happening

MARK, WAIT, WORK = "mark", "wait", "work"
_NOTHING = timedelta(0)
_CLASSES = re.compile(r"([A-Za-z_][\w.]*)\(")


class Phase(msgspec.Struct):
    """A part of a task's life. `end` None: it goes on. `open_ended`: when it ended is unknown; `level` a word of `dashboard.layout.levels`, or ""."""

    kind: str
    label: str
    start: datetime
    end: datetime | None = None
    words: str = ""
    level: str = ""
    open_ended: bool = False
    worker: str = ""  # of which delivery it is a part, where the message was delivered to several worker nodes at once

    def lasted(self, now: datetime) -> timedelta:
        return max(_NOTHING, (self.end or now) - self.start)


class Life(msgspec.Struct, frozen=True):
    """What the timeline must know of the task besides its moments. `lost`: its present state is unknown."""

    queues: tuple[str, ...] = ()  # where it was sent last
    eta: datetime | None = None
    lost: bool = False
    now: datetime | None = None  # None: what still waits for its ETA is not named so


def phases(happenings: Sequence[Happening], life: Life) -> list[Phase]:
    """The phases in order, those of one delivery after those of another; [] without any moment."""
    if sum(happening.event == "task-sent" for happening in happenings) > 1:
        life = msgspec.structs.replace(life, queues=())  # it is not known in which queue it waited before it was sent again
    found: list[Phase] = []
    ordered = _as_it_was(happenings)
    late = _sent_late(ordered)
    if late:
        ordered.remove(late)
        words = f"stamped {long(late.at - ordered[0].at)} after it was received"
        found.append(Phase(MARK, f"sent by {late.worker}", ordered[0].at, ordered[0].at, words))
    deliveries = _deliveries(ordered)
    for worker, own in deliveries.items():
        story = _Story(life)
        for happening in own:
            story.add(happening)
        for phase in story.finished():
            phase.worker = worker if len(deliveries) > 1 else ""
            if phase.worker and phase.kind == WORK:
                phase.label = f"{phase.label}, {worker}"
            found.append(phase)
    return found


def _deliveries(happenings: Sequence[Happening]) -> dict[str, list[Happening]]:
    """The moments by worker node, its sending with the first, if several had the message at the same time: a Broadcast, or a delivery that was
    repeated while the first one went on. Else all of them as one."""
    if not _at_once(happenings):
        return {"": list(happenings)}
    found: dict[str, list[Happening]] = {}
    sent = [happening for happening in happenings if happening.event == "task-sent"]
    for happening in happenings:
        if happening.event != "task-sent":
            found.setdefault(happening.worker, [] if found else sent).append(happening)
    return found


def _at_once(happenings: Sequence[Happening]) -> bool:
    """Whether a worker node went on with its delivery after another one had received the task."""
    had: set[str] = set()  # who has received it and not ended
    others_came: set[str] = set()  # of these, who had it when another one received it
    for happening in happenings:
        worker = happening.worker
        if happening.event == "task-received":
            others_came |= had - {worker}
            others_came.discard(worker)
            had.add(worker)
        elif happening.event != "task-sent":
            if worker in others_came:
                return True
            if happening.event == "task-started":
                had.add(worker)
            else:
                had.discard(worker)
    return False


def _as_it_was(happenings: Sequence[Happening]) -> list[Happening]:
    """An attempt that ends in a retry sends the next message before its own event: its end comes before what happened to that message."""
    ordered = list(happenings)
    for at, happening in enumerate(ordered):
        first = at
        while happening.event == "task-retried" and first and ordered[first - 1].event in ("task-sent", "task-received"):
            first -= 1
        if first and ordered[first - 1].event == "task-started":
            ordered.insert(first, ordered.pop(at))
    return ordered


def _sent_late(ordered: Sequence[Happening]) -> Happening | None:
    """The sending, if its event is stamped after the first one of a worker: Celery sends it once the message is published, and a busy sender is late."""
    sent = [happening for happening in ordered if happening.event == "task-sent"]
    if len(sent) != 1 or sent[0].detail or ordered[0] is sent[0]:
        return None
    before = {happening.event for happening in ordered[: ordered.index(sent[0])]}
    return sent[0] if before <= {"task-received", "task-started", "task-succeeded", "task-failed"} else None


def tries_of(found: Sequence[Phase]) -> int:
    """How many times it was seen to start; where it was delivered to several worker nodes at once, on one of them."""
    return max(Counter(phase.worker for phase in found if phase.kind == WORK).values(), default=0)


def deliveries_of(found: Sequence[Phase]) -> list[str]:
    """The worker nodes to which it was delivered at once; [] if it was not."""
    return list(dict.fromkeys(phase.worker for phase in found if phase.worker))


def sentence(found: Sequence[Phase], now: datetime, ended: bool) -> str:
    """ "45.1 s from sent to done: 23.9 s running, 21.2 s waiting"; "" where nothing has a length."""
    if not found or all(phase.kind == MARK for phase in found):
        return ""
    last = max(phase.end or now for phase in found)
    work = sum((phase.lasted(now) for phase in found if phase.kind == WORK), _NOTHING)
    waits = sum((phase.lasted(now) for phase in found if phase.kind == WAIT), _NOTHING)
    begin = "sent" if found[0].kind == MARK else "first seen"
    words = [f"{long(work)} running" if work else "", f"{long(waits)} waiting" if waits else ""]
    parts = ", ".join(part for part in words if part) or "no time at all"
    return f"{long(last - found[0].start)} from {begin} to {'done' if ended else 'now'}: {parts}"


def long(length: timedelta) -> str:
    """A length of time, short ones in milliseconds."""
    return runtime_text(length.total_seconds())


class _Story:
    """Reads the moments one after the other; at most one phase is open."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.found: list[Phase] = []
        self.tries = 0

    @property
    def open(self) -> Phase | None:
        last = self.found[-1] if self.found else None
        return last if last and last.end is None else None

    def add(self, happening: Happening) -> None:
        name = happening.event.removeprefix("task-")
        {
            "sent": self._sent,
            "received": self._received,
            "started": self._started,
            "retried": self._retried,
        }.get(name, self._ended)(happening)

    def _begin(self, kind: str, label: str, at: datetime) -> None:
        self.found.append(Phase(kind, label, at))

    def _close(self, at: datetime, words: str = "", level: str = "") -> None:
        if self.open:
            self.open.words, self.open.level, self.open.end = words or self.open.words, level or self.open.level, at

    def _sent(self, happening: Happening) -> None:
        if self.open and self.open.kind == WORK and happening.detail:
            self._close(happening.at, f"replaced by {happening.detail}", "notice")
        if self.open and self.open.kind != MARK:
            return  # a retry sends itself again, while it waits
        self.found.append(Phase(MARK, f"sent by {happening.worker}", happening.at, happening.at))
        queues = self.life.queues
        named = f"in queue{'s' if len(queues) > 1 else ''} {formatting.listed(queues)}" if queues else "in a queue"
        self._begin(WAIT, named, happening.at)

    def _received(self, happening: Happening) -> None:
        if self.open and self.open.label == "waiting for retry":
            return  # the worker holds it until then
        if self.open and self.open.kind == WORK and happening.detail:
            self._close(happening.at, f"replaced by {happening.detail}", "notice")
        elif self.open and self.open.kind == WORK:
            self._close(happening.at, "end unknown: the message was redelivered", "unknown")
        again = self.open is not None and self.open.label.startswith("reserved")
        self._close(happening.at, "then the message was redelivered" if again else "")
        self._begin(WAIT, f"reserved, {happening.worker}", happening.at)

    def _started(self, happening: Happening) -> None:
        if self.open and self.open.kind == WORK:
            self._close(happening.at, "end unknown: it was started again", "unknown")
        eta = self.life.eta
        if eta and self.open and self.open.start < eta <= happening.at and not self.tries:
            self.open.label, self.open.words = f"waiting for its ETA, {happening.worker}", f"not before {formatting.clock(eta)}"
        self._close(happening.at)
        self.tries += 1
        self._begin(WORK, f"attempt {self.tries}", happening.at)

    def _retried(self, happening: Happening) -> None:
        self._end_of_work(happening, "retried" if happening.detail == "None" else "raised", "warning")  # `self.retry()` without an exception
        self._begin(WAIT, "waiting for retry", happening.at)

    def _ended(self, happening: Happening) -> None:
        words, level = {
            "task-succeeded": ("succeeded", ""),
            "task-failed": ("raised", "critical"),
            "task-revoked": ("revoked", "notice"),
            "task-rejected": ("rejected", "warning"),
        }[happening.event]
        self._end_of_work(happening, words, level)

    def _end_of_work(self, happening: Happening, words: str, level: str) -> None:
        """Closes what is open; where the start is unknown, the end stands alone."""
        detail = exception_name(happening.detail) if words == "raised" else "" if words == "retried" else happening.detail
        text = f"{words} {detail or 'an exception'}" if words == "raised" else f"{words}, {detail}" if detail else words
        if self.open:
            self._close(happening.at, text, level)
        else:
            self.found.append(Phase(MARK, f"{text}, {happening.worker}", happening.at, happening.at, "", level))

    def finished(self) -> list[Phase]:
        if self.open and self.life.lost:
            self.open.open_ended, self.open.level = True, "unknown"
            self.open.words = "outcome unknown"
        elif self.open:
            self._name_wait_for_eta(self.open)
            self.open.words = self.open.words or "so far"
        return self.found

    def _name_wait_for_eta(self, reserved: Phase) -> None:
        """A worker node that has received a task holds it until its ETA; from then on it waits for a free slot."""
        eta, now = self.life.eta, self.life.now
        if eta is None or now is None or self.tries or not reserved.label.startswith("reserved") or eta <= reserved.start:
            return
        worker = reserved.label.removeprefix("reserved")
        if now < eta:
            reserved.label = f"waits for its ETA until {formatting.moment_text(eta, now)}{worker}"
        else:
            reserved.label, reserved.words, reserved.end = f"waiting for its ETA{worker}", f"not before {formatting.clock(eta)}", eta
            self._begin(WAIT, f"reserved{worker}", eta)


def exception_name(exception: str) -> str:
    """The class of an exception as Celery prints it.

    >>> exception_name("ConnectionError('refused')"), exception_name("boom"), exception_name("Retry(Retry(...), OSError('x'), 3.4)")
    ('ConnectionError', 'boom', 'OSError')
    """
    names = [name for name in _CLASSES.findall(exception) if name != "Retry"]
    first = names[0] if exception.startswith("Retry(") and names else exception.split("(", 1)[0]
    return first.strip()[:80]
